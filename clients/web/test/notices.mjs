/** Naming people and the inbox, in the stand-in build: by keys, by finger, and what a screen reader is told. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium, freshPage } from "./chromium.mjs";
import { serve } from "./serve.mjs";

let server;
let engine;
before(async () => {
  server = await serve(join(import.meta.dirname, "../dist-fake"));
  engine = await chromium();
});
after(async () => {
  await engine?.close();
  server?.close();
});

async function at(path, wide = 1360) {
  const opened = await freshPage(engine.browser, { width: wide, height: 820, theme: "light", language: "zh-CN" });
  await opened.page.goto(server.address + path);
  return opened;
}

const written = (page) => page.$eval("textarea", (it) => it.value);

test("N1: @ offers people, Enter takes one and does not send, the next Enter sends", { timeout: 60_000 }, async () => {
  const { page, close } = await at("/r/live");
  await page.waitForSelector("textarea");
  await page.type("textarea", "谢谢 @");
  await page.waitForSelector("#mention-pick li[aria-selected=true]");
  const names = await page.$$eval("#mention-pick li", (all) => all.map((it) => it.querySelector(".cut").textContent));
  await page.keyboard.press("ArrowDown");
  await page.waitForSelector("#mention-1[aria-selected=true]");
  assert.equal(await page.$eval("textarea", (it) => it.getAttribute("aria-activedescendant")), "mention-1");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => !document.querySelector("#mention-pick"));
  assert.equal(await written(page), `谢谢 @${names[1]} `);
  await page.type("textarea", "@");
  await page.waitForSelector("#mention-pick");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("#mention-pick"));
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("textarea").value === "");
  const to = await page.evaluate(() => window.fakeRoom.view.get().messages.at(-1).to.map((it) => it.name));
  assert.deepEqual(to, [names[1]]);
  await close();
});

test("N1: a finger takes one, and the keyboard stays", { timeout: 60_000 }, async () => {
  const { page, close } = await at("/r/live", 360);
  await page.waitForSelector("textarea");
  await page.type("textarea", "@");
  await page.waitForSelector("#mention-pick li");
  await page.tap("#mention-pick li");
  await page.waitForFunction(() => /^@.+ $/.test(document.querySelector("textarea").value));
  assert.ok(await page.evaluate(() => document.activeElement === document.querySelector("textarea")));
  await close();
});

test("N4: the bell counts, the inbox shows by day, and all is seen at a tap", { timeout: 60_000 }, async () => {
  const { page, close } = await at("/");
  await page.waitForSelector(".bell .n");
  assert.equal(await page.$eval(".bell .n", (it) => it.textContent), "7");
  await page.click(".bell");
  await page.waitForSelector("[data-notice]");
  const kinds = await page.$$eval("[data-notice]", (all) => all.map((it) => it.dataset.notice));
  assert.deepEqual(kinds, ["owner", "credit", "changed", "accepted", "mention", "picked", "reply", "live", "reminder", "reply"]);
  assert.equal(await page.$eval("[data-notice=mention] a", (it) => it.getAttribute("href")), "/r/live?s=104");
  assert.equal(await page.$eval("[data-notice=accepted] a", (it) => it.getAttribute("href")), "/t/matched?s=4");
  assert.equal(await page.$eval("[data-notice=credit] a", (it) => it.getAttribute("href")), "/t/exchange?s=2");
  assert.equal(await page.$eval("[data-notice=owner] a", (it) => it.getAttribute("href")), "/members");
  for (const notice of await page.$$("[data-notice]")) assert.ok(await notice.isVisible());
  await page.click("[data-act=all-seen]");
  await page.waitForFunction(() => !document.querySelector(".bell .n") && !document.querySelector(".unread"));
  await page.click("[data-kind=live]");
  await page.waitForFunction(() => document.querySelector("[data-kind=live]").checked);
  await close();
});

test("N5: one is reminded at a tap, and the calendar is a link", { timeout: 60_000 }, async () => {
  const { page, close } = await at("/r/scheduled");
  await page.waitForSelector("[data-act=remind]");
  await page.click("[data-act=remind]");
  await page.waitForSelector("[data-act=remind][aria-pressed=true]");
  assert.equal(await page.$eval("[data-act=calendar]", (it) => it.getAttribute("href")), "/api/v1/rooms/scheduled/broadcast.ics");
  await close();
});
