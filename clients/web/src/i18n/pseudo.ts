/**
 * A pseudo-language: English, marked and 40 % longer. A page that holds it holds German or French.
 * It is made from the dictionary itself, so it can never lack a key.
 */
import type { Words } from "./en";

const MARKS: Readonly<Record<string, string>> = {
  a: "à", e: "é", i: "ï", o: "ö", u: "û", A: "Å", E: "É", I: "Ï", O: "Ö", U: "Û", n: "ñ", c: "ç",
};

export function stretch(text: string): string {
  const marked = text.replace(/[aeiouAEIOUnc]/g, (letter) => MARKS[letter] ?? letter);
  const extra = "~".repeat(Math.ceil(text.length * 0.4));
  // Padding in pieces, so that a long sentence can still wrap where a real one would.
  return `[${marked}${extra ? ` ${extra.replace(/~{6}/g, "~~~~~ ")}` : ""}]`;
}

type Word = string | ((...args: never[]) => string) | { readonly [key: string]: Word };

function stretched(word: Word): Word {
  if (typeof word === "string") return stretch(word);
  if (typeof word === "function") return (...args: never[]) => stretch(word(...args));
  return Object.fromEntries(Object.entries(word).map(([key, value]) => [key, stretched(value)]));
}

export function pseudo(words: Words): Words {
  return stretched(words) as Words;
}
