/**
 * Folding records into the messages and notices shown.
 *
 * It promises that a record counts once, however often and in whatever order it is handed over, and
 * that an older form of a message never replaces a newer one.
 */
import type { NoticeView, Quote } from "../api.js";
import { MESSAGES_KEPT_MAX } from "../limits.js";
import type { QuestionPhase, RecordFrame, Votes } from "../protocol/index.js";
import { pollRecord, threaded } from "./life.js";
import type { RoomState, Shown, Wish } from "./state.js";

type MessageBody = Extract<RecordFrame, { k: "msg" }>["b"];

export const SENT = { state: "sent" } as const;
/** What is left of a message that is not there any more. */
export const GONE = { text: "", doc: null, deleted: true, card: null } as const;

/**
 * Takes records that came in seq order. `upTo` is how new the form of their messages is: a page of
 * the history answers with the latest form, a live record with its own.
 */
export function takeRecords(
  state: RoomState,
  records: readonly RecordFrame[],
  upTo: number | null,
): RoomState {
  if (records.length === 0) return state;
  const messages = new Sorted(state.messages);
  const notices = new Sorted(state.notices);
  let mine = state.mine;
  for (const record of records) {
    switch (record.k) {
      case "msg":
      case "moved": {
        const known = messages.find(record.s);
        const twin = known || record.k === "moved" ? undefined : twinOf(mine, state, record);
        if (twin) mine = mine.map((it) => (it === twin ? { ...it, seenAs: record.s } : it));
        const key = known?.key ?? twin?.cid ?? `s${record.s}`;
        const shown = show(state, record, key, Math.max(record.s, upTo ?? 0), messages);
        if (!known || known.upTo <= shown.upTo) messages.put(shown);
        break;
      }
      case "edit":
      case "delete":
      case "restore":
      case "question":
        takeChanges(messages, record);
        break;
      case "poll":
        // Its own form may be older than its end, which came before it in a page.
        if (record.b.result || !notices.find(record.s)) notices.put(pollNotice(state, record));
        break;
      default: {
        takeChanges(messages, record);
        const notice = noticeOf(record, state.skew);
        if (notice) notices.put(notice);
        if (record.k === "poll_closed") ended(notices, record.b);
      }
    }
  }
  const questions = state.questions && waiting(new Sorted(state.questions), records, state);
  const thread = threaded(state, records);
  const next = { ...state, messages: messages.items, notices: notices.items, mine, questions, thread };
  return trim({ ...next, messages: requote(messages.items) });
}

/** What an edit, a delete or a step of a question makes of its message. */
export function takeChanges(messages: Sorted<Shown>, record: RecordFrame): void {
  switch (record.k) {
    case "edit":
      change(messages, record.b.of, record.s, (it) => ({
        ...it,
        text: record.b.text,
        doc: record.b.doc ?? null,
        edited: true,
      }));
      break;
    case "delete":
      change(messages, record.b.of, record.s, (it) => ({ ...it, ...GONE, takenBy: record.u }));
      break;
    case "restore": {
      const { of, text, doc = null, edits = 0, question = null, card = null } = record.b;
      const known = messages.find(of);
      if (!known || record.s <= known.upTo) break;
      messages.put({
        ...known,
        text,
        doc,
        edited: edits > 0,
        deleted: false,
        question,
        card,
        upTo: record.s,
      });
      break;
    }
    case "split":
      for (const [of, s] of record.b.moved)
        change(messages, of, record.s, (it) => ({ ...it, ...GONE, moved: { to: record.b.to, s } }));
      break;
    case "question": {
      const { of, to, done } = record.b;
      change(messages, of, record.s, (it) => ({ ...it, question: to }));
      if (done !== undefined) change(messages, done, record.s, (it) => ({ ...it, question: "answered" }));
    }
  }
}

function pollNotice(state: RoomState, record: RecordFrame & { k: "poll" }): NoticeView {
  const head = { key: `s${record.s}`, seq: record.s, at: record.t - state.skew, by: record.u };
  return { ...head, kind: "poll", poll: pollRecord(state, record) };
}

/** A poll that is loaded gets its result. */
function ended(notices: Sorted<NoticeView>, { of, n, voters }: Votes): void {
  const it = notices.find(of);
  if (it?.kind === "poll") notices.put({ ...it, poll: { ...it.poll, open: false, n, voters, mine: [] } });
}

/** The questions that wait, as the server answered. */
export function questionsOf(state: RoomState, records: readonly RecordFrame[]): readonly Shown[] {
  return waiting(new Sorted<Shown>([]), records, state);
}

/** What records make of the questions that wait. */
function waiting(
  questions: Sorted<Shown>,
  records: readonly RecordFrame[],
  state: RoomState,
): readonly Shown[] {
  for (const record of records) {
    switch (record.k) {
      case "msg":
        if (record.b.question && !questions.find(record.s))
          questions.put(show(state, record, `s${record.s}`, record.s, questions));
        break;
      case "edit":
        change(questions, record.b.of, record.s, (it) => ({
          ...it,
          text: record.b.text,
          doc: record.b.doc ?? null,
          edited: true,
        }));
        break;
      case "delete":
        change(questions, record.b.of, record.s, (it) => ({ ...it, deleted: true, card: null }));
        break;
      case "question": {
        const { of, to, done } = record.b;
        change(questions, of, record.s, (it) => ({ ...it, question: to }));
        if (done !== undefined) change(questions, done, record.s, (it) => ({ ...it, question: "answered" }));
      }
    }
  }
  const waits = (it: Shown): boolean => !it.deleted && it.question !== "answered";
  return questions.items.every(waits) ? questions.items : questions.items.filter(waits);
}

/** The change of one's own that was acknowledged: the record of it comes, or came, by itself. */
export function takeOwnChange(state: RoomState, of: number, seq: number, text: string | null): RoomState {
  const messages = new Sorted(state.messages);
  change(messages, of, seq, (it) =>
    text === null ? { ...it, ...GONE } : { ...it, text, doc: null, edited: true },
  );
  return { ...state, messages: requote(messages.items) };
}

/** One's own message between its ack and its record. */
export function takeOwnMessage(state: RoomState, wish: Wish, seq: number, t: number): RoomState {
  if (wish.body.kind !== "pub") return state;
  const { text, re, question, card, to } = wish.body;
  const asked: { question?: QuestionPhase } = question ? { question: "asked" } : {};
  const named = to ? { to: [...to] } : {};
  const body = { text, ...(re === undefined ? {} : { re }), ...asked, ...(card && { card }), ...named };
  const record: RecordFrame = { s: seq, t, u: wish.by, k: "msg", b: body };
  const messages = new Sorted(state.messages);
  // A form older than any other (0): whatever the server sends is better.
  messages.put(show(state, record, wish.cid, 0, messages));
  return { ...state, messages: messages.items };
}

/** Gives a message its own key back once the ack says which one it is. */
export function rekey(state: RoomState, seq: number, key: string): RoomState {
  const messages = new Sorted(state.messages);
  const known = messages.find(seq);
  if (!known || known.key === key) return state;
  messages.put({ ...known, key });
  return { ...state, messages: messages.items };
}

export function show(
  state: RoomState,
  record: RecordFrame & { k: "msg" | "moved" },
  key: string,
  upTo: number,
  all: Sorted<Shown>,
): Shown {
  const moved = record.k === "moved" && record.b;
  const said: MessageBody = record.k === "msg" ? record.b : { text: "", deleted: true };
  const { re, root } = record.b;
  const { text, doc, likes, replies, edits, deleted, question, card, to } = said;
  const known = all.find(record.s);
  return {
    key,
    seq: record.s,
    upTo,
    author: record.u,
    mine: record.u.id === state.me?.id,
    text,
    doc: doc ?? null,
    at: record.t - state.skew,
    pos: record.pos ?? null,
    edited: (edits ?? 0) > 0,
    deleted: deleted ?? false,
    ...(moved && { moved: { to: moved.to, s: moved.s } }),
    re: re === undefined ? null : quote(all.find(re), re),
    question: question ?? null,
    likes: likes ?? 0,
    liked: known?.liked ?? false,
    replies: replies ?? 0,
    root: root ?? re ?? null,
    card: card ?? null,
    to: to ?? [],
    delivery: SENT,
    change: null,
  };
}

function change(messages: Sorted<Shown>, of: number, seq: number, how: (it: Shown) => Shown): void {
  const known = messages.find(of);
  if (!known || known.deleted || seq <= known.upTo) return;
  messages.put({ ...how(known), upTo: seq });
}

/** A record of mine that says what a message of mine on its way says: its ack is about to come. */
function twinOf(
  mine: readonly Wish[],
  state: RoomState,
  record: RecordFrame & { k: "msg" },
): Wish | undefined {
  if (record.u.id !== state.me?.id) return undefined;
  return mine.find(
    ({ body, state: how, seenAs }) =>
      body.kind === "pub" &&
      how.kind === "flying" &&
      seenAs === undefined &&
      body.text === record.b.text &&
      body.re === record.b.re,
  );
}

export function quote(of: Shown | undefined, seq: number): Quote {
  if (!of) return { seq, author: null, text: "", deleted: false };
  return { seq, author: of.author, text: of.text, deleted: of.deleted };
}

/** Brings the quotes up to date with the messages they quote; untouched messages stay the same objects. */
function requote(messages: readonly Shown[]): readonly Shown[] {
  const all = new Sorted(messages);
  for (const it of messages) {
    if (it.re === null) continue;
    const fresh = quote(all.find(it.re.seq), it.re.seq);
    // A quoted message that was trimmed away keeps the words that are there.
    if (fresh.author === null) continue;
    const { author, text, deleted } = it.re;
    if (author === null || fresh.text !== text || fresh.deleted !== deleted) all.put({ ...it, re: fresh });
  }
  return all.items;
}

function noticeOf(record: RecordFrame, skew: number): NoticeView | null {
  const head = { key: `s${record.s}`, seq: record.s, at: record.t - skew, by: record.u };
  switch (record.k) {
    case "rules":
      return { ...head, kind: "rules" };
    case "kick":
      return { ...head, kind: "kick", whom: record.b.who, reason: record.b.reason };
    case "mute": {
      const { who, until_ms, reason } = record.b;
      return { ...head, kind: "mute", whom: who, until: until_ms - skew, reason };
    }
    case "unmute":
      return { ...head, kind: "unmute", whom: record.b.who };
    case "ban": {
      const { who, until_ms, reason } = record.b;
      return {
        ...head,
        kind: "ban",
        whom: who,
        until: until_ms === undefined ? null : until_ms - skew,
        reason,
      };
    }
    case "unban":
      return { ...head, kind: "unban", whom: record.b.who };
    case "slow_mode":
      return { ...head, kind: "slow_mode", gapMs: record.b.gap_ms };
    case "mode": {
      const { mode, until_ms } = record.b;
      return { ...head, kind: "mode", mode, until: until_ms === undefined ? null : until_ms - skew };
    }
    case "co_host":
      return { ...head, kind: "co_host", whom: record.b.who, on: record.b.on };
    case "pin":
      return { ...head, kind: "pin", pinned: record.b.text !== undefined };
    case "broadcast":
      return { ...head, kind: "broadcast", broadcast: record.b };
    case "poll_closed":
      return { ...head, kind: "poll_closed", of: record.b.of, voters: record.b.voters };
    case "topic":
      return { ...head, kind: "topic", topic: record.b };
    case "split":
      return { ...head, kind: "split", to: record.b.to, n: record.b.moved.length };
    case "poll":
    case "question":
    case "msg":
    case "moved":
    case "edit":
    case "delete":
    case "restore":
    case "aside":
      return null;
    default:
      // A kind of tomorrow is shown as nothing.
      record satisfies never;
      return null;
  }
}

/** Forgets the oldest beyond what is kept; they can be read back. */
function trim(state: RoomState): RoomState {
  const extra = state.messages.length - MESSAGES_KEPT_MAX;
  if (extra <= 0) return state;
  const messages = state.messages.slice(extra);
  const from = messages[0]?.seq ?? state.from;
  return {
    ...state,
    messages,
    from,
    atStart: false,
    notices: state.notices.filter((it) => it.seq >= from),
    gaps: state.gaps.filter((it) => it.to >= from),
  };
}

/** A list in seq order that is copied when it is first changed. */
export class Sorted<T extends { seq: number }> {
  #items: readonly T[];
  #own: T[] | null = null;

  constructor(items: readonly T[]) {
    this.#items = items;
  }

  get items(): readonly T[] {
    return this.#own ?? this.#items;
  }

  find(seq: number): T | undefined {
    const it = this.items[this.#place(seq)];
    return it?.seq === seq ? it : undefined;
  }

  put(item: T): void {
    this.#own ??= [...this.#items];
    const at = this.#place(item.seq);
    const same = this.#own[at]?.seq === item.seq;
    this.#own.splice(at, same ? 1 : 0, item);
  }

  #place(seq: number): number {
    const items = this.items;
    let low = 0;
    let high = items.length;
    if (high > 0 && (items[high - 1]?.seq ?? 0) < seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((items[middle]?.seq ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
