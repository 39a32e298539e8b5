// Viewers whom the usual way does not reach: no UDP, nothing but IPv6, or nothing but a relay. FFmpeg publishes by WHIP,
// and Chromium watches by WHEP. It runs in a network of its own (alone.sh), where packets may be dropped.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { V4, V6, withV6, without } from "./network.mjs";
import { Relay } from "./relay.mjs";
import { World } from "./world.mjs";

/** The aim on a quiet machine; otherwise this tells only whether it comes at all. */
const FIRST_FRAME_MS = process.env.WEIQUAN_QUIET ? 3_000 : 20_000;

/** The relay's certificate is its own. */
class Reach extends World {
  flags() {
    return ["--ignore-certificate-errors"];
  }
}

let world, slug, relay;

before(async () => {
  withV6();
  relay = await Relay.prepare();
  world = await Reach.start({ listen: "0.0.0.0", more: [`rtc.public_ips=["${V4}", "${V6}"]`, ...relay.settings] });
  slug = await world.setUp();
  await world.ffmpeg(await world.streamKey(slug));
});
after(async () => {
  await world?.end();
  relay?.end();
});

/** Runs in the page: watches by WHEP, and tells how the picture came. `policy` as in `iceTransportPolicy`. */
async function watch({ whep, policy, family }) {
  const began = performance.now();
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const frame = new Promise((done) => video.requestVideoFrameCallback(done));
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const stream = new MediaStream();
  peer.ontrack = ({ track }) => stream.addTrack(track);
  video.srcObject = stream;
  for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
  const offer = await peer.createOffer();
  const answer = await fetch(whep, { method: "POST", body: offer.sdp, headers: { "content-type": "application/sdp" } });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
  // RFC 9725 §4.6, as a player reads it.
  const links = [...(answer.headers.get("link") ?? "").matchAll(
    /<([^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"; credential-type="password"/g)];
  const iceServers = links.map(([, urls, username, credential]) => ({ urls, username, credential }));
  peer.setConfiguration({ bundlePolicy: "max-bundle", iceTransportPolicy: policy, iceServers });
  await peer.setLocalDescription(offer);
  const lines = (await answer.text()).split("\r\n");
  const told = lines.filter((it) => !it.startsWith("a=candidate:") || !family || it.split(" ")[4].includes(":") === (family === 6));
  await peer.setRemoteDescription({ type: "answer", sdp: told.join("\r\n") });
  void video.play();
  await frame;
  const first_ms = performance.now() - began;
  // And it goes on.
  while (video.getVideoPlaybackQuality().totalVideoFrames < 50) await new Promise((done) => setTimeout(done, 50));
  const stats = new Map([...(await peer.getStats())]);
  const transport = [...stats.values()].find((it) => it.type === "transport");
  const pair = stats.get(transport.selectedCandidatePairId);
  const [near, far] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
  peer.close();
  video.remove();
  return { first_ms, near: near.candidateType, relayProtocol: near.relayProtocol, protocol: far.protocol, address: far.address,
    links: links.length };
}

/** Whether somebody does, at the address of the relay. */
const listens = (port) => new Promise((done) => {
  const socket = connect({ host: V4, port }, () => done(socket.destroy()));
  socket.on("error", () => done(null));
});

async function watches(how, also = {}) {
  const page = await world.page(await world.browser());
  const seen = await page.evaluate(watch, { whep: `${world.base}/api/v1/rooms/${slug}/whep`, policy: "all", ...also });
  console.log(`${how}: first frame after ${seen.first_ms.toFixed(0)} ms, ${seen.near} to ${seen.protocol} ${seen.address}`);
  assert.ok(seen.first_ms < FIRST_FRAME_MS, `${how}: ${seen.first_ms} ms`);
  await page.close();
  return seen;
}

test("where everything gets through it is UDP", { timeout: 90_000 }, async () => {
  const seen = await watches("UDP");
  assert.deepEqual([seen.protocol, seen.links], ["udp", relay.urls.length]);
});

test("where no UDP gets through to the server it is TCP", { timeout: 90_000 }, async () => {
  const seen = await without([`udp dport ${world.ports[3]}`], () => watches("TCP"));
  assert.deepEqual([seen.protocol, seen.near === "relay"], ["tcp", false]);
});

test("where there is nothing but IPv6 it is IPv6, by UDP and by TCP", { timeout: 120_000 }, async () => {
  const seen = await watches("IPv6", { family: 6 });
  assert.deepEqual([seen.protocol, seen.address], ["udp", V6]);
  const tcp = await without([`udp dport ${world.ports[3]}`], () => watches("IPv6 by TCP", { family: 6 }));
  assert.deepEqual([tcp.protocol, tcp.address], ["tcp", V6]);
});

test("where neither gets through it is the relay", { timeout: 120_000 }, async () => {
  relay.start(world);
  while (!(await listens(relay.plain))) await new Promise((done) => setTimeout(done, 50));
  const doors = relay.doors;
  for (const open of Object.keys(doors)) {
    const closed = Object.keys(doors).filter((it) => it !== open).map((it) => doors[it]);
    const seen = await without(closed, () => watches(`TURN over ${open}`, { policy: "relay" }));
    assert.deepEqual([seen.near, seen.relayProtocol], ["relay", open]);
  }
});
