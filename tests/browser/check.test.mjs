// The check page against the whole server: a good line is green, a blocked media port is red, in seconds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World } from "./world.mjs";

let world;

before(async () => {
  world = await World.start();
  await world.setUp();
});
after(() => world?.end());

/** What the page says once it has a verdict: the verdict, the lines with their levels and words, and the time it took. */
async function checked(page, as) {
  const began = performance.now();
  await page.goto(`${world.base}/check${as === "host" ? "?as=host" : ""}`);
  await page.waitForSelector('.verdict:not([data-verdict="waiting"])', { timeout: 20_000 });
  const tookMs = performance.now() - began;
  const lines = await page.$$eval("[data-line]", (all) =>
    Object.fromEntries(all.map((it) => [it.dataset.line, { level: it.dataset.level, say: it.querySelector("small").textContent }])));
  const verdict = await page.$eval("[data-verdict]", (it) => it.dataset.verdict);
  console.log(`${as}: ${verdict} after ${Math.round(tookMs)} ms: ${JSON.stringify(lines)}`);
  return { verdict, lines, tookMs };
}

test("a host on a good line is told that it will work", { timeout: 60_000 }, async () => {
  const page = await world.page(await world.browser({ camera: true }));
  const { lines, tookMs } = await checked(page, "host");
  for (const name of ["secure", "socket", "publish", "sends", "camera", "microphone"]) assert.equal(lines[name].level, "good", name);
  assert.match(lines.publish.say, /^\d+ ms/);
  assert.match(lines.upload.say, /Mbit\/s by TCP/);
  assert.ok(tookMs < 15_000, `it took ${tookMs} ms`);
  assert.deepEqual(page.problems, []);
});

/** The candidates of ports where nobody listens: what a firewall that drops all to these looks like. */
async function block(page, ...ways) {
  await page.setRequestInterception(true);
  page.on("request", async (request) => {
    if (!request.url().endsWith("/api/v1/check")) return request.continue();
    const point = await (await fetch(request.url())).json();
    for (const way of ways) point[way] = point[way].replaceAll(/ \d+ typ host/g, " 9 typ host");
    await request.respond({ contentType: "application/json", body: JSON.stringify(point) });
  });
}

test("a host is told that the port for going live is closed, though watching works", { timeout: 60_000 }, async () => {
  const page = await world.page(await world.browser({ camera: true }));
  await block(page, "publish_sdp", "publish_tcp_sdp");
  const { verdict, lines } = await checked(page, "host");
  assert.equal(verdict, "bad");
  assert.equal(lines.publish.level, "bad");
  assert.match(lines.publish.say, /rtc\.publish_port/);
  assert.equal(lines.socket.level, "good");
  // Who came to watch is not kept from it by that.
  const watching = await checked(page, "viewer");
  assert.equal(watching.lines.media.level, "good");
  assert.notEqual(watching.verdict, "bad");
});

test("a viewer is told that the picture comes by TCP, when UDP is blocked", { timeout: 60_000 }, async () => {
  const page = await world.page(await world.browser());
  await block(page, "sdp");
  const { verdict, lines } = await checked(page, "viewer");
  assert.equal(verdict, "fair");
  assert.equal(lines.media.level, "fair");
  assert.match(lines.media.say, /by TCP: it works.* \d+ ms/);
});

test("a viewer is told why a picture would not come, when TCP is blocked too", { timeout: 60_000 }, async () => {
  const page = await world.page(await world.browser());
  await block(page, "sdp", "tcp_sdp");
  const { verdict, lines } = await checked(page, "viewer");
  assert.equal(verdict, "bad");
  assert.equal(lines.media.level, "bad");
  assert.match(lines.media.say, /UDP/);
  assert.equal(lines.socket.level, "good");
});
