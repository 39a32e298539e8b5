/** A headless Chromium with a new profile, for screenshots and checks. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

/** `fonts: "noto"` for pictures; checks keep the machine's own, which are wider and so the stricter ones. */
export async function chromium({ fonts, flags = [] } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "weiquan-web-"));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    userDataDir: profile,
    env: fonts === "noto" ? { ...process.env, FONTCONFIG_FILE: noto(profile) } : process.env,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
      ...flags,
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

/** Bare machines answer `system-ui` with DejaVu, which no phone or desk has: Noto's letters look as ours will. */
function noto(folder) {
  const file = join(folder, "fonts.conf");
  const alias = (family) => `<alias binding="strong"><family>${family}</family><prefer><family>Noto Sans CJK SC</family></prefer></alias>`;
  const aliases = ["system-ui", "sans-serif", "DejaVu Sans"].map(alias).join("");
  writeFileSync(file, `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include>/etc/fonts/fonts.conf</include>${aliases}</fontconfig>`);
  return file;
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
