/** A topic that is being written: kept on this device until it is started, with the client id it is started by. */
import { TAGS_MAX, TAG_CHARS_MAX, type NewTopic, type TopicKind } from "@weiquan/client";
import { keepDraft, keptDraft } from "../chat/draft";
import { characters } from "../chat/text";
import { KINDS } from "./filter";

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
}

/** Among the drafts of rooms: no slug looks like this. */
const KEY = "talk/new";

export const emptyDraft = (cid: string): TopicDraft => ({ cid, kind: "discussion", title: "", text: "", board: "", tags: "", guests: true });

export const isEmpty = (it: TopicDraft): boolean => [it.title, it.text, it.tags].every((words) => words.trim() === "");

export function keep(draft: TopicDraft): void {
  keepDraft(KEY, isEmpty(draft) ? "" : JSON.stringify(draft));
}

export function kept(): TopicDraft | undefined {
  try {
    return read(JSON.parse(keptDraft(KEY)));
  } catch {
    return undefined;
  }
}

export function forget(): void {
  keepDraft(KEY, "");
}

/** What an older or newer page left is taken as far as it can be read. */
export function read(value: unknown): TopicDraft | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const it = value as Partial<Record<keyof TopicDraft, unknown>>;
  const word = (key: keyof TopicDraft): string => (typeof it[key] === "string" ? (it[key] as string) : "");
  if (word("cid") === "") return undefined;
  return {
    cid: word("cid"), kind: KINDS.find((kind) => kind === it.kind) ?? "discussion", title: word("title"), text: word("text"), board: word("board"),
    tags: word("tags"), guests: it.guests !== false,
  };
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
  const { cid, kind, guests } = draft;
  return { cid, kind, title: draft.title.trim(), text: draft.text.trim(), tags: tagsIn(draft.tags), guests, ...(draft.board ? { board: draft.board } : {}) };
}
