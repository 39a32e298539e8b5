/** What an interface shows of a room's state. Pure, and untouched messages stay the same objects. */
import type { Named } from "../protocol/index.js";
import type { Delivery, GapView, MessageView, RoomView } from "../api.js";
import { pollsOf, typingOf } from "./life.js";
import type { Card } from "../protocol/index.js";
import { GONE, quote } from "./records.js";
import type { Gap, RoomState, Wish } from "./state.js";

export function viewOf(state: RoomState): RoomView {
  return {
    phase: state.phase,
    ...(state.why === null ? {} : { why: state.why }),
    live: state.live,
    slug: state.slug,
    title: state.title,
    messages: messagesOf(state),
    atStart: state.atStart,
    loadingOlder: state.loadingOlder,
    gaps: state.gaps.map((it): GapView => ({
      from: it.from,
      to: it.to,
      count: countOf(it),
      loading: it.loading,
    })),
    missed: state.gaps.reduce((sum, it) => sum + (it.kind === "part" ? 0 : countOf(it)), 0),
    newestSeq: state.last,
    count: state.count,
    roster: state.roster,
    slowModeMs: state.slowModeMs,
    slowTarget: state.slowTarget,
    heldCount: state.heldCount,
    held: state.held,
    mode: state.mode,
    broadcast: state.broadcast,
    stage: state.stage,
    pin: state.pin,
    picked: state.picked,
    questions: state.questions,
    topic: state.topic,
    polls: pollsOf(state),
    thread: state.thread,
    typing: typingOf(state),
    health: state.stage.here ? state.health : null,
    mark: state.mark,
    me: state.me,
    can: state.can,
    mutedUntil: state.mutedUntil,
    sendAt: state.sendAt,
    notices: state.notices,
  };
}

const countOf = (it: Gap): number => (it.kind === "part" ? it.left : it.to - it.from + 1);

function messagesOf(state: RoomState): readonly MessageView[] {
  if (state.mine.length === 0) return state.messages;
  const changes = new Map<number, Wish>();
  const tail: MessageView[] = [];
  for (const wish of state.mine) {
    if (wish.body.kind !== "pub") changes.set(wish.body.of, wish);
    else if (wish.seenAs === undefined) tail.push(ownMessage(state, wish, wish.body));
  }
  const placed =
    changes.size === 0
      ? state.messages
      : state.messages.map((it) => changing(state, it, changes.get(it.seq)));
  return [...placed, ...tail];
}

function ownMessage(
  state: RoomState,
  wish: Wish,
  {
    text,
    re,
    question,
    card,
    to,
  }: { text: string; re?: number; question?: true; card?: Card; to?: readonly Named[] },
): MessageView {
  const of = re === undefined ? undefined : state.messages.find((it) => it.seq === re);
  return {
    key: wish.cid,
    seq: null,
    author: wish.by,
    mine: true,
    text,
    doc: null,
    at: wish.at,
    pos: null,
    edited: false,
    deleted: false,
    re: re === undefined ? null : quote(of, re),
    question: question ? "asked" : null,
    likes: 0,
    liked: false,
    replies: 0,
    root: re === undefined ? null : (of?.root ?? re),
    card: card ?? null,
    to: to ?? [],
    delivery: deliveryOf(state, wish),
    change: null,
  };
}

/** The change is shown before it is through; a refused one shows what is true, and why it was refused. */
function changing(state: RoomState, it: MessageView, wish: Wish | undefined): MessageView {
  if (!wish || wish.body.kind === "pub") return it;
  const delivery = deliveryOf(state, wish);
  const change = { key: wish.cid, kind: wish.body.kind, delivery };
  // An edit that waits for review took the message out of sight.
  if (delivery.state === "refused" || delivery.state === "held") return { ...it, change };
  if (wish.body.kind === "delete") return { ...it, change, ...GONE };
  return { ...it, change, text: wish.body.text, doc: null, edited: true };
}

function deliveryOf(state: RoomState, wish: Wish): Delivery {
  switch (wish.state.kind) {
    case "held":
      return { state: "held" };
    case "flying":
      return { state: "pending" };
    case "waiting":
      return { state: state.live ? "pending" : "waiting" };
    case "refused":
      return { state: "refused", why: wish.state.why, again: wish.state.again };
  }
}
