// A picture in layers: a browser publishes three sizes, and each viewer has the one that its line carries.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { publish, sent, shown, watch } from "./layered.mjs";
import { Line, throughRelay } from "./line.mjs";
import { World, until } from "./world.mjs";

let world, line, slug, key, studio, viewers;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  key = await world.streamKey(slug);
  line = await Line.open(world.ports[0], world.ports[3]);
  studio = await world.browser({ camera: true });
  viewers = await world.browser();
});
after(async () => {
  line?.close();
  await world?.end();
});

async function opened(browser, relayed) {
  const page = await world.page(browser);
  if (relayed) await page.evaluateOnNewDocument(throughRelay, world.ports[3], line.udp);
  await page.goto(`${world.base}/api/v1/check`);
  return page;
}

for (const codec of ["H264", "VP8"]) {
  test(`B15: of three layers of ${codec} each viewer has what its line carries`, { timeout: 240_000 }, async () => {
    await line.set({ down: { rate: "none" } });
    const host = await opened(studio);
    await host.evaluate(publish, "/whip", key, codec);
    await until("three layers", async () => {
      const layers = await host.evaluate(sent);
      return ["q", "h", "f"].every((it) => layers[it]?.frames > 20);
    }, 40_000);
    console.log(codec, "sent", JSON.stringify(await host.evaluate(sent)));
    const whep = `/api/v1/rooms/${slug}/whep`;
    const [wide, narrow] = [await opened(viewers), await opened(viewers, true)];
    await wide.evaluate(watch, whep);
    await narrow.evaluate(watch, whep);
    for (const page of [wide, narrow]) {
      const took = await until("the best layer", async () => (await page.evaluate(shown)).height === 720, 40_000);
      console.log(codec, `at the best layer after ${took.toFixed(0)} ms`);
    }
    await line.set({ down: { rate: "200kbit", queue: "24kib" } });
    const down = await until("a lower layer", async () => (await narrow.evaluate(shown)).height < 720, 40_000);
    console.log(codec, `narrowed to 200 kbit/s: at ${(await narrow.evaluate(shown)).height} after ${down.toFixed(0)} ms`);
    assert.ok(down < 8_000, `${down} ms`);
    // It keeps playing there; the other one notices nothing.
    const low = (await narrow.evaluate(shown)).frames;
    await until("pictures there", async () => (await narrow.evaluate(shown)).frames > low + 20, 40_000);
    await narrow.evaluate(() => (window.watching.gaps.length = 0));
    const before = await narrow.evaluate(shown);
    await new Promise((done) => setTimeout(done, 8_000));
    const after = await narrow.evaluate(shown);
    const worst = await narrow.evaluate(() => Math.max(...window.watching.gaps.slice(1)));
    console.log(codec, `over 8 s at ${after.height}: ${after.frames - before.frames} pictures, the longest wait ${worst.toFixed(0)} ms`);
    assert.ok(after.height < 720, `${after.height}`);
    assert.ok(after.frames - before.frames > 40, JSON.stringify([before, after]));
    assert.ok(worst < 1_000, `the picture stood still for ${worst} ms`);
    await until("the best layer for the other one", async () => (await wide.evaluate(shown)).height === 720, 15_000);
    await line.set({ down: { rate: "none" } });
    const up = await until("the best layer again", async () => (await narrow.evaluate(shown)).height === 720, 60_000);
    console.log(codec, `widened: at the best layer after ${up.toFixed(0)} ms`);
    const last = (await wide.evaluate(shown)).frames;
    await until("pictures for both", async () => (await wide.evaluate(shown)).frames > last + 20, 40_000);
    for (const page of [wide, narrow, host]) await page.close();
  });
}
