/** What a notice says, and where it leads. Pure. */
import type { Notice, TopicStatus } from "@weiquan/client";
import type { Words } from "../i18n/en";

export function headline(notice: Notice, words: Words): string {
  if (notice.kind === "owner" || notice.kind === "handed") return words.own.owner.kinds[notice.kind](notice.from.name);
  return words.notices.kinds[notice.kind](notice.from.name, notice.title);
}

/** What stands below it. How far a topic is comes as its word, and then the reason. */
export function detail(notice: Pick<Notice, "kind" | "text">, words: Words): string {
  // The circle's name stands below it anyway.
  if (notice.kind === "owner" || notice.kind === "handed") return "";
  if (notice.kind !== "changed") return notice.text;
  const [, word = "", reason = ""] = /^(\S*) ?(.*)$/s.exec(notice.text) ?? [];
  if (word === "merged") return words.talk.mergedInto(reason);
  const status = Object.hasOwn(words.talk.statuses, word) ? words.talk.statuses[word as TopicStatus] : word;
  return reason ? `${status} · ${reason}` : status;
}

/** The message itself, or the room where it is about a broadcast; the members where it is about the circle. */
export function placeOf(notice: Notice): string {
  if (notice.room === "") return "/members";
  const room = `/${notice.topic ? "t" : "r"}/${notice.room}`;
  return notice.s === undefined ? room : `${room}?s=${notice.s}`;
}

/** The message that an address asks for. */
export function seqIn(search: string): number | undefined {
  const seq = Number(new URLSearchParams(search).get("s"));
  return Number.isSafeInteger(seq) && seq > 0 ? seq : undefined;
}
