// Pictures and voice notes from one browser into another, by the real server: added or recorded, uploaded, said, seen and heard, deleted.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, fill, password } from "./world.mjs";

let world, slug, host, viewer;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  ({ host, viewer } = await world.inRoom(slug));
});
after(() => world?.end());

test("a pasted picture is seen by everybody, and gone with its message", { timeout: 90_000 }, async () => {
  await host.evaluate(async () => {
    const canvas = new OffscreenCanvas(900, 600);
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#c93a26";
    pen.fillRect(0, 0, 900, 600);
    const picture = new File([await canvas.convertToBlob()], "beach.png", { type: "image/png" });
    const data = new DataTransfer();
    data.items.add(picture);
    document.querySelector(".write").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await host.waitForSelector(".write li input");
  await host.type(".chat textarea", "从窗口看出去");
  await host.keyboard.press("Enter");

  await viewer.waitForFunction(() => document.querySelector(".log .image img")?.naturalWidth > 0, { timeout: 20_000 });
  const seen = await viewer.$eval(".log .image", (it) => ({ width: it.clientWidth, words: it.closest(".m").innerText }));
  assert.ok(seen.width > 200, `${seen.width} px wide`);
  assert.match(seen.words, /从窗口看出去/);
  assert.ok(!seen.words.includes("["), "what stands in for the picture is not said beside it");

  await viewer.click(".log .image");
  await viewer.waitForFunction(() => document.querySelector("dialog[open] img")?.naturalWidth === 900);
  await viewer.keyboard.press("Escape");
  await viewer.waitForFunction(() => !document.querySelector("dialog[open]"));

  await host.$eval(".log .m .act", (it) => it.click());
  await (await host.waitForSelector("dialog[open] .act.grave")).click();
  await (await host.waitForSelector("dialog[open] .foot .btn:last-child")).click();
  await viewer.waitForFunction(() => !document.querySelector(".log .image"));
});

/** Presses play beside what somebody said, and waits until it is heard to go on. */
async function hear(page, words) {
  const at = `::-p-xpath(//*[self::article or contains(@class, "m")][contains(., "${words}")]//audio/..//button[contains(@class, "icon")][following-sibling::*[name()="svg"]])`;
  await (await page.waitForSelector(at, { timeout: 20_000 })).evaluate((it) => it.click());
  await page.waitForFunction(() => [...document.querySelectorAll("audio")].some((it) => it.currentTime > 0.2), { timeout: 20_000, polling: 50 });
}

/** Records for two seconds, with the microphone of a browser that has one. */
async function record(page) {
  const press = async (act) => (await page.waitForSelector(`[data-act=${act}]:not([disabled])`, { timeout: 20_000 })).evaluate((it) => it.click());
  await press("attach");
  await press("voice");
  await page.waitForFunction(() => (document.querySelector(".recorder .num")?.textContent ?? "") >= "0:02", { timeout: 20_000, polling: 50 });
  await press("recorded");
}

test("a voice note is recorded and heard by others, in a room and in a reply to a topic", { timeout: 120_000 }, async () => {
  const page = await world.page(await world.browser({ camera: true }), { language: "zh-CN" });
  await page.goto(`${world.base}/sign-in?then=/r/${slug}`);
  await fill(page, 'input[autocomplete="username"]', "林小满");
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".chat textarea");
  await record(page);
  await page.waitForSelector(".write li", { timeout: 20_000 });
  await page.type(".chat textarea", "房间里说的");
  await page.waitForFunction(() => !document.querySelector(".write .main")?.disabled, { timeout: 20_000, polling: 50 });
  await page.keyboard.press("Enter");
  await hear(viewer, "房间里说的");

  const wish = { cid: crypto.randomUUID(), kind: "discussion", title: "用耳朵读", text: "请听", guests: true };
  const { room } = await world.post("/api/v1/topics", wish, world.owner);
  await page.goto(`${world.base}/t/${room}`);
  await page.waitForSelector(".box textarea");
  await page.type(".box textarea", "话题里说的");
  await record(page);
  await page.waitForSelector(".box li input", { timeout: 20_000 });
  await (await page.waitForSelector(".box .main:not([disabled])", { timeout: 20_000 })).evaluate((it) => it.click());
  await viewer.goto(`${world.base}/t/${room}`);
  await hear(viewer, "话题里说的");
  const length = await viewer.$eval("article .voice .num", (it) => it.textContent);
  assert.match(length, /^0:0[1-4]$/, "the server's own finding of how long it is");
  assert.deepEqual(page.problems, []);
});
