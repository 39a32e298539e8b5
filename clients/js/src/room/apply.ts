/**
 * The fold: what a room was, and what happened, is what it is. Pure; it asks no clock.
 *
 * It promises that nothing shown has a silent hole or a double: a record at or below `last` is known,
 * one that leaves seqs out adds a gap to fetch.
 */
import type { Verb } from "../api.js";
import { ROSTER_MEMBERS_MAX } from "../limits.js";
import type { Joined, Mode, Person, Quoted, RecordFrame, Refusal, State } from "../protocol/index.js";
import { erased } from "./erased.js";
import { like, liked, tallied, threadAsked, threadPage, voted } from "./life.js";
import { questionsOf, rekey, takeOwnChange, takeOwnMessage, takeRecords } from "./records.js";
import {
  type Gap,
  NO_STAGE,
  OPEN,
  QUIET,
  type RoomEvent,
  type RoomPush,
  type RoomState,
  type Wish,
  emptyRoom,
} from "./state.js";

export function apply(state: RoomState, event: RoomEvent): RoomState {
  switch (event.kind) {
    case "joining":
      return { ...state, phase: "joining", why: null };
    case "joined":
      return joined(state, event.joined, event.me, event.skew);
    case "refused":
      return { ...state, phase: "refused", why: event.why, live: false, mine: unsent(state.mine) };
    case "lost":
      return { ...state, live: false, mine: unsent(state.mine), loadingOlder: false, gaps: idle(state.gaps) };
    case "left":
      return { ...state, phase: "idle", live: false, mine: unsent(state.mine), roster: null };
    case "forgotten":
      return { ...emptyRoom(state.slug), phase: state.phase, title: state.title };
    case "position_lost":
      return {
        ...emptyRoom(state.slug),
        phase: state.phase,
        title: state.title,
        mine: state.mine.map(unseen),
      };
    case "push":
      return pushed(state, event.push);
    case "older_asked":
      return { ...state, loadingOlder: true };
    case "older":
      return older(state, event.records, event.end);
    case "older_failed":
      return { ...state, loadingOlder: false };
    case "spot":
      return spot(state, event);
    case "gap_asked":
    case "gap_failed": {
      const loading = event.kind === "gap_asked";
      const gaps = state.gaps.map((it) =>
        it.from === event.from && it.to === event.to ? { ...it, loading } : it,
      );
      return { ...state, gaps };
    }
    case "gap_filled":
      return filled(state, event);
    case "held":
      return { ...state, held: event.held, heldCount: event.count };
    case "questions":
      return { ...state, questions: questionsOf(state, event.records) };
    case "voted":
      return voted(state, event);
    case "like":
      return like(state, event);
    case "liked":
      return liked(state, event);
    case "typing_over":
      return { ...state, typing: QUIET };
    case "thread_asked":
      return threadAsked(state, event.of);
    case "thread":
      return threadPage(state, event);
    case "roster":
      return { ...state, roster: event.count > ROSTER_MEMBERS_MAX ? null : event.roster, count: event.count };
    case "wished":
      return { ...state, mine: wished(state.mine, event.wish) };
    case "flying":
      return wish(state, event.cid, (it) => ({ ...it, state: { kind: "flying" } }));
    case "waiting":
      return wish(state, event.cid, (it) => ({ ...waiting(it), tries: event.tries }));
    case "wish_refused": {
      const again = event.why.ms === undefined ? null : event.now + event.why.ms;
      const sendAt = event.why.code === "slow_mode" && again !== null ? again : state.sendAt;
      const refused = (it: Wish): Wish => ({
        ...unseen(it),
        state: { kind: "refused", why: event.why, again },
      });
      return { ...wish(state, event.cid, refused), sendAt };
    }
    case "acked":
      return acked(state, event);
    case "discarded":
      return { ...state, mine: state.mine.filter((it) => it.cid !== event.cid) };
  }
}

function joined(state: RoomState, it: Joined, me: Person | null, skew: number): RoomState {
  const known = it.resumed !== "fresh" && it.e === state.epoch;
  const base = known
    ? state
    : { ...emptyRoom(state.slug), mine: state.mine.map(unseen), sendAt: state.sendAt };
  const present: RoomState = {
    ...base,
    phase: "joined",
    why: null,
    live: true,
    title: it.title,
    number: it.a,
    epoch: it.e,
    me,
    skew,
    mark: it.mark,
    can: new Set(it.can as Verb[]),
    mutedUntil: it.muted_until_ms === undefined ? null : it.muted_until_ms - skew,
    roster: it.roster ?? null,
    count: it.state.count ?? it.roster?.length ?? 0,
    slowModeMs: it.state.slow_mode_ms ?? 0,
    slowTarget: it.state.slow_auto?.target_per_s ?? 0,
    heldCount: it.held ?? null,
    held: null,
    // What became of them in the meantime is heard by saying them again.
    mine: base.mine.map((it) => (it.state.kind === "held" ? waiting(it) : it)),
    broadcast: it.state.broadcast ?? null,
    stage: it.state.stage ?? NO_STAGE,
    mode: modeOf(it.state.mode, skew),
    pin: words(it.state.pin),
    picked: words(it.state.picked),
    // What happened to them in the meantime is unknown where records are left out.
    questions: known && !it.gap ? base.questions : null,
    topic: it.state.topic ?? null,
    polls: it.state.polls ?? [],
    votes: it.state.votes ?? [],
    voted: it.voted ?? [],
    typing: QUIET,
    health: null,
  };
  const first = it.ev[0]?.s ?? it.s + 1;
  const end = it.more ? (it.ev.at(-1)?.s ?? present.last) : it.s;
  if (!known) {
    const from = it.more && it.ev.length === 0 ? 1 : first;
    const placed = { ...present, from, last: end, atStart: from <= 1 };
    return takeRecords(placed, it.ev, null);
  }
  const gapped = it.gap ? named(present, it.gap[1]) : present;
  return range(gapped, it.ev.length > 0 ? first : gapped.last + 1, end, it.ev);
}

function pushed(state: RoomState, push: RoomPush): RoomState {
  switch (push.op) {
    case "ev":
      return part(range(state, push.s[0], push.s[1], push.ev), push);
    case "beside":
      return counted(state, takeRecords(state, push.ev, null));
    case "gap":
      return named(state, push.to);
    case "state":
      return changed(state, push);
    case "roster":
      return { ...state, roster: state.roster && people(state.roster, push.in ?? [], push.out ?? []) };
    case "rights": {
      const until = push.muted_until_ms;
      const mutedUntil = until === undefined ? null : until - state.skew;
      const me = state.me && { ...state.me, mark: push.mark };
      return { ...state, can: new Set(push.can as Verb[]), mark: push.mark, me, mutedUntil };
    }
    case "out":
      return { ...state, phase: "out", why: push.why, live: false, roster: null, mine: unsent(state.mine) };
    case "typing":
      return { ...state, typing: push };
    case "held": {
      const { item } = push;
      if (state.heldCount === null || item.u.id === state.me?.id) return state;
      return { ...state, heldCount: state.heldCount + 1, held: state.held && [...state.held, item] };
    }
    case "reviewed":
      return reviewed(state, push);
    case "burst":
      return state;
    case "health": {
      const { op: _, a: __, ...health } = push;
      return { ...state, health };
    }
    default:
      // A push of tomorrow means nothing to a client of today.
      push satisfies never;
      return state;
  }
}

/** One's own comes by itself where it was allowed; otherwise its writer reads why not. */
function reviewed(state: RoomState, { of, act, reason }: Extract<RoomPush, { op: "reviewed" }>): RoomState {
  const why: Refusal = { code: "review_refused", act: "none", say: reason };
  const mine = state.mine.flatMap((it): Wish[] => {
    if (it.state.kind !== "held" || it.state.of !== of) return [it];
    return act === "allow" ? [] : [{ ...it, state: { kind: "refused", why, again: null } }];
  });
  const held = state.held && state.held.filter((it) => it.s !== of);
  const heldCount = state.heldCount && state.heldCount - 1;
  return { ...state, mine, held, heldCount };
}

/** Records that stand for the seqs `from` to `to`. */
function range(state: RoomState, from: number, to: number, records: readonly RecordFrame[]): RoomState {
  if (to <= state.last) return state;
  const whole = from > state.last + 1 ? hole(state, state.last + 1, from - 1) : state;
  const fresh = records.filter((it) => it.s > whole.last);
  return { ...takeRecords(whole, fresh, null), last: to };
}

/** More was said than can be read: the rest of the range is a gap around what is shown. */
function part(state: RoomState, { s: [from, to], skip = 0, ev }: Extract<RoomPush, { op: "ev" }>): RoomState {
  if (skip === 0) return state;
  // Some of it came beside it, before.
  const known = loaded(state, { from, to }) - ev.filter((it) => it.k === "msg").length;
  const gap: Gap = { from, to, kind: "part", left: skip - known, loading: false };
  return gap.left > 0 ? { ...state, gaps: [...state.gaps, gap] } : state;
}

const loaded = ({ messages }: RoomState, { from, to }: { from: number; to: number }): number =>
  messages.filter((it) => it.seq >= from && it.seq <= to).length;

/** What came now is no longer left out. */
function counted(before: RoomState, after: RoomState): RoomState {
  const gaps = after.gaps.flatMap((gap): Gap[] => {
    if (gap.kind !== "part") return [gap];
    const left = gap.left - loaded(after, gap) + loaded(before, gap);
    return left > 0 ? [{ ...gap, left }] : [];
  });
  return { ...after, gaps };
}

/** The server named what it left out. Nothing above `last` came before it, so it begins there. */
function named(state: RoomState, to: number): RoomState {
  if (to <= state.last) return state;
  const gap: Gap = { from: state.last + 1, to, kind: "named", loading: false };
  return { ...state, questions: null, gaps: [...state.gaps, gap], last: to };
}

function hole(state: RoomState, from: number, to: number): RoomState {
  return { ...state, gaps: [...state.gaps, { from, to, kind: "hole", loading: false }], last: to };
}

function modeOf(it: Mode | undefined, skew: number): RoomState["mode"] {
  return it ? { mode: it.mode, until: it.until_ms === undefined ? null : it.until_ms - skew } : OPEN;
}

/** Without text there is nothing. */
function words(quoted: Quoted | undefined): Quoted | null {
  return quoted?.text ? quoted : null;
}

function changed(state: RoomState, it: State): RoomState {
  const { count, slow_mode_ms, broadcast, stage, polls } = it;
  if (it.erased) state = erased(state, it.erased);
  return {
    ...(it.tally ? tallied(state, it.tally) : state),
    topic: it.topic ?? state.topic,
    polls: polls ?? state.polls,
    votes: it.votes ?? state.votes,
    // One's vote is of no more account once its poll is closed.
    voted: polls ? state.voted.filter((mine) => polls.some((open) => open.of === mine.of)) : state.voted,
    count: count ?? state.count,
    roster: (count ?? 0) > ROSTER_MEMBERS_MAX ? null : state.roster,
    slowModeMs: slow_mode_ms ?? state.slowModeMs,
    slowTarget: it.slow_auto?.target_per_s ?? state.slowTarget,
    broadcast: broadcast ? (broadcast.phase === "archived" ? null : broadcast) : state.broadcast,
    stage: stage ?? state.stage,
    mode: it.mode ? modeOf(it.mode, state.skew) : state.mode,
    pin: it.pin ? words(it.pin) : state.pin,
    picked: it.picked ? words(it.picked) : state.picked,
  };
}

function people(
  roster: readonly Person[],
  came: readonly Person[],
  left: readonly string[],
): readonly Person[] {
  const gone = new Set([...left, ...came.map((it) => it.id)]);
  return [...roster.filter((it) => !gone.has(it.id)), ...came];
}

function older(state: RoomState, records: readonly RecordFrame[], end: boolean): RoomState {
  const before = records.filter((it) => it.s < state.from);
  const from = before[0]?.s ?? state.from;
  const loaded = takeRecords(state, before, state.last);
  return { ...loaded, from, atStart: end || from <= 1, loadingOlder: false };
}

/** A page from the middle: what is not loaded before and behind it is a gap. */
function spot(state: RoomState, { to, records, end }: Extract<RoomEvent, { kind: "spot" }>): RoomState {
  const from = end ? 1 : (records[0]?.s ?? to + 1);
  const before: Gap = { from: 1, to: state.from - 1, kind: "named", loading: false };
  const gaps = [before, ...state.gaps].flatMap((gap): Gap[] =>
    gap.kind === "part"
      ? [gap]
      : [
          { ...gap, to: Math.min(gap.to, from - 1) },
          { ...gap, from: Math.max(gap.from, to + 1) },
        ].filter((it) => it.from <= it.to),
  );
  return takeRecords({ ...state, gaps, from: 1, atStart: true }, records, state.last);
}

/** A page is the newer end of its gap: what is left of the gap is before it. */
function filled(state: RoomState, it: Extract<RoomEvent, { kind: "gap_filled" }>): RoomState {
  const inside = it.records.filter((record) => record.s >= it.from && record.s <= it.to);
  const reached = it.end || inside.length === 0 ? it.from : (inside[0]?.s ?? it.from);
  const taken = counted(state, takeRecords(state, inside, state.last));
  const gaps = taken.gaps.flatMap((gap): Gap[] => {
    if (gap.from !== it.from || gap.to !== it.to) return [gap];
    return reached <= gap.from ? [] : [{ ...gap, to: reached - 1, loading: false }];
  });
  return { ...taken, gaps };
}

function acked(state: RoomState, { cid, ack, now }: Extract<RoomEvent, { kind: "acked" }>): RoomState {
  const it = state.mine.find((wish) => wish.cid === cid);
  if (!it) return state;
  if (ack.v === "held")
    return wish(state, cid, (held) => ({ ...unseen(held), state: { kind: "held", of: ack.s } }));
  const rest = { ...state, mine: state.mine.filter((wish) => wish !== it) };
  if (it.body.kind !== "pub") {
    return takeOwnChange(rest, it.body.of, ack.s, it.body.kind === "edit" ? it.body.text : null);
  }
  const held = state.slowModeMs > 0 && !state.can.has("slow_mode");
  const paced = held ? { ...rest, sendAt: Math.max(rest.sendAt, now + state.slowModeMs) } : rest;
  // Seen as another record of the same words: that one gets its own name back.
  const freed =
    it.seenAs !== undefined && it.seenAs !== ack.s ? rekey(paced, it.seenAs, `s${it.seenAs}`) : paced;
  return ack.s > freed.last ? takeOwnMessage(freed, it, ack.s, ack.t) : rekey(freed, ack.s, cid);
}

/** Client ids grow with time, so their order is the order of writing. */
function wished(mine: readonly Wish[], wish: Wish): readonly Wish[] {
  return [...mine.filter((it) => it.cid !== wish.cid), wish].sort((a, b) => (a.cid < b.cid ? -1 : 1));
}

function wish(state: RoomState, cid: string, how: (it: Wish) => Wish): RoomState {
  return { ...state, mine: state.mine.map((it) => (it.cid === cid ? how(it) : it)) };
}

function waiting(it: Wish): Wish {
  return { ...it, state: { kind: "waiting" } };
}

function unseen({ seenAs: _, ...rest }: Wish): Wish {
  return rest;
}

/** Nobody knows what became of what was on its way: it is said again, by the same client id. */
function unsent(mine: readonly Wish[]): readonly Wish[] {
  return mine.map((it) => (it.state.kind === "flying" ? waiting(it) : it));
}

function idle(gaps: readonly Gap[]): readonly Gap[] {
  return gaps.map((it) => (it.loading ? { ...it, loading: false } : it));
}
