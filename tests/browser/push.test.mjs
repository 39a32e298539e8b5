// A notice on its whole way: the server seals and signs it, a push service takes it, the browser's worker shows it on the
// desktop, and a tap there leads to the room. Two links are ours: no vendor's service can be reached from here, so the
// page subscribes to `post.mjs`, which opens what came and has the browser deliver it as its own service would.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Desktop } from "./desktop.mjs";
import { PushService } from "./post.mjs";
import { World, fill, password } from "./world.mjs";

let world, service, desktop, slug, host, browser, page, elsewhere, deliver, id;

/** In a page, before it loads: the browser's own push service is the one at this subscription. */
function subscribesTo(subscription) {
  const made = {
    ...subscription,
    toJSON: () => subscription,
    unsubscribe: async () => (localStorage.removeItem("subscribed"), true),
  };
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly) throw new DOMException("it shows each", "NotAllowedError");
    localStorage.subscribed = btoa(String.fromCharCode(...applicationServerKey)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return made;
  };
  PushManager.prototype.getSubscription = async () => (localStorage.subscribed ? made : null);
}

async function until(fact) {
  for (const end = Date.now() + 15_000; Date.now() < end; ) {
    const value = await fact();
    if (value) return value;
    await new Promise((again) => setTimeout(again, 30));
  }
  assert.fail(`it did not come to ${fact}`);
}

/** The one notification on the desktop, once it says this. */
const shown = (title) => until(() => [...desktop.shown.values()].find((it) => it.title === title));

/** One looks at something else. */
async function looksAway() {
  await elsewhere.bringToFront();
  await page.waitForFunction(() => document.visibilityState === "hidden", { polling: 50 });
}

/** Somebody names her; resolves to what the push said, once it lies on the desktop. */
async function named(text) {
  host.send("pub", { text, to: [id] });
  const { words, key } = await service.next();
  assert.equal(key, await page.evaluate(() => localStorage.subscribed), "signed by whom the browser subscribed to");
  const said = JSON.parse(words);
  assert.deepEqual([said.kind, said.room, said.from, said.text, said.lang], ["mention", slug, "林小满", text, "zh-CN"]);
  await deliver(words);
  const it = await shown("林小满 提到了你");
  assert.ok(it.body.includes(text), it.body);
  return { tapped: it.id, path: `/r/${slug}?s=${said.s}`, text };
}

/** The app's pages. */
const pages = () => browser.targets().filter((it) => it.type() === "page" && it.url().startsWith(world.base));

/** Taps, and waits for the page at an address. */
async function leads(tapped, path) {
  desktop.tap(tapped);
  const target = await browser.waitForTarget((it) => it.type() === "page" && it.url() === world.base + path, { timeout: 15_000 });
  const it = await target.page();
  await it.waitForFunction(() => document.visibilityState === "visible", { timeout: 15_000, polling: 50 });
  return it;
}

before(async () => {
  [service, desktop] = await Promise.all([PushService.open(), Desktop.open()]);
  world = await World.start({ more: ["push.private=true", `push.ca=${service.ca}`] });
  slug = await world.setUp();
  const { token } = await world.post("/api/v1/accounts", { name: "陈默", password });
  id = (await world.get("/api/v1/me", token)).id;
  host = await world.writer(slug);
  browser = await world.browser({ env: { DBUS_SESSION_BUS_ADDRESS: desktop.address } });
  // What a desktop tells of a tap finds the browser's own profile, not one that a test made.
  const context = browser.defaultBrowserContext();
  await context.overridePermissions(world.base, ["notifications"]);
  page = await world.page(browser, { language: "zh-CN", context });
  await page.evaluateOnNewDocument(subscribesTo, service.subscription);
  // Another page, of somebody else: what one looks at when one does not look at the app.
  elsewhere = await context.newPage();
  const debug = await elsewhere.createCDPSession();
  const registered = new Promise((done) => debug.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
    const found = registrations.find((it) => it.scopeURL.startsWith(world.base));
    if (found) done(found.registrationId);
  }));
  await debug.send("ServiceWorker.enable");
  deliver = async (data) => debug.send("ServiceWorker.deliverPushMessage", { origin: world.base, registrationId: await registered, data });
  await page.bringToFront();
});
after(async () => {
  await world?.end();
  desktop?.close();
  service?.close();
});

test("she turns pushes on, and is told of a mention on her desktop: a tap leads to what was said", { timeout: 60_000 }, async () => {
  await page.goto(`${world.base}/sign-in?then=/notices`);
  await fill(page, 'input[autocomplete="username"]', "陈默");
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await (await page.waitForSelector('[data-act="push"]')).click();
  await page.waitForFunction(() => document.querySelector(".push [role=status]").innerText.startsWith("已打开"));
  // The first page that a browser ever opened of the app is not its worker's to move.
  assert.equal(await page.evaluate(() => navigator.serviceWorker.controller), null);
  await looksAway();
  const { tapped, path, text } = await named("@陈默 今晚几点？");
  const room = await leads(tapped, path);
  await room.waitForFunction((it) => document.querySelector(".log")?.innerText.includes(it), { timeout: 15_000, polling: 50 }, text);
  assert.equal(desktop.shown.size, 0);
  assert.deepEqual(page.problems, []);
  if (room !== page) await room.close();
});

test("a page of the app that is open comes to the front, and goes there", { timeout: 60_000 }, async () => {
  await page.reload();
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await looksAway();
  const { tapped, path, text } = await named("@陈默 那八点？");
  assert.equal(await leads(tapped, path), page);
  assert.equal(pages().length, 1);
  await page.waitForFunction((it) => document.querySelector(".log")?.innerText.includes(it), { timeout: 15_000, polling: 50 }, text);
});

test("in a room that is open a tap leads to the message, however much was said after it", { timeout: 60_000 }, async () => {
  await looksAway();
  const { tapped, text } = await named("@陈默 谁带路？");
  for (let n = 0; n < 60; n++) host.say(`后来又说了第 ${n} 句`);
  await host.settled();
  await page.evaluate(() => (window.same = true));
  desktop.tap(tapped);
  await page.waitForFunction((it) => {
    const line = document.querySelector(".log .m.lit");
    const { top, bottom } = line?.getBoundingClientRect() ?? {};
    return line?.innerText.includes(it) && top >= 0 && bottom <= innerHeight && document.visibilityState === "visible";
  }, { timeout: 15_000, polling: 50 }, text);
  assert.ok(await page.evaluate(() => window.same), "nothing was loaded anew");
  assert.equal(pages().length, 1);
});

test("she asked to be reminded: when it goes live, a tap opens the room in a new page", { timeout: 60_000 }, async () => {
  host.send("broadcast", { act: "schedule", title: "第三夜", starts_ms: Date.now() + 3_600_000 });
  await (await page.waitForSelector('[data-act="remind"][aria-pressed="false"]')).click();
  await page.waitForSelector('[data-act="remind"][aria-pressed="true"]');
  assert.deepEqual(page.problems, []);
  await page.close();
  await world.ffmpeg(await world.streamKey(slug));
  const { words } = await service.next();
  const said = JSON.parse(words);
  assert.deepEqual([said.kind, said.room, said.from, said.text, said.lang], ["live", slug, "林小满", "第三夜", "zh-CN"]);
  assert.equal(pages().length, 0, "the app is nowhere open");
  await deliver(words);
  const it = await shown("林小满 开播了");
  assert.ok(it.body.includes("第三夜"), it.body);
  const room = await leads(it.id, `/r/${slug}`);
  await room.waitForFunction(() => document.querySelector("video")?.videoWidth > 0, { timeout: 20_000, polling: 50 });
});
