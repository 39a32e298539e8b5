/**
 * What was searched for lately on this device, for each account. It lies among the drafts, and goes with them at
 * sign-out: who comes next must not read it.
 */
import { keepDraft, keptDraft } from "../chat/draft";

export const RECENT_MAX = 8;
/** Longer ones are found again sooner than read again. */
export const RECENT_CHARS_MAX = 60;

/** No slug looks like this. */
const keyOf = (who: string): string => `search/${who}`;

export function recent(who: string): string[] {
  try {
    const kept: unknown = JSON.parse(keptDraft(keyOf(who)) || "[]");
    return Array.isArray(kept) ? kept.filter((it) => typeof it === "string").slice(0, RECENT_MAX) : [];
  } catch {
    return [];
  }
}

/** The newest first, each once. */
export function remember(who: string, q: string): void {
  const words = q.trim();
  if (words === "" || [...words].length > RECENT_CHARS_MAX) return;
  keep(who, [words, ...recent(who).filter((it) => it !== words)].slice(0, RECENT_MAX));
}

export function forget(who: string, q: string): string[] {
  const left = recent(who).filter((it) => it !== q);
  keep(who, left);
  return left;
}

function keep(who: string, all: readonly string[]): void {
  keepDraft(keyOf(who), all.length > 0 ? JSON.stringify(all) : "");
}
