/**
 * The words of the page: `t()` answers the dictionary of the chosen language.
 *
 * One dictionary is loaded at a time. The choice is kept per device; the first one follows
 * `navigator.languages`. Components call `t()` inside markup or `$derived`, so that a switch shows at once.
 */
import type { Later, Words } from "./en";
import type { Base } from "./en/en";
import { chooseLanguage, isLanguage, nobody, type Language } from "./languages";

const KEY = "weiquan.language";

const dictionaries: Record<Language, () => Promise<Base>> = {
  "zh-CN": () => import("./zh-CN/zh-CN").then((it) => it.base),
  "zh-TW": () => import("./zh-TW/zh-TW").then((it) => it.base),
  en: () => import("./en/en").then((it) => it.base),
};

/** What only some pages say: it comes with the first of them, so that the first load has none of it. */
const later: Record<Language, () => Promise<Later>> = {
  "zh-CN": () => import("./zh-CN/later").then((it) => it.later),
  "zh-TW": () => import("./zh-TW/later").then((it) => it.later),
  en: () => import("./en/later").then((it) => it.later),
};

/** What `<html lang>` says, so that the browser picks the right shapes of Han characters. */
const TAGS: Record<Language, string> = { "zh-CN": "zh-CN", "zh-TW": "zh-TW", en: "en" };

class Spoken {
  #words = $state.raw<Words>();
  #language = $state<Language>("en");
  #wantsLater = false;
  #coming: Promise<void> | undefined;
  #change: (words: Words) => Words = (it) => it;

  get words(): Words {
    if (!this.#words) throw new Error("the dictionary is loaded before the first page is shown");
    return this.#words;
  }

  /** How those are called whose account is erased. */
  get nobody(): string {
    return nobody[this.#words ? this.#language : firstLanguage()];
  }

  get language(): Language {
    return this.#language;
  }

  async load(language: Language, change: (words: Words) => Words = (it) => it): Promise<void> {
    const base = await dictionaries[language]();
    const more = this.#wantsLater ? await later[language]() : {};
    this.#change = change;
    // Until they are wanted, nobody asks for the rest.
    this.#words = change({ ...base, ...more } as Words);
    this.#language = language;
    document.documentElement.lang = TAGS[language];
  }

  /** A page, and the words that only some pages say. */
  async with<T>(page: Promise<T>): Promise<T> {
    this.#wantsLater = true;
    this.#coming ??= this.load(this.#language, this.#change);
    const coming = this.#coming.catch((error: unknown) => {
      this.#coming = undefined;
      throw error;
    });
    return (await Promise.all([page, coming]))[0];
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
