/** What is added and not yet sent, in the stand-in build: it outlives a reload, for its person, once, within its age, or not at all. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DESK, inRoom, standIn } from "./on.mjs";

let engine;
before(async () => (engine = await standIn()));
after(() => engine?.close());

const on = (query, check) => engine.on(inRoom("live", query), DESK, check);
const ITEM = ".write li";

/** As if pasted: names tell the stand-in what becomes of them. */
async function paste(page, ...names) {
  await page.waitForSelector(".write textarea");
  await page.evaluate(async (names) => {
    const canvas = new OffscreenCanvas(40, 30);
    canvas.getContext("2d").fillRect(0, 0, 20, 30);
    const picture = await canvas.convertToBlob({ type: "image/jpeg" });
    const data = new DataTransfer();
    for (const name of names) data.items.add(name.endsWith(".jpg") ? new File([picture], name, { type: picture.type }) : new File([name], name));
    document.querySelector(".write").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, names);
  await page.waitForFunction((n) => document.querySelectorAll(".write li").length >= n, {}, names.length);
}

/** What lies in the browser's own store: names, and whether they are uploaded. */
const stored = (page) =>
  page.evaluate(() => new Promise((done) => {
    const request = indexedDB.open("weiquan.tray");
    request.onsuccess = () => {
      const database = request.result;
      if (database.objectStoreNames.length === 0) return done([]);
      const both = database.transaction(["things", "files"]);
      const [things, files] = [both.objectStore("things").getAll(), both.objectStore("files").getAllKeys()];
      both.oncomplete = () => {
        database.close();
        done(things.result.map((it) => ({ name: it.name, alt: it.card?.alt ?? "", ready: it.card !== undefined, bytes: files.result.includes(it.id) })));
      };
    };
  }));

async function until(page, what, fits) {
  for (let turn = 0; turn < 100; turn++) {
    const found = await stored(page);
    if (fits(found)) return;
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
  }
  assert.fail(`${what}: ${JSON.stringify(await stored(page))}`);
}

const names = (page) => page.$$eval(`${ITEM} b`, (all) => all.map((it) => it.textContent));
const items = (page, n) => page.waitForFunction((n) => document.querySelectorAll(".write li").length === n, {}, n);
const allReady = (page) => page.waitForFunction(() => !document.querySelector(".row .main").disabled);

async function reload(page) {
  await page.reload();
  await page.waitForSelector(".write textarea");
}

describe("what is added and not yet sent", () => {
  test("is there again after a reload, with its words, and is sent once", () =>
    on("?who=host", async (page) => {
      await paste(page, "hill.jpg", "sea.jpg", "notes.pdf");
      await page.type(`${ITEM} input`, "山丘");
      await page.type(".write textarea", "三样东西");
      await until(page, "all is kept", (all) => all.length === 3 && all.every((it) => it.ready && it.bytes) && all.some((it) => it.alt === "山丘"));
      await reload(page);
      await items(page, 3);
      assert.deepEqual(await names(page), ["hill.jpg", "sea.jpg", "notes.pdf"], "in their order");
      assert.equal(await page.$eval(`${ITEM} input`, (it) => it.value), "山丘");
      await page.waitForFunction(() => document.querySelector(".write li img")?.naturalWidth === 40);
      assert.equal(await page.$eval(".write textarea", (it) => it.value), "三样东西");
      await allReady(page);
      await page.focus(".write textarea");
      await page.keyboard.press("Enter");
      await items(page, 0);
      await page.waitForFunction(() => document.querySelectorAll(".log .m .image").length === 2);
      await until(page, "nothing is kept", (all) => all.length === 0);
      await reload(page);
      await page.waitForSelector(".log .m");
      assert.equal(await page.$(".write [data-act=picture]"), null, "there is nothing to look for");
    }));

  test("that is on its way is uploaded anew, and what was removed stays away", () =>
    on("?who=host", async (page) => {
      await paste(page, "slow.jpg", "bad.jpg", "gone.jpg");
      await page.$$eval(`${ITEM} .icon`, (all) => all.at(-1).click());
      await until(page, "two are kept", (all) => all.length === 2 && all.every((it) => it.bytes));
      await reload(page);
      await items(page, 2);
      assert.deepEqual(await names(page), ["slow.jpg", "bad.jpg"]);
      await page.waitForSelector(`${ITEM}.bad`);
      assert.equal(await page.$eval(".row .main", (it) => it.disabled), true);
    }));

  test("is kept while it is put away, and while one edits what was said", () =>
    on("?who=host", async (page) => {
      await paste(page, "hill.jpg");
      await page.click("[data-act=attach]");
      await page.waitForSelector(ITEM, { hidden: true });
      await page.waitForSelector("[data-act=attach].filled");
      await page.focus(".write textarea");
      await page.keyboard.type("只有这句");
      await page.keyboard.press("Enter");
      const said = await page.waitForFunction(() => [...document.querySelectorAll(".log .m.sent")].find((it) => it.textContent.includes("只有这句")));
      assert.equal(await said.$(".image"), null, "what is put away is not sent along");
      await page.click("[data-act=attach]");
      await page.waitForSelector(ITEM, { visible: true });
      await (await said.$(".act")).evaluate((it) => it.click());
      await page.waitForSelector("dialog[open] .act");
      await page.$$eval("dialog[open] .act", (all) => all.find((it) => it.textContent === "编辑").click());
      await page.waitForSelector(ITEM, { hidden: true });
      await page.waitForFunction(() => document.querySelector(".write textarea").value === "只有这句");
      await page.keyboard.press("Escape");
      await page.waitForSelector(ITEM, { visible: true });
      assert.deepEqual(await names(page), ["hill.jpg"]);
    }));

  test("is nobody else's: another person does not find it, and signing out takes it away", () =>
    on("?who=host", async (page) => {
      await paste(page, "hill.jpg");
      await until(page, "it is kept", (all) => all.length === 1 && all[0].ready);
      await page.goto(`${engine.address}/r/live?who=guest`);
      await page.waitForSelector(".log .m");
      assert.equal(await page.$(".write [data-act=picture]"), null);
      await page.goto(`${engine.address}/r/live?who=host`);
      await items(page, 1);
      await page.type(".write textarea", "只给自己看");
      await page.waitForFunction(() => localStorage.getItem("weiquan.draft.live") === "只给自己看");
      await page.click("header button.icon:last-of-type");
      await page.waitForSelector("dialog[open] .btn.quiet");
      await page.$$eval("dialog[open] .btn.quiet", (all) => all.find((it) => /退出登录/.test(it.textContent)).click());
      await until(page, "nothing is kept", (all) => all.length === 0);
      await page.waitForFunction(() => location.pathname === "/");
      assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((it) => /^weiquan\.(things|draft)/.test(it))), []);
    }));

  test("is in one page at a time", () =>
    on("?who=host", async (page) => {
      await paste(page, "hill.jpg");
      await until(page, "it is kept", (all) => all.length === 1 && all[0].ready);
      const other = await page.browserContext().newPage();
      await other.goto(page.url());
      const waiting = (n) => other.waitForFunction(async (n) => (await navigator.locks.query()).pending.length === n, { polling: 50 }, n);
      await waiting(1);
      await waiting(0);
      assert.equal(await other.$(ITEM), null, "two would send it twice");
      await page.goto(`${engine.address}/check`);
      await reload(other);
      await items(other, 1);
      await other.close();
    }));

  test("does not come back once it is old", () =>
    on("?who=host", async (page) => {
      await paste(page, "hill.jpg", "sea.jpg");
      await until(page, "both are kept", (all) => all.length === 2 && all.every((it) => it.ready));
      await page.evaluate(() => new Promise((done) => {
        const request = indexedDB.open("weiquan.tray");
        request.onsuccess = () => {
          const transaction = request.result.transaction("things", "readwrite");
          const things = transaction.objectStore("things");
          const all = things.getAll();
          all.onsuccess = () => things.put({ ...all.result.find((it) => it.name === "hill.jpg"), at_ms: Date.now() - 4 * 86_400_000 });
          transaction.oncomplete = () => (request.result.close(), done());
        };
      }));
      await reload(page);
      await items(page, 1);
      assert.deepEqual(await names(page), ["sea.jpg"]);
      await until(page, "the old one is gone", (all) => all.length === 1);
    }));
});

describe("where the browser keeps nothing", () => {
  const broken = {
    "has no database": () => Object.defineProperty(window, "indexedDB", { get() { throw new DOMException("no", "SecurityError"); } }),
    "is full": () => (IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); }),
    "opens nothing": () => (IDBFactory.prototype.open = () => { throw new DOMException("no", "InvalidStateError"); }),
    "has no storage at all": () => Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } }),
  };
  for (const [what, breakIt] of Object.entries(broken)) {
    test(`because it ${what}, the tray works as long as the page`, () =>
      on("?who=host", async (page) => {
        await page.evaluateOnNewDocument(breakIt);
        await reload(page);
        await paste(page, "hill.jpg", "sea.jpg");
        await page.$eval(`${ITEM} .icon`, (it) => it.click());
        await items(page, 1);
        await allReady(page);
        await page.focus(".write textarea");
        await page.keyboard.press("Enter");
        await items(page, 0);
        await page.waitForFunction(() => document.querySelectorAll(".log .m .image").length === 1);
      }));
  }
});
