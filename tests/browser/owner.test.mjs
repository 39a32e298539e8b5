// The owner's day in the real app: a moderator appointed and dismissed while they are in the room, and a
// broadcast announced, moved and called off while somebody waits for it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, button, fill, password } from "./world.mjs";

let world;
let slug;
let browser;
before(async () => {
  world = await World.start();
  slug = await world.setUp("hall", "Reading night");
  browser = await world.browser();
});
after(() => world?.end());

/** A page of a context of its own, signed in, at a path. */
async function as(name, path) {
  const page = await world.page(browser);
  await page.goto(`${world.base}/sign-in?then=${encodeURIComponent(path)}`);
  await fill(page, 'input[autocomplete="username"]', name);
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await page.waitForFunction((path) => location.pathname === path, {}, path);
  return page;
}

const click = (page, selector) => page.waitForSelector(selector).then((it) => it.evaluate((it) => it.click()));
const agree = (page) => click(page, "dialog[open] .foot .main");
/** The people's lines that open a menu. */
const menus = (page) => page.$$eval("dialog[open] [aria-expanded]", (all) => all.map((it) => it.getAttribute("aria-label")));

test("who is appointed may keep order on the page that is open, and who is dismissed may not", { timeout: 120_000 }, async () => {
  for (const name of ["Mo", "Ann"]) await world.post("/api/v1/accounts", { name, password });
  const ann = await as("Ann", `/r/${slug}`);
  const mo = await as("Mo", `/r/${slug}`);
  await click(mo, ".chat .here");
  await mo.waitForFunction(() => document.querySelector("dialog[open]")?.textContent.includes("Ann"));
  assert.deepEqual(await menus(mo), [], "a member acts on nobody");

  const owner = await as("林小满", "/members");
  await (await owner.waitForSelector('input[type="search"]')).type("mo");
  await owner.waitForFunction(() => document.querySelectorAll("[data-member]").length === 1);
  await click(owner, "[data-member] [data-act=role]");
  await agree(owner);
  await owner.waitForSelector(button("Dismiss as moderator"));

  // Mo's page was not touched.
  await mo.waitForSelector("dialog[open] [aria-expanded]", { timeout: 3_000 });
  await click(mo, 'dialog[open] [aria-label="More · Ann"]');
  await (await mo.waitForSelector(button("Mute for 10 min"))).evaluate((it) => it.click());
  await ann.waitForFunction(() => document.body.textContent.includes("You are muted until"), { timeout: 3_000 });

  await click(owner, "[data-member] [data-act=role]");
  await agree(owner);
  await owner.waitForSelector(button("Make moderator"));
  await mo.waitForFunction(() => document.querySelectorAll("dialog[open] [aria-expanded]").length === 0, { timeout: 3_000 });
  for (const page of [ann, mo, owner]) assert.deepEqual(page.problems, []);
});

test("a broadcast is announced from home, waited for, moved in the studio, and called off", { timeout: 120_000 }, async () => {
  const host = await as("林小满", "/");
  await (await host.waitForSelector(button("Go live"))).evaluate((it) => it.click());
  await host.waitForSelector("dialog[open] form");
  await host.keyboard.type("Fifth night");
  await host.$$eval("dialog[open] input[type=radio]", (all) => all[1].click());
  const field = "dialog[open] [data-field=when]";
  const set = (page, value) =>
    page.$eval(field, (it, value) => ((it.value = value), it.dispatchEvent(new Event("input", { bubbles: true }))), value);
  await host.waitForSelector(field);
  await set(host, "2099-01-01T20:00");
  await host.select("dialog[open] select", slug);
  await click(host, "dialog[open] .main");
  await host.waitForFunction(() => document.querySelector(".side")?.textContent.includes("Fifth night"));

  const guest = await world.page(browser);
  await guest.goto(`${world.base}/r/${slug}`);
  await guest.waitForFunction(() => /Starts .*20:00/.test(document.querySelector(".stage")?.textContent ?? ""));
  assert.match(await guest.$eval(".stage", (it) => it.textContent), /in \d+ days/);

  await host.goto(`${world.base}/r/${slug}/studio`);
  await click(host, "[data-act=reschedule]");
  await host.waitForSelector(field);
  assert.equal(await host.$eval(field, (it) => it.value), "2099-01-01T20:00");
  await set(host, "2001-01-01T20:00");
  await click(host, "dialog[open] .main");
  await host.waitForFunction(() => document.querySelector("dialog[open] [role=alert]")?.textContent.includes("has passed"));
  await set(host, "2099-01-01T21:30");
  await click(host, "dialog[open] .main");
  await guest.waitForFunction(() => /Starts .*21:30/.test(document.querySelector(".stage")?.textContent ?? ""), { timeout: 3_000 });

  await click(host, "[data-act=call-off]");
  await agree(host);
  await guest.waitForFunction(() => document.querySelector(".stage")?.textContent.includes("Nobody is live here now"), { timeout: 3_000 });
  await guest.waitForFunction(() => document.querySelector(".chat").textContent.includes("was called off"));
  for (const page of [host, guest]) assert.deepEqual(page.problems, []);
});
