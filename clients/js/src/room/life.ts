/** Folding what people do without saying anything: likes, votes, threads, who is writing. Pure. */
import type { PollView } from "../api.js";
import type { OpenPoll, RecordFrame, Tally } from "../protocol/index.js";
import { Sorted, show, takeChanges } from "./records.js";
import type { RoomEvent, RoomState, Shown, Thread } from "./state.js";

/** The same change of a message wherever it is shown: in the talk, and in the thread that is open. */
function everywhere(state: RoomState, of: number, how: (it: Shown) => Shown): RoomState {
  const change = (messages: readonly Shown[]): readonly Shown[] => {
    const all = new Sorted(messages);
    const it = all.find(of);
    if (it) all.put(how(it));
    return all.items;
  };
  const { thread } = state;
  return {
    ...state,
    messages: change(state.messages),
    thread: thread && { ...thread, messages: change(thread.messages) },
  };
}

export function tallied(state: RoomState, tallies: readonly Tally[]): RoomState {
  return tallies.reduce(
    (all, { of, likes, replies }) => everywhere(all, of, (it) => ({ ...it, likes, replies })),
    state,
  );
}

/** One's own like is shown at once; the room's count comes by itself. */
export function like(state: RoomState, { of, on }: Extract<RoomEvent, { kind: "like" }>): RoomState {
  return everywhere(state, of, (it) =>
    it.liked === on ? it : { ...it, liked: on, likes: Math.max(0, it.likes + (on ? 1 : -1)) },
  );
}

export function liked(state: RoomState, event: Extract<RoomEvent, { kind: "liked" }>): RoomState {
  const all = new Set(event.liked);
  const mark = (messages: readonly Shown[]): readonly Shown[] =>
    messages.map((it) => {
      const inside = it.seq >= event.from && it.seq <= event.to;
      return inside && it.liked !== all.has(it.seq) ? { ...it, liked: all.has(it.seq) } : it;
    });
  const { thread } = state;
  return {
    ...state,
    messages: mark(state.messages),
    thread: thread && { ...thread, messages: mark(thread.messages) },
  };
}

export function voted(state: RoomState, { of, picks }: Extract<RoomEvent, { kind: "voted" }>): RoomState {
  const others = state.voted.filter((it) => it.of !== of);
  return { ...state, voted: picks.length > 0 ? [...others, { of, picks: [...picks] }] : others };
}

/** A thread is opened empty, or goes on where it was; its first page begins with the message itself. */
export function threadAsked(state: RoomState, of: number | null): RoomState {
  if (of === null) return { ...state, thread: null };
  const known = state.thread?.of === of ? state.thread : { of, messages: [], end: false };
  return { ...state, thread: { ...known, loading: true } };
}

export function threadPage(state: RoomState, it: Extract<RoomEvent, { kind: "thread" }>): RoomState {
  const { thread } = state;
  if (thread?.of !== it.of) return state;
  const messages = new Sorted(thread.messages);
  for (const record of it.records) if (record.k === "msg") put(messages, state, record, state.last);
  return { ...state, thread: { ...thread, messages: messages.items, end: it.end, loading: false } };
}

/** What happens in the room happens in its open thread: a reply comes once everything before it is loaded. */
export function threaded(state: RoomState, records: readonly RecordFrame[]): Thread | null {
  const { thread } = state;
  if (!thread) return null;
  const messages = new Sorted(thread.messages);
  for (const record of records) {
    if (record.k !== "msg") takeChanges(messages, record);
    else if (thread.end && (record.b.root ?? record.b.re) === thread.of)
      put(messages, state, record, record.s);
  }
  return messages.items === thread.messages ? thread : { ...thread, messages: messages.items };
}

function put(
  messages: Sorted<Shown>,
  state: RoomState,
  record: RecordFrame & { k: "msg" },
  upTo: number,
): void {
  const known = messages.find(record.s);
  if (!known || known.upTo <= upTo)
    messages.put(show(state, record, known?.key ?? `s${record.s}`, upTo, messages));
}

/** The polls that are open, with the room's votes and one's own. */
export function pollsOf(state: RoomState): readonly PollView[] {
  return state.polls.map((it) => pollView(state, it));
}

function pollView({ votes, voted, skew }: RoomState, { of, by, poll }: OpenPoll): PollView {
  const counted = poll.result ?? votes.find((it) => it.of === of);
  return {
    seq: of,
    by,
    question: poll.question,
    options: poll.options,
    multiple: poll.multiple ?? false,
    closes: poll.closes_ms === undefined ? null : poll.closes_ms - skew,
    open: poll.result === undefined,
    n: counted?.n ?? null,
    voters: counted?.voters ?? 0,
    mine: voted.find((it) => it.of === of)?.picks ?? [],
  };
}

/** A poll where it was made. */
export function pollRecord(state: RoomState, record: RecordFrame & { k: "poll" }): PollView {
  return pollView(state, { of: record.s, by: record.u, poll: record.b });
}

/** Others who are writing. One who was told of as well is oneself. */
export function typingOf({ typing, me }: RoomState): { names: readonly string[]; n: number } {
  const names = typing.who.filter((it) => it.id !== me?.id).map((it) => it.name);
  const self = names.length < typing.who.length ? 1 : 0;
  return { names, n: typing.n - self };
}

/** Of which messages one must ask whether one likes them: those that anybody likes. */
export function likedSpan(records: readonly RecordFrame[]): [number, number] | null {
  const some = records.filter((it) => it.k === "msg" && (it.b.likes ?? 0) > 0).map((it) => it.s);
  const first = some[0];
  return first === undefined ? null : [first, some.at(-1) ?? first];
}
