/**
 * One room as its user sees it: the state, and everything one can do there.
 *
 * It joins, resumes and comes back with the connection; what it knows is changed only by `apply`.
 */
import type {
  Burst,
  GapView,
  PublisherApi,
  PublishOptions,
  RoomApi,
  RoomView,
  WatcherApi,
  WatchOptions,
} from "../api.js";
import type { Link } from "../connection/link.js";
import type { OnAnswer, Request, Word } from "../connection/requests.js";
import type { Environment } from "../environment.js";
import type { Identity } from "../identity.js";
import type { Signalling } from "../media/signalling.js";
import { Publisher } from "../media/publisher.js";
import { Watcher } from "../media/watcher.js";
import type {
  BroadcastAct,
  HeldItem,
  HeldPage,
  Card,
  Joined,
  Liked,
  Named,
  Outcome,
  Page,
  Person,
  QuestionAct,
  RecordFrame,
  Refusal,
  Reply,
  ReviewAct,
  RoomMode,
  Roster,
  Rules,
  RulesNow,
  TopicAct,
  Watched,
  Welcome,
  WhoPage,
} from "../protocol/index.js";
import { ROSTER_MEMBERS_MAX, THREAD_RECORDS, TYPING_EVERY_MS } from "../limits.js";
import { Cell, type Readable } from "../readable.js";
import { Refused, Unreachable } from "../refused.js";
import type { ClientIds } from "../uuid.js";
import { apply } from "./apply.js";
import { Hearts } from "./hearts.js";
import { likedSpan } from "./life.js";
import { History } from "./history.js";
import type { Outbox } from "./outbox.js";
import { RosterKeeper } from "./roster.js";
import { Sender } from "./sender.js";
import { emptyRoom, type RoomEvent, type RoomPush, type RoomState, type Wish } from "./state.js";
import { viewOf } from "./view.js";
import { type Act, Wishes } from "./wishes.js";

const REJOIN_DEFAULT_MS = 2_000;
/** The server tells of somebody who goes on writing every 3 s at least, and of the end. */
const TYPING_SHOWN_MS = 6_000;

/** A question to the server that a room asks by its number. */
type Query = Bare<
  Extract<Request, { op: "roster" | "who" | "questions" | "thread" | "liked" | "held" | "rules" }>
>;
type Bare<T> = T extends { a: number } ? Omit<T, "a"> : never;

/** What a room shares with the other rooms of the same client. */
export interface Shared {
  env: Environment;
  link: Link;
  identity: Identity;
  outbox: Outbox;
  ids: ClientIds;
  signalling: Signalling;
}

export class RoomClient implements RoomApi {
  readonly slug: string;
  readonly #shared: Shared;
  readonly #state: Cell<RoomState>;
  readonly #view: Cell<RoomView>;
  readonly #history: History;
  readonly #roster: RosterKeeper;
  readonly #sender: Sender;
  readonly #hearts: Hearts;
  readonly #wishes: Wishes;
  #wanted = 0;
  #near = false;
  /** The room's number, before one has joined it. */
  #number: number | null = null;
  /** That number, while a join is on its way. */
  readonly #coming = new Cell<number | null>(null);
  #welcome: Welcome | null = null;
  #asking = false;
  /** Whose outbox is loaded. */
  #loaded: string | null = null;
  #cancelRejoin: () => void = () => {};
  #typedAt = -TYPING_EVERY_MS;
  #cancelTyping: () => void = () => {};

  constructor(slug: string, shared: Shared) {
    this.slug = slug;
    this.#shared = shared;
    this.#state = new Cell(emptyRoom(slug));
    this.#view = new Cell(viewOf(this.#state.get()));
    const own = {
      state: () => this.#state.get(),
      fold: (event: RoomEvent) => this.#fold(event),
      rejoin: () => this.#rejoin(),
    };
    this.#history = new History(shared.link, { ...own, read: (page) => void this.#askLiked(page) });
    this.#roster = new RosterKeeper(own.state, () => this.roster());
    this.#sender = new Sender(shared.env, shared.link, shared.outbox, own);
    this.#wishes = new Wishes(shared.env, shared.link, shared.ids, this.#state);
    this.#hearts = new Hearts(shared.env.timers, (kind, n) => this.#say({ op: "burst", kind, n }));
  }

  get view(): Readable<RoomView> {
    return this.#view;
  }

  get bursts(): Readable<Burst> {
    return this.#hearts.bursts;
  }

  near(number?: number): void {
    this.#near = true;
    this.#number = number ?? this.#number;
    this.#shared.link.start();
  }

  join(): void {
    this.#wanted++;
    if (this.#wanted > 1 && this.#state.get().phase !== "refused" && this.#state.get().phase !== "out")
      return;
    void this.#loadOutbox();
    this.#fold({ kind: "joining" });
    const { link } = this.#shared;
    link.start();
    this.#askJoin();
  }

  leave(): void {
    if (this.#wanted === 0 || --this.#wanted > 0) return;
    this.#near = false;
    const a = this.number();
    this.#cancelRejoin();
    this.#hearts.stop();
    this.#fold({ kind: "left" });
    if (a !== null) this.#shared.link.ask({ op: "leave", a }, () => {});
  }

  send(text: string, re?: number, to?: readonly Named[]): string {
    return this.#wish({ kind: "pub", text, ...more(re, to) });
  }

  ask(text: string, re?: number, to?: readonly Named[]): string {
    return this.#wish({ kind: "pub", text, ...more(re, to), question: true });
  }

  share(text: string, card: Card, re?: number): string {
    return this.#wish({ kind: "pub", text, ...(re === undefined ? {} : { re }), card });
  }

  edit(seq: number, text: string): string {
    return this.#wish({ kind: "edit", of: seq, text });
  }

  remove(seq: number): string {
    return this.#wish({ kind: "delete", of: seq });
  }

  resend(key: string): void {
    this.#sender.again(key);
  }

  discard(key: string): string {
    const wish = this.#state.get().mine.find((it) => it.cid === key);
    this.#sender.drop(key);
    return wish === undefined || wish.body.kind === "delete" ? "" : wish.body.text;
  }

  heart(kind = "❤"): void {
    if (this.#state.get().live) this.#hearts.tap(kind);
  }

  older(): Promise<void> {
    return this.#history.older();
  }

  at(seq: number): Promise<void> {
    return this.#history.at(seq);
  }

  fetchGap({ from, to }: GapView): Promise<void> {
    return this.#history.gap(from, to);
  }

  async roster(): Promise<Person[]> {
    const { roster, count } = (await this.#query({ op: "roster" })) as Roster;
    this.#fold({ kind: "roster", roster, count });
    return roster;
  }

  who({
    n = ROSTER_MEMBERS_MAX,
    ...page
  }: { q?: string; after?: string; n?: number } = {}): Promise<WhoPage> {
    return this.#query({ op: "who", ...page, n }) as Promise<WhoPage>;
  }

  async like(seq: number, on: boolean): Promise<void> {
    this.#fold({ kind: "like", of: seq, on });
    try {
      await this.#wishes.put({ op: "like", of: seq, on });
    } catch (error) {
      this.#fold({ kind: "like", of: seq, on: !on });
      throw error;
    }
  }

  poll(
    question: string,
    options: readonly string[],
    { multiple, forMs }: { multiple?: boolean; forMs?: number } = {},
  ): Promise<void> {
    const timed = forMs === undefined ? {} : { for_ms: forMs };
    return this.#act({ op: "poll", question, options: [...options], multiple: multiple ?? false, ...timed });
  }

  closePoll(seq: number): Promise<void> {
    return this.#act({ op: "close_poll", of: seq });
  }

  async vote(seq: number, picks: readonly number[]): Promise<void> {
    const before = this.#state.get().voted.find((it) => it.of === seq)?.picks ?? [];
    this.#fold({ kind: "voted", of: seq, picks });
    try {
      await this.#wishes.put({ op: "vote", of: seq, picks: [...picks] });
    } catch (error) {
      this.#fold({ kind: "voted", of: seq, picks: before });
      throw error;
    }
  }

  async thread(of: number | null): Promise<void> {
    this.#fold({ kind: "thread_asked", of });
    if (of !== null) await this.#threadPage(of);
  }

  async threadOn(): Promise<void> {
    const { thread } = this.#state.get();
    if (!thread || thread.loading || thread.end) return;
    this.#fold({ kind: "thread_asked", of: thread.of });
    await this.#threadPage(thread.of);
  }

  typing(): void {
    const { live, count } = this.#state.get();
    const now = this.#shared.env.timers.now();
    if (!live || count > ROSTER_MEMBERS_MAX || now < this.#typedAt + TYPING_EVERY_MS) return;
    this.#typedAt = now;
    this.#say({ op: "typing" });
  }

  watched(how: Watched): void {
    this.#say({ op: "watched", ...how });
  }

  async questions(): Promise<void> {
    const { page } = (await this.#query({ op: "questions" })) as Page;
    this.#fold({ kind: "questions", records: page });
  }

  pin(what: number | string | null): Promise<void> {
    const said = typeof what === "number" ? { of: what } : what === null ? {} : { text: what };
    return this.#act({ op: "pin", ...said });
  }

  question(seq: number, act: QuestionAct): Promise<void> {
    return this.#act({ op: "question", of: seq, act });
  }

  mute(who: string, forMs: number, reason = ""): Promise<void> {
    return this.#act({ op: "mute", who, for_ms: forMs, reason });
  }

  unmute(who: string): Promise<void> {
    return this.#act({ op: "unmute", who });
  }

  ban(who: string, forMs?: number, reason = ""): Promise<void> {
    return this.#act({ op: "ban", who, reason, ...(forMs === undefined ? {} : { for_ms: forMs }) });
  }

  unban(who: string): Promise<void> {
    return this.#act({ op: "unban", who });
  }

  kick(who: string, reason = ""): Promise<void> {
    return this.#act({ op: "kick", who, reason });
  }

  undelete(seq: number): Promise<void> {
    return this.#act({ op: "undelete", of: seq });
  }

  hold(seq: number): Promise<void> {
    return this.#act({ op: "hold", of: seq });
  }

  async held(): Promise<void> {
    const all: HeldItem[] = [];
    for (;;) {
      const { held, count } = (await this.#query({ op: "held", after: all.at(-1)?.s ?? 0 })) as HeldPage;
      all.push(...held);
      if (held.length === 0 || all.length >= count) return this.#fold({ kind: "held", held: all, count });
    }
  }

  review(of: number, act: ReviewAct, reason = ""): Promise<void> {
    return this.#act({ op: "review", of, act, reason });
  }

  async rules(): Promise<Rules> {
    return ((await this.#query({ op: "rules" })) as RulesNow).rules;
  }

  setRules(rules: Rules): Promise<void> {
    return this.#act({ op: "set_rules", rules });
  }

  slowMode(gapMs: number, target = 0): Promise<void> {
    const auto = target === 0 ? {} : { auto: { target_per_s: target } };
    return this.#act({ op: "slow_mode", gap_ms: gapMs, ...auto });
  }

  coHost(who: string, on: boolean): Promise<void> {
    return this.#act({ op: "co_host", who, on });
  }

  mode(mode: RoomMode, forMs?: number): Promise<void> {
    return this.#act({ op: "mode", mode, ...(forMs === undefined ? {} : { for_ms: forMs }) });
  }

  broadcast(act: BroadcastAct, title?: string, startsMs?: number): Promise<void> {
    const named = title === undefined ? {} : { title };
    const timed = startsMs === undefined ? {} : { starts_ms: startsMs };
    return this.#act({ op: "broadcast", act, ...named, ...timed });
  }

  topic(act: TopicAct): Promise<void> {
    return this.#act({ op: "topic", act });
  }

  watch(opts: WatchOptions = {}): WatcherApi {
    return new Watcher(this.#shared.env, this.#shared.signalling, this.#state, this.#coming, opts);
  }

  publish(source: MediaStream, opts: PublishOptions = {}): PublisherApi {
    return new Publisher(this.#shared.env, this.#shared.signalling, this.#state, source, opts);
  }

  // What follows is for `Weiquan`, which holds the connection.

  /** The join that follows hello, when one is wanted. */
  joinAsked(): { request: Request; answer: OnAnswer } | null {
    const { phase, epoch, last, why } = this.#state.get();
    const barred = (phase === "out" || phase === "refused") && why?.act === "stop";
    if (this.#wanted === 0 || this.#asking || barred) return null;
    this.#asking = true;
    this.#fold({ kind: "joining" });
    this.#coming.set(this.#number);
    const since = epoch === null ? {} : { since: { e: epoch, s: last } };
    return { request: { op: "join", room: this.slug, ...since }, answer: (it) => this.#joined(it) };
  }

  /** Joins asked for between hello and welcome were not in hello's message. */
  up(welcome: Welcome): void {
    this.#welcome = welcome;
    if (this.#wanted > 0) void this.#loadOutbox();
    this.#askJoin();
  }

  down(): void {
    this.#cancelRejoin();
    this.#hearts.stop();
    if (this.#state.get().live) this.#fold({ kind: "lost" });
  }

  push(push: RoomPush): void {
    if (push.op === "burst") return this.#hearts.heard(push.b);
    if (push.op === "typing") {
      this.#cancelTyping();
      const over = (): void => this.#fold({ kind: "typing_over" });
      this.#cancelTyping = this.#shared.env.timers.after(TYPING_SHOWN_MS, over);
    }
    const before = this.#state.get();
    this.#fold({ kind: "push", push });
    void this.#history.holes();
    this.#roster.heard(push, before);
    if (push.op === "reviewed") this.#sender.reviewed(before, push.of);
    if (push.op === "out") this.#barred(push.why);
  }

  /** What has no answer; nobody hears it outside of the room. */
  #say(word: Bare<Word>): void {
    const a = this.number();
    if (a !== null) this.#shared.link.say({ ...word, a });
  }

  /** Where the connection should be placed. */
  get placed(): boolean {
    return this.#near || this.#wanted > 0;
  }

  number(): number | null {
    return this.#state.get().live ? this.#state.get().number : null;
  }

  /** Somebody else is signed in. */
  identityChanged(): void {
    this.#loaded = null;
    this.#fold({ kind: "forgotten" });
    if (this.#wanted > 0) {
      this.#fold({ kind: "joining" });
      void this.#loadOutbox();
    }
  }

  #joined(outcome: Outcome | null): void {
    this.#asking = false;
    this.#coming.set(null);
    if (this.#wanted === 0) return;
    if (outcome === null) {
      // Lost with the connection: hello brings it back. Silence on a live one: ask again.
      if (this.#shared.link.isUp) this.#askJoin();
      return;
    }
    if ("err" in outcome) {
      this.#fold({ kind: "refused", why: outcome.err });
      return this.#barred(outcome.err);
    }
    const joined = outcome.ok as Joined;
    const me = this.#welcome && { ...this.#welcome.me, mark: joined.mark };
    this.#fold({ kind: "joined", joined, me, skew: this.#shared.link.skew });
    void this.#askLiked(joined.ev);
    // What came while one was away is read anew.
    const { thread } = this.#state.get();
    if (thread) void this.thread(thread.of).catch(() => {});
    this.#sender.pump();
    void this.#history.holes();
  }

  /** Not in the room (any more): back later, afresh, or not at all, as the server says. */
  #barred({ act, ms }: Refusal): void {
    if (act === "resync") this.#fold({ kind: "position_lost" });
    if (act !== "retry" && act !== "resync") return;
    this.#cancelRejoin();
    this.#cancelRejoin = this.#shared.env.timers.after(ms ?? REJOIN_DEFAULT_MS, () => this.#askJoin());
  }

  #rejoin(): void {
    this.#fold({ kind: "lost" });
    this.#askJoin();
  }

  #askJoin(): void {
    if (!this.#shared.link.isUp) return;
    const asked = this.joinAsked();
    if (asked) this.#shared.link.ask(asked.request, asked.answer);
  }

  #wish(body: Wish["body"]): string {
    const { env, identity, ids } = this.#shared;
    const by = this.#state.get().me ?? identity.who.get();
    if (by === null) throw new Refused({ code: "token_missing", act: "reauth", say: "nobody is signed in" });
    const cid = ids.next();
    const { epoch } = this.#state.get();
    this.#sender.add({ cid, by, at: env.now(), epoch, body, state: { kind: "waiting" }, tries: 0 });
    return cid;
  }

  async #threadPage(of: number): Promise<void> {
    const last = this.#state.get().thread?.messages.at(-1)?.seq;
    const from = last === undefined ? {} : { after: last };
    const { page, end } = (await this.#query({ op: "thread", of, n: THREAD_RECORDS, ...from })) as Page;
    this.#fold({ kind: "thread", of, records: page, end });
    await this.#askLiked(page);
  }

  /** Which of these one likes. A mark that could not be asked for is only a mark. */
  async #askLiked(records: readonly RecordFrame[]): Promise<void> {
    const span = likedSpan(records);
    if (!span) return;
    const [from, to] = span;
    const answer = await this.#query({ op: "liked", from, to }).catch(() => null);
    if (answer) this.#fold({ kind: "liked", from, to, ...(answer as Liked) });
  }

  #query(what: Query): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const a = this.number();
      if (a === null) return reject(new Unreachable("not in the room"));
      this.#shared.link.ask({ ...what, a }, (outcome) => {
        if (outcome === null) reject(new Unreachable("the answer was lost"));
        else if ("err" in outcome) reject(new Refused(outcome.err));
        else resolve(outcome.ok);
      });
    });
  }

  #act(act: Act): Promise<void> {
    return this.#wishes.say(act);
  }

  async #loadOutbox(): Promise<void> {
    const me = this.#shared.identity.who.get() ?? (await this.#shared.identity.me().catch(() => null));
    if (me === null || this.#loaded === me.id) return;
    this.#loaded = me.id;
    const wishes = await this.#shared.outbox.load(this.slug, me.id);
    if (this.#loaded !== me.id) return;
    const known = new Set(this.#state.get().mine.map((it) => it.cid));
    for (const wish of wishes) if (!known.has(wish.cid)) this.#fold({ kind: "wished", wish });
    this.#sender.pump();
  }

  #fold(event: RoomEvent): void {
    const state = apply(this.#state.get(), event);
    if (state === this.#state.get()) return;
    this.#state.set(state);
    this.#view.set(viewOf(state));
  }
}

function more(re?: number, to?: readonly Named[]): { re?: number; to?: readonly Named[] } {
  return { ...(re === undefined ? {} : { re }), ...(to?.length ? { to } : {}) };
}
