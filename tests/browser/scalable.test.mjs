// A picture in layers within one stream (SVC): Chromium publishes it, Chromium and Firefox are shown all of it. It runs in a
// network of its own (alone.sh), because Firefox leaves loopback out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { firefox } from "./firefox.mjs";
import { DESCRIPTOR, publish, sent, shown, watch } from "./scalable.mjs";
import { World, until } from "./world.mjs";

/** An RTP header without extensions, and what the shortest descriptor adds to it. */
const [HEADER, EXTENSION] = [12, 8];
/** Pictures, each layer counted: some ten seconds. */
const MANY = 300;

let world, slug, host, key, viewers, fox;

before(async () => {
  world = await World.start({ listen: "0.0.0.0" });
  slug = await world.setUp();
  key = await world.streamKey(slug);
  host = await opened(await world.browser({ camera: true }));
  viewers = await world.browser();
  fox = await firefox(world);
});
after(() => world?.end());

async function opened(browser, address = "/api/v1/check") {
  const page = await world.page(browser);
  await page.goto(world.base + address);
  return page;
}

/** Publishes, until the picture has all of its lines. A slow machine cuts layers off and says so in the mode. */
async function published(codec, mode) {
  await host.evaluate(publish, "/whip", key, codec, mode);
  const isWhole = async () => ((it) => it.frames > 15 && it.height === 360)(await host.evaluate(sent));
  await until(`a whole picture of ${codec}`, isWhole, 30_000);
  console.log(codec, "sent", JSON.stringify(await host.evaluate(sent)));
}

/** Twenty pictures of full height from now on, without a wish for a keyframe in between. */
async function moves(page, what) {
  await until(`${what}: full height`, async () => (await page.evaluate(shown)).height === 360, 30_000);
  const before = await page.evaluate(shown);
  await until(`${what}: pictures`, async () => (await page.evaluate(shown)).frames >= before.frames + 20, 20_000);
  const seen = await page.evaluate(shown);
  console.log(what, JSON.stringify({ ...seen, extensions: seen.extensions.length }));
  assert.equal(seen.plis, before.plis, `${what} asked for a keyframe`);
  return { ...seen, header: (seen.headers - before.headers) / (seen.packets - before.packets) };
}

test("B20: AV1 in layers within one stream is shown whole, and goes on with who publishes next", { timeout: 180_000 }, async () => {
  await published("AV1", "L3T3_KEY");
  const whep = `/api/v1/rooms/${slug}/whep`;
  const [player, old, app] = [await opened(viewers), await opened(fox), await opened(viewers, `/r/${slug}`)];
  await player.evaluate(watch, whep, DESCRIPTOR);
  await old.evaluate(watch, whep);
  for (const [page, what] of [[player, "Chromium"], [app, "the web app"]]) {
    const seen = await moves(page, what);
    assert.ok(seen.extensions.includes(DESCRIPTOR), JSON.stringify(seen));
    assert.ok(seen.header >= HEADER + EXTENSION, `${seen.header} bytes of header`);
  }
  // Firefox takes no descriptor, and does without.
  const seen = await moves(old, "Firefox");
  assert.ok(!seen.extensions.includes(DESCRIPTOR));
  // The pictures of the next one are numbered from the beginning, and a browser takes none that is numbered lower than before: left
  // as they are, nothing would be seen before as many were sent again.
  await until("many pictures", async () => (await host.evaluate(sent)).frames > MANY, 60_000);
  await published("AV1", "L3T3");
  for (const [page, what] of [[player, "Chromium"], [app, "the web app"], [old, "Firefox"]]) {
    const before = (await page.evaluate(shown)).frames;
    await until(`${what}: the next one's pictures`, async () => (await page.evaluate(shown)).frames > before + 5, 30_000);
  }
  const { frames } = await host.evaluate(sent);
  assert.ok(frames < MANY, `${frames} pictures were sent before all were shown five`);
  for (const page of [player, app, old]) await page.close();
});

test("B20: VP9 in layers within one stream is shown whole with the descriptor and without", { timeout: 180_000 }, async () => {
  await published("VP9", "L3T3_KEY");
  const whep = `/api/v1/rooms/${slug}/whep`;
  const pages = [await opened(viewers), await opened(viewers), await opened(fox)];
  await pages[0].evaluate(watch, whep, DESCRIPTOR);
  for (const page of pages.slice(1)) await page.evaluate(watch, whep);
  const [takes, plain, old] = [await moves(pages[0], "Chromium"), await moves(pages[1], "Chromium as it comes"), await moves(pages[2], "Firefox")];
  assert.ok(takes.header >= HEADER + EXTENSION, `${takes.header} bytes of header`);
  for (const it of [plain, old]) assert.ok(it.header < HEADER + EXTENSION, `${it.header} bytes of header`);
  for (const page of pages) await page.close();
});
