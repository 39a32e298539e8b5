/** The end of an account in the stand-in build: what is asked, what is refused, and the goodbye. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, PHONE, serious, standIn, tooWide } from "./on.mjs";
import { eraseAs } from "./states.mjs";

let engine;
before(async () => (engine = await standIn()));
after(() => engine?.close());

const at = (path, check, view = PHONE) => engine.on({ path }, view, check);
const says = (page, words) => page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: 10_000 }, words);

test("DATA-5: the menu leads to it, it says what goes and what stays, and asks for the name and the password", { timeout: 60_000 }, async () => {
  await at("/?who=member", async (page) => {
    await page.click("header > button:last-of-type");
    await page.waitForSelector("dialog[open] a[href='/erase']");
    await page.click("dialog[open] a[href='/erase']");
    await page.waitForSelector("[data-act=erase]");
    await says(page, "会消失的");
    await says(page, "会留下的");
    assert.equal(await page.$eval("input[value=keep]", (it) => it.checked), true, "nothing more than asked for goes");
    // Another name: nothing happens, and it is said.
    await eraseAs(page, "别人", "right");
    await says(page, "这不是你在这里的名字");
    await page.$eval("input[name=name]", (it) => ((it.value = ""), it.dispatchEvent(new Event("input", { bubbles: true }))));
    await page.$eval("input[autocomplete=current-password]", (it) => ((it.value = ""), it.dispatchEvent(new Event("input", { bubbles: true }))));
    await eraseAs(page, "何夕", "wrong");
    await says(page, "密码不对");
    await page.$eval("input[autocomplete=current-password]", (it) => ((it.value = ""), it.dispatchEvent(new Event("input", { bubbles: true }))));
    await page.type("input[autocomplete=current-password]", "right");
    await page.click("input[value=remove]");
    await page.click("[data-act=erase]");
    await says(page, "你已离开");
    await says(page, "正在删除");
    await page.click("[data-erased] a");
    await page.waitForFunction(() => location.pathname === "/");
  });
});

test("DATA-5: the only owner is told why not, and who is not signed in where to", { timeout: 60_000 }, async () => {
  await at("/erase?who=owner", async (page) => {
    await eraseAs(page, "许知远", "right");
    await says(page, "请先到成员页把圈子移交给别人");
  }, DESK);
  await at("/erase?who=guest", async (page) => {
    await says(page, "登录后才能注销账号");
    assert.equal(await page.$("[data-act=erase]"), null);
  });
});

test("DATA-5: each of its faces is readable, in both themes and all languages", { timeout: 120_000 }, async () => {
  for (const [view, theme, language] of [[PHONE, "light", "zh-TW"], [PHONE, "dark", "en"], [DESK, "light", "en"], [DESK, "dark", "zh-CN"]]) {
    await at("/erase", async (page) => {
      await page.waitForSelector("[data-act=erase]");
      assert.equal(await page.$eval("[data-act=export-me]", (it) => it.getAttribute("href")), "/api/v1/me/export");
      assert.deepEqual(await serious(page), [], `${theme} ${language}`);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      await eraseAs(page, "何夕", "right");
      await page.waitForSelector("[data-erased]");
      assert.deepEqual(await serious(page), [], `${theme} ${language}, the goodbye`);
    }, { ...view, theme, language });
  }
});
