// The journey of a host's first broadcast, over HTTPS with a certificate that the server ordered itself: the host in
// Firefox (VP8), viewers on a phone and on a desk in Chromium, a moderator in a third browser, FFmpeg in a second
// broadcast. Each part is a step of the way; they build upon each other.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { firefox } from "./firefox.mjs";
import { NAME, SecureWorld } from "./secure.mjs";
import { button, countFrames, fill, password, statistics } from "./world.mjs";

let world, chromium, lin, mo, phone, slug;
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

async function signedIn(browser, name, view) {
  const page = await world.page(browser, { language: "zh-CN", ...view });
  await page.goto(`${world.base}/sign-in`);
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
after(() => world?.end());

test("1–3: the host plans her broadcast, and open pages show it within a second", { timeout: 120_000 }, async () => {
  const fox = await firefox(world, NAME);
  lin = await signedIn(fox, "林小满");
  mo = await signedIn(await world.browser(), "莫言");
  await says(mo, "现在没有人直播");
  await click(lin, button("开播"));
  await lin.waitForSelector("dialog[open] form");
  await lin.keyboard.type("春天的散步");
  await lin.$$eval("dialog[open] input[type=radio]", (all) => all[1].click());
  const field = "dialog[open] [data-field=when]";
  await lin.waitForSelector(field);
  await lin.$eval(field, (it, value) => ((it.value = value), it.dispatchEvent(new Event("input", { bubbles: true }))), inMinutes(20));
  await click(lin, "dialog[open] .main");
  await says(lin, "春天的散步");
  slug = (await world.get("/api/v1/rooms", world.owner)).rooms.find((it) => it.broadcast?.title === "春天的散步").slug;
});
