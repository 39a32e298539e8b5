import { describe, expect, it } from "vitest";
import type { Joined, Person, RecordFrame } from "../src/index.js";
import { MESSAGES_KEPT_MAX } from "../src/limits.js";
import { apply } from "../src/room/apply.js";
import { emptyRoom, type RoomEvent, type RoomState, type Wish } from "../src/room/state.js";
import { viewOf } from "../src/room/view.js";

const ME: Person = { id: "m_me", name: "小明", mark: "member" };
const HER: Person = { id: "m_her", name: "小红", mark: "member" };

const msg = (s: number, text = `${s}`, u = HER): RecordFrame => ({
  s,
  t: s * 1000,
  u,
  k: "msg",
  b: { text },
});
const edit = (s: number, of: number, text: string): RecordFrame => ({
  s,
  t: s * 1000,
  u: HER,
  k: "edit",
  b: { of, text },
});
const remove = (s: number, of: number): RecordFrame => ({ s, t: s * 1000, u: HER, k: "delete", b: { of } });

function joined(more: Partial<Joined>): RoomEvent {
  const joined: Joined = {
    a: 7,
    room: "lobby",
    title: "大厅",
    e: "e1",
    s: 0,
    resumed: "fresh",
    ev: [],
    more: false,
    state: {},
    can: ["talk"],
    mark: "member",
    ...more,
  };
  return { kind: "joined", joined, me: ME, skew: 0 };
}

function ev(...records: RecordFrame[]): RoomEvent {
  const s = records.map((it) => it.s);
  return { kind: "push", push: { op: "ev", a: 7, s: [Math.min(...s), Math.max(...s)], ev: records } };
}

const fold = (events: RoomEvent[], from = emptyRoom("lobby")): RoomState => events.reduce(apply, from);
const texts = (state: RoomState): string[] =>
  viewOf(state).messages.map((it) => (it.deleted ? "†" : it.text));
const gaps = (state: RoomState): string[] => state.gaps.map((it) => `${it.from}-${it.to} ${it.kind}`);

function wish(cid: string, body: Wish["body"]): Wish {
  return { cid, by: ME, at: 5, epoch: "e1", body, state: { kind: "flying" }, tries: 0 };
}

describe("a part of what is said", () => {
  const part = (from: number, to: number, ...records: RecordFrame[]): RoomEvent => ({
    kind: "push",
    push: { op: "ev", a: 7, s: [from, to], skip: to + 1 - from - records.length, ev: records },
  });
  const beside = (...records: RecordFrame[]): RoomEvent => ({
    kind: "push",
    push: { op: "beside", a: 7, ev: records },
  });
  const more = (state: RoomState): string[] =>
    viewOf(state).gaps.map((it) => `${it.from}-${it.to}: ${it.count}`);

  it("is no gap: the rest of it can be opened, and nothing was missed", () => {
    const state = fold([joined({}), part(1, 9, msg(2), msg(7)), ev(msg(10))]);
    expect(texts(state)).toEqual(["2", "7", "10"]);
    expect(more(state)).toEqual(["1-9: 7"]);
    expect(viewOf(state)).toMatchObject({ missed: 0, newestSeq: 10 });
  });

  it("counts what came beside it, before or after, and an own one that is shown by its ack", () => {
    const own = wish("c1", { kind: "pub", text: "我的" });
    const begun = fold([
      joined({}),
      { kind: "wished", wish: own },
      { kind: "acked", cid: "c1", ack: { s: 4, t: 4000, v: "new" }, now: 5 },
    ]);
    const state = fold(
      [beside(msg(3, "@小明")), part(1, 9, msg(2)), beside(msg(8, "re")), beside(msg(4, "我的", ME))],
      begun,
    );
    expect(texts(state)).toEqual(["2", "@小明", "我的", "re"]);
    expect(more(state)).toEqual(["1-9: 5"]);
    expect(viewOf(state).messages.filter((it) => it.mine)).toMatchObject([
      { key: "c1", delivery: { state: "sent" } },
    ]);
  });

  it("is whole once it is opened, also in two pages", () => {
    const all = (from: number, to: number): RecordFrame[] =>
      Array.from({ length: to + 1 - from }, (_, n) => msg(from + n));
    const state = fold([joined({}), part(1, 9, msg(2), msg(7))]);
    const half = fold([{ kind: "gap_filled", from: 1, to: 9, records: all(5, 9), end: false }], state);
    expect(more(half)).toEqual(["1-4: 3"]);
    const whole = fold([{ kind: "gap_filled", from: 1, to: 4, records: all(1, 4), end: true }], half);
    expect([more(whole), texts(whole)]).toEqual([[], all(1, 9).map((it) => `${it.s}`)]);
  });

  it("shows changes of what is loaded, and nothing of what is not", () => {
    const state = fold([joined({}), part(1, 6, msg(2), edit(5, 3, "x"), remove(6, 2))]);
    expect(texts(state)).toEqual(["†"]);
    expect(more(state)).toEqual(["1-6: 3"]);
  });
});

describe("the fold", () => {
  it("takes each record once, in order", () => {
    const state = fold([
      joined({ s: 2, ev: [msg(1), msg(2)] }),
      ev(msg(3)),
      ev(msg(3)),
      ev(msg(2), msg(3), msg(4)),
    ]);
    expect([texts(state), state.last, gaps(state)]).toEqual([["1", "2", "3", "4"], 4, []]);
  });

  it("names a hole that the server did not name (R2)", () => {
    const state = fold([joined({ s: 1, ev: [msg(1)] }), ev(msg(4))]);
    expect([texts(state), gaps(state)]).toEqual([["1", "4"], ["2-3 hole"]]);
    const filled = apply(state, {
      kind: "gap_filled",
      from: 2,
      to: 3,
      records: [msg(2), msg(3)],
      end: false,
    });
    expect([texts(filled), gaps(filled)]).toEqual([["1", "2", "3", "4"], []]);
  });

  it("takes the range of a frame, not its records, as what it stands for", () => {
    const skipped: RoomEvent = { kind: "push", push: { op: "ev", a: 7, s: [2, 5], ev: [msg(5)] } };
    const state = fold([joined({ s: 1, ev: [msg(1)] }), skipped]);
    expect([state.last, gaps(state)]).toEqual([5, []]);
  });

  it("records a named gap, and fills it from its newer end", () => {
    const state = fold([
      joined({ s: 1, ev: [msg(1)] }),
      { kind: "push", push: { op: "gap", a: 7, from: 2, to: 500 } },
      ev(msg(501)),
    ]);
    expect(viewOf(state)).toMatchObject({ missed: 499, gaps: [{ from: 2, to: 500, count: 499 }] });
    const page = Array.from({ length: 200 }, (_, n) => msg(301 + n));
    const half = apply(state, { kind: "gap_filled", from: 2, to: 500, records: page, end: false });
    expect([gaps(half), texts(half).length]).toEqual([["2-300 named"], 202]);
  });

  it("goes on after a full resume, names the gap of a long one, and forgets on a fresh one (J3–J5)", () => {
    const state = fold([joined({ s: 2, ev: [msg(1), msg(2)] }), { kind: "lost" }]);
    expect(state.live).toBe(false);
    const full = apply(state, joined({ s: 4, resumed: "full", ev: [msg(3), msg(4)] }));
    expect([texts(full), full.last]).toEqual([["1", "2", "3", "4"], 4]);
    const gap = apply(state, joined({ s: 90, resumed: "gap", gap: [3, 88], ev: [msg(89), msg(90)] }));
    expect([texts(gap), gaps(gap), gap.last]).toEqual([["1", "2", "89", "90"], ["3-88 named"], 90]);
    const fresh = apply(gap, joined({ e: "e2", s: 1, ev: [msg(1, "new")] }));
    expect([texts(fresh), gaps(fresh), fresh.last, fresh.atStart]).toEqual([["new"], [], 1, true]);
  });

  it("waits for the rest where more follows", () => {
    const state = fold([
      joined({ s: 1, ev: [msg(1)] }),
      joined({ s: 5, resumed: "full", more: true, ev: [msg(2), msg(3)] }),
    ]);
    expect(state.last).toBe(3);
    expect([texts(apply(state, ev(msg(4), msg(5)))), gaps(apply(state, ev(msg(4), msg(5))))]).toEqual([
      ["1", "2", "3", "4", "5"],
      [],
    ]);
  });

  it("shows the latest form, whatever comes first", () => {
    const state = fold([joined({ s: 1, ev: [msg(1)] }), ev(edit(2, 1, "two")), ev(edit(3, 1, "three"))]);
    expect(texts(state)).toEqual(["three"]);
    const late = apply(state, {
      kind: "gap_filled",
      from: 2,
      to: 2,
      records: [edit(2, 1, "two")],
      end: false,
    });
    expect(texts(late)).toEqual(["three"]);
    const gone = fold([ev(remove(4, 1)), ev(edit(5, 1, "back?"))], late);
    expect(texts(gone)).toEqual(["†"]);
    expect(viewOf(gone).messages[0]?.text).toBe("");
  });

  it("does not let an old edit of a gap undo what a page already shows", () => {
    const edited: RecordFrame = { s: 2, t: 1, u: HER, k: "msg", b: { text: "latest", edits: 2 } };
    const state = fold([
      joined({ s: 10, ev: [msg(10)] }),
      { kind: "older", records: [edited], end: false },
      {
        kind: "gap_filled",
        from: 5,
        to: 6,
        records: [edit(5, 2, "first"), edit(6, 2, "latest")],
        end: false,
      },
    ]);
    expect(texts(state)).toEqual(["latest", "10"]);
    expect(state.from).toBe(2);
  });

  it("keeps untouched messages the same objects", () => {
    const before = fold([joined({ s: 3, ev: [msg(1), msg(2), msg(3)] })]);
    const after = apply(before, ev(edit(4, 2, "x")));
    expect(after.messages[0]).toBe(before.messages[0]);
    expect(after.messages[2]).toBe(before.messages[2]);
    expect(after.messages[1]).not.toBe(before.messages[1]);
  });

  it("shows an acknowledged message before its record comes, and one after", () => {
    const flying = fold([
      joined({ s: 1, ev: [msg(1)] }),
      { kind: "wished", wish: wish("c1", { kind: "pub", text: "hi" }) },
    ]);
    const acked = apply(flying, { kind: "acked", cid: "c1", ack: { s: 3, t: 9, v: "new" }, now: 0 });
    expect(viewOf(acked).messages.at(-1)).toMatchObject({ key: "c1", seq: 3, delivery: { state: "sent" } });
    const seen = fold([ev(msg(2)), ev(msg(3, "hi", ME))], acked);
    expect(texts(seen)).toEqual(["1", "2", "hi"]);
    expect(viewOf(seen).messages.at(-1)?.key).toBe("c1");
  });

  it("gives a twin its own name back when the ack says that it was another", () => {
    const two = fold([
      joined({ s: 0 }),
      { kind: "wished", wish: wish("c1", { kind: "pub", text: "hi" }) },
      // The same words by the same member, from another device.
      ev(msg(1, "hi", ME)),
    ]);
    expect(texts(two)).toEqual(["hi"]);
    const acked = apply(two, { kind: "acked", cid: "c1", ack: { s: 2, t: 9, v: "new" }, now: 0 });
    expect(viewOf(acked).messages.map((it) => [it.key, it.seq])).toEqual([
      ["s1", 1],
      ["c1", 2],
    ]);
    const refused = apply(two, {
      kind: "wish_refused",
      cid: "c1",
      why: { code: "muted", say: "", act: "none" },
      now: 0,
    });
    expect(viewOf(refused).messages.map((it) => it.delivery.state)).toEqual(["sent", "refused"]);
  });

  it("does not put an old message of mine before what is loaded", () => {
    const state = fold([
      joined({ s: 100, ev: [msg(100)] }),
      { kind: "wished", wish: wish("c1", { kind: "pub", text: "long ago" }) },
      { kind: "acked", cid: "c1", ack: { s: 3, t: 9, v: "dup" }, now: 0 },
    ]);
    expect(texts(state)).toEqual(["100"]);
  });

  it("holds me back after a message in slow mode, but no moderator", () => {
    const say = (can: string[]): number =>
      fold([
        joined({ state: { slow_mode_ms: 5_000 }, can }),
        { kind: "wished", wish: wish("c1", { kind: "pub", text: "hi" }) },
        { kind: "acked", cid: "c1", ack: { s: 1, t: 9, v: "new" }, now: 1_000 },
      ]).sendAt;
    expect([say(["talk"]), say(["talk", "slow_mode"])]).toEqual([6_000, 0]);
  });

  it("shows the server's times on the device's clock", () => {
    const event = joined({ s: 1, ev: [msg(1)], muted_until_ms: 50_000 });
    const state = fold([event.kind === "joined" ? { ...event, skew: 600 } : event]);
    expect(viewOf(state)).toMatchObject({ mutedUntil: 49_400, messages: [{ at: 400 }] });
  });

  it("turns what happened into notices and ignores kinds of tomorrow", () => {
    const until = { who: HER, until_ms: 9_000, reason: "spam" };
    const mute: RecordFrame = { s: 1, t: 1, u: ME, k: "mute", b: until };
    const tomorrow = { s: 2, t: 1, u: ME, k: "confetti", b: {} } as unknown as RecordFrame;
    const state = fold([joined({}), ev(mute, tomorrow)]);
    expect(state.notices).toMatchObject([{ kind: "mute", whom: HER, until: 9_000, reason: "spam" }]);
    expect([state.last, texts(state)]).toEqual([2, []]);
  });

  it("tells only the count above the roster's size", () => {
    const state = fold([joined({ roster: [ME] }), { kind: "push", push: { op: "state", a: 7, count: 201 } }]);
    expect([state.roster, state.count]).toEqual([null, 201]);
  });

  it("forgets the archived broadcast", () => {
    const broadcast = { id: "b", phase: "live" as const, title: "t", host: HER };
    const live = fold([joined({ state: { broadcast } })]);
    expect(live.broadcast).toEqual(broadcast);
    const push = { op: "state" as const, a: 7, broadcast: { ...broadcast, phase: "archived" as const } };
    expect(apply(live, { kind: "push", push }).broadcast).toBeNull();
  });

  it("keeps the newest messages of a long day, and can read the rest back", () => {
    const all = Array.from({ length: MESSAGES_KEPT_MAX + 50 }, (_, n) => msg(n + 1));
    const state = fold([joined({ s: 0 }), ev(...all)]);
    expect(state.messages).toHaveLength(MESSAGES_KEPT_MAX);
    expect([state.from, state.atStart]).toEqual([51, false]);
  });

  it("folds ten thousand messages and one more without a pause that is felt", () => {
    const full = fold([joined({ s: 0 }), ev(...Array.from({ length: 10_000 }, (_, n) => msg(n + 1)))]);
    const start = process.cpuUsage();
    let state = full;
    for (let s = 10_001; s <= 10_100; s++) state = apply(state, ev(msg(s)));
    const { user, system } = process.cpuUsage(start);
    // 5 ms a message would drop frames; measured 0.22 ms of CPU time on a busy two-core machine.
    expect((user + system) / 1_000 / 100).toBeLessThan(5);
    expect(state.last).toBe(10_100);
  });
});

describe("what stands apart from the talk", () => {
  const question = (s: number, text = `${s}？`): RecordFrame => ({
    s,
    t: s * 1000,
    u: HER,
    k: "msg",
    b: { text, question: "asked" },
  });
  const step = (s: number, of: number, to: "picked" | "answered" | "asked", done?: number): RecordFrame => ({
    s,
    t: s * 1000,
    u: ME,
    k: "question",
    b: { of, to, ...(done === undefined ? {} : { done }) },
  });
  const waiting = (state: RoomState): string[] | null =>
    viewOf(state).questions?.map((it) => `${it.text} ${it.question}`) ?? null;

  it("takes what is pinned and picked from the state, and forgets it when there are no words", () => {
    const pin = { text: "九点抽奖", author: ME };
    const first = fold([joined({ state: { pin } })]);
    expect(viewOf(first)).toMatchObject({ pin, picked: null });
    const picked = { of: 3, text: "几点？", author: HER };
    const next = fold([{ kind: "push", push: { op: "state", a: 7, picked } }], first);
    expect(viewOf(next)).toMatchObject({ pin, picked });
    const none = fold([{ kind: "push", push: { op: "state", a: 7, pin: {}, picked: {} } }], next);
    expect(viewOf(none)).toMatchObject({ pin: null, picked: null });
  });

  it("keeps the questions that wait up to date once they were asked for", () => {
    const before = fold([joined({}), ev(question(1), question(2), msg(3))]);
    expect(waiting(before)).toBeNull();
    const known = fold([{ kind: "questions", records: [question(1), question(2)] }], before);
    expect(waiting(known)).toEqual(["1？ asked", "2？ asked"]);
    const later = fold([ev(question(4), edit(5, 2, "二？"), step(6, 1, "picked"))], known);
    expect(waiting(later)).toEqual(["1？ picked", "二？ asked", "4？ asked"]);
    const next = fold([ev(step(7, 2, "picked", 1), remove(8, 4))], later);
    expect(waiting(next)).toEqual(["二？ picked"]);
    expect(viewOf(next).messages.map((it) => it.question)).toEqual(["answered", "picked", null, "asked"]);
  });

  it("does not let an older step undo what a page said later", () => {
    const page: RecordFrame = { ...question(1), b: { text: "1？", question: "answered" } } as RecordFrame;
    const state = fold([joined({ s: 3, ev: [page, step(2, 1, "picked"), step(3, 1, "answered")] })]);
    expect(viewOf(state).messages[0]?.question).toBe("answered");
  });

  it("asks for the questions again where records are left out", () => {
    const known = fold([joined({}), { kind: "questions", records: [question(1)] }]);
    expect(waiting(fold([{ kind: "push", push: { op: "gap", a: 7, from: 2, to: 9 } }], known))).toBeNull();
    const resumed = joined({ s: 90, resumed: "gap", gap: [1, 40], ev: [msg(90)] });
    expect(waiting(fold([resumed], known))).toBeNull();
  });

  it("follows the room's mode on the device's clock, and is open where none is named", () => {
    const first = fold([joined({ state: { mode: { mode: "host", until_ms: 60_000 } } })]);
    expect(viewOf(first).mode).toEqual({ mode: "host", until: 60_000 });
    const later = fold([{ kind: "push", push: { op: "state", a: 7, mode: { mode: "members" } } }], first);
    expect(viewOf(later).mode).toEqual({ mode: "members", until: null });
    expect(viewOf(fold([joined({})], later)).mode).toEqual({ mode: "open", until: null });
  });
});
