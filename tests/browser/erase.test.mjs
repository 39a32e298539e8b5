// A member erases their account in a real browser (DATA-5, step 23 of the member's journey): they say goodbye, and whoever reads finds
// 已注销 where their name was, and all they wrote.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, fill, password } from "./world.mjs";

let world;
before(async () => {
  world = await World.start();
  await world.setUp("hall", "大厅");
});
after(() => world?.end());

const NAME = "吴小舟";
const says = (page, words, ms = 20_000) =>
  page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: ms, polling: 50 }, words);
const click = (page, selector) => page.waitForSelector(selector, { timeout: 20_000 }).then((it) => it.evaluate((it) => it.click()));
const shown = (page) => page.evaluate(() => document.body.innerText);

test("Wu erases the account: goodbye, 已注销 in the topic and in the room, the thread whole", { timeout: 120_000 }, async () => {
  const wu = (await world.post("/api/v1/accounts", { name: NAME, password })).token;
  const wish = { kind: "discussion", title: "周末骑车", text: "九点北门集合，@吴小舟", guests: true, tags: [] };
  const { room } = await world.post("/api/v1/topics", { cid: crypto.randomUUID(), ...wish }, wu);

  const page = await world.page(await world.browser(), { language: "zh-CN", width: 390, height: 800 });
  await page.goto(`${world.base}/sign-in?then=${encodeURIComponent("/r/hall")}`);
  await fill(page, 'input[autocomplete="username"]', NAME);
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await page.waitForSelector("textarea", { timeout: 20_000 });
  await fill(page, "textarea", "大家好");
  await page.keyboard.press("Enter");
  await says(page, "大家好");
  // Somebody else has the room open meanwhile.
  const reader = await world.page(await world.browser(), { language: "zh-CN", width: 1280, height: 800 });
  await reader.goto(`${world.base}/r/hall`);
  await says(reader, NAME);
  await page.goto(`${world.base}/erase`);
  await fill(page, "input[name=name]", NAME);
  await fill(page, 'input[autocomplete="current-password"]', password);
  await click(page, "[data-act=erase]");
  await page.waitForSelector("[data-erased]", { timeout: 20_000 });
  await says(page, "你已离开");
  // Nothing here is theirs any more.
  await click(page, "[data-erased] a");
  await page.waitForFunction(() => location.pathname === "/", { timeout: 20_000 });
  await says(page, "登录");
  assert.ok(!(await shown(page)).includes(NAME), "the browser that they used says no name");

  // Whoever looked on saw it happen, and reads on.
  await says(reader, "已注销");
  assert.ok((await shown(reader)).includes("大家好") && !(await shown(reader)).includes(NAME), await shown(reader));
  // The app, and the page for who runs no script.
  await reader.goto(`${world.base}/t/${room}`);
  await says(reader, "九点北门集合");
  await says(reader, "已注销");
  // What they wrote themselves stays as written; in no other place is the name.
  assert.equal((await shown(reader)).split(NAME).length - 1, 1, await shown(reader));
  await reader.goto(`${world.base}/r/hall`);
  await says(reader, "大家好");
  await says(reader, "已注销");
  assert.ok(!(await shown(reader)).includes(NAME));
  const html = await (await fetch(`${world.base}/t/${room}`, { headers: { "accept-language": "en" } })).text();
  assert.ok(html.includes("Deleted account") && html.includes("九点北门集合"));
  assert.equal(html.split(NAME).length - 1, html.split(`@${NAME}`).length - 1, "only in their own words");

  // Nobody signs in by what they knew.
  await page.goto(`${world.base}/sign-in`);
  await fill(page, 'input[autocomplete="username"]', NAME);
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await says(page, "名字或密码不对");
});
