/** The stand-in build in a browser: opens a state, runs a check, and fails on any complaint of the page itself. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium, freshPage } from "./chromium.mjs";
import { serve } from "./serve.mjs";
import { settle } from "./states.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const DESK = { width: 1360, height: 820, theme: "light", language: "zh-CN" };
export const PHONE = { width: 360, height: 740, theme: "light", language: "zh-CN" };
export const inRoom = (slug, query = "") => ({ path: `/r/${slug}${query}` });

/** Runs in a page: what it shows, and where its list of messages stands. */
function looks() {
  const log = document.querySelector(".log");
  const keys = [...document.querySelectorAll(".log [data-key]")].map((it) => it.dataset.key);
  return {
    at: location.href, text: document.body.innerText.slice(0, 500),
    log: log && { top: log.scrollTop, high: log.scrollHeight, shown: log.clientHeight, first: keys[0], last: keys.at(-1) },
  };
}

/** `flags` are told to the browser besides. */
export async function standIn(flags = []) {
  const server = await serve(join(import.meta.dirname, "../dist-fake"));
  const engine = await chromium({ flags });

  /** Opens a state, runs the check, and fails on any complaint of the page itself or request to elsewhere. */
  async function on(state, view, check) {
    const { page, close } = await freshPage(engine.browser, view);
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    page.on("console", (line) => line.type() === "error" && complaints.push(`console: ${line.text()}`));
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(server.address)) complaints.push(`request: ${request.url()}`);
    });
    try {
      await page.goto(server.address + state.path);
      await page.waitForSelector("main > *");
      await settle(300);
      await state.then?.(page);
      await check(page);
      assert.deepEqual(complaints, []);
    } catch (error) {
      // What it was like tells more than what was missing.
      const seen = await page.evaluate(looks).catch(() => "nothing: the page is gone");
      error.message += `\nthe page then: ${JSON.stringify(seen)}\nit said: ${JSON.stringify(complaints)}`;
      throw error;
    } finally {
      await close();
    }
  }

  return {
    on,
    address: server.address,
    async close() {
      await engine.close();
      server.close();
    },
  };
}

/** What axe finds serious. It comes in by the debugger, which the page's policy does not bind. */
export async function serious(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter((it) => it.impact === "serious" || it.impact === "critical")
    .map((it) => `${it.id}: ${it.nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
}

/** What stands out of the page sideways. */
export const tooWide = (page) =>
  page.evaluate(() => {
    const limit = document.documentElement.clientWidth;
    const over = [...document.querySelectorAll("body *")].filter((it) => {
      if (it.closest(".unseen, svg, .hearts, .skip, dialog:not([open])") || !it.checkVisibility()) return false;
      const box = it.getBoundingClientRect();
      return box.width > 0 && (box.right > limit + 1 || box.left < -1);
    });
    return { scroll: document.documentElement.scrollWidth - limit, over: over.map((it) => `${it.tagName}.${it.className}`) };
  });
