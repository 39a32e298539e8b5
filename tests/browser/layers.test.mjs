// A picture in layers: a browser publishes three sizes, and each viewer has the one that its line carries.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hear, publish, sent, shown, watch } from "./layered.mjs";
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

/** All three sizes leave their host. */
async function flow(host) {
  const layers = await host.evaluate(sent);
  return ["q", "h", "f"].every((it) => layers[it]?.frames > 20);
}

for (const codec of ["H264", "VP8"]) {
  test(`B15: of three layers of ${codec} each viewer has what its line carries`, { timeout: 240_000 }, async () => {
    await line.set({ down: { rate: "none" } });
    const host = await opened(studio);
    await host.evaluate(publish, "/whip", key, codec);
    await until("three layers", () => flow(host), 40_000);
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

for (const codec of ["H264", "VP8"]) {
  test(`B15: where packets are lost at random the picture of ${codec} is the best one all the same`, { timeout: 180_000 }, async () => {
    await line.set({ both: { loss: "5%", delay: "40ms" }, down: { rate: "none" } });
    const host = await opened(studio);
    await host.evaluate(publish, "/whip", key, codec);
    await until("three layers", () => flow(host), 40_000);
    const page = await opened(viewers, true);
    await page.evaluate(watch, `/api/v1/rooms/${slug}/whep`);
    const best = async () => (await page.evaluate(shown)).height === 720;
    console.log(codec, `at the best layer after ${(await until("the best layer", best, 40_000)).toFixed(0)} ms`);
    // A browser says what it makes of its line after five seconds, and that may be mistaken now and then.
    const from = (await page.evaluate(shown)).frames;
    let large = 0;
    for (let last = from; last < from + 250;) {
      const { height, frames } = await page.evaluate(shown);
      if (height === 720) large += frames - last;
      last = frames;
    }
    console.log(codec, `${large} of 250 pictures in 720 lines`);
    assert.ok(large >= 125, `${large} of 250 pictures`);
    await until("the best layer", best, 60_000);
    await line.set({ both: { loss: "0", delay: "0ms" } });
    for (const it of [page, host]) await it.close();
  });
}

test("W7, W8: a player by WHEP hears of the layers and chooses the one that it is sent", { timeout: 180_000 }, async () => {
  const host = await opened(studio);
  await host.evaluate(publish, "/whip", key, "VP8");
  const page = await opened(viewers);
  const whep = `/api/v1/rooms/${slug}/whep`;
  await until("something to watch", () => page.evaluate(watch, whep).then(() => true, () => false), 40_000);
  await page.evaluate(hear);
  const layers = async () => (await page.evaluate(() => window.heard.layers))?.["0"] ?? [];
  await until("three layers that flow", async () => (await layers()).filter((it) => it.bitrate > 0).length === 3, 60_000);
  const told = await layers();
  console.log("told", JSON.stringify(told));
  assert.deepEqual(told.map((it) => [it.width, it.height]), [[1280, 720], [640, 360], [320, 180]]);
  assert.deepEqual(await page.evaluate(() => Object.keys(window.heard).sort()), ["active", "layers", "viewercount"]);
  assert.ok((await page.evaluate(() => window.heard.viewercount.viewercount)) >= 1);
  const wishes = [[{ rid: told[2].rid }, 180], [{ maxHeight: 400 }, 360], [{ mediaId: "0", encodingId: told[1].rid }, 360], [{}, 720]];
  for (const [wish, height] of wishes) {
    assert.equal(await page.evaluate((it) => window.choose(it), wish), 200);
    const took = await until(JSON.stringify(wish), async () => (await page.evaluate(shown)).height === height, 40_000);
    console.log(JSON.stringify(wish), `at ${height} after ${took.toFixed(0)} ms`);
  }
  assert.equal(await page.evaluate(() => window.choose({ rid: "hd" })), 422);
  await host.close();
  await until("that it is over", () => page.evaluate(() => window.heard.inactive !== undefined), 60_000);
  await page.close();
});
