/** A topic that is being written: kept on this device until it is started, with the client id it is started by. */
import { TAGS_MAX, TAG_CHARS_MAX, TITLE_CHARS_MAX, TOPIC_QUOTES_MAX, type NewTopic, type TopicKind } from "@weiquan/client";
import { keepDraft, keptDraft } from "../chat/draft";
import { characters } from "../chat/text";
import { KINDS } from "./filter";

/** The messages that a topic is to be made of: where they stand. What they say is asked for, so that no copy outlives them. */
export interface DraftFrom {
  room: string;
  title: string;
  /** The room is a topic. */
  topic: boolean;
  /** In order. */
  seqs: number[];
}

export interface TopicDraft {
  /** Said with every try: however often it is sent, the topic is started once. */
  cid: string;
  kind: TopicKind;
  title: string;
  text: string;
  board: string;
  /** As they were written. */
  tags: string;
  guests: boolean;
  from?: DraftFrom;
  /** The broadcast that it is the recap of. */
  recap?: { room: string; id: string };
}

/** Among the drafts of rooms: no slug looks like this. A recap has a draft of its own. */
const KEY = "talk/new";

const keyOf = (recap: TopicDraft["recap"]): string => (recap === undefined ? KEY : `talk/recap/${recap.id}`);

export const emptyDraft = (cid: string): TopicDraft => ({ cid, kind: "discussion", title: "", text: "", board: "", tags: "", guests: true });

const isUnwritten = (it: TopicDraft): boolean => [it.title, it.text, it.tags].every((words) => words.trim() === "");

export const isEmpty = (it: TopicDraft): boolean => it.from === undefined && isUnwritten(it);

export function keep(draft: TopicDraft): void {
  keepDraft(keyOf(draft.recap), isEmpty(draft) ? "" : JSON.stringify(draft));
}

export function kept(recap?: TopicDraft["recap"]): TopicDraft | undefined {
  try {
    const draft = read(JSON.parse(keptDraft(keyOf(recap))));
    return draft && recap ? { ...draft, recap } : draft;
  } catch {
    return undefined;
  }
}

/** What was just brought is no draft that came back. */
let brought = false;

/** Messages for the topic that is being written, in place of those before; `words` are those of the first of them. */
export function bring(from: DraftFrom, words: string, cid: string): void {
  const before = kept();
  const draft: TopicDraft = { ...(before ?? emptyDraft(cid)), cid, from };
  brought = before === undefined || isUnwritten(before);
  keep(draft.title.trim() === "" ? { ...draft, title: titleOf(words) } : draft);
}

/** Asked once: whether what is kept was brought a moment ago, with nothing written before. */
export function wasBrought(): boolean {
  const was = brought;
  brought = false;
  return was;
}

/** A title for a topic that begins with these words: their first line without its marks and addresses, as long as a title may be. */
export function titleOf(words: string): string {
  const lines = words.split("\n").map((it) => it.replace(/^[\s>#*+-]+/u, "").replace(/\*\*|~~|`|https?:\/\/\S+/gu, "").replace(/[\s:：,，、]+$/u, ""));
  const line = [...(lines.find(Boolean) ?? "")];
  return line.length > TITLE_CHARS_MAX ? `${line.slice(0, TITLE_CHARS_MAX - 1).join("").trimEnd()}…` : line.join("");
}

export function forget(recap?: TopicDraft["recap"]): void {
  keepDraft(keyOf(recap), "");
}

/** What an older or newer page left is taken as far as it can be read. */
export function read(value: unknown): TopicDraft | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const it = value as Partial<Record<keyof TopicDraft, unknown>>;
  const word = (key: keyof TopicDraft): string => (typeof it[key] === "string" ? (it[key] as string) : "");
  if (word("cid") === "") return undefined;
  return {
    cid: word("cid"), kind: KINDS.find((kind) => kind === it.kind) ?? "discussion", title: word("title"), text: word("text"), board: word("board"),
    tags: word("tags"), guests: it.guests !== false, ...fromOf(it.from),
  };
}

function fromOf(value: unknown): { from?: DraftFrom } {
  if (typeof value !== "object" || value === null) return {};
  const { room, title, topic, seqs } = value as Partial<Record<keyof DraftFrom, unknown>>;
  if (typeof room !== "string" || !Array.isArray(seqs)) return {};
  const known = seqs.filter((it): it is number => Number.isSafeInteger(it) && it > 0).slice(0, TOPIC_QUOTES_MAX);
  return known.length === 0 ? {} : { from: { room, title: typeof title === "string" ? title : room, topic: topic === true, seqs: known } };
}

const BETWEEN_TAGS = /[,，、;；\n]|\s(?=\s*[#＃])/u;

/** The tags in what was written: each once, without `#`. Where signs part them, a tag may have spaces within. */
export function tagsIn(words: string): string[] {
  const parts = words.split(/[,，、;；\n]/u.test(words) ? BETWEEN_TAGS : /\s/u);
  const found = parts.map((it) => it.trim().replace(/^[#＃]+|[#＃]+$/gu, "").trim()).filter(Boolean);
  return [...new Map(found.map((it) => [it.toLowerCase(), it])).values()];
}

/** Tags as one may write them: the same are read again. */
export function tagsWritten(tags: readonly string[]): string {
  return tags.join(tags.some((it) => /\s/u.test(it)) ? "、" : " ");
}

/** Words, with single signs and spaces between them: as the server keeps it. */
const TAG = /^[\p{Alphabetic}\p{N}_]+(?:[ .&·：-][\p{Alphabetic}\p{N}_]+)*$/u;

export type TagsWrong = { kind: "too_many" } | { kind: "unfit"; tag: string };

export function tagsWrong(tags: readonly string[]): TagsWrong | undefined {
  const tag = tags.find((it) => characters(it) > TAG_CHARS_MAX || !TAG.test(it));
  if (tag !== undefined) return { kind: "unfit", tag };
  return tags.length > TAGS_MAX ? { kind: "too_many" } : undefined;
}

export function wishOf(draft: TopicDraft): NewTopic {
  const { cid, kind, guests, from, recap } = draft;
  return {
    cid, kind, title: draft.title.trim(), text: draft.text.trim(), tags: tagsIn(draft.tags), guests, ...(draft.board ? { board: draft.board } : {}),
    ...(from ? { from: { room: from.room, seqs: [...from.seqs] } } : {}),
    ...(recap && kind === "recap" ? { recap_of: { ...recap } } : {}),
  };
}
