/** What a notice says, and where it leads. Pure. */
import type { Notice } from "@weiquan/client";
import type { Words } from "../i18n/en";

export function headline(notice: Notice, words: Words): string {
  return words.notices.kinds[notice.kind](notice.from.name, notice.title);
}

/** The message itself, or the room where it is about a broadcast. */
export function placeOf(notice: Notice): string {
  return notice.s === undefined ? `/r/${notice.room}` : `/r/${notice.room}?s=${notice.s}`;
}

/** The message that an address asks for. */
export function seqIn(search: string): number | undefined {
  const seq = Number(new URLSearchParams(search).get("s"));
  return Number.isSafeInteger(seq) && seq > 0 ? seq : undefined;
}
