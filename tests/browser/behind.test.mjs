// How far behind live a viewer is: measured in real browsers from the camera to the screen, shown on the picture, and
// reported back to the operator.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, median, statistics, until } from "./world.mjs";

let world, slug;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
});
after(() => world?.end());

/** In the page: how long ago each presented picture of the next so many was captured, in ms, as the browser tells. */
async function behind(frames) {
  const video = document.querySelector("video");
  const all = [];
  while (all.length < frames) {
    const seen = await new Promise((done) => video.requestVideoFrameCallback((_, it) => done(it)));
    if (seen.captureTime !== undefined) all.push(seen.expectedDisplayTime - seen.captureTime);
  }
  return all;
}

/** What `/metrics` says of the room under this name. */
async function told(name) {
  const text = await (await fetch(`http://127.0.0.1:${world.ports[1]}/metrics`)).text();
  const line = text.split("\n").find((it) => it.startsWith(`${name}{room="${slug}"}`));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

test("B18, B19: a viewer's chip and the operator's chart tell the time from the camera to the screen", { timeout: 180_000 }, async () => {
  const host = await world.onAir(slug);
  const page = await world.page(await world.browser());
  await page.goto(world.base);
  await (await page.waitForSelector(`a[href="/r/${slug}"]`)).click();
  await page.waitForFunction(() => document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames > 50, { timeout: 60_000 });
  const chip = await page.waitForSelector(".chips .line", { timeout: 20_000 });

  // The browser's estimate of the two clocks settles within some reports.
  let measured, shown;
  await until("a measured chip", async () => {
    measured = median(await page.evaluate(behind, 25));
    shown = 1000 * Number.parseFloat(await chip.evaluate((it) => it.textContent));
    return measured > 0 && measured < 1_000 && Math.abs(shown - measured) <= 150;
  }, 40_000);
  const { video } = await page.evaluate(statistics);
  const waited = (1000 * video.jitterBufferDelay) / video.jitterBufferEmittedCount;
  console.log(`behind live ${measured.toFixed(0)} ms, shown as ${shown} ms; the wait before showing alone is ${waited.toFixed(0)} ms`);
  assert.ok(measured > waited / 2, "the camera, the encoder and two ways are in it");

  // Who leaves says how it was.
  assert.equal(await told("weiquan_watched_first_frame_seconds_count"), undefined, "nobody has said anything yet");
  await page.evaluate(() => document.querySelector('a[href="/"]').click());
  await page.waitForFunction(() => location.pathname === "/");
  await until("a word in /metrics", async () => (await told("weiquan_watched_behind_seconds_count")) === 1);
  const seconds = await told("weiquan_watched_behind_seconds_sum");
  assert.ok(seconds > 0 && seconds < 1, `${seconds} s behind live`);
  const first = await told("weiquan_watched_first_frame_seconds_sum");
  assert.ok(first > 0 && first < 20, `the first picture after ${first} s`);
  assert.ok((await told("weiquan_watched_height_pixels_sum")) >= 180);
  assert.ok((await told("weiquan_watched_lost_share_sum")) < 0.5);
  console.log(`reported: ${seconds} s behind live, the first picture after ${first} s`);
  assert.deepEqual([...page.problems, ...host.problems], []);
});

/** In the page: every picture was captured so much earlier than the browser tells. */
function older(ms) {
  const real = HTMLVideoElement.prototype.requestVideoFrameCallback;
  HTMLVideoElement.prototype.requestVideoFrameCallback = function (call) {
    return real.call(this, (now, it) => call(now, { ...it, expectedDisplayTime: it.expectedDisplayTime, captureTime: it.captureTime - ms }));
  };
}

test("B18: the chip shows what was captured when, and a page that is closed says how it was", { timeout: 120_000 }, async () => {
  const before = (await told("weiquan_watched_height_pixels_count")) ?? 0;
  const page = await world.page(await world.browser());
  await page.evaluateOnNewDocument(older, 500);
  await page.goto(`${world.base}/r/${slug}`);
  await page.waitForFunction(() => document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames > 75, { timeout: 60_000 });
  const chip = await page.waitForSelector(".chips .line", { timeout: 20_000 });
  // The line alone is never so slow here.
  await until("a chip of half a second", async () => Number.parseFloat(await chip.evaluate((it) => it.textContent)) >= 0.5);
  await page.goto("about:blank");
  await until("its word", async () => (await told("weiquan_watched_height_pixels_count")) === before + 1);
});
