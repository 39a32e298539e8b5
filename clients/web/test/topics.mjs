/** What only a browser can say of topics, against the stand-in build: reading, replying, quoting, starting one, long ones. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DESK, PHONE, serious, standIn, tooWide } from "./on.mjs";
import { settle } from "./states.mjs";

let engine;
before(async () => (engine = await standIn()));
after(() => engine?.close());

const on = (path, view, check) => engine.on({ path }, view, check);
const rows = (page) => page.$$eval(".scroll [data-key]", (all) => all.length);
const top = (page, seq) => page.$eval(`[data-seq="${seq}"]`, (it) => Math.round(it.getBoundingClientRect().top));
const hear = (page, text) => page.evaluate((it) => window.fakeRoom.hear(it), text);
const places = (page) => page.evaluate(() => window.places ?? []);
const inSight = (page, selector) =>
  page.$eval(selector, (it) => {
    const [row, box] = [it.getBoundingClientRect(), it.closest(".scroll").getBoundingClientRect()];
    return row.top >= box.top - 1 && row.top < box.bottom;
  });

describe("a topic", () => {
  test("opens at the first unread reply, under the line that says since when", () =>
    on("/t/weakties", PHONE, async (page) => {
      await page.waitForSelector(".since");
      await settle(200);
      assert.ok(await inSight(page, ".since"));
      assert.ok(await inSight(page, "[data-seq='11']"));
    }));

  test("opens where its address says", () =>
    on("/t/weakties?s=6", PHONE, async (page) => {
      await page.waitForSelector("[data-seq='6'].lit");
      await settle(200);
      assert.ok(await inSight(page, "[data-seq='6']"));
    }));

  test("opens at what became of it, where a notice leads there", () =>
    on("/t/planned?s=7", PHONE, async (page) => {
      await page.waitForSelector(".change.lit");
      await settle(200);
      assert.ok(await inSight(page, ".change.lit"));
    }));

  test("that is hot becomes a live room at a tap, and says so to those who talk in it", () =>
    on("/t/weakties?s=2", DESK, async (page) => {
      await page.waitForSelector("[data-act=talk-live]");
      await page.evaluate(() => Object.assign(window, { there: window.fakeRoom }));
      await page.click("[data-act=talk-live]");
      await page.waitForFunction(() => location.pathname === "/r/studio/studio");
      const said = await page.evaluate(() => window.there.view.get().messages.at(-1));
      assert.ok(said.mine);
      assert.match(said.text, /\[.+\]\(https?:\/\/[^)]+\/r\/studio\)$/);
    }));

  test("says how far one has read, a while after and when one leaves, and never more than was in sight", () =>
    on("/t/weakties", PHONE, async (page) => {
      await page.waitForSelector(".since");
      await settle(1_900);
      const [first] = await places(page);
      assert.equal(first?.[0], "weakties");
      assert.ok(first[1] >= 11 && first[1] < 14, `${first}`);
      await page.$eval(".scroll", (it) => (it.scrollTop = it.scrollHeight));
      await settle(200);
      await page.click("header .brand");
      await page.waitForSelector(".home");
      assert.deepEqual((await places(page)).at(-1), ["weakties", 14]);
    }));

  test("does not move while one reads, and counts what came", () =>
    on("/t/weakties?s=3", PHONE, async (page) => {
      await page.waitForSelector("[data-seq='3'].lit");
      await settle(200);
      const before = await top(page, 3);
      for (const text of ["又来一条", "再来一条"]) await hear(page, text);
      await page.waitForSelector("[data-act=new]");
      assert.equal(await top(page, 3), before);
      assert.match(await page.$eval("[data-act=new]", (it) => it.textContent), /2/);
      await page.click("[data-act=new]");
      await page.waitForFunction(() => document.querySelector(".scroll").textContent.includes("再来一条"));
      await page.waitForFunction(() => !document.querySelector("[data-act=new]"));
    }));

  test("takes a reply by keys alone: grey at once, then sent, in sight, and the draft is gone", () =>
    on("/t/weakties?s=2", DESK, async (page) => {
      await page.waitForSelector(".box textarea");
      await page.focus(".box textarea");
      await page.keyboard.type("第一段");
      await page.keyboard.press("Enter");
      await page.keyboard.type("第二段");
      await page.keyboard.down("Control");
      await page.keyboard.press("Enter");
      await page.keyboard.up("Control");
      await page.waitForSelector("article.pending");
      assert.ok(await inSight(page, "article.pending"));
      await page.waitForFunction(() => !document.querySelector("article.pending"));
      assert.equal(await page.$eval(".box textarea", (it) => it.value), "");
    }));

  test("keeps the draft over a reload, and an answer stands under what it answers", () =>
    on("/t/weakties?s=3", DESK, async (page) => {
      await page.waitForSelector("[data-seq='3'] [data-act=reply]");
      await page.type(".box textarea", "写到一半");
      await page.reload();
      await page.waitForSelector("[data-seq='3'] [data-act=reply]");
      assert.equal(await page.$eval(".box textarea", (it) => it.value), "写到一半");
      await page.click("[data-seq='3'] [data-act=reply]");
      await page.click(".box .main");
      await page.waitForSelector("article.nested.sent:not([data-seq='4']):not([data-seq='5'])");
      const order = await page.$$eval("article", (all) => all.map((it) => it.textContent.includes("写到一半")));
      assert.equal(order.indexOf(true), 3, "behind the answers that were there");
    }));

  test("quotes what is selected", () =>
    on("/t/weakties?s=3", DESK, async (page) => {
      await page.waitForSelector("[data-quotable='3'] p");
      await page.$eval("[data-quotable='3'] p", (it) => {
        const range = document.createRange();
        const words = [...it.childNodes].find((node) => node.nodeType === 3 && node.length > 10);
        range.setStart(words, 0);
        range.setEnd(words, 11);
        document.getSelection().addRange(range);
      });
      await (await page.waitForSelector("[data-act=quote]")).click();
      assert.equal(await page.$eval(".box textarea", (it) => it.value), "> 是公司楼下咖啡店的店员\n\n");
      assert.ok(await page.$eval(".box textarea", (it) => it === document.activeElement));
    }));

  test("brings back what was deleted", () =>
    on("/t/matched?s=3", DESK, async (page) => {
      await page.waitForSelector(".box textarea");
      await page.type(".box textarea", "手滑");
      await page.click(".box .main");
      const mine = await page.waitForSelector("article.sent[data-seq='6']");
      await (await mine.$("[data-act=more]")).click();
      await (await page.waitForSelector("dialog[open] [data-act=remove]")).click();
      await settle(200);
      await (await page.waitForSelector("dialog[open] .foot .main")).click();
      await page.waitForSelector("[data-seq='6'] .gone");
      await (await page.waitForSelector(".notes [data-act=undo]")).click();
      await page.waitForFunction(() => !document.querySelector("[data-seq='6'] .gone"));
    }));

  test("is steered by staff: declined with a reason, locked, an answer accepted", () =>
    on("/t/planned?who=owner&s=2", DESK, async (page) => {
      await (await page.waitForSelector("[data-act=manage]")).click();
      await (await page.waitForSelector("dialog[open] input[value=declined]")).click();
      await (await page.waitForSelector("[data-act=save-status]")).click();
      await page.waitForSelector("dialog[open] [role=alert]");
      await page.type("dialog[open] textarea", "人手不够");
      await page.click("[data-act=save-status]");
      await page.waitForFunction(() => document.querySelector(".scroll .say")?.textContent.includes("人手不够"));
      await page.click("dialog[open] [data-act=lock]");
      await page.waitForFunction(() => document.querySelector(".box .line") !== null);
    }));

  test("is merged by staff into one that asks for the same, and stands by itself again", () =>
    on("/t/planned?who=owner&s=2", DESK, async (page) => {
      await (await page.waitForSelector("[data-act=manage]")).click();
      await (await page.waitForSelector("dialog[open] [data-act=merge]")).click();
      await page.waitForSelector("[data-into]");
      assert.deepEqual(await serious(page), []);
      await page.type("dialog[open] input[name=into]", "翻译");
      await page.waitForFunction(() => document.querySelectorAll("[data-into]").length === 1);
      await page.click("[data-into=declined]");
      await settle(200);
      const yes = async () => (await page.waitForSelector("dialog[open] .foot .main")).click();
      await yes();
      await page.waitForSelector("dialog[open] [role=alert]");
      // What was refused is where it was.
      assert.equal(await page.$eval("dialog[open] input[name=into]", (it) => it.value), "翻译");
    }));

  test("that was merged says where it goes on, and nobody writes in it", () =>
    on("/t/twin?who=owner&s=2", PHONE, async (page) => {
      await page.waitForSelector(".say.into a");
      assert.equal(await page.$eval(".say.into a", (it) => it.getAttribute("href")), "/t/planned");
      assert.equal(await page.$(".box textarea"), null);
      assert.equal(await page.$eval(".box .wall a", (it) => it.getAttribute("href")), "/t/planned");
      assert.ok(await page.$eval("[data-act=like-topic]", (it) => it.disabled));
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      await page.click("[data-act=manage]");
      await (await page.waitForSelector("dialog[open] [data-act=part]")).click();
      await page.waitForSelector(".box textarea");
      assert.equal(await page.$(".say.into"), null);
    }));

  test("names those that were merged into it, and what was done", () =>
    on("/t/took?s=2", PHONE, async (page) => {
      await page.waitForSelector(".say.merged");
      assert.deepEqual(await page.$$eval(".say.merged a", (all) => all.map((it) => it.getAttribute("href"))), ["/t/twin", "/t/declined"]);
      assert.match(await page.$eval(".scroll", (it) => it.textContent), /合并了“能不能直接跳到某一天的聊天、旧消息按日子找”/);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
    }));

  test("is split by staff: replies are selected, and go to a topic of their own", () =>
    on("/t/weakties?who=owner&s=3", PHONE, async (page) => {
      await (await page.waitForSelector("[data-seq='4'] [data-act=more]")).click();
      await (await page.waitForSelector("dialog[open] [data-act=make-topic]")).click();
      await (await page.waitForSelector("[data-seq='3'] [data-act=select]")).click();
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      assert.deepEqual(await serious(page), []);
      await page.click("[data-act=select-split]");
      await page.waitForSelector("dialog[open] input[name=title]");
      assert.equal(await page.$eval("dialog[open] input[name=title]", (it) => it.value.slice(0, 11)), "是公司楼下咖啡店的店员");
      assert.deepEqual(await serious(page), []);
      await page.click("dialog[open] input[name=title]", { clickCount: 3 });
      await page.keyboard.press("Backspace");
      await page.click("dialog[open] [data-act=split]");
      await page.waitForSelector("dialog[open] [role=alert]");
      await page.type("dialog[open] input[name=title]", "场地是怎么来的");
      await page.click("dialog[open] [data-act=split]");
      await page.waitForFunction(() => location.pathname === "/t/camping");
      const { path, body } = await page.evaluate(() => window.asked);
      assert.equal(path, "topics/weakties/split");
      assert.deepEqual([body.seqs.sort(), body.title, body.kind, body.board], [[3, 4], "场地是怎么来的", "discussion", "reading"]);
      assert.equal(await page.$("[data-act=select-split]"), null, "nothing is selected any more");
    }));

  test("leaves in the place of what went a line that leads there, and says what was done", () =>
    on("/t/hiking?s=2", PHONE, async (page) => {
      await page.waitForSelector(".moved a");
      assert.deepEqual(await page.$$eval(".moved a", (all) => all.map((it) => it.getAttribute("href"))), ["/t/camping?s=2"]);
      assert.match(await page.$eval(".moved", (it) => it.textContent), /3 条回复已移到《周末去山里，带什么？》/);
      assert.match(await page.$eval(".scroll", (it) => it.textContent), /把 3 条回复拆到了/);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      assert.deepEqual(await serious(page), []);
      await page.click(".moved a");
      await page.waitForSelector(".say.into a");
      assert.equal(await page.$eval(".say.into a", (it) => it.getAttribute("href")), "/t/hiking");
    }));

  test("an address of what went leads to where it is", () =>
    on("/t/hiking?s=5", DESK, async (page) => {
      await page.waitForFunction(() => location.pathname === "/t/camping" && location.search === "?s=3");
      await page.waitForSelector("[data-seq='3']");
    }));

  test("a guest reads it, and finds the door", () =>
    on("/t/weakties?who=guest", PHONE, async (page) => {
      await page.waitForSelector(".box a.main");
      assert.equal(await page.$(".box textarea"), null);
      assert.match(await page.$eval(".box a.main", (it) => it.href), /sign-in\?then=%2Ft%2Fweakties/);
    }));

  test("of ten thousand replies keeps at most 100 rows in the page, and opens at the unread", () =>
    on("/t/much", DESK, async (page) => {
      await page.waitForSelector(".since");
      await settle(300);
      assert.ok(await inSight(page, ".since"));
      let most = 0;
      for (let turn = 0; turn < 40; turn++) {
        await page.$eval(".scroll", (it, turn) => (it.scrollTop += turn % 10 === 9 ? -300_000 : 900), turn);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        most = Math.max(most, await rows(page));
      }
      assert.ok(most > 5 && most <= 100, `${most} rows`);
    }));
});

describe("starting a topic", () => {
  test("keeps everything over a reload and a failure, and is said again with the same client id", () =>
    on("/talk/new", PHONE, async (page) => {
      await page.waitForSelector("input[name=title]");
      await page.click("input[value=offer] + span");
      await page.type("input[name=title]", "This fails once");
      await page.type("textarea[name=text]", "有三本");
      await page.reload();
      await page.waitForSelector("input[name=title]");
      assert.equal(await page.$eval("input[name=title]", (it) => it.value), "This fails once");
      assert.ok(await page.$eval("input[value=offer]", (it) => it.checked));
      const cid = await page.evaluate(() => JSON.parse(localStorage.getItem("weiquan.draft.talk/new")).cid);
      await page.click("form .main");
      await page.waitForSelector("[role=alert]");
      assert.equal(await page.$eval("textarea[name=text]", (it) => it.value), "有三本");
      await page.click("form .main");
      await page.waitForFunction(() => location.pathname === "/t/books");
      assert.equal(await page.evaluate(() => window.startedTopic.cid), cid);
      assert.equal(await page.evaluate(() => localStorage.getItem("weiquan.draft.talk/new")), null);
    }));
});

describe("a recap", () => {
  test("has a draft that is kept by itself, and is posted as what tells of the broadcast", () =>
    on("/r/ended/b/b_1?who=host", PHONE, async (page) => {
      await (await page.waitForSelector("[data-act=write-recap]")).click();
      await page.waitForSelector("textarea[name=text]");
      const text = await page.$eval("textarea[name=text]", (it) => it.value);
      assert.match(text, /12:34.*提问：书里/);
      assert.match(text, /第五章 网络: 61 · 69%/);
      assert.equal(await page.$("input[name=kind]"), null);
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      await page.$eval("textarea[name=text]", (it) => it.setSelectionRange(0, 0));
      await page.type("textarea[name=text]", "谢谢大家。");
      await page.reload();
      await page.waitForSelector(".back .link");
      assert.ok((await page.$eval("textarea[name=text]", (it) => it.value)).startsWith("谢谢大家。"));
      await page.click("form .main");
      await page.waitForFunction(() => location.pathname === "/t/exchange");
      const { kind, recap_of, from } = await page.evaluate(() => window.startedTopic);
      assert.deepEqual([kind, recap_of, from], ["recap", { room: "ended", id: "b_1" }, { room: "ended", seqs: [101, 102] }]);
      // What was begun for another topic is no part of it.
      await page.goto(new URL("/talk/new", page.url()).href);
      await page.waitForSelector("input[name=title]");
      assert.equal(await page.$eval("textarea[name=text]", (it) => it.value), "");
    }));

  test("is where the summary leads once it is there", () =>
    on("/r/ended/b/b_2?who=guest", PHONE, async (page) => {
      await page.waitForSelector("[data-act=recap]");
      assert.equal(await page.$eval("[data-act=recap]", (it) => it.getAttribute("href")), "/t/books");
      assert.equal(await page.$("[data-act=write-recap]"), null);
      assert.match(await page.$eval(".poll", (it) => it.textContent), /下一夜读哪一章/);
    }));
});

describe("what many ask", () => {
  test("is one line for the host, and a topic at a tap", () =>
    on("/r/apart?who=host", PHONE, async (page) => {
      await (await page.waitForSelector(".chat [data-act=questions]")).click();
      await page.waitForSelector("dialog[open] [data-act=asked-topic]");
      assert.match(await page.$eval("dialog[open] section", (it) => it.textContent), /录音什么时候能听？\s*14 人在问/);
      await settle(300);
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      await page.click("dialog[open] [data-act=asked-topic]");
      await page.waitForFunction(() => location.pathname === "/t/exchange");
      const { kind, title, from } = await page.evaluate(() => window.startedTopic);
      assert.deepEqual([kind, title, from], ["question", "录音什么时候能听？", { room: "apart", seqs: [101, 103] }]);
    }));
});

describe("a topic of messages", () => {
  const makeTopic = async (page, opener) => {
    await page.waitForSelector(opener);
    await page.$eval(opener, (it) => it.click());
    await settle(200);
    await (await page.waitForSelector("dialog[open] [data-act=make-topic]")).click();
    await page.waitForSelector("[data-act=select][aria-pressed=true]");
  };
  const tap = (page, selector) => page.$eval(selector, (it) => it.click());
  const chosen = (page) => page.$$eval("[data-act=select][aria-pressed=true]", (all) => all.length);
  const quoted = (page) => page.$$eval("[data-quote]", (all) => all.map((it) => Number(it.dataset.quote)));

  test("is selected in the chat, quoted above the editor, and credited where it stands", () =>
    on("/r/live", PHONE, async (page) => {
      await page.waitForSelector("textarea");
      await page.type("textarea", "写到一半");
      await makeTopic(page, "[data-key='s104'] .act");
      await tap(page, "[data-key='s105'] [data-act=select]");
      await tap(page, "[data-key='s106'] [data-act=select]");
      await tap(page, "[data-key='s106'] [data-act=select]");
      assert.equal(await chosen(page), 2);
      assert.match(await page.$eval("[role=status] b", (it) => it.textContent), /2/);
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      await page.click("[data-act=select-start]");
      await page.waitForFunction(() => location.pathname === "/talk/new");
      await page.waitForSelector("[data-quote='105']");
      assert.deepEqual(await quoted(page), [104, 105]);
      const title = await page.$eval("input[name=title]", (it) => it.value);
      assert.ok(title.length > 0 && (await page.$eval("[data-quote='104']", (it) => it.textContent)).includes(title.slice(0, 8)));
      const draft = await page.evaluate(() => localStorage.getItem("weiquan.draft.talk/new"));
      assert.ok(!draft.includes("比喻"), "no copy of what was said");
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      // After a reload they are there again; one is left out; words of one's own are not needed.
      await page.reload();
      await page.waitForSelector("[data-quote='105']");
      await page.click("[data-quote='105'] [data-act=leave-out]");
      await page.waitForFunction(() => !document.querySelector("[data-quote='105']"));
      await page.click("form .main");
      await page.waitForFunction(() => location.pathname === "/t/exchange");
      const { from, text } = await page.evaluate(() => window.startedTopic);
      assert.deepEqual([from, text], [{ room: "live", seqs: [104] }, ""]);
      await page.waitForSelector("[data-from] [data-quote]");
      assert.deepEqual(await quoted(page), [101, 104, 106, 107]);
      assert.equal(await page.$$eval("[data-from] .gone", (all) => all.length), 1);
      assert.equal(await page.$eval("[data-quote='101'] a", (it) => it.getAttribute("href")), "/r/live?s=101");
      assert.match(await page.$eval("[data-from]", (it) => it.textContent), /感谢/);
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      // The draft of the chat is where it was.
      await page.goto(new URL("/r/live", page.url()).href);
      await page.waitForSelector("textarea");
      assert.equal(await page.$eval("textarea", (it) => it.value), "写到一半");
    }));

  test("is selected by keys alone, and Escape leaves all as it was", () =>
    on("/r/live", DESK, async (page) => {
      await page.waitForSelector("[data-key='s104'] .act");
      await page.focus("[data-key='s104'] .act");
      await page.keyboard.press("Enter");
      await (await page.waitForSelector("dialog[open] [data-act=make-topic]")).focus();
      await page.keyboard.press("Enter");
      await page.waitForSelector("[data-act=select]");
      await page.waitForFunction(() => document.activeElement?.closest("[data-key='s104']"));
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      assert.equal(await chosen(page), 2);
      await page.keyboard.press("Escape");
      await page.waitForFunction(() => !document.querySelector("[data-act=select], [data-act=select-start]"));
      assert.ok(await page.evaluate(() => document.activeElement !== document.body));
      assert.ok(await page.$eval("textarea", (it) => it.closest("[inert]") === null));
    }));

  test("is made of replies as well, with the opening of their topic", () =>
    on("/t/weakties?s=2", DESK, async (page) => {
      await makeTopic(page, "[data-seq='3'] [data-act=more]");
      await tap(page, "[data-seq='4'] [data-act=select]");
      await tap(page, "[data-quotable='2'] [data-act=select]");
      assert.equal(await chosen(page), 3);
      assert.deepEqual(await serious(page), []);
      await page.click("[data-act=select-start]");
      await page.waitForSelector("[data-quote='4']");
      await page.click("form .main");
      await page.waitForFunction(() => location.pathname === "/t/exchange");
      assert.deepEqual(await page.evaluate(() => window.startedTopic.from), { room: "weakties", seqs: [2, 3, 4] });
    }));

  test("adds to what was being written, and says so", () =>
    on("/talk/new", DESK, async (page) => {
      await page.waitForSelector("input[name=title]");
      await page.type("input[name=title]", "我的题目");
      await page.type("textarea[name=text]", "我的话");
      await page.goto(new URL("/r/live", page.url()).href);
      await makeTopic(page, "[data-key='s104'] .act");
      await page.click("[data-act=select-start]");
      await page.waitForSelector("[data-quote='104']");
      assert.equal(await page.$eval("input[name=title]", (it) => it.value), "我的题目");
      assert.equal(await page.$eval("textarea[name=text]", (it) => it.value), "我的话");
      assert.ok(await page.$(".back"));
    }));

  test("leads a guest to the door, with the messages kept", () =>
    on("/r/live?who=guest", PHONE, async (page) => {
      await makeTopic(page, "[data-key='s104'] .act");
      await page.click("[data-act=select-start]");
      await page.waitForSelector(".say a.main");
      assert.match(await page.$eval(".say a.main", (it) => it.href), /sign-in\?then=%2Ftalk%2Fnew/);
      await page.waitForSelector("[data-quote='104']");
      assert.ok(await page.$eval("form .main", (it) => it.disabled));
    }));

  test("says whose it was where the room is not open, and nothing of it", () =>
    on("/t/elsewhere", PHONE, async (page) => {
      await page.waitForSelector("[data-from]");
      assert.equal(await page.$("[data-from] [data-quote]"), null);
      assert.match(await page.$eval("[data-from]", (it) => it.textContent), /感谢 .+、.+/);
      assert.deepEqual(await serious(page), []);
    }));
});

describe("the list of topics", () => {
  test("has a board that one follows at a tap", () =>
    on("/talk?board=help", DESK, async (page) => {
      const follow = "[data-act=follow-board]";
      await page.waitForSelector(`${follow}[aria-pressed=false]`);
      await page.click(follow);
      await page.waitForSelector(`${follow}[aria-pressed=true]`);
      assert.deepEqual(await serious(page), []);
      await page.click(follow);
      await page.waitForSelector(`${follow}[aria-pressed=false]`);
      await page.goto(new URL("/talk", page.url()).href);
      await page.waitForSelector("[data-topic]");
      assert.equal(await page.$(follow), null);
    }));

  test("is filtered by its address, and back", () =>
    on("/talk", DESK, async (page) => {
      await page.waitForSelector("[data-topic]");
      const all = (await page.$$("[data-topic]")).length;
      await page.click("[data-board=help]");
      await page.waitForFunction((all) => document.querySelectorAll("[data-topic]").length < all, {}, all);
      assert.equal(await page.evaluate(() => location.search), "?board=help");
      await page.click("[data-act=news]");
      await page.waitForFunction(() => location.search === "?board=help&news=true");
      await page.click(".boards button");
      await page.waitForFunction(() => location.search === "?news=true");
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
    }));

  test("reads on", () =>
    on("/talk", PHONE, async (page) => {
      await page.waitForSelector("[data-topic]");
      const before = (await page.$$("[data-topic]")).length;
      await page.click(".talk > .btn.wide");
      await page.waitForFunction((before) => document.querySelectorAll("[data-topic]").length > before, {}, before);
    }));

  test("has its boards made, ordered and removed by staff", () =>
    on("/talk?who=owner", DESK, async (page) => {
      await (await page.waitForSelector("[data-act=boards]")).click();
      await (await page.waitForSelector("[data-act=new-board]")).click();
      await page.type("dialog[open] input", "Ideas");
      await page.keyboard.press("Enter");
      await page.waitForSelector("[data-board-row=ideas]");
      await (await page.$("[data-board-row=ideas] button")).click();
      await page.waitForFunction(() => document.querySelectorAll("[data-board-row]")[2].dataset.boardRow === "ideas");
      await (await page.$("[data-board-row=ideas] .grave")).click();
      await settle(200);
      await (await page.waitForSelector("dialog[open] .foot .main")).click();
      await page.waitForFunction(() => !document.querySelector("[data-board-row=ideas]"));
    }));

  test("stands on the home page, and leads into a topic", () =>
    on("/", PHONE, async (page) => {
      await (await page.waitForSelector("[data-topic=weakties]")).click();
      await page.waitForFunction(() => location.pathname === "/t/weakties");
      await page.waitForSelector("article");
    }));
});

describe("pictures in a text", () => {
  const paste = (page, at, ...names) =>
    page.$eval(at, (it, names) => {
      const data = new DataTransfer();
      for (const name of names) data.items.add(new File(["x"], name, { type: name.endsWith(".pdf") ? "application/pdf" : "image/jpeg" }));
      it.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }, names);
  const shown = `](/api/v1/blobs/${"a".repeat(64)})`;
  /** Where one writes. */
  const short = `](…${"a".repeat(8)})`;

  test("stand where the cursor was, are told in words, and go with the reply", () =>
    on("/t/seconds?s=2", PHONE, async (page) => {
      await page.waitForSelector(".box textarea");
      await page.type(".box textarea", "前后");
      await page.$eval(".box textarea", (it) => it.setSelectionRange(1, 1));
      await paste(page, ".box .row", "hills.jpg");
      await page.waitForSelector(".box li .input");
      const text = () => page.$eval(".box textarea", (it) => it.value);
      assert.equal(await text(), `前\n\n![${short}\n\n后`);
      await page.type(".box li .input", "山");
      await page.$eval(".box li .input", (it) => it.blur());
      assert.equal(await text(), `前\n\n![山${short}\n\n后`);
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      await page.click(".box .main");
      await page.waitForFunction(() => window.fakeRoom.view.get().messages.at(-1).mine);
      assert.equal(await page.evaluate(() => window.fakeRoom.view.get().messages.at(-1).text), `前\n\n![山${shown}\n\n后`);
      await page.waitForSelector("article.pending img, article img[alt='山']");
    }));

  test("are sent by nobody before they are there, and what is no picture is said", () =>
    on("/talk/new", DESK, async (page) => {
      await page.waitForSelector("textarea[name=text]");
      await page.type("input[name=title]", "山");
      await page.type("textarea[name=text]", "看");
      await paste(page, "textarea[name=text]", "slow.jpg", "paper.pdf");
      await page.waitForSelector("progress");
      assert.ok(await page.$eval("form .main", (it) => it.disabled));
      await page.click(".media li .icon");
      await page.waitForFunction(() => !document.querySelector("form .main").disabled);
      await paste(page, "textarea[name=text]", "hills.jpg");
      await page.waitForSelector(".media li .input");
      assert.deepEqual(await serious(page), []);
      await page.click("form .main");
      await page.waitForFunction(() => location.pathname === "/t/books");
      assert.equal(await page.evaluate(() => window.startedTopic.text), `看\n\n![${shown}`);
    }));
});

describe("a moment", () => {
  test("is started in the live room by keyboard, a little before it was asked for, and nobody leaves", () =>
    on("/r/live", DESK, async (page) => {
      await (await page.waitForSelector(".write [data-act=attach]")).focus();
      await page.keyboard.press("Enter");
      await (await page.waitForSelector(".write [data-act=moment]")).focus();
      await page.keyboard.press("Enter");
      await page.waitForSelector("dialog[open] textarea[name=text]");
      const at = await page.$eval("dialog[open] input[type=range]", (it) => Number(it.value));
      await page.keyboard.type("这句话说得好");
      await page.click("dialog[open] .when button");
      assert.deepEqual(await serious(page), []);
      await page.click("dialog[open] [data-act=start-moment]");
      await page.waitForSelector("dialog[open] [data-act=to-moment]");
      const wish = await page.evaluate(() => window.startedTopic);
      assert.equal(wish.at.second, at - 5);
      assert.equal(wish.at.room, "live");
      assert.match(wish.title, /\d+:\d\d/);
      assert.equal(await page.evaluate(() => location.pathname), "/r/live");
    }));

  test("leads from its topic to its second of the summary, which lists it", () =>
    on("/t/seconds?s=2", PHONE, async (page) => {
      await (await page.waitForSelector("[data-act=to-moment]")).click();
      await page.waitForSelector("li.lit time");
      assert.equal(await page.evaluate(() => location.pathname + location.hash), "/r/ended/b/b_1#t=754");
      assert.equal(await page.$eval("li.lit time", (it) => it.textContent), "12:34");
      assert.deepEqual(await serious(page), []);
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
      await page.click("li.lit a");
      await page.waitForFunction(() => location.pathname === "/t/seconds");
    }));
});
