/** What only a browser can say, against the stand-in build: accessibility, overflow, the long list, keys. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DESK, PHONE, inRoom, serious, standIn, tooWide } from "./on.mjs";
import { settle, states } from "./states.mjs";

let engine;
before(async () => (engine = await standIn()));
after(() => engine?.close());

const on = (...all) => engine.on(...all);
const rows = (page) => page.$$eval(".log [data-key]", (all) => all.length);
const hear = (page, text) => page.evaluate((it) => window.fakeRoom.hear(it), text);

describe("every page and state", { concurrency: 2 }, () => {
  for (const state of states) {
    test(`${state.name}: light, on a desk`, () => on(state, DESK, async (page) => assert.deepEqual(await serious(page), [])));

    test(`${state.name}: dark, on a phone, down to 320 px`, () =>
      on(state, { ...PHONE, width: 320, height: 640, theme: "dark" }, async (page) => {
        assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
        assert.deepEqual(await serious(page), []);
      }));

    test(`${state.name}: with words 40 % longer`, () => {
      const { path } = state;
      const long = path.includes("?") ? path.replace("?", "?lang=pseudo&") : path.replace(/(#|$)/, "?lang=pseudo$1");
      return on({ ...state, path: long }, PHONE, async (page) => assert.deepEqual(await tooWide(page), { scroll: 0, over: [] }));
    });
  }
});

/**
 * The longest task of a page's main thread, in ms of *processor* time: a busy machine makes every task
 * longer by the clock, and says nothing about the page.
 */
function longestTask(trace) {
  const { traceEvents } = JSON.parse(new TextDecoder().decode(trace));
  const main = new Set(
    traceEvents.filter((it) => it.name === "thread_name" && it.args.name === "CrRendererMain").map((it) => `${it.pid} ${it.tid}`),
  );
  const tasks = traceEvents.filter((it) => it.name === "RunTask" && it.tdur !== undefined && main.has(`${it.pid} ${it.tid}`));
  return Math.max(0, ...tasks.map((it) => it.tdur)) / 1000;
}

describe("the long list", () => {
  test("ten thousand messages keep at most 100 rows in the page, and scrolling is light", () =>
    on(inRoom("long"), DESK, async (page) => {
      await page.tracing.start({ categories: ["toplevel", "disabled-by-default-devtools.timeline", "__metadata"] });
      let most = 0;
      for (let turn = 0; turn < 60; turn++) {
        await page.$eval(".log", (it, turn) => (it.scrollTop -= turn % 10 === 9 ? 30_000 : 900), turn);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        most = Math.max(most, await rows(page));
        const seen = await page.evaluate(() => {
          const box = document.querySelector(".log").getBoundingClientRect();
          return [...document.querySelectorAll(".log [data-key]")].some((it) => {
            const row = it.getBoundingClientRect();
            return row.top <= box.top + 40 && row.bottom >= box.top;
          });
        });
        assert.ok(seen, "there is no hole where one reads");
      }
      assert.ok(most > 20 && most <= 100, `${most} rows`);
      const longest = longestTask(await page.tracing.stop());
      assert.ok(longest > 0 && longest <= 50, `the longest task took ${longest} ms of processor time`);
    }));

  test("what arrives while one reads further up is counted and moves nothing", () =>
    on(inRoom("long"), DESK, async (page) => {
      await page.$eval(".log", (it) => (it.scrollTop -= 4000));
      await settle(200);
      const place = () =>
        page.evaluate(() => {
          const top = document.querySelector(".log").getBoundingClientRect().top;
          const row = [...document.querySelectorAll(".log [data-key]")].find((it) => it.getBoundingClientRect().top >= top);
          return `${row.dataset.key} ${Math.round(row.getBoundingClientRect().top)}`;
        });
      const before = await place();
      for (let n = 0; n < 25; n++) await hear(page, `新的一句 ${n}`);
      await settle(200);
      assert.equal(await place(), before);
      assert.match(await page.$eval(".newest", (it) => it.textContent), /25 条新消息/);
      await page.click(".newest");
      await settle(200);
      assert.equal(await page.$(".newest"), null);
      assert.match(await page.$eval(".log", (it) => it.textContent), /新的一句 24/);
    }));

  test("older messages come in above without moving the text", () =>
    on(inRoom("slow"), { ...DESK, height: 500 }, async (page) => {
      const place = () => page.$eval("[data-key='s101']", (it) => Math.round(it.getBoundingClientRect().top));
      await page.$eval(".log", (it) => (it.scrollTop = 40));
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
      const before = await place();
      await page.waitForFunction(() => window.fakeRoom.view.get().messages.length > 60);
      await settle(100);
      // Half a pixel may be lost where the browser rounds a scroll position.
      assert.ok(Math.abs((await place()) - before) <= 1, `${before} became ${await place()}`);
    }));

  test("messages that arrive shift nothing else on the page", () =>
    on(inRoom("live"), DESK, async (page) => {
      await page.evaluate(() => {
        window.shifts = [];
        new PerformanceObserver((list) => list.getEntries().forEach((it) => window.shifts.push(
          ...it.sources.filter((source) => !source.node?.parentElement?.closest(".log")).map((source) => source.node?.className ?? "?"),
        ))).observe({ type: "layout-shift" });
      });
      for (let n = 0; n < 20; n++) {
        await hear(page, "一句话".repeat(1 + (n % 9)));
        await settle(20);
      }
      assert.deepEqual(await page.evaluate(() => window.shifts), []);
      const left = await page.$eval(".log", (it) => it.scrollHeight - it.scrollTop - it.clientHeight);
      assert.ok(left < 2, `${left} px from the end`);
    }));
});

describe("with the keyboard", () => {
  test("one writes, Enter sends, and Enter of an input method does not", () =>
    on(inRoom("idle"), DESK, async (page) => {
      await page.focus("textarea");
      await page.keyboard.type("你好");
      await page.$eval("textarea", (it) => it.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true })));
      assert.equal(await page.$eval("textarea", (it) => it.value), "你好");
      await page.keyboard.press("Enter");
      assert.equal(await page.$eval("textarea", (it) => it.value), "");
      await page.waitForFunction(() => [...document.querySelectorAll(".log .m.sent")].some((it) => it.textContent.includes("你好")));
    }));

  test("a draft outlives the page", () =>
    on(inRoom("idle"), DESK, async (page) => {
      await page.focus("textarea");
      await page.keyboard.type("写到一半");
      await page.reload();
      await page.waitForSelector("textarea");
      assert.equal(await page.$eval("textarea", (it) => it.value), "写到一半");
    }));

  test("a refused message goes back into the draft, or is said again", () =>
    on(inRoom("live"), DESK, async (page) => {
      await page.$$eval(".no .link", (all) => all[1].click());
      await settle(100);
      assert.equal(await page.$eval("textarea", (it) => it.value), "加我微信 abc12345");
    }));

  test("arrows go from message to message and Enter opens what can be done", () =>
    on(inRoom("live", "?who=owner"), DESK, async (page) => {
      await page.$$eval(".log [data-stop]", (all) => all.at(-1).focus());
      const key = () => page.evaluate(() => document.activeElement.closest("[data-key]")?.dataset.key);
      const last = await key();
      await page.keyboard.press("ArrowUp");
      assert.notEqual(await key(), last);
      assert.equal((await page.$$(".log [data-stop][tabindex='0']")).length, 1);
      await page.keyboard.press("Enter");
      await page.waitForSelector("dialog[open]");
      await page.keyboard.press("Escape");
      await page.waitForFunction(() => !document.querySelector("dialog[open]"));
      assert.ok(await key(), "focus is back on the message");
    }));

  test("deleting asks first, then leaves a trace", () =>
    on(inRoom("live", "?who=owner"), DESK, async (page) => {
      await page.$eval("[data-key='s105'] .act", (it) => it.click());
      await settle(100);
      await page.$eval("dialog[open] .act.grave", (it) => it.click());
      await settle(200);
      assert.equal(await page.$("[data-key='s105'] em"), null);
      await page.$eval("dialog[open] .foot .main", (it) => it.click());
      await page.waitForSelector("[data-key='s105'] em");
    }));
});

describe("the player", () => {
  test("plays without being asked, and with sound after one tap", () =>
    on(inRoom("live"), DESK, async (page) => {
      await page.waitForFunction(() => document.querySelector("video").videoWidth > 0 && !document.querySelector("video").paused);
      if (await page.$(".listen")) {
        assert.equal(await page.$eval("video", (it) => it.muted), true);
        await page.click(".listen");
      }
      await page.waitForFunction(() => !document.querySelector("video").muted && !document.querySelector(".listen"));
    }));

  test("hearts of others rise and go away, and never with reduced motion", async () => {
    await on(inRoom("live"), { ...DESK, motion: "no-preference" }, async (page) => {
      await page.evaluate(() => window.fakeRoom.hearts(400));
      await page.waitForSelector(".hearts svg");
      assert.ok((await page.$$(".hearts svg")).length <= 36);
      await page.waitForFunction(() => document.querySelectorAll(".hearts svg").length === 0);
    });
    await on(inRoom("live"), DESK, async (page) => {
      await page.evaluate(() => window.fakeRoom.hearts(400));
      await settle(100);
      assert.equal((await page.$$(".hearts svg")).length, 0);
    });
  });
});

describe("the host's way", () => {
  test("from a title to the air, to the end and its summary", () =>
    on({ path: "/?who=host" }, DESK, async (page) => {
      await page.$eval(".hello .main", (it) => it.click());
      await page.waitForSelector("dialog[open] input.input");
      await page.keyboard.type("共读第四夜");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".pick button");
      await page.$eval(".pick button", (it) => it.click());
      await page.waitForSelector("[data-act=start]");
      await page.$eval("[data-act=start]", (it) => it.click());
      await page.waitForSelector(".health");
      await page.$eval("[data-act=end]", (it) => it.click());
      await settle(100);
      await page.$eval("dialog[open] .foot .main", (it) => it.click());
      await page.waitForSelector(".summary");
    }));

  test("announced for later, moved, and called off", () =>
    on({ path: "/r/studio/studio?who=host" }, DESK, async (page) => {
      const field = "dialog[open] [data-field=when]";
      await page.waitForSelector("[data-act=schedule]");
      await page.$eval("[data-act=schedule]", (it) => it.click());
      await page.waitForSelector(field);
      const proposed = await page.$eval(field, (it) => new Date(it.value).getTime());
      assert.ok(proposed > Date.now() + 30 * 60_000, "some time to tell people");
      const set = (value) => page.$eval(field, (it, value) => ((it.value = value), it.dispatchEvent(new Event("input", { bubbles: true }))), value);
      await set("2020-01-01T20:00");
      await page.$eval("dialog[open] .main", (it) => it.click());
      await page.waitForSelector("dialog[open] [role=alert]");
      assert.match(await page.$eval("dialog[open] [role=alert]", (it) => it.textContent), /已经过了/);
      await set("2099-01-01T20:00");
      await page.$eval("dialog[open] .main", (it) => it.click());
      await page.waitForSelector(".announced");
      assert.match(await page.$eval(".announced", (it) => it.textContent), /2099.*20:00.*还有/s);
      await page.$eval("[data-act=reschedule]", (it) => it.click());
      await page.waitForSelector(field);
      assert.equal(await page.$eval(field, (it) => it.value), "2099-01-01T20:00", "what was announced stands in the field");
      await set("2099-01-02T21:30");
      await page.$eval("dialog[open] .main", (it) => it.click());
      await page.waitForFunction(() => /21:30/.test(document.querySelector(".announced").textContent));
      await page.$eval("[data-act=call-off]", (it) => it.click());
      await page.waitForSelector("dialog[open] .foot .main");
      await page.$eval("dialog[open] .foot .main", (it) => it.click());
      await page.waitForSelector("[data-act=schedule]");
    }));

  test("from home: later, in a room one has", () =>
    on({ path: "/?who=host" }, DESK, async (page) => {
      await page.waitForSelector(".hello .main");
      await page.$eval(".hello .main", (it) => it.click());
      await page.waitForSelector("dialog[open] input.input");
      await page.keyboard.type("共读第五夜");
      await page.$$eval("dialog[open] input[type=radio]", (all) => all[1].click());
      await page.waitForSelector("dialog[open] [data-field=when]");
      await page.$eval("dialog[open] .main", (it) => it.click());
      await page.waitForFunction(() => !document.querySelector("dialog[open]"));
      await page.waitForFunction(() => document.body.textContent.includes("已预告："));
      assert.equal(new URL(page.url()).pathname, "/", "nobody is sent to the studio");
    }));

  test("the set-up: account, circle, done", () =>
    on({ path: "/set-up?circle=new&who=nobody#one-time-code" }, PHONE, async (page) => {
      assert.equal(new URL(page.url()).hash, "", "the code is taken out of the address");
      await page.type("input[autocomplete=username]", "许知远");
      await page.type("input[autocomplete=new-password]", "correct horse battery");
      await page.keyboard.press("Enter");
      await page.waitForSelector("input[autocomplete=organization]");
      await page.type("input[autocomplete=organization]", "晨读会");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.querySelector("h1").textContent.includes("晨读会建好了"));
    }));

  test("a wrong password says so and keeps what was typed", () =>
    on({ path: "/sign-in?who=nobody&then=%2F%2Fevil.example" }, PHONE, async (page) => {
      await page.type("input[autocomplete=username]", "林小满");
      await page.type("input[type=password]", "wrong");
      await page.keyboard.press("Enter");
      await page.waitForSelector("[role=alert]");
      assert.equal(await page.$eval("input[autocomplete=username]", (it) => it.value), "林小满");
      await page.type("input[type=password]", "but now right");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".home");
      assert.ok(page.url().startsWith(engine.address), "an address from outside is not followed");
    }));
});

describe("the owner's way", () => {
  const marks = (page, id) => page.$eval(`[data-member=${id}]`, (it) => it.textContent);
  const agree = (page) => page.$eval("dialog[open] .foot .main", (it) => it.click());

  test("finds a member, makes them a moderator, and dismisses them again", () =>
    on({ path: "/members?who=owner" }, PHONE, async (page) => {
      await page.waitForSelector("[data-member=m_wu]");
      assert.equal((await page.$$("[data-member]")).length, 50, "a page");
      await page.$eval(".members > .wide", (it) => it.click());
      await page.waitForFunction(() => document.querySelectorAll("[data-member]").length > 60);
      assert.equal(await page.$("[data-member=m_me] [data-act=role]"), null, "one's own role is fixed");
      await page.type("input[type=search]", "周");
      await page.waitForFunction(() => document.querySelectorAll("[data-member]").length === 1);
      await page.$eval("[data-member=m_zhou] [data-act=role]", (it) => it.click());
      await page.waitForSelector("dialog[open] .foot .main");
      await agree(page);
      await page.waitForFunction(() => document.querySelector("[data-member=m_zhou]").textContent.includes("取消管理员"));
      assert.match(await marks(page, "m_zhou"), /管理/);
      await page.$eval("[data-member=m_zhou] [data-act=role]", (it) => it.click());
      await page.waitForSelector("dialog[open] .foot .main");
      await agree(page);
      await page.waitForFunction(() => document.querySelector("[data-member=m_zhou]").textContent.includes("设为管理员"));
    }));

  test("in a room: on the person's line", () =>
    on({ path: "/r/gap?who=owner" }, DESK, async (page) => {
      await page.waitForSelector(".chat .here");
      await page.$eval(".chat .here", (it) => it.click());
      await page.waitForSelector("dialog[open] [aria-expanded]");
      await page.$eval("dialog[open] [aria-expanded]", (it) => it.click());
      await page.waitForSelector("dialog[open] [data-act=role]");
      await page.$eval("dialog[open] [data-act=role]", (it) => it.click());
      await page.waitForFunction(() => document.querySelectorAll("dialog[open]").length === 2);
      await page.$$eval("dialog[open]", (all) => all.at(-1).querySelector(".foot .main").click());
      await page.waitForFunction(() => !document.querySelector("dialog[open] [data-act=role]"));
    }));

  test("reads who did what to whom, a page after the other", () =>
    on({ path: "/?who=owner" }, PHONE, async (page) => {
      await page.$eval("header button.icon", (it) => it.click());
      const link = await page.waitForSelector('a[href="/audit"]');
      assert.match(await link.evaluate((it) => it.textContent), /审计记录/);
      await link.evaluate((it) => it.click());
      await page.waitForSelector(".acts [data-act]");
      const lines = await page.$$eval(".acts [data-act]", (all) => all.map((it) => it.textContent));
      assert.equal(lines.length, 20, "a page");
      assert.match(lines[0], /Mo 禁言了 Wu.*刷屏.*到 /s);
      assert.match(lines[5], /规则.*拒绝 3 个词，待审 2 个词，链接：待审/s);
      assert.match(lines[6], /慢速模式.*每 3 秒一条/s);
      assert.match(lines[8], /林小满 改了 Mo 的身份.*管理/s);
      assert.equal(await page.$eval("[data-act='97'] a[href*='?s=']", (it) => it.getAttribute("href")), "/r/tie?s=1188", "what was deleted is a tap away");
      await page.$eval(".acts > .wide", (it) => it.click());
      await page.waitForFunction(() => document.querySelectorAll(".acts [data-act]").length === 30);
      assert.equal(await page.$(".acts > .wide"), null, "that was all");
    }));

  test("a member reads what was done to them", () =>
    on({ path: "/audit?who=member" }, DESK, async (page) => {
      await page.waitForSelector(".acts [data-act]");
      assert.match(await page.$eval("h1", (it) => it.textContent), /对我的处理/);
      assert.equal((await page.$$(".acts [data-act]")).length, 3);
    }));

  test("a member is told whose list it is", () =>
    on({ path: "/members?who=member" }, DESK, async (page) => {
      await page.waitForSelector("h1");
      assert.match(await page.$eval("h1", (it) => it.textContent), /只给圈主和管理员看/);
      assert.equal(await page.$("[data-act=role]"), null);
    }));
});
