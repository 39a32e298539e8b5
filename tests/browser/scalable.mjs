// In pages: a browser that publishes one picture of several layers within one stream (SVC), and browsers that watch it.

/** The extension of packets by which a picture of AV1 in such layers is decoded. */
export const DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/** In the page: publishes its camera by WHIP at 15 pictures a second, in a codec and in the layers that `mode` names. */
export async function publish(whip, key, codec, mode, [width, height] = [640, 360]) {
  window.publishing?.close();
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width, height, frameRate: 15 } });
  const peer = (window.publishing = new RTCPeerConnection());
  const sendEncodings = [{ scalabilityMode: mode, maxBitrate: 800_000, maxFramerate: 15 }];
  const transceiver = peer.addTransceiver(stream.getVideoTracks()[0], { direction: "sendonly", sendEncodings });
  const { codecs } = RTCRtpSender.getCapabilities("video");
  transceiver.setCodecPreferences(codecs.filter((it) => [`video/${codec}`, "video/rtx"].includes(it.mimeType)));
  await peer.setLocalDescription();
  const headers = { "content-type": "application/sdp", authorization: `Bearer ${key}` };
  const said = await fetch(whip, { method: "POST", headers, body: peer.localDescription.sdp });
  if (said.status !== 201) throw new Error(`${said.status} ${await said.text()}`);
  await peer.setRemoteDescription({ type: "answer", sdp: await said.text() });
}

/** In the page: what is sent. */
export async function sent() {
  const all = [...(await window.publishing.getStats()).values()];
  const video = all.find((it) => it.type === "outbound-rtp") ?? {};
  return { mode: video.scalabilityMode, height: video.frameHeight ?? 0, frames: video.framesSent ?? 0 };
}

/** In the page: watches by WHEP. `asked`: the extension that is offered besides what the browser offers by itself. */
export async function watch(whep, asked) {
  const peer = (window.watching = new RTCPeerConnection());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = video.autoplay = true;
  peer.ontrack = ({ track }) => (video.srcObject = new MediaStream([track]));
  const transceiver = peer.addTransceiver("video", { direction: "recvonly" });
  if (asked) {
    const all = transceiver.getHeaderExtensionsToNegotiate();
    for (const it of all) if (it.uri === asked) it.direction = "sendrecv";
    transceiver.setHeaderExtensionsToNegotiate(all);
  }
  await peer.setLocalDescription();
  const said = await fetch(whep, { method: "POST", headers: { "content-type": "application/sdp" }, body: peer.localDescription.sdp });
  if (said.status !== 201) throw new Error(`${said.status} ${await said.text()}`);
  await peer.setRemoteDescription({ type: "answer", sdp: await said.text() });
}

/** In the page: what is shown by the connection that watches, its own or that of the web app. */
export async function shown() {
  const peer = window.watching ?? window.peers.filter((it) => it.connectionState === "connected").at(-1);
  const all = [...((await peer?.getStats()) ?? new Map()).values()];
  const video = all.find((it) => it.type === "inbound-rtp" && it.kind === "video") ?? {};
  const receiver = peer?.getReceivers().find((it) => it.track.kind === "video");
  return {
    height: video.frameHeight ?? 0, frames: video.framesDecoded ?? 0, keyframes: video.keyFramesDecoded ?? 0, plis: video.pliCount ?? 0,
    packets: video.packetsReceived ?? 0, headers: video.headerBytesReceived ?? 0,
    extensions: receiver?.getParameters().headerExtensions?.map((it) => it.uri) ?? [],
  };
}
