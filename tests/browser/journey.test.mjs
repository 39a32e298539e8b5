// The journey of a host's first broadcast before it goes on air, over HTTPS with a certificate that the server ordered
// itself: the host in Firefox, a guest on a phone and a moderator in Chromium. Each part is a step of the way; they build
// upon each other. It runs in `make soak`, in a network of its own (alone.sh).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { firefox } from "./firefox.mjs";
import { NAME, SecureWorld } from "./secure.mjs";
import { button, fill, password } from "./world.mjs";

/** `lin` is the host's studio in Firefox; `host` her page of the room. */
let world, chromium, lin, host, mo, phone, slug;
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

async function signedIn(page, name) {
  await page.goto(`${world.base}/sign-in`);
  await fill(page, 'input[autocomplete="username"]', name);
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => !location.pathname.startsWith("/sign-in"));
  return page;
}

before(async () => {
  world = await SecureWorld.start({ listen: "0.0.0.0" });
  await world.post("/api/v1/set-up", { code: world.code, name: "周舟", password, circle: "读书会" }).then((it) => (world.owner = it.token));
  for (const name of ["林小满", "莫言"]) await world.post("/api/v1/accounts", { name, password });
  const { members } = await world.get("/api/v1/members", world.owner);
  const { id } = members.find((it) => it.name === "莫言");
  await world.put(`/api/v1/members/${id}/role`, { role: "moderator" }, world.owner);
  chromium = await world.browser();
});
after(() => world?.end());

test("1–3: the host plans her broadcast, and open pages show it within a second", { timeout: 120_000 }, async () => {
  lin = await inChinese(await firefox(world, NAME));
  await signedIn(lin, "林小满");
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
  await lin.goto(`${world.base}/r/${slug}/studio`);
  await click(lin, '[data-act="open"]');
  await says(lin, "房间已开放");
  phone = await world.page(chromium, { width: 390, height: 844, language: "zh-CN" });
  await phone.goto(`${world.base}/r/${slug}`);
  const box = await phone.waitForSelector("textarea", { timeout: 20_000 });
  await phone.waitForFunction(() => Number(document.querySelector(".chat .here")?.textContent) > 0, { timeout: 20_000, polling: 100 });
  await box.type("来早了，先占个座");
  await phone.keyboard.press("Enter");
  await mo.goto(`${world.base}/r/${slug}`);
  await says(mo, "来早了，先占个座");
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

