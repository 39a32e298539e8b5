/**
 * The pictures of the README, from the stand-in build: a room on a desk and on a phone, and a studio on air.
 * They are made, never drawn: what they show is what the app shows.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { chromium, freshPage } from "./chromium.mjs";
import { serve } from "./serve.mjs";
import { settle } from "./states.mjs";

const folder = join(import.meta.dirname, "../../../docs/pictures");
/** All of them together: a README is read on a phone as well. */
const BYTES_MAX = 300_000;

const server = await serve(join(import.meta.dirname, "../dist-fake"));
const { browser, close } = await chromium({ fonts: "noto" });
const desk = { width: 1280, height: 690, touch: false };
const phone = { width: 360, height: 720 };

/** A page in a state, as a picture in text. */
async function take(path, view, prepare) {
  const { page, close: closePage } = await freshPage(browser, view);
  await page.setViewport({ width: view.width, height: view.height, deviceScaleFactor: 2, isMobile: view.touch !== false });
  await page.goto(server.address + path);
  await page.waitForSelector("main > *");
  await settle(500);
  await prepare?.(page);
  await settle(500);
  const taken = await page.screenshot({ type: "png", encoding: "base64" });
  await closePage();
  return taken;
}

/** The first picture fills the sheet, the second stands in front of its right corner. */
async function compose(file, back, front) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1480, height: 800, deviceScaleFactor: 1 });
  const image = (name, data) => `<img class="${name}" src="data:image/png;base64,${data}">`;
  await page.setContent(`<style>
    body { margin: 0; position: relative; width: 1480px; height: 800px; background: #efeae0; }
    img { position: absolute; display: block; box-sizing: border-box; }
    .back { left: 44px; top: 44px; width: 1280px; height: 690px; border-radius: 14px; outline: 1px solid #d8d1c3; }
    .front { right: 44px; bottom: 28px; width: 276px; height: 552px; border-radius: 26px; border: 5px solid #131312; background: #131312; }
  </style>${image("back", back)}${front ? image("front", front) : ""}`);
  await page.screenshot({ path: join(folder, file), type: "webp", quality: 80 });
  await page.close();
}

const listen = async (page) => {
  const button = await page.$(".listen");
  await button?.click();
  await page.evaluate(() => document.activeElement?.blur());
};
const goLive = async (page) => {
  for (const selector of [".pick button", "[data-act=start]"]) {
    await page.waitForSelector(selector);
    await page.$eval(selector, (it) => it.click());
  }
  await page.waitForSelector(".health");
  await page.evaluate(() => {
    const { fakeRoom } = window;
    const { broadcast } = fakeRoom.view.get();
    fakeRoom.change({ count: 2148, broadcast: { ...broadcast, live_ms: Date.now() - 42 * 60_000 } });
    document.activeElement?.blur();
  });
};

mkdirSync(folder, { recursive: true });
try {
  const room = await take("/r/show", { ...desk, theme: "light", language: "zh-CN" }, listen);
  const inHand = await take("/r/show", { ...phone, theme: "dark", language: "en" }, listen);
  await compose("room.webp", room, inHand);
  const studio = await take("/r/studio/studio?who=host", { ...desk, theme: "dark", language: "en" }, goLive);
  const home = await take("/", { ...phone, theme: "light", language: "zh-CN" });
  await compose("studio.webp", studio, home);
} finally {
  await close();
  server.close();
}
const bytes = ["room.webp", "studio.webp"].reduce((sum, it) => sum + statSync(join(folder, it)).size, 0);
if (bytes > BYTES_MAX) throw new Error(`the pictures take ${bytes} bytes, at most ${BYTES_MAX} are allowed`);
console.log(`${Math.round(bytes / 1000)} kB in ${folder}`);
