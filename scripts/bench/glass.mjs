// From glass to glass: a clock drawn as a bar code into what is published, read from what is shown. All of these run in
// pages. Both pages are on one machine and read one clock.

/** Begins to draw the clock, 30 times a second; it can be published from then on. */
export function drawClock() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const context = canvas.getContext("2d");
  const draw = () => {
    const ms = Date.now() % 2 ** 24;
    // The last byte makes sure of the other three: a torn picture says no time.
    const check = ((ms >> 16) + (ms >> 8) + ms + 0x5a) & 0xff;
    context.fillStyle = "#777";
    context.fillRect(0, 0, 640, 360);
    for (let bit = 0; bit < 32; bit++) {
      const on = bit < 24 ? (ms >> bit) & 1 : (check >> (bit - 24)) & 1;
      context.fillStyle = on ? "#fff" : "#000";
      context.fillRect(bit * 20, 0, 20, 60);
    }
  };
  draw();
  setInterval(draw, 1000 / 30);
  document.body.replaceChildren(canvas);
  window.source = canvas.captureStream(30);
}

/** Reads the clock from each picture of the page's video: how old it is when it is shown, in ms, `wanted` times. */
export function readClock(wanted, settle_ms) {
  const video = document.querySelector("video");
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 60 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const ages = [];
  let unread = 0;
  const begin = Date.now();
  return new Promise((done) => {
    const each = () => {
      const now = Date.now() % 2 ** 24;
      if (Date.now() - begin >= settle_ms) {
        context.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 6, 0, 0, 640, 60);
        const { data } = context.getImageData(0, 30, 640, 1);
        let [ms, check] = [0, 0];
        for (let bit = 0; bit < 32; bit++) {
          const on = data[(bit * 20 + 10) * 4] > 127 ? 1 : 0;
          if (bit < 24) ms |= on << bit;
          else check |= on << (bit - 24);
        }
        if (check === (((ms >> 16) + (ms >> 8) + ms + 0x5a) & 0xff)) ages.push((now - ms + 2 ** 24) % 2 ** 24);
        else unread += 1;
      }
      if (ages.length >= wanted || Date.now() - begin > settle_ms + wanted * 200) done({ ages, unread });
      else video.requestVideoFrameCallback(each);
    };
    video.requestVideoFrameCallback(each);
  });
}

/** The publisher's half of a connection without a server; `heard` is the other half's answer. */
export async function offerDirect(mime, heard) {
  if (heard) return window.direct.setRemoteDescription(heard);
  const peer = (window.direct = new RTCPeerConnection({ bundlePolicy: "max-bundle" }));
  const [track] = window.source.getVideoTracks();
  const transceiver = peer.addTransceiver(track, { direction: "sendonly", streams: [window.source] });
  transceiver.setCodecPreferences(RTCRtpSender.getCapabilities("video").codecs.filter((it) => it.mimeType === mime));
  await peer.setLocalDescription(await peer.createOffer());
  const { type, sdp } = await gathered(peer);
  return { type, sdp };

  function gathered(peer) {
    return new Promise((done) => {
      const look = () => peer.iceGatheringState === "complete" && done(peer.localDescription);
      peer.addEventListener("icegatheringstatechange", look);
      look();
    });
  }
}

/** The viewer's half: shows what comes. */
export async function answerDirect(offer) {
  const peer = (window.direct = new RTCPeerConnection({ bundlePolicy: "max-bundle" }));
  const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
  document.body.replaceChildren(video);
  peer.ontrack = ({ track }) => (video.srcObject = new MediaStream([track]));
  await peer.setRemoteDescription(offer);
  await peer.setLocalDescription(await peer.createAnswer());
  await new Promise((done) => {
    const look = () => peer.iceGatheringState === "complete" && done();
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
  return { type: "answer", sdp: peer.localDescription.sdp };
}

/** Ends whatever this page publishes. */
export function endAll() {
  for (const peer of window.peers) peer.close();
}
