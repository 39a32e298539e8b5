/**
 * Screenshots of every state: phone and desk, light and dark, the three languages, into a temporary
 * folder whose name is printed. `npm run shots -- room-live home` takes those only; `--quick` takes one
 * variant of each size.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, freshPage } from "./chromium.mjs";
import { serve } from "./serve.mjs";
import { settle, states } from "./states.mjs";

const args = process.argv.slice(2);
const quick = args.includes("--quick");
const chosen = args.filter((it) => !it.startsWith("--"));
const sizes = [
  { size: "phone", width: 360, height: 740 },
  { size: "desk", width: 1360, height: 820 },
];
const themes = ["light", "dark"];
const languages = ["zh-CN", "zh-TW", "en"];

const folder = process.env.SHOTS ?? mkdtempSync(join(tmpdir(), "weiquan-shots-"));
const server = await serve(join(import.meta.dirname, "../dist-fake"));
const { browser, close } = await chromium({ fonts: "noto" });
let taken = 0;
try {
  for (const state of states.filter((it) => chosen.length === 0 || chosen.includes(it.name))) {
    for (const { size, width, height } of sizes) {
      for (const theme of themes) {
        for (const language of languages) {
          // Quick: light Chinese on the phone, dark Chinese on the desk.
          if (quick && (language !== "zh-CN" || (theme === "light") !== (size === "phone"))) continue;
          const { page, close: closePage } = await freshPage(browser, { width, height, theme, language });
          await page.goto(server.address + state.path);
          await page.waitForSelector("main > *");
          await settle(500);
          await state.then?.(page);
          await page.screenshot({ path: join(folder, `${state.name}.${size}.${theme}.${language}.png`) });
          await closePage();
          taken += 1;
        }
      }
    }
  }
} finally {
  await close();
  server.close();
}
console.log(`${taken} screenshots in ${folder}`);
