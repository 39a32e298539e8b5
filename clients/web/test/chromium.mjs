/** A headless Chromium with a new profile, for screenshots and checks. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

export async function chromium({ env = {} } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "weiquan-web-"));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    userDataDir: profile,
    env: { ...process.env, ...env },
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
    ],
  });
  return {
    browser,
    async close() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A page of its own context: nothing kept from another one. */
export async function freshPage(browser, { width, height, theme, language, motion = "reduce", touch = width < 800 }) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width, height, deviceScaleFactor: touch ? 2 : 1, hasTouch: touch, isMobile: touch });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: theme },
    { name: "prefers-reduced-motion", value: motion },
  ]);
  await page.evaluateOnNewDocument((kept) => localStorage.setItem("weiquan.language", kept), language);
  return { page, close: () => context.close() };
}
