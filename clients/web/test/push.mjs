/**
 * Pushes, by the browser's own delivery: what the worker shows of them, and where a tap leads. It runs on the
 * app as it is built; the push service of a browser's vendor is not part of it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "./chromium.mjs";
import { serve } from "./serve.mjs";

let server;
let engine;
before(async () => {
  server = await serve(join(import.meta.dirname, "../dist"));
  engine = await chromium();
});
after(async () => {
  await engine?.close();
  server?.close();
});

const said = { kind: "mention", id: 41, room: "lobby", title: "大厅", s: 1095, from: "小红", text: "今晚几点？", lang: "zh-CN" };

/** A page whose worker is there, and a way to have the browser deliver to it. */
async function open() {
  await engine.browser.defaultBrowserContext().overridePermissions(server.address, ["notifications"]);
  const page = await engine.browser.newPage();
  const debug = await page.createCDPSession();
  const registered = new Promise((done) => {
    debug.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      const found = registrations.find((it) => it.scopeURL.startsWith(server.address));
      if (found) done(found.registrationId);
    });
  });
  await debug.send("ServiceWorker.enable");
  await page.goto(server.address + "/check");
  await page.evaluate(() => navigator.serviceWorker.ready);
  const registrationId = await registered;
  const deliver = (data) => debug.send("ServiceWorker.deliverPushMessage", { origin: server.address, registrationId, data });
  return { page, deliver };
}

const shown = (page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const all = await registration.getNotifications();
    return all.map(({ title, body, tag, data }) => ({ title, body, tag, path: data.path }));
  });

async function until(fact) {
  const end = Date.now() + 20_000;
  for (;;) {
    const value = await fact();
    if (value) return value;
    assert.ok(Date.now() < end, "it comes");
    await new Promise((done) => setTimeout(done, 50));
  }
}

test("N8: a push is shown to who does not look, in their language, and what is no push of ours is not", { timeout: 60_000 }, async () => {
  const { page, deliver } = await open();
  // Who looks at the app is told by the page itself.
  await page.bringToFront();
  const worker = await (await engine.browser.waitForTarget((it) => it.type() === "service_worker")).worker();
  // Counted, so that the page is not put away before the worker has looked at it.
  await worker.evaluate(() => {
    const look = self.clients.matchAll.bind(self.clients);
    self.looks = 0;
    self.clients.matchAll = (wanted) => look(wanted).finally(() => self.looks++);
  });
  await deliver(JSON.stringify({ ...said, kind: "reply" }));
  await until(() => worker.evaluate(() => self.looks === 1));
  const other = await engine.browser.newPage();
  await other.bringToFront();
  await page.waitForFunction(() => document.visibilityState === "hidden", { polling: 50 });
  await deliver("not JSON");
  await deliver(JSON.stringify({ ...said, text: "八点？", s: 1096 }));
  const [first] = await until(async () => (await shown(page)).length > 0 && shown(page));
  assert.deepEqual(first, { title: "小红 提到了你", body: "八点？", tag: "mention lobby", path: "/r/lobby?s=1096" });
  assert.deepEqual((await shown(page)).map((it) => it.tag), ["mention lobby"], "what came while one looked is not there");
  await deliver(JSON.stringify({ ...said, kind: "live", lang: "en", from: "Ann", text: "Night three", s: undefined }));
  const live = await until(async () => (await shown(page)).find((it) => it.tag === "live lobby"));
  assert.deepEqual([live.title, live.body, live.path], ["Ann is live", "Night three", "/r/lobby"]);
  await other.close();
  await page.close();
});
