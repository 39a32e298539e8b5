/** In the stand-in build: what one missed, how often a digest comes, and handing the circle over. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, PHONE, serious, standIn, tooWide } from "./on.mjs";
import { handOver } from "./states.mjs";

let engine;
before(async () => (engine = await standIn()));
after(() => engine?.close());

const at = (path, check, view = PHONE) => engine.on({ path }, view, check);
const says = (page, words) => page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: 10_000 }, words);
const VIEWS = [[PHONE, "light", "zh-TW"], [PHONE, "dark", "en"], [DESK, "light", "en"], [DESK, "dark", "zh-CN"]];

test("who missed a broadcast is told by one card, which leads to what is left of it and is put away", { timeout: 60_000 }, async () => {
  await at("/", async (page) => {
    await page.waitForSelector("[data-missed]");
    const links = await page.$$eval("[data-missed] a", (all) => all.map((it) => it.getAttribute("href")));
    assert.equal(links.length, 2);
    assert.equal(links[0], "/t/recap");
    assert.match(links[1], /^\/r\/ended\/b\/b0$/);
    await says(page, "回答了 4 个提问");
    assert.equal(await page.$("a[href='/r/ended/b/b_1']"), null, "it stands there once");
    await page.click("[data-act=missed-away]");
    await page.waitForFunction(() => document.querySelector("[data-missed]") === null);
    // Another page and back: it stays away.
    await page.click("a[href='/talk']");
    await page.waitForFunction(() => location.pathname === "/talk");
    await page.goBack();
    await page.waitForFunction(() => document.querySelectorAll("main section").length > 2);
    assert.equal(await page.$("[data-missed]"), null);
  });
  for (const who of ["guest", "nobody"]) {
    await at(`/?who=${who}`, async (page) => {
      await says(page, "刚刚结束");
      assert.equal(await page.$("[data-missed]"), null);
    });
  }
});

test("a member chooses how often a digest comes, and one click ends it", { timeout: 60_000 }, async () => {
  await at("/notices", async (page) => {
    await page.waitForSelector("[data-digest] input");
    const chosen = () => page.$$eval("[data-digest] input", (all) => all.map((it) => it.checked));
    assert.deepEqual(await chosen(), [false, false, true]);
    await page.$eval("[data-digest] input", (it) => it.click());
    assert.deepEqual(await chosen(), [true, false, false]);
  });
  await at("/mail/stop?of=m_me&seal=x&what=digest", (page) => says(page, "不再寄摘要？"));
  await at("/mail/stop?of=m_me&seal=x", async (page) => {
    await page.waitForSelector("[data-act=mail-stop]");
    assert.ok(!(await page.$eval("main", (it) => it.innerText)).includes("摘要"));
  });
});

test("the owner hands the circle over to somebody, with the password", { timeout: 60_000 }, async () => {
  await at("/members?who=owner", async (page) => {
    await handOver(page, "周", "wrong");
    await says(page, "密码不对");
    await page.type("dialog[open] input[autocomplete=current-password]", "right");
    await page.click("[data-act=hand-over-now]");
    await page.waitForSelector("[data-handed]");
    await says(page, "现在是圈主，你是管理员");
  }, DESK);
  await at("/members?who=member", async (page) => {
    await page.waitForSelector("main > *");
    assert.equal(await page.$("[data-act=hand-over]"), null);
  });
});

test("each of them is readable, in both themes and all languages", { timeout: 180_000 }, async () => {
  for (const [view, theme, language] of VIEWS) {
    const look = async (page) => {
      assert.deepEqual(await serious(page), [], `${theme} ${language}`);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
    };
    const shown = { ...view, theme, language };
    await at("/", async (page) => (await page.waitForSelector("[data-missed]"), await look(page)), shown);
    await at("/notices", async (page) => (await page.waitForSelector("[data-digest] input"), await look(page)), shown);
    await at("/members?who=owner", async (page) => (await handOver(page, "周"), await look(page)), shown);
  }
});
