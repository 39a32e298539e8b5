// In pages: a browser that publishes its picture in three sizes, and browsers that watch it.

/**
 * In the page: sends three sizes of its camera in this codec, by WHIP, each at so many kbit/s at the most. A lively picture
 * takes all of that: squares of any colour, some of them new in each frame.
 */
export async function publish(whip, key, codec, [q, h, f] = [60, 100, 1_500], isLively = false) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 }, audio: true });
  if (isLively) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
    const pen = canvas.getContext("2d");
    const draw = () => {
      for (let n = 0; n < 40; n++) {
        pen.fillStyle = `rgb(${[0, 0, 0].map(() => Math.floor(Math.random() * 256))})`;
        pen.fillRect(Math.floor(Math.random() * 80) * 16, Math.floor(Math.random() * 45) * 16, 48, 48);
      }
    };
    setInterval(draw, 40);
    stream.removeTrack(stream.getVideoTracks()[0]);
    stream.addTrack(canvas.captureStream(25).getVideoTracks()[0]);
  }
  const pc = new RTCPeerConnection();
  const sendEncodings = [
    { rid: "q", scaleResolutionDownBy: 4, maxBitrate: q * 1_000 },
    { rid: "h", scaleResolutionDownBy: 2, maxBitrate: h * 1_000 },
    { rid: "f", scaleResolutionDownBy: 1, maxBitrate: f * 1_000 },
  ].map((it) => ({ ...it, maxFramerate: 25 }));
  const [video] = stream.getVideoTracks();
  video.contentHint = "detail"; // Its size is what is looked at: a slow machine takes from the rate.
  const transceiver = pc.addTransceiver(video, { direction: "sendonly", sendEncodings });
  const { codecs } = RTCRtpSender.getCapabilities("video");
  transceiver.setCodecPreferences(codecs.filter((it) => [`video/${codec}`, "video/rtx"].includes(it.mimeType)));
  pc.addTransceiver(stream.getAudioTracks()[0], { direction: "sendonly" });
  await pc.setLocalDescription();
  const headers = { "content-type": "application/sdp", authorization: `Bearer ${key}` };
  const said = await fetch(whip, { method: "POST", headers, body: pc.localDescription.sdp });
  if (said.status !== 201) throw new Error(`${said.status} ${await said.text()}`);
  await pc.setRemoteDescription({ type: "answer", sdp: await said.text() });
  window.publishing = pc;
}

/** In the page: which layers are sent. */
export async function sent() {
  const all = [...(await window.publishing.getStats()).values()].filter((it) => it.type === "outbound-rtp" && it.kind === "video");
  return Object.fromEntries(all.map((it) => [it.rid, { height: it.frameHeight ?? 0, frames: it.framesSent ?? 0, bytes: it.bytesSent ?? 0 }]));
}

/** In the page: watches by WHEP, and notes when each picture was shown. */
export async function watch(whep) {
  const pc = new RTCPeerConnection();
  const video = document.createElement("video");
  video.muted = video.autoplay = true;
  document.body.append(video);
  const stream = new MediaStream();
  video.srcObject = stream;
  pc.ontrack = ({ track }) => stream.addTrack(track);
  for (const kind of ["video", "audio"]) pc.addTransceiver(kind, { direction: "recvonly" });
  await pc.setLocalDescription();
  const said = await fetch(whep, { method: "POST", headers: { "content-type": "application/sdp" }, body: pc.localDescription.sdp });
  if (said.status !== 201) throw new Error(`${said.status} ${await said.text()}`);
  window.links = said.headers.get("link");
  await pc.setRemoteDescription({ type: "answer", sdp: await said.text() });
  const resource = said.headers.get("location");
  const gaps = [];
  let last = performance.now();
  const each = (now) => {
    window.watching.first ??= now;
    gaps.push(now - last);
    last = now;
    video.requestVideoFrameCallback(each);
  };
  window.watching = { pc, gaps, resource };
  video.requestVideoFrameCallback(each);
}

/** In the page: how high the picture is now, and how many there were. */
export async function shown() {
  const all = [...(await window.watching.pc.getStats()).values()];
  const video = all.find((it) => it.type === "inbound-rtp" && it.kind === "video");
  return { height: video?.frameHeight ?? 0, frames: video?.framesDecoded ?? 0, plis: video?.pliCount ?? 0 };
}

/** In the page that watches: hears WHEP's events, and may choose a layer, by the addresses that its 201 named. */
export async function hear() {
  const link = (name) => new RegExp(`<([^>]+)>; rel="urn:ietf:params:whep:ext:core:${name}"`).exec(window.links)[1];
  const made = await fetch(link("server-sent-events"), { method: "POST" });
  const events = new EventSource(made.headers.get("location"));
  window.heard = {};
  for (const name of ["active", "inactive", "layers", "viewercount"]) {
    events.addEventListener(name, (it) => (window.heard[name] = JSON.parse(it.data)));
  }
  const headers = { "content-type": "application/json" };
  window.choose = async (wish) => (await fetch(link("layer"), { method: "POST", headers, body: JSON.stringify(wish) })).status;
}
