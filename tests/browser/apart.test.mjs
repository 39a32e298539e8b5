// Order in the room and what stands above the talk, as the host and a viewer have them in two browsers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, fill } from "./world.mjs";

let world, slug, host, viewer;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  ({ host, viewer } = await world.inRoom(slug));
});
after(() => world?.end());

const says = (page, words, ms = 10_000) => page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: ms }, words);
const saysNot = (page, words) => page.waitForFunction((it) => !document.body.innerText.includes(it), { timeout: 10_000 }, words);
const tap = async (page, selector) => (await page.waitForSelector(selector)).click();
const close = (page) => page.keyboard.press("Escape");

test("a viewer asks, the host picks the question for everybody and answers it", { timeout: 90_000 }, async () => {
  await viewer.type(".chat textarea", "几点抽奖？");
  await tap(viewer, ".chat .asks");
  await viewer.keyboard.press("Enter");
  await says(host, "几点抽奖？");
  await tap(host, '.chat [data-act="questions"]');
  await tap(host, 'dialog[open] [data-act="pick"]');
  await says(viewer, "Being answered");
  assert.match(await viewer.$eval(".apart.picked", (it) => it.innerText), /几点抽奖？/);
  await tap(host, 'dialog[open] [data-act="answer"]');
  await close(host);
  await viewer.waitForFunction(() => !document.querySelector(".apart.picked"));
  await says(viewer, "Answered");
});

test("the host's words stand above the talk, also for who comes later", { timeout: 90_000 }, async () => {
  await tap(host, '.chat [data-act="settings"]');
  await fill(host, "dialog[open] textarea", "九点抽三本签名书");
  await tap(host, "dialog[open] .btn.main:not([disabled])");
  await says(viewer, "九点抽三本签名书");
  await viewer.reload();
  await says(viewer, "九点抽三本签名书");
  await tap(host, '.apart [aria-label="Unpin"]');
  await viewer.waitForFunction(() => !document.querySelector(".apart"));
});

test("quiet for ten minutes holds everybody else, and keeps what they wrote", { timeout: 90_000 }, async () => {
  await tap(host, '.chat [data-act="settings"]');
  await tap(host, 'dialog[open] [data-act="quiet"]');
  await says(viewer, "Just now the host and moderators speak.");
  await viewer.type(".chat textarea", "等一下说");
  await viewer.keyboard.press("Enter");
  assert.equal(await viewer.$eval(".chat textarea", (it) => it.value), "等一下说");
  await tap(host, "dialog[open] .mode label");
  await close(host);
  await saysNot(viewer, "Just now the host and moderators speak.");
  await viewer.focus(".chat textarea");
  await viewer.keyboard.press("Enter");
  await says(host, "等一下说");
  assert.deepEqual([...host.problems, ...viewer.problems], []);
});
