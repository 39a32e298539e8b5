// Topics in real browsers: many write while many read and nobody reloads; a chat exchange becomes a topic, an answer is told
// where one is, and what one asked for ships with thanks (the member's journey, steps 12, 13 and 21).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Crowd } from "./crowd.mjs";
import { World, fill, password } from "./world.mjs";

/** As the specification has it where WEIQUAN_QUIET says that the machine does nothing else (make soak); else a tenth of it. */
const { READERS, WRITERS, REPLIES, SECONDS, WAITS_MS } = process.env.WEIQUAN_QUIET
  ? { READERS: 2_000, WRITERS: 50, REPLIES: 300, SECONDS: 180, WAITS_MS: 400 }
  : { READERS: 200, WRITERS: 20, REPLIES: 60, SECONDS: 20, WAITS_MS: 2_000 };

let world;
before(async () => {
  world = await World.start();
  await world.setUp("hall", "大厅");
});
after(() => world?.end());

const says = (page, words, ms = 10_000) =>
  page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: ms, polling: 50 }, words);
const click = (page, selector) => page.waitForSelector(selector, { timeout: 20_000 }).then((it) => it.evaluate((it) => it.click()));
const uuid = () => crypto.randomUUID();

async function start(wish, token = world.owner) {
  return world.post("/api/v1/topics", { cid: uuid(), kind: "discussion", text: "开头", guests: true, tags: [], ...wish }, token);
}

async function signUp(name) {
  return (await world.post("/api/v1/accounts", { name, password })).token;
}

async function signedIn(name, path, size) {
  const page = await world.page(await world.browser(), { language: "zh-CN", ...size });
  await page.goto(`${world.base}/sign-in?then=${encodeURIComponent(path)}`);
  await fill(page, 'input[autocomplete="username"]', name);
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await page.waitForFunction((it) => location.pathname === it, { timeout: 20_000 }, path.split("?")[0]);
  return page;
}

/** How long a key that is pressed would have waited at the longest. */
function beats() {
  let last = performance.now();
  window.waited = 0;
  const beat = () => {
    const now = performance.now();
    window.waited = Math.max(window.waited, now - last);
    last = now;
    setTimeout(beat, 10);
  };
  beat();
}

test(`${REPLIES} replies of ${WRITERS} in ${SECONDS} s, while ${READERS} read: nobody reloads, nothing freezes, every page ends equal`, { timeout: 400_000 }, async () => {
  await signUp("小安");
  const { room } = await start({ title: "今天的花市" });
  const path = `/t/${room}`;
  const host = await signedIn("林小满", path);
  const ann = await signedIn("小安", path, { width: 390, height: 780 });
  const guest = await world.page(await world.browser(), { language: "zh-CN" });
  await guest.goto(`${world.base}${path}`);
  const pages = [host, ann, guest];
  for (const page of pages) {
    await page.waitForSelector(".topic");
    await page.evaluate(beats);
  }
  await ann.type(".box textarea", "写到一半");
  const crowd = await Crowd.of(world, READERS + WRITERS);
  const talk = crowd.talk(room, { viewers: READERS, writers: WRITERS, rate: REPLIES / SECONDS, joinRate: 200, seconds: SECONDS });
  talk.catch(() => {});
  // In the middle of it somebody replies by hand, and everybody sees it at once.
  await host.waitForFunction(() => document.querySelectorAll("article[data-seq]").length > 5, { timeout: 120_000, polling: 100 });
  await host.type(".box textarea", "从页面里说的");
  await click(host, ".box .main");
  await Promise.all(pages.map(async (page) => {
    await page.$eval(".scroll", (it) => (it.scrollTop = it.scrollHeight));
    await page.waitForFunction(() => {
      const box = document.querySelector(".scroll");
      box.scrollTop = box.scrollHeight;
      return document.body.innerText.includes("从页面里说的");
    }, { timeout: 10_000, polling: 50 });
  }));
  const report = await talk;
  assert.ok(report.acked >= REPLIES * 0.9, `${report.acked} replies`);

  const history = (await world.history(room)).filter((it) => it.k === "msg");
  const tail = history.slice(-5).map((it) => it.s);
  for (const page of pages) {
    await page.waitForFunction((seq) => {
      const box = document.querySelector(".scroll");
      box.scrollTop = box.scrollHeight;
      return document.querySelector(`article[data-seq="${seq}"]`) !== null;
    }, { timeout: 20_000, polling: 100 }, tail.at(-1));
    const shown = await page.$$eval("article[data-seq]", (all) => all.map((it) => [Number(it.dataset.seq), it.innerText]));
    assert.deepEqual(shown.slice(-5).map((it) => it[0]), tail);
    const texts = new Map(shown);
    for (const it of history.slice(-5)) assert.ok(texts.get(it.s).includes(it.b.text.slice(0, 20)), `${it.b.text} in ${texts.get(it.s)}`);
    const waited = await page.evaluate(() => window.waited);
    assert.ok(waited > 0 && waited < WAITS_MS, `it stood still for ${waited} ms, or was loaded again`);
    assert.deepEqual(page.problems, []);
  }
  assert.equal(await ann.$eval(".box textarea", (it) => it.value), "写到一半");
  console.log(`${report.acked} replies; pages stood still for ${(await Promise.all(pages.map((it) => it.evaluate(() => Math.round(window.waited))))).join(", ")} ms at most`);
});

test("12, 13: an exchange in the chat becomes a topic with credit to both, and an answer in it is told where one is", { timeout: 120_000 }, async () => {
  const [bei, su] = [await signUp("小北"), await signUp("小苏")];
  await signUp("小吴");
  const wu = await signedIn("小吴", "/r/hall", { width: 390, height: 780 });
  await wu.waitForSelector(".chat textarea");
  for (const [name, words] of [["小北", "哪家的花最新鲜？"], ["小苏", "东门第二家，早上去"]]) {
    const page = await signedIn(name, "/r/hall");
    await (await page.waitForSelector(".chat textarea")).type(words);
    await page.keyboard.press("Enter");
    await says(wu, words);
    await page.close();
  }
  await click(wu, '::-p-xpath(//button[contains(@class, "act")][contains(parent::*, "哪家的花最新鲜")])');
  await click(wu, "dialog[open] [data-act=make-topic]");
  const second = await wu.waitForSelector('::-p-xpath(//*[@data-key][contains(., "东门第二家")]//*[@data-act="select"])');
  await second.evaluate((it) => it.click());
  await click(wu, "[data-act=select-start]");
  await wu.waitForFunction(() => document.querySelectorAll("[data-quote]").length === 2, { timeout: 20_000 });
  await click(wu, "form .main");
  await wu.waitForFunction(() => location.pathname.startsWith("/t/"), { timeout: 20_000 });
  await says(wu, "小北、小苏");
  await says(wu, "东门第二家，早上去");
  const room = (await wu.evaluate(() => location.pathname)).slice(3);
  for (const token of [bei, su]) {
    const { notices } = await world.get("/api/v1/notices", token);
    assert.deepEqual(notices.map((it) => [it.kind, it.room]), [["credit", room]]);
  }
  await wu.type(".box textarea", "几点合适？");
  await click(wu, ".box .main");
  await says(wu, "几点合适？");
  // Wu is elsewhere when the answer comes.
  const answer = await signedIn("小苏", `/t/${room}`);
  await click(answer, '::-p-xpath(//article[contains(., "几点合适")]//*[@data-act="reply"])');
  await wu.goto(`${world.base}/r/hall`);
  await wu.waitForSelector(".chat textarea");
  const waiting = Number(await wu.$eval(".bell .n", (it) => it.textContent).catch(() => "0"));
  await answer.type(".box textarea", "七点，我带路");
  await click(answer, ".box .main");
  await answer.waitForFunction(() => [...document.querySelectorAll("article.sent, article[data-seq]")].some((it) => it.innerText.includes("七点，我带路")), { timeout: 5_000, polling: 20 });
  await wu.waitForFunction((n) => Number(document.querySelector(".bell .n")?.textContent ?? 0) === n + 1, { timeout: 1_000, polling: 20 }, waiting);
  assert.deepEqual([...wu.problems, ...answer.problems], []);
});

test("21: what was found by search and wished for ships, with thanks to who asked", { timeout: 120_000 }, async () => {
  const { room } = await start({ kind: "feedback", title: "花市地图能不能导航", text: "找不到东门" });
  await signUp("小何");
  const he = await signedIn("小何", "/search?q=" + encodeURIComponent("导航"));
  await click(he, `[data-hit^="${room}"]`);
  await click(he, "[data-act=like-topic]");
  await he.waitForFunction(() => document.querySelector("[data-act=like-topic]")?.getAttribute("aria-pressed") === "true", { timeout: 10_000 });
  const host = await signedIn("林小满", `/t/${room}`);
  await click(host, "[data-act=manage]");
  await click(host, "dialog[open] input[value=shipped]");
  await click(host, "[data-act=save-status]");
  await says(he, "感谢提出和支持的");
  assert.match(await he.$eval("[data-thanks]", (it) => it.textContent), /小何/);
  await he.goto(`${world.base}/notices`);
  await says(he, "更新了“花市地图能不能导航”");
  await says(he, "已上线");
  assert.deepEqual([...he.problems, ...host.problems], []);
});
