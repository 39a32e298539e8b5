// A page that saves data in the real browser: long messages come deflated, and it shows the same.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World } from "./world.mjs";

let world, slug, writer;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  writer = await world.writer(slug);
  for (let n = 1; n <= 30; n++) writer.say(`第${n}条：今晚几点开始抽奖？`);
  await writer.settled();
});
after(() => world?.end());

/** A page of a guest in the room, with what came over its socket, and whether it loaded what inflates. */
async function opened(saving) {
  const page = await world.page(await world.browser(), { width: 390, height: 780 });
  await page.evaluateOnNewDocument((it) => localStorage.setItem("weiquan.saving", it), saving);
  const came = { text: 0, binary: 0, textBytes: 0, binaryBytes: 0 };
  const line = await page.createCDPSession();
  await line.send("Network.enable");
  line.on("Network.webSocketFrameReceived", ({ response: { opcode, payloadData } }) => {
    const [kind, bytes] = opcode === 2 ? ["binary", Buffer.from(payloadData, "base64").length] : ["text", Buffer.byteLength(payloadData)];
    came[kind]++;
    came[`${kind}Bytes`] += bytes;
  });
  let loaded = false;
  page.on("request", (it) => (loaded ||= /\/inflate-[^/]*\.js$/.test(it.url())));
  await page.goto(`${world.base}/r/${slug}`);
  await shows(page, "第30条：今晚几点开始抽奖？");
  return { page, came, loaded: () => loaded };
}

const shows = (page, words) => page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: 20_000 }, words);

test("who saves data hears the same in half of the bytes", { timeout: 90_000 }, async () => {
  const [plain, small] = [await opened("off"), await opened("on")];
  writer.say("现在开始！".repeat(12));
  await writer.settled();
  for (const { page } of [plain, small]) {
    await shows(page, "现在开始！".repeat(12));
    assert.deepEqual(page.problems, []);
  }
  assert.deepEqual([plain.came.binary, plain.loaded()], [0, false]);
  assert.ok(small.came.binary >= 2 && small.loaded(), JSON.stringify(small.came));
  const bytes = ({ came }) => came.textBytes + came.binaryBytes;
  console.log(`${bytes(plain)} bytes as text, ${bytes(small)} with ${small.came.binary} messages deflated`);
  assert.ok(bytes(small) < bytes(plain) / 2);
});

test("who cannot be given what it needs hears text", { timeout: 90_000 }, async () => {
  const page = await world.page(await world.browser(), { width: 390, height: 780 });
  await page.evaluateOnNewDocument(() => localStorage.setItem("weiquan.saving", "on"));
  await page.setRequestInterception(true);
  let refused = 0;
  page.on("request", (it) => (/\/inflate-/.test(it.url()) ? (refused++, it.abort()) : it.continue()));
  await page.goto(`${world.base}/r/${slug}`);
  await shows(page, "第30条：今晚几点开始抽奖？");
  assert.ok(refused > 0);
});
