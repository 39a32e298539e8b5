/** The picture of every shared link, `public/share.png`: the mark among calm rings, as on a cover. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "./chromium.mjs";

const ring = (cx, cy, r, width, opacity) =>
  `<circle cx="${cx}" cy="${cy}" r="${r}" stroke-width="${width}" opacity="${opacity}"/>`;
const ripples = [...Array(6).keys()].map((n) => ring(600, 315, 190 + n * 88, 14 - n * 1.6, 0.5 - n * 0.07)).join("");
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="630" viewBox="0 0 1200 630">
  <rect width="1200" height="630" fill="#faf8f4"/>
  <g fill="none" stroke="#e6cdbf">${ripples}</g>
  <g fill="none" stroke="#c93a26">${ring(600, 315, 106, 50, 1)}</g>
</svg>`;

const { browser, close } = await chromium();
const page = await browser.newPage();
await page.setViewport({ width: 1200, height: 630 });
await page.setContent(`<style>body { margin: 0 } svg { display: block }</style>${svg}`);
writeFileSync(join(import.meta.dirname, "../public/share.png"), await page.screenshot({ type: "png" }));
await close();
