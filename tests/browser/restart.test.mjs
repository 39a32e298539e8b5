// A real browser watches by WHEP and restarts ICE by PATCH (RFC 9725 §4.3.3): the picture goes on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World } from "./world.mjs";

let world, slug;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  await world.ffmpeg(await world.streamKey(slug));
});
after(() => world?.end());

/** In the page: watches, and keeps everything under `watching`. */
async function watch(whep) {
  const pc = new RTCPeerConnection();
  const video = document.createElement("video");
  video.muted = video.autoplay = true;
  document.body.append(video);
  pc.ontrack = ({ track, streams }) => track.kind === "video" && (video.srcObject = streams[0] ?? new MediaStream([track]));
  for (const kind of ["video", "audio"]) pc.addTransceiver(kind, { direction: "recvonly" });
  const states = [];
  pc.onconnectionstatechange = () => states.push(pc.connectionState);
  const connected = new Promise((done) => pc.addEventListener("connectionstatechange", () => pc.connectionState === "connected" && done()));
  await pc.setLocalDescription();
  const said = await fetch(whep, { method: "POST", headers: { "content-type": "application/sdp" }, body: pc.localDescription.sdp });
  if (said.status !== 201) throw new Error(`${said.status} ${await said.text()}`);
  const answer = await said.text();
  await pc.setRemoteDescription({ type: "answer", sdp: answer });
  await connected;
  const stats = async () => {
    const all = [...(await pc.getStats()).values()];
    const of = (type, kind) => all.find((it) => it.type === type && (!kind || it.kind === kind));
    const { dtlsState, iceLocalUsernameFragment: name, remoteCertificateId } = of("transport");
    return { frames: of("inbound-rtp", "video")?.framesDecoded ?? 0, dtlsState, name, remoteCertificateId };
  };
  window.watching = { pc, video, answer, states, stats, resource: said.headers.get("location"), etag: said.headers.get("etag") };
}

/** In the page: another name for ICE, by PATCH. */
async function restart() {
  const { pc, answer, resource } = window.watching;
  const value = (sdp, name) => sdp.match(new RegExp(`^a=${name}:(.*)$`, "m"))[1].trim();
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
  const offer = pc.localDescription.sdp;
  const lines = [`a=ice-ufrag:${value(offer, "ice-ufrag")}`, `a=ice-pwd:${value(offer, "ice-pwd")}`,
    "m=video 9 UDP/TLS/RTP/SAVPF 0", `a=mid:${value(offer, "mid")}`, ""];
  const said = await fetch(resource, {
    method: "PATCH",
    headers: { "content-type": "application/trickle-ice-sdpfrag", "if-match": "*" },
    body: lines.join("\r\n"),
  });
  const fragment = await said.text();
  if (said.status !== 200) throw new Error(`${said.status} ${fragment}`);
  const sdp = answer.replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${value(fragment, "ice-ufrag")}`)
    .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${value(fragment, "ice-pwd")}`);
  await pc.setRemoteDescription({ type: "answer", sdp });
  return { name: value(offer, "ice-ufrag"), etag: said.headers.get("etag") };
}

const goesOn = (page, frames) =>
  page.waitForFunction(async (least) => (await window.watching.stats()).frames >= least, { timeout: 20_000 }, frames);

test("a picture goes on over two ICE restarts of a browser", { timeout: 120_000 }, async () => {
  const page = await world.page(await world.browser());
  await page.goto(world.base);
  await page.evaluate(watch, `/api/v1/rooms/${slug}/whep`);
  await goesOn(page, 25);
  let etag = await page.evaluate(() => window.watching.etag);
  for (let round = 0; round < 2; round += 1) {
    const before = await page.evaluate(() => window.watching.stats());
    const restarted = await page.evaluate(restart);
    assert.notEqual(restarted.etag, etag);
    etag = restarted.etag;
    await goesOn(page, before.frames + 50);
    const now = await page.evaluate(() => window.watching.stats());
    assert.equal(now.name, restarted.name, "it is the new session that carries it");
    assert.notEqual(now.name, before.name);
    assert.equal(now.remoteCertificateId, before.remoteCertificateId);
    assert.equal(now.dtlsState, "connected");
  }
  const states = await page.evaluate(() => window.watching.states);
  assert.ok(!states.includes("failed") && !states.includes("disconnected"), states.join());
  const metrics = await (await fetch(`http://127.0.0.1:${world.ports[1]}/metrics`)).text();
  assert.match(metrics, /^weiquan_media_ice_restarts_total 2$/m);
});
