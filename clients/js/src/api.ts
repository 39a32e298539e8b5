/**
 * What the SDK offers, as types: the one page to read before building an interface on it.
 *
 * `Weiquan`, `RoomClient`, `Watcher` and `Publisher` implement these; a user interface codes against
 * the interfaces, so that it can also be shown with a stand-in that needs no server.
 * It holds no behaviour.
 */
import type { Caller } from "./rest.js";
import type {
  ActList,
  BlobKind,
  BlobMade,
  Broadcast,
  BroadcastAct,
  Card,
  Code,
  Ended,
  Mark,
  Me,
  MemberCard,
  HeldItem,
  MemberList,
  MemberRole,
  Named,
  Mail,
  MailWish,
  Notice,
  NoticeList,
  NoticeSettings,
  Person,
  PublisherHealth,
  QuestionAct,
  QuestionPhase,
  Quoted,
  Refusal,
  ReviewAct,
  RoomCard,
  RoomList,
  RoomMode,
  Rules,
  ServerInfo,
  SetUp,
  StageState,
  StreamKey,
  StreamKeyMade,
  Summary,
  Doc,
  Topic,
  TopicPlace,
  TopicAct,
  Watched,
  WhoPage,
} from "./protocol/index.js";
import type { Readable } from "./readable.js";
import type { WatchOptions, WatcherApi, PublishOptions, PublisherApi } from "./api-media.js";

export type * from "./api-media.js";
export type * from "./api-topics.js";
export type * from "./api-search.js";

/** How the one connection to the server is. */
export type ConnectionStatus =
  /** Nothing asked for it yet (no room was joined). */
  | { state: "idle" }
  /** The device itself says that it has no network. */
  | { state: "offline" }
  | { state: "connecting" }
  | { state: "online" }
  /** Lost at `since`, tried so often, next try at `next` (both in ms of the device's clock). */
  | { state: "reconnecting"; since: number; tries: number; next: number }
  /** The server does not want this connection again; `retry()` tries all the same. */
  | { state: "refused"; code: StopCode };

/** Why a connection stays down: a refusal's code, or one of the close codes that have none. */
export type StopCode = Code | "bad_frame" | "replaced" | "version";

/** What a member may do in a room (the verbs of the server's rights). */
export type Verb =
  | "watch"
  | "talk"
  | "react"
  | "edit"
  | "delete"
  | "delete_any"
  | "mute"
  | "kick"
  | "ban"
  | "review"
  | "rules"
  | "slow_mode"
  | "mode"
  | "pin"
  | "questions"
  | "polls"
  | "go_live"
  | "run_broadcast"
  | "co_host"
  | "topic"
  | "keep_topic";

/** What `new Weiquan(…)` is given; everything but `base` has the browser's own as default. */
export interface WeiquanOptions {
  /** The server's address, such as `https://live.example.org`; in a page of its own: `location.origin`. */
  base: string;
  /**
   * Makes a token: for bots, and for people whom another site vouches for. It is asked again from time to
   * time, and when the server did not take the last one. Without it people sign in, or are guests.
   */
  token?: () => Promise<string>;
  /**
   * Asks the server to deflate what it says, for lines where bytes are dear: about half of the bytes of a
   * busy room, a quarter of those of a join. What it needs (4 KB) is loaded then. Asked at each connection.
   */
  compress?: boolean | (() => boolean);
  storage?: KeyValue;
  socket?: SocketFactory;
  fetch?: typeof fetch;
  peer?: PeerFactory;
  timers?: Timers;
  /** Unix ms of the device's clock. */
  now?: () => number;
  /** 0 ≤ n < 1. */
  random?: () => number;
  /** How somebody is called whose account is erased, in the reader's language; without it their name is empty. */
  nobody?: () => string;
  /** Whether somebody is looking and whether the device has a network. */
  device?: DeviceSigns;
}

/** Small things kept from one visit to the next. */
export interface KeyValue {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** The keys that start so, in order. */
  keys(prefix: string): Promise<string[]>;
}

/** Opens a socket. `closed` comes exactly once, also when it never opened. */
export type SocketFactory = (url: string, protocol: string, events: SocketEvents) => Socket;

export interface SocketEvents {
  open(): void;
  text(data: string): void;
  /** Comes only where `compress` is on. */
  binary(data: Uint8Array): void;
  closed(code: number): void;
}

export interface Socket {
  send(text: string): void;
  close(code: number): void;
}

export type PeerFactory = (config: RTCConfiguration) => RTCPeerConnection;

/** A steady clock that can call back; tests turn its hand themselves. */
export interface Timers {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Calls `run` once, `ms` from now; the answer prevents that. */
  after(ms: number, run: () => void): () => void;
}

export interface DeviceSigns {
  readonly visible: Readable<boolean>;
  readonly network: Readable<boolean>;
  /** Changes with each change of the way to the network (Wi-Fi to mobile), where the device tells. */
  readonly path?: Readable<number>;
}

export interface WeiquanApi extends Caller {
  readonly status: Readable<ConnectionStatus>;
  /** Who one is; `null` while nobody is signed in. Follows every sign-in, sign-out and refresh. */
  readonly who: Readable<Me | null>;
  server(): Promise<ServerInfo>;
  setUp(wish: SetUp): Promise<Me>;
  signUp(name: string, password: string): Promise<Me>;
  signIn(name: string, password: string): Promise<Me>;
  signOut(everywhere: boolean): Promise<void>;
  /** Who one is on this device, asking the server the first time. */
  me(): Promise<Me | null>;
  /** A guest's identity, the same on this device each time. */
  beGuest(name?: string): Promise<Me>;
  /** Who one is on this device, or from now on a guest. Rooms may be joined meanwhile. */
  beSomebody(guestName?: string): Promise<Me>;
  rooms(): Promise<RoomCard[]>;
  /** The same with its version; with `after` (a version one has) it comes when there is another, or after 20 s. */
  roomList(after?: number): Promise<RoomList>;
  roomCard(slug: string): Promise<RoomCard>;
  makeRoom(wish: { title: string; guests: boolean; slug?: string }): Promise<RoomCard>;
  /** A host's wish about the broadcast of a room that one is not in; in a room: `RoomApi.broadcast`. */
  broadcast(slug: string, act: BroadcastAct, title?: string, startsMs?: number): Promise<Broadcast>;
  /** Uploads something to be said in this room within the hour: by a card, or in the text of a topic. An empty slug is a topic that is still to be started. */
  upload(slug: string, bytes: Blob, opts?: UploadOptions): Promise<BlobMade>;
  /** Where a blob, or a smaller picture of it, is. */
  blobUrl(id: string, size?: "preview"): string;
  /** What a broadcast was, once it is over. */
  summary(slug: string, broadcast: string): Promise<Summary>;
  /** The broadcasts that ended last. */
  lately(): Promise<Ended[]>;
  streamKeys(slug: string): Promise<StreamKey[]>;
  makeStreamKey(slug: string, label: string): Promise<StreamKeyMade>;
  revokeStreamKey(slug: string, id: string): Promise<void>;
  /** A page of the circle's members by name; for its owner and moderators. */
  members(search?: MemberSearch): Promise<MemberList>;
  /** Appoints a moderator, or dismisses one; for the owner. */
  setRole(id: string, role: MemberRole): Promise<MemberCard>;
  /** What was done to oneself; for the owner and moderators also what was done to anybody. The newest first; `before` is `next` of the page before. */
  acts(own: boolean, before?: number): Promise<ActList>;
  /** A member's notices, told wherever one is: how many wait, and the last one that came or changed. */
  readonly inbox: Readable<Inbox>;
  /** A page of notices, the newest first; `after` is `next` of the page before. */
  notices(after?: number): Promise<NoticeList>;
  /** This notice and every older one was seen. */
  noticesSeen(upto: number): Promise<void>;
  noticeSettings(change?: NoticeSettings): Promise<NoticeSettings>;
  /** Where one is written to; with `change` a letter with a link goes to that address, and with `null` no more letters do. */
  mail(change?: MailWish | null): Promise<Mail>;
  /** The link of such a letter: what stands after the `#` of its address. */
  confirmMail(link: string): Promise<Mail>;
  /** Has a link sent to somebody who forgot their password, where they have an address. */
  passwordForgotten(name: string, lang: string): Promise<void>;
  /** Sets a new password by the one that is: every other device is signed out. */
  changePassword(current: string, password: string): Promise<Me>;
  /** Sets a new password by such a link, and signs in. */
  newPassword(link: string, password: string): Promise<Me>;
  /** Whether one is reminded of the room's broadcast; with `set` that is changed. */
  reminder(slug: string, set?: boolean): Promise<boolean>;
  /** The room's broadcast as a file for calendars. */
  calendarUrl(slug: string): string;
  /** What a browser subscribes to pushes with. */
  pushKey(): Promise<string>;
  /** This browser wants pushes, in that language. */
  pushOn(subscription: PushSubscriptionJSON, lang: string): Promise<void>;
  pushOff(endpoint: string): Promise<void>;
  /** Where OBS and FFmpeg publish; the stream key says which room. */
  whipUrl(): string;
  /** The same object for the same slug. */
  room(slug: string): RoomApi;
  /** The server's clock in Unix ms, as far as the connection told it. */
  serverNow(): number;
  /** Connects at once, whatever the status is (the person pressed "try again"). */
  retry(): void;
  /**
   * A room that may be joined soon is in sight: the connection is opened, and nobody is anybody yet. Where it is not
   * needed within two minutes it is over, and the first join opens another.
   */
  ahead(slug: string): void;
  close(): void;
}

export interface Inbox {
  /** `null` until the server said so. */
  unread: number | null;
  notice: Notice | null;
}

export interface MemberSearch {
  /** A part of the name. */
  q?: string;
  role?: MemberRole | "owner";
  /** `next` of the page before. */
  after?: string;
  /** At most 200; 50 by default. */
  n?: number;
}

export interface UploadOptions {
  /** Absent: what its bytes say. */
  as?: BlobKind;
  /** How much is sent, 0 to 1. */
  onprogress?: (part: number) => void;
  signal?: AbortSignal;
}

export interface RoomApi {
  readonly slug: string;
  readonly view: Readable<RoomView>;
  /** Hearts as they arrive; each value is one burst, `n` tells two bursts apart. */
  readonly bursts: Readable<Burst>;
  /**
   * Soon joined, probably: the connection is opened, and placed for this room. Nobody is told. With the room's number,
   * as its card has it, whoever watches asks for the picture with the join.
   */
  near(number?: number): void;
  /** Counted: the room is left when every `join` was followed by a `leave`. */
  join(): void;
  leave(): void;
  /** Puts a message into the outbox and shows it at once; the answer is its `key`. */
  send(text: string, re?: number, to?: readonly Named[]): string;
  /** The same, asked of the host: it waits among the questions until it is answered. */
  ask(text: string, re?: number, to?: readonly Named[]): string;
  /** The same with a card beside the text, which says it for whoever cannot show the card. */
  share(text: string, card: Card, re?: number): string;
  edit(seq: number, text: string): string;
  remove(seq: number): string;
  /** Says a refused message (or one that waits) again. */
  resend(key: string): void;
  /** Takes a message out of the outbox and gives its text back, for the draft. */
  discard(key: string): string;
  heart(kind?: string): void;
  /** Loads the page before the oldest message shown; resolves at once at the start. */
  older(): Promise<void>;
  /** Loads the page around a message, wherever it lies; what is between is a gap. Resolves at once where it is loaded. */
  at(seq: number): Promise<void>;
  /** Loads what a gap stands for, a page at a time (from its newer end). */
  fetchGap(gap: GapView): Promise<void>;
  /** Asks who is here; the answer is also in `view.roster`. */
  roster(): Promise<Person[]>;
  /** A page of who is here, in a room of any size; with `q` those of that name, for who runs the room. `next` goes on as `after`. */
  who(page?: { q?: string; after?: string; n?: number }): Promise<WhoPage>;
  /** Puts a message, or words of one's own, above the talk; `null` takes down what is there. */
  pin(what: number | string | null): Promise<void>;
  /** A step of a question: shown to everybody, put back, answered. */
  question(seq: number, act: QuestionAct): Promise<void>;
  /** Likes a message, or takes it back; shown at once. */
  like(seq: number, on: boolean): Promise<void>;
  /** Makes a poll; with `forMs` it closes by itself. */
  poll(
    question: string,
    options: readonly string[],
    how?: { multiple?: boolean; forMs?: number },
  ): Promise<void>;
  closePoll(seq: number): Promise<void>;
  /** One's vote by the options' numbers, from 0, in place of the one before; none takes it back. */
  vote(seq: number, picks: readonly number[]): Promise<void>;
  /** Opens a message's thread in `view.thread`, or (`null`) closes it. */
  thread(of: number | null): Promise<void>;
  /** Loads the next page of the thread that is open. */
  threadOn(): Promise<void>;
  /** To be called at every key: says now and then that one is writing, where the room is small. */
  typing(): void;
  /**
   * How the broadcast was watched since this was said before, for the operator's charts: once a minute, and at the
   * end. Sooner than 10 s after the one before it is not taken.
   */
  watched(how: Watched): void;
  /** Asks which questions wait; the answer is in `view.questions`, and follows what happens. */
  questions(): Promise<void>;
  mute(who: string, forMs: number, reason?: string): Promise<void>;
  unmute(who: string): Promise<void>;
  ban(who: string, forMs?: number, reason?: string): Promise<void>;
  unban(who: string): Promise<void>;
  /** Out now, and back after a minute. */
  kick(who: string, reason?: string): Promise<void>;
  /** Brings back what was deleted less than half a minute ago. */
  undelete(seq: number): Promise<void>;
  /** Takes a message out of the talk until somebody reviewed it. */
  hold(seq: number): Promise<void>;
  /** Asks for the messages that wait for review; the answer is in `view.held`, and follows what happens. */
  held(): Promise<void>;
  /** `of` is the `s` of the one that waits. */
  review(of: number, act: ReviewAct, reason?: string): Promise<void>;
  rules(): Promise<Rules>;
  setRules(rules: Rules): Promise<void>;
  /** With `target` (messages a second) the room lengthens the gap by itself. */
  slowMode(gapMs: number, target?: number): Promise<void>;
  /** Who runs the broadcast beside its host, or no longer does. */
  coHost(who: string, on: boolean): Promise<void>;
  /** Who may speak; with `forMs` the mode before comes back by itself. */
  mode(mode: RoomMode, forMs?: number): Promise<void>;
  broadcast(act: BroadcastAct, title?: string, startsMs?: number): Promise<void>;
  /** Changes what a topic is, in a room that is one. */
  topic(act: TopicAct): Promise<void>;
  watch(opts?: WatchOptions): WatcherApi;
  publish(source: MediaStream, opts?: PublishOptions): PublisherApi;
}

export interface RoomView {
  phase: "idle" | "joining" | "joined" | "refused" | "out";
  /** With `refused` and `out`: why. */
  why?: Refusal;
  /** In the room on a live connection: what is shown is the present. */
  live: boolean;
  slug: string;
  title: string;
  /** Oldest first: what everybody sees, then what this device has yet to get through. */
  messages: readonly MessageView[];
  /** Everything before the oldest message is loaded. */
  atStart: boolean;
  loadingOlder: boolean;
  /** Records that are not loaded and can be fetched, oldest first. */
  gaps: readonly GapView[];
  /** How many were missed; what is left out because more is said than can be read is not. */
  missed: number;
  /** The newest record known of. */
  newestSeq: number;
  /** People here, each counted once. */
  count: number;
  /** Who is here; `null` in a room above the roster's size. */
  roster: readonly Person[] | null;
  slowModeMs: number;
  /** The messages a second that slow mode aims at by itself; 0: it is set by hand. */
  slowTarget: number;
  /** How many messages wait for review; `null` for those who may not. */
  heldCount: number | null;
  /** Those that wait, oldest first; `null` until they are asked for. */
  held: readonly HeldItem[] | null;
  /** Who may speak, and until when (device clock); `null`: until somebody changes it. */
  mode: { readonly mode: RoomMode; readonly until: number | null };
  /** The broadcast that is not yet archived. */
  broadcast: Broadcast | null;
  stage: StageState;
  /** What stands above the talk. */
  pin: Quoted | null;
  /** The question that is being answered. */
  picked: Quoted | null;
  /** The questions that wait, oldest first; `null` until they are asked for. */
  questions: readonly MessageView[] | null;
  /** What the topic is, in a room that is one. */
  topic: Topic | null;
  /** The polls that are open, oldest first. */
  polls: readonly PollView[];
  /** The thread that is open. */
  thread: ThreadView | null;
  /** Others who are writing: some of their names, and how many in all. */
  typing: { readonly names: readonly string[]; readonly n: number };
  /** How what is published arrives at the server; `null` for those who may not run the broadcast. */
  health: PublisherHealth | null;
  mark: Mark;
  /** Who one is here; `null` before the first answer. */
  me: Person | null;
  can: ReadonlySet<Verb>;
  /** Until when one is muted, on the device's clock; `null` when not. */
  mutedUntil: number | null;
  /** When slow mode lets one send again, on the device's clock; 0 when at once. */
  sendAt: number;
  /** Bans, mutes, slow mode and the broadcast's steps, as lines among the messages. */
  notices: readonly NoticeView[];
}

export interface MessageView {
  /** Stable from the moment of writing to the end of the page. */
  key: string;
  /** Its place in the room; `null` until the server named one. */
  seq: number | null;
  author: Person;
  mine: boolean;
  text: string;
  /** The text as it is shown, where it is Markdown (in a topic); `null` elsewhere, and until the server made it. */
  doc: Doc | null;
  /** The device's clock, Unix ms. */
  at: number;
  /** The stream position in ms, where it was said while live. */
  pos: number | null;
  edited: boolean;
  deleted: boolean;
  /** Who deleted or held it, where that is known. */
  takenBy?: Person;
  /** It is in another topic now, as the message `s` there, and `deleted` here. */
  moved?: { readonly to: TopicPlace; readonly s: number };
  re: Quote | null;
  /** Asked of the host, and how far that is. */
  question: QuestionPhase | null;
  likes: number;
  /** One's own like. */
  liked: boolean;
  /** Replies in its thread. */
  replies: number;
  /** The message whose thread this one is in. */
  root: number | null;
  /** A thing beside the text; of a kind that this version does not know, the text says it all. */
  card: Card | null;
  /** Whom it names: each of them has a notice of it. */
  to: readonly Named[];
  delivery: Delivery;
  /** An edit or deletion of one's own that is not yet through; `text` shows it already. */
  change: ChangeView | null;
}

/** A poll, open or closed. */
export interface PollView {
  /** Its seq. */
  seq: number;
  by: Person;
  question: string;
  options: readonly string[];
  /** Several options may be picked. */
  multiple: boolean;
  /** When it closes by itself, by the device's clock. */
  closes: number | null;
  open: boolean;
  /** Votes for each option; `null` while they are not known. */
  n: readonly number[] | null;
  voters: number;
  /** The options that one picked; empty where one did not vote (or the poll is closed). */
  mine: readonly number[];
}

/** A message and its replies, oldest first. */
export interface ThreadView {
  of: number;
  /** The first is the message itself, once it is loaded. */
  messages: readonly MessageView[];
  /** Everything is loaded; what comes is added by itself. */
  end: boolean;
  loading: boolean;
}

/** One's own edit or deletion on its way. `key` is for `resend` and `discard`. */
export interface ChangeView {
  key: string;
  kind: "edit" | "delete";
  delivery: Delivery;
}

/** The message that one replies to; without text when it is not loaded. */
export interface Quote {
  seq: number;
  author: Person | null;
  text: string;
  deleted: boolean;
}

/** How far a message is. */
export type Delivery =
  /** On the server's disk, and seen by everybody. */
  | { state: "sent" }
  /** On its way: grey. */
  | { state: "pending" }
  /** On the server's disk, and waiting for review: nobody else sees it yet. */
  | { state: "held" }
  /** Waits for the connection: a clock mark. */
  | { state: "waiting" }
  /** Refused: red, with why; `again` (device clock, ms) is when it is worth another try. */
  | { state: "refused"; why: Refusal; again: number | null };

/** Of the records `from` to `to` so many are not loaded. */
export interface GapView {
  from: number;
  to: number;
  count: number;
  loading: boolean;
}

/** Something that happened in the room and is not a message. */
export type NoticeView = {
  key: string;
  seq: number;
  at: number;
  by: Person;
} & (
  | { kind: "mute"; whom: Person; until: number; reason: string }
  | { kind: "unmute"; whom: Person }
  | { kind: "ban"; whom: Person; until: number | null; reason: string }
  | { kind: "unban"; whom: Person }
  | { kind: "kick"; whom: Person; reason: string }
  /** The rules about words and links changed. */
  | { kind: "rules" }
  | { kind: "slow_mode"; gapMs: number }
  | { kind: "mode"; mode: RoomMode; until: number | null }
  | { kind: "co_host"; whom: Person; on: boolean }
  /** Something was put above the talk, or taken down. */
  | { kind: "pin"; pinned: boolean }
  | { kind: "broadcast"; broadcast: Broadcast }
  /** A poll where it was made; with its result once it is closed. */
  | { kind: "poll"; poll: PollView }
  | { kind: "poll_closed"; of: number; voters: number }
  /** What the topic is from here on. */
  | { kind: "topic"; topic: Topic }
  /** So many replies are in a topic of their own from here on. */
  | { kind: "split"; to: TopicPlace; n: number }
);

export interface Burst {
  n: number;
  counts: Readonly<Record<string, number>>;
}
