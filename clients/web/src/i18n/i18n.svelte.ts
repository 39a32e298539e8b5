/**
 * The words of the page: `t()` answers the dictionary of the chosen language.
 *
 * One dictionary is loaded at a time. The choice is kept per device; the first one follows
 * `navigator.languages`. Components call `t()` inside markup or `$derived`, so that a switch shows at once.
 */
import type { Words } from "./en";
import { chooseLanguage, isLanguage, type Language } from "./languages";

const KEY = "weiquan.language";

const dictionaries: Record<Language, () => Promise<Words>> = {
  "zh-CN": () => import("./zh-CN").then((it) => it.zhCN),
  "zh-TW": () => import("./zh-TW").then((it) => it.zhTW),
  en: () => import("./en").then((it) => it.en),
};

/** What `<html lang>` says, so that the browser picks the right shapes of Han characters. */
const TAGS: Record<Language, string> = { "zh-CN": "zh-CN", "zh-TW": "zh-TW", en: "en" };

class Spoken {
  #words = $state.raw<Words>();
  #language = $state<Language>("en");

  get words(): Words {
    if (!this.#words) throw new Error("the dictionary is loaded before the first page is shown");
    return this.#words;
  }

  get language(): Language {
    return this.#language;
  }

  async load(language: Language, change: (words: Words) => Words = (it) => it): Promise<void> {
    const words = await dictionaries[language]();
    this.#words = change(words);
    this.#language = language;
    document.documentElement.lang = TAGS[language];
  }

  /** The person's own choice: kept. */
  async choose(language: Language): Promise<void> {
    await this.load(language);
    try {
      localStorage.setItem(KEY, language);
    } catch {
      // Storage may be forbidden: the choice holds until the page is closed.
    }
  }
}

export const spoken = new Spoken();

export const t = (): Words => spoken.words;

export function firstLanguage(): Language {
  try {
    const kept = localStorage.getItem(KEY);
    if (isLanguage(kept)) return kept;
  } catch {
    // As above.
  }
  return chooseLanguage(navigator.languages);
}
