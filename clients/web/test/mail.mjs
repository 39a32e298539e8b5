/** Letters in the stand-in build: the address, which kinds come, the links of letters, a new password. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, PHONE, standIn } from "./on.mjs";

let engine;
before(async () => (engine = await standIn()));
after(() => engine?.close());

const at = (path, check, view = DESK) => engine.on({ path }, view, check);
const says = (page, words) => page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: 10_000 }, words);

test("L1: an address is asked for, waits for its link, and is taken back", { timeout: 60_000 }, async () => {
  await at("/notices?mail=none", async (page) => {
    await page.waitForSelector(".mail input");
    assert.equal(await page.$("[data-mail]"), null, "no kinds where no letters come");
    await page.type(".mail input", "lin@example.org");
    await page.keyboard.press("Enter");
    await says(page, "邮件正寄往 lin@example.org");
    await page.click("[data-act=mail-remove]");
    await page.waitForSelector(".mail input");
  }, PHONE);
});

test("L2: each kind has its two ways, and they are told apart", { timeout: 60_000 }, async () => {
  await at("/notices", async (page) => {
    await page.waitForSelector("[data-mail=reply]");
    const names = await page.$$eval("[data-kind=reply], [data-mail=reply]", (all) => all.map((it) => it.getAttribute("aria-label")));
    assert.equal(new Set(names).size, 2, "a screen reader hears which is which");
    const ways = () => page.$eval("[data-kind=reply]", (it) => it.checked).then(async (push) => [push, await page.$eval("[data-mail=reply]", (it) => it.checked)]);
    assert.deepEqual(await ways(), [true, true]);
    await page.click("[data-mail=reply]");
    await page.waitForFunction(() => !document.querySelector("[data-mail=reply]").checked);
    assert.deepEqual(await ways(), [true, false]);
  });
});

test("L2: an address that is refused says so, and one tap asks for another letter", { timeout: 60_000 }, async () => {
  await at("/notices?mail=fails", async (page) => {
    await says(page, "拒收了");
    await page.click("[data-act=mail-again]");
    await says(page, "邮件正寄往 lin@example.org");
  });
});

test("L1: the link of a letter confirms, and an old one says what to do", { timeout: 60_000 }, async () => {
  await at("/mail/confirm#new", async (page) => {
    await says(page, "以后的邮件会寄到 lin@example.org");
  });
  await at("/mail/confirm#old", async (page) => {
    await says(page, "这个链接已失效");
    await page.click("main .btn.main");
    await page.waitForFunction(() => location.pathname === "/notices");
  });
});

test("L2: looking at the end of letters ends nothing; the button does, once", { timeout: 60_000 }, async () => {
  await at("/mail/stop?of=m_me&seal=x", async (page) => {
    await page.waitForSelector("[data-act=mail-stop]");
    const asked = [];
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (request.method() !== "POST") return void request.continue();
      asked.push(new URL(request.url()).search);
      void request.respond({ status: 204 });
    });
    await page.click("[data-act=mail-stop]");
    await says(page, "不会再寄邮件了");
    assert.deepEqual(asked, ["?of=m_me&seal=x"]);
  });
});

test("L3: a forgotten password: the way there, the letter, the new one; the link leaves the address bar", { timeout: 60_000 }, async () => {
  await at("/sign-in?who=nobody", async (page) => {
    await page.waitForSelector(".forgot");
    await page.click(".forgot");
    await page.waitForSelector("main form input[autocomplete=username]");
    await page.type("main form input", "林小满");
    await page.keyboard.press("Enter");
    await says(page, "邮件就在路上了");
  });

  await at("/password?who=nobody#old", async (page) => {
    await page.waitForSelector("input[type=password]");
    assert.equal(await page.evaluate(() => location.hash), "");
    await page.type("input[type=password]", "correct horse battery");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-act=new-letter]");
    await page.click("[data-act=new-letter]");
    await page.waitForSelector("main form input[autocomplete=username]");
  });

  await at("/password?who=nobody#new", async (page) => {
    await page.waitForSelector("input[type=password]");
    await page.type("input[type=password]", "correct horse battery");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => location.pathname === "/");
  });
});

test("a password is changed by who knows it", { timeout: 60_000 }, async () => {
  await at("/password", async (page) => {
    await page.waitForSelector("input[autocomplete=current-password]");
    const set = async (current) => {
      await page.$eval("input[autocomplete=current-password]", (it) => (it.value = ""));
      await page.type("input[autocomplete=current-password]", current);
      await page.keyboard.press("Enter");
    };
    await page.type("input[autocomplete=new-password]", "correct horse battery");
    await set("wrong");
    await says(page, "现在的密码不对");
    await set("right");
    await says(page, "密码已更改");
  }, PHONE);
});
