// FFmpeg publishes a film by WHIP; Chromium watches it in the web app.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, countFrames, median, statistics } from "./world.mjs";

let world, slug, key;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  key = await world.streamKey(slug);
});
after(() => world?.end());

/** Comes home as a guest, taps the room, and waits for the first presented frame. */
async function join(browser) {
  const page = await world.page(browser);
  await page.evaluateOnNewDocument(countFrames);
  await page.goto(world.base);
  const card = await page.waitForSelector(`a[href="/r/${slug}"]`);
  await page.evaluate(() => (window.frames_seen.since = performance.now()));
  await card.click();
  await page.waitForFunction(() => window.frames_seen?.first != null, { timeout: 20_000 });
  return page;
}

test("a guest sees and hears FFmpeg's broadcast, in full rate and in sync", { timeout: 300_000 }, async () => {
  await world.ffmpeg(key);
  const browser = await world.browser();
  await (await join(browser)).close(); // warms the browser: its first page compiles everything
  const firsts = [], presented = [], skews = [];
  for (let n = 0; n < 5; n++) {
    const page = await join(browser);
    firsts.push(await page.evaluate(() => window.frames_seen.first));
    // The tap on the card was a gesture, so sound may play at once; if not, the page asks for one more tap.
    await (await page.$("::-p-text(Tap to listen)"))?.click();
    await page.waitForFunction(() => window.frames_seen.until, { timeout: 30_000 });
    const { from, until } = await page.evaluate(() => window.frames_seen);
    presented.push(((until.count - from.count) * 1000) / (until.at - from.at) / 25);
    const before = await page.evaluate(statistics);
    assert.equal(before.transport.srtpCipher, "SRTP_AEAD_AES_128_GCM");
    await page.waitForFunction(moved, { timeout: 20_000, polling: 200 }, before.frames, before.audio.totalAudioEnergy);
    skews.push(await settledSkew(page));
    assert.deepEqual(page.problems, []);
    await page.close();
  }
  console.log(`sound and picture apart by ms ${skews.map(Math.round)}`);
  console.log(`first frame ms ${firsts.map(Math.round)}; presented ${presented.map((it) => it.toFixed(3))} of the source`);
  // The aims are 500 ms and 0.95, measured on a machine that does nothing else (docs/MEASURED.md). Here the bounds only
  // tell a fault from noise: burst timestamps that are not rewritten halve the presented rate for good.
  assert.ok(median(firsts) < 3_000, `first frames after ${firsts} ms`);
  assert.ok(median(presented) >= 0.8, `presented ${presented}`);
});

/** In the page: more frames than then, and more sound. */
async function moved(frames, energy) {
  const peer = window.peers.filter((it) => it.connectionState === "connected").at(-1);
  const video = document.querySelector("video");
  if (!peer || !(video.getVideoPlaybackQuality().totalVideoFrames > frames + 20)) return false;
  const stats = [...(await peer.getStats()).values()];
  return stats.find((it) => it.type === "inbound-rtp" && it.kind === "audio").totalAudioEnergy > energy;
}

/** How far sound and picture are apart once they have settled: sender reports bring them within 80 ms. */
async function settledSkew(page) {
  const deadline = Date.now() + 40_000;
  let skew = NaN;
  while (Date.now() < deadline) {
    const now = await page.evaluate(statistics);
    skew = now.audio.estimatedPlayoutTimestamp - now.video.estimatedPlayoutTimestamp;
    if (Math.abs(skew) <= 80) return skew;
    await page.evaluate(() => new Promise((done) => document.querySelector("video").requestVideoFrameCallback(done)));
  }
  assert.fail(`sound and picture stay ${skew} ms apart`);
}

test("chat works beside the picture, from one page to another", { timeout: 120_000 }, async () => {
  const browser = await world.browser();
  const [one, other] = [await join(browser), await join(browser)];
  const box = 'textarea, input[type="text"], [contenteditable="true"]';
  await one.waitForSelector(box);
  await one.type(box, "今晚几点？");
  await one.keyboard.press("Enter");
  await other.waitForFunction(() => document.body.innerText.includes("今晚几点？"), { timeout: 10_000 });
  assert.deepEqual([...one.problems, ...other.problems], []);
});

test("the picture comes back by itself when the server was killed and the encoder returns", { timeout: 180_000 }, async () => {
  const browser = await world.browser();
  const page = await join(browser);
  await world.kill();
  await world.boot();
  await world.ffmpeg(key);
  await page.evaluate(() => (window.frames_seen.mark = window.frames_seen.count));
  await page.waitForFunction(() => window.frames_seen.count > window.frames_seen.mark + 25, { timeout: 60_000 });
  await page.waitForFunction(() => document.body.innerText.includes("今晚几点？"), { timeout: 10_000 });
  assert.deepEqual(page.problems, []);
});
