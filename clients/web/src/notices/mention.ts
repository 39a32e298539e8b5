/** Naming people in what one writes: what `@` asks for, who fits, and whom the words name. Pure. */
import { MENTIONS_MAX, type Named, type Person } from "@weiquan/client";

/** Letters behind an `@` that still look for somebody. */
const QUERY_CHARS_MAX = 20;
const SHOWN_MAX = 5;

export interface Asked {
  /** Where the `@` stands. */
  from: number;
  query: string;
}

/** What is being looked for at the caret: an `@` at a word's beginning, and what stands behind it. */
export function askedAt(text: string, caret: number): Asked | undefined {
  const before = text.slice(0, caret);
  const from = before.lastIndexOf("@");
  if (from < 0 || /[a-z0-9._%+-]$/i.test(before.slice(0, from))) return undefined;
  const query = before.slice(from + 1);
  return query.length <= QUERY_CHARS_MAX && !/[\n@\u3000]|^ | {2}/.test(query) ? { from, query } : undefined;
}

/** People whose name holds what was written, those whose name begins so first; never oneself. */
export function fitting(people: readonly Person[], query: string, me: string | undefined): Person[] {
  const wanted = query.toLowerCase();
  const at = (it: Person): number => it.name.toLowerCase().indexOf(wanted);
  const found = people.filter((it) => it.id !== me && at(it) >= 0);
  return [...found.filter((it) => at(it) === 0), ...found.filter((it) => at(it) > 0)].slice(0, SHOWN_MAX);
}

/** Who spoke lately, then who is here, each once. */
export function candidates(spoke: readonly Person[], here: readonly Person[]): Person[] {
  const all = new Map<string, Person>();
  for (const it of [...spoke].reverse()) if (!all.has(it.id)) all.set(it.id, it);
  for (const it of here) if (!all.has(it.id)) all.set(it.id, it);
  return [...all.values()];
}

/** The text with the name in place of what was written, and where the caret is then. */
export function insert(text: string, caret: number, asked: Asked, name: string): { text: string; caret: number } {
  const put = `@${name} `;
  const rest = text.slice(caret).replace(/^ /, "");
  return { text: text.slice(0, asked.from) + put + rest, caret: asked.from + put.length };
}

/** Of those who were picked, whom the words still name. */
export function named(text: string, picked: readonly Named[]): Named[] {
  const once = new Map(picked.map((it) => [it.id, it]));
  return [...once.values()].filter((it) => text.includes(`@${it.name}`)).slice(0, MENTIONS_MAX);
}
