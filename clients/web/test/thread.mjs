/** A thread beside the talk, in the stand-in build: where it stands, what stays in reach, and where the focus goes. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DESK, PHONE, inRoom, serious, standIn, tooWide } from "./on.mjs";

const WIDE = { ...DESK, width: 1680, height: 900 };
const OPENER = "[data-key='s104'] .thread";
const life = inRoom("life");
let engine;
before(async () => (engine = await standIn()));
after(() => engine?.close());

const on = (view, check) => engine.on(life, view, check);

async function open(page) {
  await page.waitForSelector(OPENER);
  await page.focus(OPENER);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".dock li");
}

const box = (page, selector) => page.$eval(selector, (it) => {
  const { left, right, top, bottom, width } = it.getBoundingClientRect();
  return { left, right, top, bottom, width };
});
const focused = (page, selector) => page.waitForFunction((it) => document.activeElement?.matches(it), { timeout: 5_000 }, selector);
const gone = (page) => page.waitForFunction(() => !document.querySelector(".dock"));
/** Where Tab leads, as often as asked. */
async function tabs(page, n) {
  const places = [];
  for (let turn = 0; turn < n; turn++) {
    await page.keyboard.press("Tab");
    places.push(await page.evaluate(() => document.activeElement.closest(".dock, .chat, dialog")?.className.split(" ")[0] ?? "page"));
  }
  return places;
}

describe("a thread on a desk", () => {
  test("stands in the place of the talk; the picture stays, and nothing is modal", () =>
    on(DESK, async (page) => {
      const before = await box(page, "video");
      const talk = await box(page, ".chat");
      await open(page);
      assert.deepEqual(await box(page, "video"), before, "the picture is where it was");
      assert.deepEqual(await box(page, ".dock"), talk, "the panel lies where the talk is");
      assert.equal(await page.$("dialog[open]"), null);
      assert.equal(await page.$eval(".chat", (it) => it.inert), true, "what is covered is out of reach");
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      const onTop = (x, y) => page.evaluate((x, y) => !!document.elementFromPoint(x, y).closest(".stage"), x, y);
      assert.ok(await onTop((before.left + before.right) / 2, (before.top + before.bottom) / 2), "nothing lies over the picture");
    }));

  test("takes the focus, and Escape gives it back", () =>
    on(DESK, async (page) => {
      await open(page);
      await focused(page, ".dock h2");
      const places = await tabs(page, 12);
      assert.ok(places.includes("dock") && places.includes("page") && !places.includes("chat"), places.join());
      await page.focus(".dock textarea");
      await page.keyboard.press("Escape");
      await gone(page);
      await focused(page, OPENER);
      assert.equal(await page.$eval(".chat", (it) => it.inert), false);
    }));

  test("opened from a message's menu, it gives the focus back to the message", () =>
    on(DESK, async (page) => {
      await page.focus("[data-key='s104'] .act");
      await page.keyboard.press("Enter");
      await (await page.waitForSelector("dialog[open] [data-act=thread]")).click();
      await page.waitForSelector(".dock li");
      await focused(page, ".dock h2");
      await page.click(".dock .head button");
      await gone(page);
      await focused(page, "[data-key='s104'] .act");
    }));

  test("is answered by keys, and a sheet above it takes Escape first", () =>
    on(DESK, async (page) => {
      await open(page);
      await page.focus(".dock textarea");
      await page.keyboard.type("我也这样想");
      const escape = { key: "Escape", isComposing: true, bubbles: true, cancelable: true };
      await page.$eval(".dock textarea", (it, escape) => it.dispatchEvent(new KeyboardEvent("keydown", escape)), escape);
      assert.equal(await page.$eval(".dock textarea", (it) => it.value), "我也这样想", "an input method keeps its Escape");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.querySelector(".dock ol").textContent.includes("我也这样想"));
      await page.click(".stage .line");
      await page.waitForSelector("dialog[open]");
      await page.keyboard.press("Escape");
      await page.waitForFunction(() => !document.querySelector("dialog[open]"));
      assert.ok(await page.$(".dock"), "the thread is still there");
    }));

  test("leaves the address and the way back alone", () =>
    on(DESK, async (page) => {
      const [address, steps] = [page.url(), await page.evaluate(() => history.length)];
      await open(page);
      assert.equal(page.url(), address);
      assert.equal(await page.evaluate(() => history.length), steps);
    }));
});

describe("on a wide desk", () => {
  test("stage, talk and thread stand in a row, all in reach", () =>
    on(WIDE, async (page) => {
      await open(page);
      const [stage, talk, thread] = [await box(page, ".stage"), await box(page, ".chat"), await box(page, ".dock")];
      assert.ok(stage.right <= talk.left && talk.right <= thread.left, "none covers another");
      assert.ok(stage.width > 760, `${stage.width} px of stage`);
      assert.ok(talk.width > 340 && thread.width > 340, `${talk.width} and ${thread.width} px`);
      assert.equal(await page.$eval(".chat", (it) => it.inert), false);
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      // Escape belongs to whoever writes in the talk.
      await page.focus(".chat textarea");
      await page.keyboard.press("Escape");
      assert.ok(await page.$(".dock"));
      await page.focus(".dock .head button");
      await page.keyboard.press("Escape");
      await gone(page);
    }));
});

describe("in the studio", () => {
  for (const [how, view] of [["on a desk", DESK], ["on a wide desk", WIDE]]) {
    test(`${how} it lies over the talk, and the preview keeps its place`, () =>
      engine.on({ path: "/r/life/studio?who=host" }, view, async (page) => {
        await page.waitForSelector(".chat");
        const [talk, first] = [await box(page, ".chat"), await box(page, ".first")];
        await open(page);
        assert.deepEqual(await box(page, ".dock"), talk);
        assert.deepEqual(await box(page, ".first"), first);
        assert.equal(await page.$eval(".chat", (it) => it.inert), true);
      }));
  }
});

describe("on a phone", () => {
  const sheet = (view) =>
    on(view, async (page) => {
      await page.waitForSelector(OPENER);
      await page.$eval(OPENER, (it) => it.click());
      await page.waitForSelector("dialog[open] ol li");
      assert.equal(await page.$(".dock"), null);
      await page.keyboard.press("Escape");
      await page.waitForFunction(() => !document.querySelector("dialog[open]"));
    });
  test("it is a sheet, upright", () => sheet(PHONE));
  test("it is a sheet, sideways", () => sheet({ ...PHONE, width: 844, height: 390 }));

  test("turned into a desk, what was written is still there", () =>
    on({ ...PHONE, touch: false }, async (page) => {
      await page.waitForSelector(OPENER);
      await page.$eval(OPENER, (it) => it.click());
      await page.waitForSelector("dialog[open] textarea");
      await page.type("dialog[open] textarea", "写到一半");
      await page.setViewport({ width: 1360, height: 820 });
      await page.waitForSelector(".dock textarea");
      assert.equal(await page.$eval(".dock textarea", (it) => it.value), "写到一半");
    }));
});
