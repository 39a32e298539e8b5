// What other people's software does with this server: each client publishes and watches as it comes, against the whole
// program. docs/CLIENTS.md is the table of it. One server, one Firefox; each publisher has a room of its own. It runs in
// a network of its own (alone.sh), because most clients leave loopback out and some of them look around.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { firefox, publish } from "./firefox.mjs";
import { publish as publishLayers, sent, shown, watch } from "./layered.mjs";
import { publishLikeObs } from "./obs.mjs";
import { World, button, countFrames, fill, password, python, root, statistics, until } from "./world.mjs";

const aiortc = path.join(root, "tests/tools/aiortc_peer.py");
const ROOMS = ["ffmpeg", "obs", "aiortc", "fox", "vp9", "layers"];
const GCM = "SRTP_AEAD_AES_128_GCM", SHA1 = "SRTP_AES128_CM_SHA1_80";

let world, fox;
const keys = {};
before(async () => {
  world = await World.start({ listen: "0.0.0.0" });
  await world.setUp();
  for (const slug of ROOMS) {
    await world.post("/api/v1/rooms", { title: slug, guests: true, slug }, world.owner);
    keys[slug] = await world.streamKey(slug);
  }
  fox = await firefox(world);
});
after(() => world?.end());

test("FFmpeg publishes as it comes; aiortc watches, by GCM and without it", { timeout: 90_000 }, async () => {
  const { said } = await world.ffmpeg(keys.ffmpeg);
  console.log(`FFmpeg: ${said} (the aim on a quiet machine is 300 ms)`);
  const watched = [aiortcWatches("ffmpeg"), aiortcWatches("ffmpeg", "--srtp", SHA1)];
  const [modern, older] = await Promise.all(watched);
  assert.deepEqual([modern.srtp, older.srtp], [GCM, SHA1]);
  for (const seen of [modern, older]) {
    assert.deepEqual([seen.width, seen.height, seen.lost], [1280, 720, 0]);
    assert.ok(seen.sounds > 40, `${seen.sounds} of 50 sounds`);
  }
});

test("OBS's library publishes as OBS does; aiortc watches", { timeout: 90_000 }, async (t) => {
  const obs = await publishLikeObs(world.base, keys.obs);
  t.after(() => obs.stop());
  console.log(`OBS: connected after ${Math.round(obs.connected_ms)} ms`);
  // What makes this offer unlike a browser's: the fingerprint once, no numbers for retransmission, no MID extension.
  assert.ok(obs.sdp.indexOf("a=fingerprint") < obs.sdp.indexOf("m="));
  assert.doesNotMatch(obs.sdp, /rtx\/|urn:ietf:params:rtp-hdrext:sdes:mid/);
  const seen = await aiortcWatches("obs");
  assert.deepEqual([seen.width, seen.height], [1280, 720]);
  assert.ok(seen.sounds > 40, `${seen.sounds} of 50 sounds`);
  assert.equal(await obs.stop(), 200, "OBS warns of any other answer to DELETE");
});

test("aiortc publishes VP8; Firefox watches in the web app", { timeout: 90_000 }, async () => {
  const child = world.run(python, [aiortc, "publish", `${world.base}/whip`, path.join(root, "testdata/bunny.mp4"),
    "--token", keys.aiortc]);
  console.log(`aiortc: ${(await world.until(child, "connected")).trim()}`);
  const page = await foxWatches("aiortc");
  const seen = await page.evaluate(statistics);
  assert.equal(seen.transport.srtpCipher, GCM);
  assert.ok(seen.audio.packetsReceived > 0);
  assert.deepEqual([seen.video.frameWidth, seen.video.frameHeight], [320, 180]);
  await page.close();
  const ended = new Promise((done) => child.on("exit", done));
  child.kill("SIGTERM");
  assert.equal(await ended, 0, "its goodbye was answered");
});

test("Firefox publishes from the studio; aiortc watches", { timeout: 90_000 }, async () => {
  const studio = await world.page(fox);
  await studio.goto(`${world.base}/sign-in?then=/r/fox/studio`);
  await fill(studio, 'input[autocomplete="username"]', "林小满");
  await fill(studio, 'input[type="password"]', password);
  await studio.keyboard.press("Enter");
  await (await studio.waitForSelector(button("Camera"))).click();
  await (await studio.waitForSelector('[data-act="start"]:not([disabled])')).click();
  await studio.waitForSelector('[data-act="end"]', { timeout: 20_000 });
  const seen = await aiortcWatches("fox");
  assert.ok(seen.width > 0 && seen.sounds > 40, JSON.stringify(seen));
  assert.deepEqual(studio.problems, []);
  await studio.close();
});

test("Firefox publishes VP9 and watches it", { timeout: 90_000 }, async () => {
  const from = await world.page(fox);
  await from.goto(world.base);
  await from.evaluate(publish, keys.vp9, "video/VP9");
  const page = await foxWatches("vp9");
  await page.close();
  await from.close();
});

test("Firefox publishes three sizes, and a viewer that asks for a small one has it", { timeout: 120_000 }, async () => {
  const opened = async () => {
    const page = await world.page(fox);
    await page.goto(`${world.base}/api/v1/check`);
    return page;
  };
  const from = await opened();
  await from.evaluate(publishLayers, "/whip", keys.layers, "VP8");
  await until("three layers", async () => {
    const layers = await from.evaluate(sent);
    return ["q", "h", "f"].every((it) => layers[it]?.frames > 20);
  }, 40_000);
  const page = await opened();
  await page.evaluate(watch, "/api/v1/rooms/layers/whep");
  await until("the best layer", async () => (await page.evaluate(shown)).height === 720, 40_000);
  const chosen = await page.evaluate(async () => {
    const headers = { "content-type": "application/json" };
    return (await fetch(`${window.watching.resource}/layer`, { method: "POST", headers, body: '{"maxHeight":200}' })).status;
  });
  assert.equal(chosen, 200);
  const took = await until("the small one", async () => (await page.evaluate(shown)).height === 180, 40_000);
  console.log(`Firefox's layers: at the small one after ${took.toFixed(0)} ms`);
  for (const it of [page, from]) await it.close();
});

test("Firefox without H264 says so where H264 is shown", { timeout: 90_000 }, async () => {
  const page = await world.page(fox);
  await page.goto(`${world.base}/r/ffmpeg`);
  await page.waitForSelector("::-p-text(This browser cannot play the format of this broadcast)", { timeout: 20_000 });
  assert.deepEqual(page.problems, []);
  await page.close();
});

async function aiortcWatches(slug, ...flags) {
  const child = world.run(python, [aiortc, "watch", `${world.base}/api/v1/rooms/${slug}/whep`, ...flags]);
  const seen = JSON.parse(await world.until(child, "}"));
  console.log(`aiortc watches ${slug}: ${JSON.stringify(seen)}`);
  return seen;
}

async function foxWatches(slug) {
  const page = await world.page(fox);
  await page.evaluateOnNewDocument(countFrames);
  await page.goto(`${world.base}/r/${slug}`);
  await page.waitForFunction(() => window.frames_seen?.count > 20, { timeout: 30_000 });
  assert.deepEqual(page.problems, []);
  return page;
}
