// The journey of a host's first broadcast, over HTTPS with a certificate that the server ordered itself: the host in
// Firefox (VP8), viewers on a phone and on a desk in Chromium, a moderator in a third browser, FFmpeg in a second
// broadcast. Each part is a step of the way; they build upon each other.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { firefox } from "./firefox.mjs";
import { NAME, SecureWorld } from "./secure.mjs";
import { Line, throughRelay } from "./line.mjs";
import { button, countFrames, fill, password, statistics } from "./world.mjs";

/** `lin` is the host's studio in Firefox, on a line that can be cut; `host` her page of the room. */
let world, line, near, chromium, lin, host, mo, phone, slug;
const click = (page, selector) => page.waitForSelector(selector, { timeout: 20_000 }).then((it) => it.evaluate((it) => it.click()));
const says = (page, words, ms = 10_000) =>
  page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: ms, polling: 100 }, words);
const saysNot = (page, words, ms = 10_000) =>
  page.waitForFunction((it) => !document.body.innerText.includes(it), { timeout: ms, polling: 100 }, words);
/** The moment in the form of a date field, so many minutes from now. */
const inMinutes = (n) => {
  const at = new Date(Date.now() + n * 60_000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

const inChinese = (browser) => world.page(browser, { language: "zh-CN" });

async function signedIn(page, name, base = world.base) {
  await page.goto(`${base}/sign-in`);
  await fill(page, 'input[autocomplete="username"]', name);
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => !location.pathname.startsWith("/sign-in"));
  return page;
}

before(async () => {
  world = await SecureWorld.start();
  await world.post("/api/v1/set-up", { code: world.code, name: "周舟", password, circle: "读书会" }).then((it) => (world.owner = it.token));
  for (const name of ["林小满", "莫言", "吴一"]) await world.post("/api/v1/accounts", { name, password });
  const { members } = await world.get("/api/v1/members", world.owner);
  const { id } = members.find((it) => it.name === "莫言");
  await world.put(`/api/v1/members/${id}/role`, { role: "moderator" }, world.owner);
  await world.post("/api/v1/rooms", { title: "第二现场", guests: true, slug: "second" }, world.owner);
  chromium = await world.browser();
});
after(async () => {
  line?.close();
  await world?.end();
});

test("1–3: the host plans her broadcast, and open pages show it within a second", { timeout: 120_000 }, async () => {
  line = await Line.open(world.ports[0], world.ports[2]);
  near = `https://${NAME}:${line.tcp}`;
  lin = await inChinese(await firefox(world, NAME));
  await lin.evaluateOnNewDocument(throughRelay, world.ports[2], line.udp);
  await signedIn(lin, "林小满", near);
  mo = await signedIn(await inChinese(await world.browser()), "莫言");
  await says(mo, "现在没有人在直播");
  await click(lin, button("开直播"));
  await lin.waitForSelector("dialog[open] form");
  await lin.keyboard.type("春天的散步");
  await lin.$$eval("dialog[open] input[type=radio]", (all) => all[1].click());
  const field = "dialog[open] [data-field=when]";
  await lin.waitForSelector(field);
  await lin.$eval(field, (it, value) => ((it.value = value), it.dispatchEvent(new Event("input", { bubbles: true }))), inMinutes(20));
  await click(lin, "dialog[open] .main");
  await says(mo, "春天的散步", 2_000);
  await says(lin, "春天的散步");
  slug = (await world.get("/api/v1/rooms", world.owner)).rooms.find((it) => it.broadcast?.title === "春天的散步").slug;
});

test("7: the room opens before it begins, and early viewers talk", { timeout: 60_000 }, async () => {
  await lin.goto(`${near}/r/${slug}/studio`);
  await click(lin, '[data-act="open"]');
  await says(lin, "房间已开放");
  phone = await world.page(chromium, { width: 390, height: 844, language: "zh-CN" });
  await phone.evaluateOnNewDocument(countFrames);
  await phone.goto(`${world.base}/r/${slug}`);
  const box = await phone.waitForSelector("textarea", { timeout: 20_000 });
  await box.type("来早了，先占个座");
  await phone.keyboard.press("Enter");
  await mo.goto(`${world.base}/r/${slug}`);
  await says(mo, "来早了，先占个座");
});

test("9: she goes live in Firefox, seen on a phone; FFmpeg is live beside it", { timeout: 120_000 }, async () => {
  await click(lin, button("摄像头"));
  await click(lin, '[data-act="start"]:not([disabled])');
  await lin.waitForSelector('[data-act="end"]', { timeout: 20_000 });
  await phone.waitForFunction(() => window.frames_seen?.count > 20, { timeout: 30_000, polling: 200 });
  const seen = await phone.evaluate(statistics);
  assert.equal(seen.transport.srtpCipher, "SRTP_AEAD_AES_128_GCM");
  const key = (await world.post("/api/v1/rooms/second/stream-keys", { label: "film" }, world.owner)).key;
  await world.ffmpeg(key);
  const desk = await world.page(await world.browser(), { language: "en" });
  await desk.evaluateOnNewDocument(countFrames);
  await desk.goto(`${world.base}/r/second`);
  await desk.waitForFunction(() => window.frames_seen?.count > 20, { timeout: 30_000, polling: 200 });
  assert.deepEqual(desk.problems, []);
  await desk.close();
});

test("13: the host's network is cut for 15 s; the room stays, and the picture comes back", { timeout: 120_000 }, async () => {
  line.cut();
  await says(phone, "重连中", 30_000);
  await pause(15_000);
  line.heal();
  await phone.evaluate(() => (window.frames_seen.mark = window.frames_seen.count));
  await phone.waitForFunction(() => window.frames_seen.count > window.frames_seen.mark + 20, { timeout: 60_000, polling: 200 });
  await saysNot(phone, "重连中");
});

test("14: she picks a question, and everybody sees it", { timeout: 60_000 }, async () => {
  const box = await phone.waitForSelector("textarea");
  await box.type("花期到什么时候？");
  await click(phone, ".asks");
  await click(phone, "button[aria-label='发送']");
  await says(phone, "花期到什么时候？");
  host = await signedIn(await inChinese(await world.browser()), "林小满");
  await host.goto(`${world.base}/r/${slug}`);
  await click(host, '[data-act="questions"]');
  await click(host, 'dialog[open] [data-act="pick"]');
  await mo.waitForFunction(() => document.querySelector(".apart.picked")?.textContent.includes("花期到什么时候？"), { timeout: 10_000, polling: 100 });
  await host.keyboard.press("Escape");
});

test("15: a poll of three options; totals are the people who voted", { timeout: 60_000 }, async () => {
  await click(host, '[data-act="poll"]');
  await fill(host, '[data-poll="question"]', "下次去哪里？");
  await click(host, button("添加选项"));
  for (const [at, words] of ["植物园", "河边", "山上"].entries()) {
    const fields = await host.$$('[data-poll="option"]');
    await fields[at].type(words);
  }
  await click(host, '[data-act="start-poll"]');
  for (const page of [phone, mo]) {
    await says(page, "下次去哪里？");
    await click(page, ".poll .option:not([disabled])");
  }
  await host.waitForFunction(() => /2/.test(document.querySelector("dialog[open]")?.textContent ?? ""), { timeout: 10_000, polling: 100 });
  await click(host, '[data-act="close-poll"]');
  await host.keyboard.press("Escape");
  const page = await world.get(`/api/v1/rooms/${slug}/history?n=200`, world.owner);
  const closed = page.page.find((it) => it.k === "poll_closed");
  assert.equal(closed.b.voters, 2);
});

test("16: the moderator holds an advertisement: gone for all within a second", { timeout: 60_000 }, async () => {
  const box = await phone.waitForSelector("textarea");
  await box.type("加我微信领红包");
  await phone.keyboard.press("Enter");
  await says(mo, "加我微信领红包");
  await says(host, "加我微信领红包");
  await (await mo.waitForSelector("::-p-text(加我微信领红包)")).click();
  await click(mo, '[data-act="hold"]');
  await saysNot(host, "加我微信领红包", 1_500);
  const { acts } = await world.get("/api/v1/audit?n=20", world.owner);
  assert.ok(acts.some((it) => it.what === "hold"), JSON.stringify(acts));
});

test("18, 21: it ends with what it was, and a kill takes nothing of it", { timeout: 90_000 }, async () => {
  await click(lin, '[data-act="end"]');
  await click(lin, "dialog[open] .btn.main");
  await phone.waitForFunction(() => !document.querySelector("video")?.srcObject?.active || /结束/.test(document.body.innerText), { timeout: 20_000, polling: 100 });
  const { id } = (await world.get(`/api/v1/rooms/${slug}`, world.owner)).broadcast;
  const path = `/api/v1/rooms/${slug}/broadcasts/${id}/summary`;
  const before = await world.get(path, world.owner);
  assert.ok(before.peak >= 2, JSON.stringify(before));
  await world.kill();
  await world.boot();
  assert.deepEqual(await world.get(path, world.owner), before);
  const { page } = await world.get(`/api/v1/rooms/${slug}/history?n=200`, world.owner);
  const text = JSON.stringify(page);
  for (const words of ["来早了，先占个座", "花期到什么时候？", "下次去哪里？"]) assert.ok(text.includes(words), words);
  assert.ok(!text.includes("加我微信领红包"), "what is held is in no page");
  for (const it of [lin, mo, phone, host]) assert.deepEqual(it.problems, []);
});
