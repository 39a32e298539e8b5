// The viewer's network is cut for 15 s: chat goes on without hole or double, the picture comes back by itself.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { World, countFrames } from "./world.mjs";
import { Line, throughRelay } from "./line.mjs";

const CUT_MS = 15_000;
let world, line;

before(async () => {
  world = await World.start();
});
after(async () => {
  line?.close();
  await world?.end();
});

test("after 15 s without a network nothing is missing and the picture is back", { timeout: 180_000 }, async () => {
  const slug = await world.setUp();
  await world.ffmpeg(await world.streamKey(slug));
  line = await Line.open(world.ports[0], world.ports[3]);

  const browser = await world.browser();
  const page = await world.page(browser);
  await page.evaluateOnNewDocument(throughRelay, world.ports[3], line.udp);
  await page.evaluateOnNewDocument(countFrames);
  await page.goto(`http://127.0.0.1:${line.tcp}/r/${slug}`);
  await page.waitForFunction(() => window.frames_seen?.count > 25, { timeout: 30_000 });

  // Somebody else goes on talking, on a line of their own, through all of it.
  const writer = await world.writer(slug);
  let said = 0;
  const speaking = setInterval(() => writer.say(`第${++said}句。`), 250);
  await page.waitForFunction(() => document.body.innerText.includes("第4句。"), { timeout: 20_000 });
  await line.cut();
  await pause(CUT_MS);
  await line.heal();
  await page.evaluate(() => (window.frames_seen.mark = window.frames_seen.count));
  await page.waitForFunction(() => window.frames_seen.count > window.frames_seen.mark + 25, { timeout: 60_000 });
  clearInterval(speaking);
  const acknowledged = await writer.settled();
  assert.equal(acknowledged, said);
  await page.waitForFunction((last) => document.body.innerText.includes(last), { timeout: 30_000 }, `第${said}句。`);

  // Every sentence once and in order, read as a person would: by scrolling through the chat.
  const shown = await page.evaluate(async () => {
    const log = document.querySelector('[role="log"]');
    const scroller = [log, ...log.querySelectorAll("*"), log.parentElement].find((it) => it.scrollHeight > it.clientHeight + 4) ?? log;
    const rows = new Map();
    const look = () => {
      for (const [, n] of scroller.innerText.matchAll(/第(\d+)句。/g)) rows.set(Number(n), (rows.get(Number(n)) ?? 0) + 1);
    };
    const counts = [];
    let double = 0;
    for (let top = scroller.scrollHeight; ; top -= scroller.clientHeight / 2) {
      scroller.scrollTop = Math.max(0, top);
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const view = [...scroller.innerText.matchAll(/第(\d+)句。/g)].map((it) => Number(it[1]));
      if (new Set(view).size !== view.length || view.some((it, i) => i && it !== view[i - 1] + 1)) double += 1;
      counts.push(...view);
      look();
      if (top <= 0) break;
    }
    return { seen: [...new Set(counts)].sort((a, b) => a - b), double };
  });
  assert.equal(shown.double, 0, "a view of the chat shows a hole or a double");
  assert.deepEqual(shown.seen, Array.from({ length: said }, (_, i) => i + 1));
  assert.deepEqual(page.problems, []);
});
