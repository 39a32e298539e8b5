/** What only a browser can say of the search, against the stand-in build: typing, the address, going back, keys, every way it may go. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DESK, PHONE, standIn } from "./on.mjs";
import { settle } from "./states.mjs";

let engine;
before(async () => (engine = await standIn()));
after(() => engine?.close());

const on = (path, view, check) => engine.on({ path }, view, check);
const FIELD = "input[type=search]";
const hits = (page) => page.$$eval("a[data-hit]", (all) => all.map((it) => it.dataset.hit));
const found = (page) => page.waitForSelector("a[data-hit]");
const address = (page) => page.evaluate(() => decodeURIComponent(location.pathname + location.search));
const at = (page, search) => page.waitForFunction((it) => decodeURIComponent(location.search) === it, {}, search);
const asked = (page) => page.evaluate(() => (window.searches ?? []).map((it) => it.q ?? ""));
const said = (page) => page.$eval("[role=status].count", (it) => it.textContent);
const focused = (page) => page.evaluate(() => document.activeElement?.dataset.hit ?? document.activeElement?.name ?? document.activeElement?.tagName);

describe("the field", () => {
  test("is ready at once, asks once the fingers rest, and the address says it", () =>
    on("/search", DESK, async (page) => {
      await page.waitForFunction((it) => document.activeElement?.matches(it), {}, FIELD);
      await page.keyboard.type("弱关系", { delay: 20 });
      await found(page);
      assert.deepEqual(await asked(page), ["弱关系"]);
      assert.equal(await address(page), "/search?q=弱关系");
      assert.deepEqual(await page.$$eval("a[data-hit] mark", (all) => [...new Set(all.map((it) => it.textContent))]), ["弱关系"]);
      assert.match(await said(page), /^找到 \d+ 条$/);
      await page.reload();
      await found(page);
      assert.equal(await page.$eval(FIELD, (it) => it.value), "弱关系");
    }));

  test("asks nothing while an input method composes, and the whole word afterwards", () =>
    on("/search", DESK, async (page) => {
      await page.waitForSelector(FIELD);
      const line = await page.createCDPSession();
      for (const text of ["r", "ru", "ruo"]) await line.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
      await settle(400);
      assert.deepEqual(await asked(page), []);
      await line.send("Input.insertText", { text: "弱" });
      await found(page);
      assert.deepEqual(await asked(page), ["弱"]);
    }));

  test("never shows an older answer in place of a newer one, and gives the older one up", () =>
    on("/search?q=late", DESK, async (page) => {
      await page.waitForFunction(() => window.searches?.length === 1);
      await page.click(FIELD, { clickCount: 3 });
      await page.keyboard.type("公约");
      await found(page);
      const before = await hits(page);
      assert.deepEqual(await page.evaluate(() => window.searches.map((it) => [it.q, it.given])), [["late", true], ["公约", false]]);
      await settle(1_000);
      assert.deepEqual(await hits(page), before);
    }));

  test("is emptied by Escape, which leaves the page the next time", () =>
    on("/talk", DESK, async (page) => {
      await (await page.waitForSelector("header [data-act=search]")).click();
      await page.waitForSelector(FIELD);
      await page.keyboard.type("弱关系");
      await found(page);
      await page.keyboard.press("Escape");
      await page.waitForSelector(".start");
      assert.equal(await address(page), "/search");
      await page.keyboard.press("Escape");
      await page.waitForFunction(() => location.pathname === "/talk");
    }));
});

describe("the ways in", () => {
  test("a key outside of fields, from home", () =>
    on("/", DESK, async (page) => {
      await page.waitForSelector("header [data-act=search]");
      await page.keyboard.press("/");
      await page.waitForSelector(FIELD);
      assert.equal(await page.$eval(FIELD, (it) => it.value), "");
    }));

  test("a slash that is written, or stands over a sheet, is none", () =>
    on("/r/idle", DESK, async (page) => {
      await page.waitForSelector("textarea");
      await page.focus("textarea");
      await page.keyboard.type("1/2");
      assert.equal(await page.$eval("textarea", (it) => it.value), "1/2");
      await page.$eval("[data-act=share]", (it) => it.click());
      await page.waitForSelector("dialog[open]");
      await page.keyboard.press("/");
      await settle(100);
      assert.equal(await address(page), "/r/idle");
    }));

  test("none from the studio: nobody on air is led away by a key", () =>
    on("/r/studio/studio?who=host", DESK, async (page) => {
      await page.waitForSelector(".pick button");
      assert.equal(await page.$("header [data-act=search]"), null);
      await page.keyboard.press("/");
      await settle(100);
      assert.equal(await page.evaluate(() => location.pathname), "/r/studio/studio");
    }));

  test("a room and a topic search within themselves, and the page says their title", () =>
    on("/r/things", PHONE, async (page) => {
      await (await page.waitForSelector("header [data-act=search]")).click();
      await page.waitForSelector("[data-filter=room]");
      assert.equal(await address(page), "/search?room=things");
      await page.type(FIELD, "大连接");
      await found(page);
      assert.ok((await hits(page)).every((it) => it.startsWith("things ")));
      await page.click("[data-filter=room] button");
      await at(page, "?q=大连接");
      await page.waitForFunction(() => [...document.querySelectorAll("a[data-hit]")].some((it) => !it.dataset.hit.startsWith("things ")));
    }));

  test("a topic's own menu, and that of who wrote in it", () =>
    on("/t/weakties?s=3", DESK, async (page) => {
      await (await page.waitForSelector("[data-seq='3'] [data-act=more]")).click();
      await (await page.waitForSelector("dialog[open] [data-act=search]")).click();
      await found(page);
      assert.equal(await address(page), "/search?room=weakties&author=m_yang");
      assert.ok((await page.$$eval("a[data-hit] .name", (all) => all.map((it) => it.textContent))).every((it) => it === "杨柳"));
    }));
});

describe("what narrows it down", () => {
  test("stands in the address, and goes away at a tap", () =>
    on("/search?q=大连接", DESK, async (page) => {
      await found(page);
      const all = (await hits(page)).length;
      await page.click("[data-has=image]");
      await at(page, "?q=大连接&has=image");
      await page.waitForFunction((all) => document.querySelectorAll("a[data-hit]").length < all, {}, all);
      await page.select("[data-filter=when] select", "week");
      await at(page, "?q=大连接&has=image&from=week");
      await page.click("[data-filter=when] button");
      await page.click("[data-has=image]");
      await at(page, "?q=大连接");
      await page.waitForFunction((all) => document.querySelectorAll("a[data-hit]").length === all, {}, all);
      const [, , other] = await page.$$eval("[data-filter=author] option", (options) => options.map((it) => it.value));
      await page.select("[data-filter=author] select", other);
      await at(page, `?q=大连接&author=${other}`);
      await page.waitForFunction((all) => document.querySelectorAll("a[data-hit]").length < all, {}, all);
      assert.ok((await page.$$("[data-filter=author] option")).length > 2, "another one can be chosen still");
    }));

  test("goes back by the address", () =>
    on("/search?q=大连接&has=card", DESK, async (page) => {
      await found(page);
      await page.click("header .brand");
      await page.waitForSelector(".home");
      await page.goBack();
      await found(page);
      assert.deepEqual(await hits(page), ["things 105"]);
      assert.equal(await page.$eval("[data-has=card]", (it) => it.getAttribute("aria-pressed")), "true");
    }));
});

describe("what was found", () => {
  test("leads to the message in its topic; back is where one was, without asking again", () =>
    on("/search?q=many", PHONE, async (page) => {
      await found(page);
      for (let turn = 0; turn < 3; turn++) {
        const before = (await hits(page)).length;
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
        await page.waitForFunction((before) => document.querySelectorAll("a[data-hit]").length > before, {}, before);
      }
      const n = (await hits(page)).length;
      await page.$$eval("a[data-hit]", (all) => all[45].scrollIntoView({ block: "center" }));
      await settle(300);
      const place = () => page.$$eval("a[data-hit]", (all) => Math.round(all[45].getBoundingClientRect().top));
      const [before, times] = [await place(), (await asked(page)).length];
      await page.$$eval("a[data-hit]", (all) => all[45].click());
      await page.waitForFunction(() => location.pathname === "/r/long" && location.search === "?s=9955");
      await page.waitForSelector("[data-key='s9955'], .log");
      await page.goBack();
      await found(page);
      await settle(400);
      assert.equal((await hits(page)).length, n);
      assert.ok(Math.abs((await place()) - before) <= 4, `${before} became ${await place()}`);
      assert.equal((await asked(page)).length, times);
    }));

  test("opens at the reply that was found", () =>
    on("/search?q=咖啡店", DESK, async (page) => {
      await (await found(page)).click();
      await page.waitForFunction(() => location.pathname === "/t/weakties");
      await page.waitForSelector("[data-seq='3'].lit");
    }));

  test("is gone through by arrows, opened by Enter, and the words are kept for the next time", () =>
    on("/search?q=公约", DESK, async (page) => {
      await found(page);
      const all = await hits(page);
      await page.focus(FIELD);
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      assert.equal(await focused(page), all[1]);
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("ArrowUp");
      assert.equal(await focused(page), "q");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => location.pathname.startsWith("/t/"));
      await page.goto(`${engine.address}/search`);
      await page.waitForSelector("[data-act=forget]");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await found(page);
      assert.equal(await address(page), "/search?q=公约");
      await page.click("[data-act=clear]");
      await (await page.waitForSelector("[data-act=forget]")).click();
      await page.waitForFunction(() => !document.querySelector("[data-act=forget]"));
      assert.equal(await page.evaluate(() => Object.keys(localStorage).filter((it) => it.includes("search")).length), 0);
    }));

  test("goes on by itself from pages with few hits, and says so", () =>
    on("/search?q=rare", DESK, async (page) => {
      await page.waitForSelector(".foot .looks");
      assert.ok((await hits(page)).length < 5);
      await page.waitForFunction(() => document.querySelectorAll("a[data-hit]").length === 5 && !document.querySelector(".looks"));
      assert.equal(await said(page), "找到 5 条");
    }));

  test("comes by scrolling up to a limit, then at a tap", () =>
    on("/search?q=many", DESK, async (page) => {
      await found(page);
      for (let n = (await hits(page)).length; n < 200; n = (await hits(page)).length) {
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
        await page.waitForFunction((n) => document.querySelectorAll("a[data-hit]").length > n, {}, n);
      }
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      await settle(400);
      assert.equal((await hits(page)).length, 200);
      await page.click("[data-act=more]");
      await page.waitForFunction(() => document.querySelectorAll("a[data-hit]").length > 200);
    }));
});

describe("where it does not get through", () => {
  test("too many searches: says how long, and goes on by itself", () =>
    on("/search?q=soon", DESK, async (page) => {
      await page.waitForSelector("[data-trouble=wait]");
      assert.match(await page.$eval("[data-trouble] p", (it) => it.textContent), /[12] 秒/);
      await found(page);
    }));

  test("no network: one button, and by itself once there is one", () =>
    on("/search?q=once", DESK, async (page) => {
      await page.waitForSelector("[data-act=retry]");
      await page.evaluate(() => dispatchEvent(new Event("online")));
      await found(page);
    }));

  test("a guest is told that there is more, and finds the way in and back", () =>
    on("/search?q=送给&who=guest", PHONE, async (page) => {
      await page.waitForSelector("[data-trouble=none]");
      assert.match(await page.$eval(".guest a", (it) => it.href), /sign-in\?then=%2Fsearch%3Fq%3D/);
      await page.goto(`${engine.address}/search?q=送给&who=member`);
      await found(page);
      assert.equal(await page.$(".guest"), null);
    }));
});
