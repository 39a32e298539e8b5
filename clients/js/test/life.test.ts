/** Likes, polls, threads and who is writing, as the fold shows them. */
import { expect, it } from "vitest";
import type { Joined, RecordFrame } from "../src/index.js";
import { apply } from "../src/room/apply.js";
import { emptyRoom, type RoomEvent, type RoomPush, type RoomState } from "../src/room/state.js";
import { viewOf } from "../src/room/view.js";

const me = { id: "m_me", name: "我", mark: "member" } as const;
const bei = { id: "m_bei", name: "小贝", mark: "member" } as const;
const poll = { question: "几点？", options: ["八点", "九点"] };

const msg = (s: number, b: Omit<Extract<RecordFrame, { k: "msg" }>["b"], "text"> = {}): RecordFrame => ({
  s,
  t: s,
  u: bei,
  k: "msg",
  b: { text: `${s}`, ...b },
});

function joined(ev: RecordFrame[], more: Partial<Joined> = {}): RoomState {
  const last = ev.at(-1)?.s ?? 0;
  const answer: Joined = {
    a: 7,
    room: "r",
    title: "",
    e: "e",
    s: last,
    resumed: "fresh",
    ev,
    more: false,
    state: { count: 2 },
    can: ["talk"],
    mark: "member",
    ...more,
  };
  return apply(emptyRoom("r"), { kind: "joined", joined: answer, me, skew: 0 });
}

const push = (state: RoomState, it: RoomPush): RoomState => apply(state, { kind: "push", push: it });
const all = (state: RoomState, ...events: RoomEvent[]): RoomState => events.reduce(apply, state);

it("l1 shows a like at once, and the room's count when it comes", () => {
  let state = joined([msg(1, { likes: 3 })]);
  state = all(state, { kind: "liked", from: 1, to: 1, liked: [] }, { kind: "like", of: 1, on: true });
  expect(viewOf(state).messages[0]).toMatchObject({ likes: 4, liked: true });
  state = push(state, { op: "state", a: 7, tally: [{ of: 1, likes: 9, replies: 2 }] });
  expect(viewOf(state).messages[0]).toMatchObject({ likes: 9, liked: true, replies: 2 });
  state = push(state, {
    op: "ev",
    a: 7,
    s: [2, 2],
    ev: [{ s: 2, t: 2, u: bei, k: "edit", b: { of: 1, text: "b" } }],
  });
  expect(viewOf(state).messages[0]).toMatchObject({ text: "b", likes: 9, liked: true });
});

it("v4 v7 shows open polls with their votes and one's own", () => {
  const open = { of: 5, by: bei, poll };
  let state = joined([msg(9)], {
    state: { polls: [open], votes: [{ of: 5, n: [1, 0], voters: 1 }] },
    voted: [{ of: 5, picks: [0] }],
  });
  expect(viewOf(state).polls).toMatchObject([{ seq: 5, n: [1, 0], voters: 1, mine: [0], open: true }]);
  state = push(state, { op: "state", a: 7, votes: [{ of: 5, n: [1, 4], voters: 5 }] });
  state = apply(state, { kind: "voted", of: 5, picks: [1] });
  expect(viewOf(state).polls).toMatchObject([{ n: [1, 4], voters: 5, mine: [1] }]);
  state = push(state, { op: "state", a: 7, polls: [] });
  expect(viewOf(state).polls).toEqual([]);
  expect(state.voted).toEqual([]);
});

it("v5 shows a poll's result where it was made, in whatever order its records come", () => {
  const made: RecordFrame = { s: 2, t: 2, u: bei, k: "poll", b: poll };
  const result = { of: 2, n: [3, 1], voters: 4 };
  const ended: RecordFrame = { s: 3, t: 3, u: bei, k: "poll_closed", b: result };
  const shown = (state: RoomState): unknown => viewOf(state).notices.find((it) => it.seq === 2);
  const live = push(joined([msg(1), made]), { op: "ev", a: 7, s: [3, 3], ev: [ended] });
  const page = joined([msg(1), { ...made, b: { ...poll, result } }, ended]);
  for (const state of [live, page])
    expect(shown(state)).toMatchObject({ kind: "poll", poll: { open: false, n: [3, 1], voters: 4 } });
});

it("l4 follows the thread that is open, replies to replies as well", () => {
  let state = joined([msg(9)]);
  state = all(
    state,
    { kind: "thread_asked", of: 1 },
    { kind: "thread", of: 1, records: [msg(1), msg(4, { re: 1 })], end: true },
  );
  const ev = [msg(10, { re: 4, root: 1 }), msg(11, { re: 9 })];
  state = push(state, { op: "ev", a: 7, s: [10, 11], ev });
  state = push(state, {
    op: "ev",
    a: 7,
    s: [12, 12],
    ev: [{ s: 12, t: 12, u: bei, k: "delete", b: { of: 4 } }],
  });
  const seen = viewOf(state).thread?.messages.map((it) => [it.seq, it.deleted]);
  expect(seen).toEqual([
    [1, false],
    [4, true],
    [10, false],
  ]);
  expect(viewOf(apply(state, { kind: "thread_asked", of: null })).thread).toBeNull();
});

it("l5 never counts oneself among those who write", () => {
  let state = push(joined([]), { op: "typing", a: 7, who: [me, bei], n: 2 });
  expect(viewOf(state).typing).toEqual({ names: ["小贝"], n: 1 });
  state = apply(state, { kind: "typing_over" });
  expect(viewOf(state).typing).toEqual({ names: [], n: 0 });
});
