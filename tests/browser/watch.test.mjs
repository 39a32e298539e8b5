// FFmpeg publishes a film by WHIP; Chromium watches it in the web app.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { kib, loaded } from "./loaded.mjs";
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

test("home and a live room load 120 KiB at the most, in each language", { timeout: 120_000 }, async () => {
  const browser = await world.browser();
  for (const language of ["zh-CN", "zh-TW", "en"]) {
    const files = await loaded(world, browser, slug, language);
    console.log(`${language}: ${files.size} files of ${kib(files).toFixed(1)} KiB`);
    assert.ok(kib(files) <= 120, JSON.stringify([...files]));
  }
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

test("a finger on the card makes ready what watching needs; who draws it back was never there", { timeout: 120_000 }, async () => {
  const browser = await world.browser();
  const page = await world.page(browser);
  await page.goto(world.base);
  const card = await page.waitForSelector(`a[href="/r/${slug}"]`);
  const count = async () => (await world.get(`/api/v1/rooms/${slug}`)).count;
  const before = await count();
  const { x, y, width, height } = await card.boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await page.waitForFunction(() => window.peers.length === 1);
  await page.mouse.move(2, 2);
  await page.mouse.up();
  await page.waitForFunction(() => window.peers[0].connectionState === "closed", { timeout: 10_000 });
  assert.equal(await count(), before);
  assert.equal(new URL(page.url()).pathname, "/");
  // And who stays on it watches by the connection that is there.
  await card.click({ delay: 80 });
  await page.waitForFunction(() => window.peers.some((it) => it.connectionState === "connected"), { timeout: 20_000 });
  assert.equal(await page.evaluate(() => window.peers.length), 2);
  assert.deepEqual(page.problems, []);
});
