// OBS as a publisher, in what a server sees of it: its library (libdatachannel), and the tracks, packetizers, numbers
// and requests of its WHIP output. The film is the load test's (testdata/trace.bin), put together again to pictures, with
// the parameter sets of its file before each keyframe, as encoders send them.
import { readFileSync } from "node:fs";
import path from "node:path";
import {
  Audio, H264RtpPacketizer, PeerConnection, RtcpNackResponder, RtcpSrReporter, RtpPacketizationConfig, RtpPacketizer, Video,
} from "node-datachannel";
import { root } from "./world.mjs";

const AUDIO = 111, VIDEO = 96; // OBS's payload types
const H264 = 108; // the trace's
const START = Buffer.from([0, 0, 0, 1]);

/** Publishes until `stop()`; resolves once it is connected. */
export async function publishLikeObs(base, key) {
  const began = performance.now();
  const peer = new PeerConnection("obs", { iceServers: [] });
  const connected = new Promise((done, fail) => peer.onStateChange((state) => {
    if (state === "connected") done();
    if (state === "failed" || state === "disconnected") fail(new Error(`the peer connection is ${state}`));
  }));
  const ssrc = 0x0b5;
  const tracks = { audio: addTrack(peer, "audio", ssrc), video: addTrack(peer, "video", ssrc + 1) };
  const offer = new Promise((done) => peer.onLocalDescription(done));
  peer.setLocalDescription();
  const sdp = await offer; // as OBS does it, without waiting for candidates
  const authorization = `Bearer ${key}`;
  const answer = await fetch(`${base}/whip`, {
    method: "POST", headers: { authorization, "content-type": "application/sdp" }, body: sdp,
  });
  const body = await answer.text();
  if (answer.status !== 201 || !body) throw new Error(`OBS takes 201 and nothing else: ${answer.status} ${body}`);
  const resource = new URL(answer.headers.get("location"), `${base}/whip`);
  peer.setRemoteDescription(body, "answer");
  await connected;
  const connected_ms = performance.now() - began;
  const timer = play(tracks, film());
  let stopped;
  const stop = async () => {
    clearInterval(timer);
    peer.close();
    return (await fetch(resource, { method: "DELETE", headers: { authorization } })).status;
  };
  return { sdp, connected_ms, stop: () => (stopped ??= stop()) };
}

function addTrack(peer, kind, ssrc) {
  const isAudio = kind === "audio";
  const [payloadType, clock] = isAudio ? [AUDIO, 48_000] : [VIDEO, 90_000];
  const description = isAudio ? new Audio("0", "SendOnly") : new Video("1", "SendOnly");
  if (isAudio) description.addOpusCodec(payloadType);
  else description.addH264Codec(payloadType);
  description.addSSRC(ssrc, "cname", "stream", `stream-${kind}`);
  const track = peer.addTrack(description);
  const config = new RtpPacketizationConfig(ssrc, "cname", payloadType, clock);
  const packetizer = isAudio ? new RtpPacketizer(config) : new H264RtpPacketizer("StartSequence", config, 1200);
  packetizer.addToChain(new RtcpSrReporter(config));
  packetizer.addToChain(new RtcpNackResponder());
  track.setMediaHandler(packetizer);
  return { track, config, clock, start: config.timestamp };
}

/** Sends each sample of the film when its time has come, round after round. */
function play(tracks, { samples, round }) {
  const began = performance.now();
  let next = 0;
  return setInterval(() => {
    for (;;) {
      const sample = samples[next % samples.length];
      const at = sample.at + Math.floor(next / samples.length) * round;
      if (performance.now() - began < at * 1000) return;
      next += 1;
      const { track, config, clock, start } = tracks[sample.kind];
      if (!track.isOpen()) continue;
      config.timestamp = (start + Math.round(at * clock)) >>> 0;
      track.sendMessageBinary(sample.bytes);
    }
  }, 5);
}

/** The trace's pictures (Annex B) and sounds with their seconds; the time is the RTP clock's. */
function film() {
  const trace = readFileSync(path.join(root, "testdata/trace.bin"));
  const sets = parameterSets();
  const samples = [];
  const first = {};
  let units = [];
  for (let at = 0; at < trace.length;) {
    const size = trace.readUInt16LE(at + 4);
    const packet = trace.subarray(at + 6, at + 6 + size);
    at += 6 + size;
    const kind = (packet[1] & 0x7f) === H264 ? "video" : "audio";
    const timestamp = packet.readUInt32BE(4);
    const payload = packet.subarray(12);
    first[kind] ??= timestamp;
    const seconds = ((timestamp - first[kind]) >>> 0) / (kind === "video" ? 90_000 : 48_000);
    if (kind === "audio") {
      samples.push({ kind, at: seconds, bytes: payload });
      continue;
    }
    takeUnits(units, payload);
    if (packet[1] & 0x80) {
      const isKey = units.some((it, n) => units[n - 1] === START && (it[0] & 0x1f) === 5);
      samples.push({ kind, at: seconds, bytes: Buffer.concat(isKey ? [...sets, ...units] : units) });
      units = [];
    }
  }
  samples.sort((one, other) => one.at - other.at);
  const pictures = samples.filter((it) => it.kind === "video");
  return { samples, round: pictures.at(-1).at + 1 / 25 };
}

/** What the film's own file says once (ISO/IEC 14496-15, `avcC`): sequence and picture parameter sets. */
function parameterSets() {
  const file = readFileSync(path.join(root, "testdata/bunny.mp4"));
  const sets = [];
  let at = file.indexOf("avcC") + 4 + 5;
  for (const mask of [0x1f, 0xff]) {
    for (let left = file[at++] & mask; left > 0; left--) {
      const size = file.readUInt16BE(at);
      sets.push(START, file.subarray(at + 2, at + 2 + size));
      at += 2 + size;
    }
  }
  return sets;
}

/** RFC 6184: a unit as it is, several in one packet, or a part of one. */
function takeUnits(units, payload) {
  const kind = payload[0] & 0x1f;
  if (kind === 24) {
    for (let at = 1; at < payload.length;) {
      const size = payload.readUInt16BE(at);
      units.push(START, payload.subarray(at + 2, at + 2 + size));
      at += 2 + size;
    }
  } else if (kind === 28) {
    if (payload[1] & 0x80) units.push(START, Buffer.from([(payload[0] & 0xe0) | (payload[1] & 0x1f)]));
    units.push(payload.subarray(2));
  } else {
    units.push(START, payload);
  }
}
