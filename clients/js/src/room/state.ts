/** What a client knows of one room. Plain values: `apply` folds events into it, `view` shows it. */
import type { MessageView, NoticeView, RoomView, Verb } from "../api.js";
import type {
  Ack,
  Broadcast,
  Card,
  Joined,
  Mark,
  OpenPoll,
  Named,
  Person,
  PublisherHealth,
  Push,
  Quoted,
  RecordFrame,
  Refusal,
  StageState,
  Topic,
  Voted,
  Votes,
  HeldItem,
} from "../protocol/index.js";

export interface RoomState {
  readonly slug: string;
  readonly phase: "idle" | "joining" | "joined" | "refused" | "out";
  readonly why: Refusal | null;
  /** In the room on a live connection. */
  readonly live: boolean;
  readonly title: string;
  /** The room's number in frames, from the last join. */
  readonly number: number | null;
  readonly epoch: string | null;
  /** Every record up to here is shown, or named by a gap. */
  readonly last: number;
  /** Every record from here on is loaded, or named by a gap. */
  readonly from: number;
  readonly atStart: boolean;
  readonly loadingOlder: boolean;
  /** By seq. */
  readonly messages: readonly Shown[];
  readonly notices: readonly NoticeView[];
  readonly gaps: readonly Gap[];
  /** One's own wishes that are not through, oldest first. */
  readonly mine: readonly Wish[];
  readonly me: Person | null;
  readonly mark: Mark;
  readonly can: ReadonlySet<Verb>;
  /** Device clock. */
  readonly mutedUntil: number | null;
  readonly sendAt: number;
  readonly count: number;
  readonly roster: readonly Person[] | null;
  readonly slowModeMs: number;
  readonly slowTarget: number;
  readonly heldCount: number | null;
  readonly held: readonly HeldItem[] | null;
  readonly mode: RoomView["mode"];
  readonly broadcast: Broadcast | null;
  readonly stage: StageState;
  readonly pin: Quoted | null;
  readonly picked: Quoted | null;
  /** Those that wait, by seq; `null` until asked for. */
  readonly questions: readonly Shown[] | null;
  readonly topic: Topic | null;
  readonly polls: readonly OpenPoll[];
  readonly votes: readonly Votes[];
  /** One's own votes in open polls. */
  readonly voted: readonly Voted[];
  readonly typing: { readonly who: readonly Person[]; readonly n: number };
  readonly thread: Thread | null;
  /** How the publisher's media arrives, as long as somebody publishes and one may run the broadcast. */
  readonly health: PublisherHealth | null;
  /** The server's clock less the device's, ms. */
  readonly skew: number;
}

/** A message with a place. */
export interface Shown extends MessageView {
  readonly seq: number;
  /** Edits up to this seq are in it. */
  readonly upTo: number;
}

/** A message's thread, as far as it is loaded. */
export interface Thread {
  readonly of: number;
  readonly messages: readonly Shown[];
  readonly end: boolean;
  readonly loading: boolean;
}

export type Gap = {
  readonly from: number;
  readonly to: number;
  readonly loading: boolean;
} & (
  | {
      /** `hole`: the server never named it; it is fetched unasked. */
      readonly kind: "named" | "hole";
    }
  | {
      /** More was said than can be read: of the range some is loaded, and so much is not. */
      readonly kind: "part";
      readonly left: number;
    }
);

/** A message, edit or deletion of one's own on its way. `cid` is its key, here and on the server. */
export interface Wish {
  readonly cid: string;
  readonly by: Person;
  readonly at: number;
  /** The log that `of` belongs to. */
  readonly epoch: string | null;
  readonly body:
    | {
        readonly kind: "pub";
        readonly text: string;
        readonly re?: number;
        readonly question?: true;
        readonly card?: Card;
        readonly to?: readonly Named[];
      }
    | { readonly kind: "edit"; readonly of: number; readonly text: string }
    | { readonly kind: "delete"; readonly of: number };
  readonly state:
    | { readonly kind: "waiting" }
    | { readonly kind: "flying" }
    /** It waits for review, as the record of that seq. */
    | { readonly kind: "held"; readonly of: number }
    | { readonly kind: "refused"; readonly why: Refusal; readonly again: number | null };
  /** Refusals that were not worth a person's attention. */
  readonly tries: number;
  /** The record that looks like this one, seen before the ack: shown in its place. */
  readonly seenAs?: number;
}

export type RoomPush = Extract<Push, { a: number }>;

export type RoomEvent =
  | { kind: "joining" }
  | { kind: "joined"; joined: Joined; me: Person | null; skew: number }
  | { kind: "refused"; why: Refusal }
  | { kind: "lost" }
  | { kind: "left" }
  /** Somebody else is signed in: what is mine and what I may do is no longer so. */
  | { kind: "forgotten" }
  /** The server cannot go on from our position: all but one's own wishes is forgotten. */
  | { kind: "position_lost" }
  | { kind: "push"; push: RoomPush }
  | { kind: "older_asked" }
  | { kind: "older"; records: readonly RecordFrame[]; end: boolean }
  | { kind: "older_failed" }
  /** A page up to `to`, from anywhere in the log. */
  | { kind: "spot"; to: number; records: readonly RecordFrame[]; end: boolean }
  | { kind: "gap_asked"; from: number; to: number }
  | { kind: "gap_filled"; from: number; to: number; records: readonly RecordFrame[]; end: boolean }
  | { kind: "gap_failed"; from: number; to: number }
  | { kind: "held"; held: readonly HeldItem[]; count: number }
  | { kind: "questions"; records: readonly RecordFrame[] }
  | { kind: "voted"; of: number; picks: readonly number[] }
  | { kind: "like"; of: number; on: boolean }
  /** Which messages of a span one likes. */
  | { kind: "liked"; from: number; to: number; liked: readonly number[] }
  | { kind: "typing_over" }
  | { kind: "thread_asked"; of: number | null }
  | { kind: "thread"; of: number; records: readonly RecordFrame[]; end: boolean }
  | { kind: "roster"; roster: readonly Person[]; count: number }
  | { kind: "wished"; wish: Wish }
  | { kind: "flying"; cid: string }
  | { kind: "waiting"; cid: string; tries: number }
  | { kind: "acked"; cid: string; ack: Ack; now: number }
  | { kind: "wish_refused"; cid: string; why: Refusal; now: number }
  | { kind: "discarded"; cid: string };

export const NO_STAGE: StageState = { here: false, video: false, audio: false };

export const QUIET: RoomState["typing"] = { who: [], n: 0 };

export const OPEN: RoomView["mode"] = { mode: "open", until: null };

export function emptyRoom(slug: string): RoomState {
  return {
    slug,
    phase: "idle",
    why: null,
    live: false,
    title: "",
    number: null,
    epoch: null,
    last: 0,
    from: 1,
    atStart: false,
    loadingOlder: false,
    messages: [],
    notices: [],
    gaps: [],
    mine: [],
    me: null,
    mark: "guest",
    can: new Set(),
    mutedUntil: null,
    sendAt: 0,
    count: 0,
    roster: null,
    slowModeMs: 0,
    slowTarget: 0,
    heldCount: null,
    held: null,
    mode: OPEN,
    broadcast: null,
    stage: NO_STAGE,
    pin: null,
    picked: null,
    questions: null,
    topic: null,
    polls: [],
    votes: [],
    voted: [],
    typing: QUIET,
    thread: null,
    health: null,
    skew: 0,
  };
}
