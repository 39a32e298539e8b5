import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { en, type Words } from "../src/i18n/en";
import { clock, count, delay, running, span } from "../src/i18n/format";
import { chooseLanguage, languages, nobody } from "../src/i18n/languages";
import { pseudo, stretch } from "../src/i18n/pseudo";
import { zhCN } from "../src/i18n/zh-CN";
import { zhTW } from "../src/i18n/zh-TW";

type Tree = { [key: string]: string | ((...args: never[]) => string) | Tree };

/** Every word as `path: text`; a function is called with marks that must come out again. */
function flat(tree: Tree, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    const at = path ? `${path}.${key}` : key;
    if (typeof value === "string") found.set(at, value);
    else if (typeof value === "function") found.set(at, (value as (...args: unknown[]) => string)(7, "⟨b⟩", "⟨c⟩"));
    else for (const [k, v] of flat(value, at)) found.set(k, v);
  }
  return found;
}

const dictionaries: [string, Words][] = [["en", en], ["zh-CN", zhCN], ["zh-TW", zhTW]];
const keys = [...flat(en as unknown as Tree).keys()].sort();

describe("the dictionaries", () => {
  it.each(dictionaries)("%s has every word, and none is empty", (_name, words) => {
    const all = flat(words as unknown as Tree);
    expect([...all.keys()].sort()).toEqual(keys);
    for (const [key, text] of all) expect(text.trim(), key).not.toBe("");
  });

  it.each([["zh-CN", zhCN], ["zh-TW", zhTW]] as [string, Words][])("%s leaves no English sentence behind", (_name, words) => {
    const english = flat(en as unknown as Tree);
    for (const [key, text] of flat(words as unknown as Tree)) {
      if (/[a-z]{3,} [a-z]{3,}/i.test(english.get(key) ?? "")) expect(text, key).not.toBe(english.get(key));
    }
  });

  it("writes Traditional Chinese with traditional characters", () => {
    // Each of these is written differently in Traditional Chinese.
    const simplified = /[们说这为时会来还没发语录过开关闭两认证权续断线码链频帧设备浏览请讯输选项应该网络复删编辑]/u;
    for (const [key, text] of flat(zhTW as unknown as Tree)) expect(text, key).not.toMatch(simplified);
  });

  it("stretches every word of the pseudo-language by two fifths", () => {
    const before = flat(en as unknown as Tree);
    for (const [key, text] of flat(pseudo(en) as unknown as Tree)) {
      expect(text.length, key).toBeGreaterThanOrEqual(Math.floor((before.get(key)?.length ?? 0) * 1.4));
    }
    expect(stretch("Go live")).toContain("Gö lïvé");
  });
});

describe("the first language", () => {
  it.each([
    [["zh-CN"], "zh-CN"], [["zh"], "zh-CN"], [["zh-Hans-HK"], "zh-CN"], [["zh-TW"], "zh-TW"], [["zh-HK", "en"], "zh-TW"],
    [["zh-Hant"], "zh-TW"], [["yue-HK"], "zh-TW"], [["fr", "de"], "en"], [["fr", "zh-MO"], "zh-TW"], [["en-GB", "zh"], "en"], [[], "en"],
  ] as [string[], string][])("of %j is %s", (wanted, expected) => {
    expect(chooseLanguage(wanted)).toBe(expected);
  });
});

describe("numbers and times", () => {
  it.each([[2148, "en", "2,148"], [12_300, "en", "12.3K"], [12_300, "zh-CN", "1.2万"], [0, "zh-TW", "0"]] as const)(
    "%d in %s is %s", (n, language, expected) => expect(count(n, language)).toBe(expected));

  it("says a span in its largest fitting unit and never zero", () => {
    expect([0, 1, 12_000, 59_001, 3_599_000, 7_200_000, 172_800_000].map((ms) => span(ms, en))).toEqual(
      ["1 s", "1 s", "12 s", "1 min", "59 min", "2 h", "2 days"]);
  });

  it("runs like a clock", () => {
    expect([0, 65_000, 3_723_000].map(running)).toEqual(["0:00", "1:05", "1:02:03"]);
  });

  it("keeps one decimal of a delay", () => expect(delay(449, zhCN)).toBe("0.4 秒"));

  it("shows midnight as 00", () => expect(clock(new Date(2026, 0, 1, 0, 5).getTime(), "en")).toBe("00:05"));
});

/** Chosen by a code of the protocol or the SDK: their types say that all are there, not a page. */
const BY_CODE = /^(refusals|marks|studio\.(health|arrival|levels)|notice)\./;

describe("the words in use", () => {
  it("are all there is: no word without a page that says it", () => {
    const folder = new URL("../src/", import.meta.url).pathname;
    const said = readdirSync(folder, { recursive: true })
      .map(String)
      .filter((it) => /\.(ts|svelte)$/.test(it) && !/^i18n\/(en|zh-CN|zh-TW)\.ts$/.test(it))
      .map((it) => readFileSync(folder + it, "utf8"))
      .join("\n");
    const unused = keys.filter((key) => !BY_CODE.test(key) && !new RegExp(`\\b${key.split(".").at(-1)}\\b`).test(said));
    expect(unused).toEqual([]);
  });
});

describe("who erased their account", () => {
  it("has a word in each language, also before a dictionary is here", async () => {
    vi.stubGlobal("navigator", { languages: ["zh-HK"] });
    const { spoken } = await import("../src/i18n/i18n.svelte");
    expect(languages.map((it) => nobody[it])).toEqual(["已注销", "已註銷", "Deleted account"]);
    expect(spoken.nobody).toBe("已註銷");
    vi.unstubAllGlobals();
  });
});
