/**
 * The kept shell and installing, against the app as it is built: what is kept, what never is, and that an
 * upgrade is there at once. It runs on copies of `dist`, whose server can be changed and closed.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "./chromium.mjs";
import { serve } from "./serve.mjs";

let folder;
let server;
let engine;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "weiquan-shell-"));
  cpSync(join(import.meta.dirname, "../dist"), folder, { recursive: true });
  server = await serve(folder);
  engine = await chromium();
});
after(async () => {
  await engine?.close();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A page whose worker has kept the shell. A page of the profile itself: private ones install nothing. */
async function open(path) {
  const page = await engine.browser.newPage();
  await page.goto(server.address + path);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === "activated");
  return page;
}

/** Names of caches, each with the paths in it. */
const kept = (page) =>
  page.evaluate(async () => {
    const all = {};
    for (const name of await caches.keys()) {
      const requests = await (await caches.open(name)).keys();
      all[name] = requests.map((it) => new URL(it.url).pathname);
    }
    return all;
  });

const change = (name, from, to) => {
  const text = readFileSync(join(folder, name), "utf8");
  assert.ok(text.match(from), `${name} holds ${from}`);
  writeFileSync(join(folder, name), text.replace(from, to));
};

test("the browser would install it", { timeout: 60_000 }, async () => {
  const page = await open("/");
  const debug = await page.createCDPSession();
  const { installabilityErrors } = await debug.send("Page.getInstallabilityErrors");
  assert.deepEqual(installabilityErrors, []);
  const { errors } = await debug.send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  await page.close();
});

test("only the shell is kept, whatever was fetched", { timeout: 60_000 }, async () => {
  const page = await open("/r/hall");
  await page.evaluate(() => Promise.all(["/api/v1/server", "/r/hall/qr.svg", "/healthz", "/r/hall/cover.png"].map((it) => fetch(it))));
  const [paths, ...others] = Object.values(await kept(page));
  assert.deepEqual(others, []);
  const assets = readdirSync(join(folder, "assets")).filter((it) => /\.(js|css)$/.test(it)).map((it) => `/assets/${it}`);
  assert.deepEqual(paths.sort(), ["/", "/theme.js", "/favicon.svg", "/icon-192.png", "/manifest.webmanifest", ...assets].sort());
  await page.close();
});

test("an upgraded server's app is there at once, and an open page keeps its parts", { timeout: 60_000 }, async () => {
  const before = await open("/");
  const [[oldCache, paths]] = Object.entries(await kept(before));
  // The upgrade: another page, another worker, and a part of the old app that is gone.
  const part = paths.find((it) => it.startsWith("/assets/Studio-") && it.endsWith(".js"));
  rmSync(join(folder, part));
  change("index.html", /<title>/, '<meta name="built" content="anew" /><title>');
  change("sw.js", new RegExp(oldCache.replace("weiquan-shell-", "")), "0123456789abcdef");
  change("sw.js", `"${part}",`, "");

  const page = await engine.browser.newPage();
  await page.goto(`${server.address}/r/hall`);
  assert.equal(await page.$eval("meta[name=built]", (it) => it.content), "anew");
  assert.equal(await before.evaluate(async (it) => (await fetch(it)).headers.get("content-type"), part), "text/javascript");

  // Once the old pages are gone, nothing is left of the old shell.
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  await page.waitForFunction(async () => (await navigator.serviceWorker.getRegistration()).waiting !== null);
  await before.close();
  await page.close();
  // The browser lets go of closed pages in its own time; who comes before that still has the old worker.
  let names;
  do {
    const next = await engine.browser.newPage();
    await next.goto(`${server.address}/`);
    names = Object.keys(await kept(next));
    await next.close();
  } while (names.join() !== "weiquan-shell-0123456789abcdef");
});

test("without a server the app opens all the same, at every address", { timeout: 60_000 }, async () => {
  const page = await open("/");
  server.cut();
  for (const path of ["/", "/r/hall", "/members"]) {
    await page.goto(server.address + path);
    await page.waitForSelector("#app > *");
    assert.equal(await page.$eval("meta[name=built]", (it) => it.content), "anew");
  }
  // What the server has to say is not made up.
  await assert.rejects(page.evaluate(() => fetch("/api/v1/server")));
  await page.close();
});
