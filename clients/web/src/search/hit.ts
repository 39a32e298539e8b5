/** A hit in pieces, and where it leads. Pure. */
import type { Person, SearchHit, SearchPlace } from "@weiquan/client";
import { paths } from "../app/router.svelte";

export interface Piece {
  text: string;
  found: boolean;
}

/** The text with what was looked for apart. Places count code points (PROTOCOL X4), of which an emoji may be several. */
export function piecesOf(text: string, places: readonly SearchPlace[]): Piece[] {
  const letters = [...text];
  const pieces: Piece[] = [];
  let at = 0;
  const upTo = (end: number, found: boolean): void => {
    if (end > at) pieces.push({ text: letters.slice(at, end).join(""), found });
    at = Math.max(at, end);
  };
  for (const { from, to } of places) {
    upTo(Math.min(from, letters.length), false);
    upTo(Math.min(to, letters.length), true);
  }
  upTo(letters.length, false);
  return pieces;
}

/** The message in its room or topic, or these themselves. */
export function placeOf({ room, topic, seq }: SearchHit): string {
  if (topic) return paths.topic(room, seq ?? undefined);
  return seq === null ? paths.room(room) : paths.message(room, seq);
}

export const keyOf = ({ room, seq }: SearchHit): string => `${room} ${seq ?? "title"}`;

/** Those of `more` that are not there yet: what was said meanwhile moves hits from one page to the next. */
export function fresh(known: readonly SearchHit[], more: readonly SearchHit[]): SearchHit[] {
  const keys = new Set(known.map(keyOf));
  return more.filter((it) => !keys.has(keyOf(it)));
}

/** Who said what was found, each once, the most frequent first. Who made a room did not say its title. */
export function authorsOf(hits: readonly SearchHit[]): Person[] {
  const counts = new Map<string, { who: Person; n: number }>();
  for (const { author, seq } of hits) {
    if (seq === null) continue;
    const known = counts.get(author.id);
    counts.set(author.id, { who: known?.who ?? author, n: (known?.n ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.n - a.n).map((it) => it.who);
}
