// FFmpeg publishes a film by WHIP; Chromium watches it in the web app.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { film, fiveJoins, join } from "./playback.mjs";
import { World } from "./world.mjs";

let world, slug, key;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  key = await world.streamKey(slug);
});
after(() => world?.end());

test("a guest sees and hears FFmpeg's broadcast, in full rate and in sync", { timeout: 300_000 }, async () => {
  await world.ffmpeg(key);
  await fiveJoins(world, slug, film, "FFmpeg");
});

test("chat works beside the picture, from one page to another", { timeout: 120_000 }, async () => {
  const browser = await world.browser();
  const [one, other] = [await join(world, browser, slug), await join(world, browser, slug)];
  const box = 'textarea, input[type="text"], [contenteditable="true"]';
  await one.waitForSelector(box);
  await one.type(box, "今晚几点？");
  await one.keyboard.press("Enter");
  await other.waitForFunction(() => document.body.innerText.includes("今晚几点？"), { timeout: 10_000 });
  assert.deepEqual([...one.problems, ...other.problems], []);
});

test("the picture comes back by itself when the server was killed and the encoder returns", { timeout: 180_000 }, async () => {
  const browser = await world.browser();
  const page = await join(world, browser, slug);
  await world.kill();
  await world.boot();
  await world.ffmpeg(key);
  await page.evaluate(() => (window.frames_seen.mark = window.frames_seen.count));
  await page.waitForFunction(() => window.frames_seen.count > window.frames_seen.mark + 25, { timeout: 60_000 });
  await page.waitForFunction(() => document.body.innerText.includes("今晚几点？"), { timeout: 10_000 });
  assert.deepEqual(page.problems, []);
});
