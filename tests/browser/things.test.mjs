// A picture from one browser into another, by the real server: added, uploaded, said, seen, looked at closely, deleted.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World } from "./world.mjs";

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
