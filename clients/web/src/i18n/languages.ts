/** Which languages there are, and which one a person gets first. Pure, so that it can be tested. */
export type Language = "zh-CN" | "zh-TW" | "en";

export const languages: readonly Language[] = ["zh-CN", "zh-TW", "en"];

/** Each language in itself: the menu shows them all while only one dictionary is loaded. */
export const languageNames: Readonly<Record<Language, string>> = {
  "zh-CN": "简体中文",
  "zh-TW": "繁體中文",
  en: "English",
};

/** Those whose account is erased. An answer may be read before the dictionary is here. */
export const nobody: Readonly<Record<Language, string>> = {
  "zh-CN": "已注销",
  "zh-TW": "已註銷",
  en: "Deleted account",
};

export function isLanguage(value: unknown): value is Language {
  return languages.some((it) => it === value);
}

/** The first of the browser's languages that we speak; Chinese script by subtag, then by place. */
export function chooseLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const parts = tag.toLowerCase().split("-");
    if (parts[0] === "en") return "en";
    if (parts[0] !== "zh" && parts[0] !== "yue") continue;
    if (parts.includes("hans")) return "zh-CN";
    if (parts.includes("hant")) return "zh-TW";
    return ["tw", "hk", "mo"].some((place) => parts.includes(place)) ? "zh-TW" : "zh-CN";
  }
  return "en";
}
