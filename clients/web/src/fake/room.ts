/** A room that needs no server. It keeps to the contract of `RoomApi`, as far as a page can tell. */
import {
  Cell,
  type Burst,
  type Card,
  type GapView,
  type MessageView,
  type Named,
  type PublishView,
  type PublisherApi,
  type RoomApi,
  type RoomView,
  type Topic,
  type Rules,
  type TopicAct,
  type WatchStats,
  type WatchView,
  type WatcherApi,
} from "@weiquan/client";
import { picture } from "./picture";
import { everybody, lin } from "./people";
import { changedTopic } from "./talk";
import { heldItems, talk, viewOf } from "./scenes";

const STATS: WatchStats = {
  kbps: 1540, fps: 25, width: 1280, height: 720, loss: 0.001, lost: 0, received: 150, rttMs: 38, delayMs: 120, frames: 900, freezes: 0, frozenMs: 0,
  audioLevel: 0.21, videoCodec: "H264", srtpCipher: "SRTP_AEAD_AES_128_GCM",
};

export class FakeRoom implements RoomApi {
  readonly view: Cell<RoomView>;
  readonly bursts = new Cell<Burst>({ n: 0, counts: {} });
  #sent = 0;

  constructor(readonly slug: string) {
    this.view = new Cell(viewOf(slug));
    // The checks speak to the page through this: a message arrives, hearts arrive.
    Object.assign(window, { fakeRoom: this });
  }

  #change(change: Partial<RoomView>): void {
    this.view.set({ ...this.view.get(), ...change });
  }

  /** A message of somebody else, for the checks. */
  hear(text: string): void {
    const { messages, newestSeq } = this.view.get();
    const seq = newestSeq + 1;
    const author = everybody[seq % everybody.length] ?? lin;
    const message: MessageView = {
      key: `h${seq}`, seq, author, mine: false, text, doc: null, at: Date.now(), pos: null, edited: false, deleted: false, re: null, question: null, card: null, to: [],
      likes: 0, liked: false, replies: 0, root: null, change: null, delivery: { state: "sent" },
    };
    this.#change({ messages: [...messages, message], newestSeq: seq });
  }

  hearts(n: number): void {
    this.bursts.set({ n: this.bursts.get().n + 1, counts: { heart: n } });
  }

  change(change: Partial<RoomView>): void {
    this.#change(change);
  }

  near(): void {}
  join(): void {}
  leave(): void {}

  send(text: string, re?: number, to: readonly Named[] = []): string {
    const { messages, me } = this.view.get();
    const key = `mine ${++this.#sent}`;
    const quoted = messages.find((it) => it.seq === re);
    const message: MessageView = {
      key, seq: null, author: me ?? lin, mine: true, text, doc: null, at: Date.now(), pos: null, edited: false, deleted: false,
      re: quoted && re !== undefined ? { seq: re, author: quoted.author, text: quoted.text, deleted: false } : null,
      question: null, card: null, likes: 0, liked: false, replies: 0, root: re ?? null, to: [...to], change: null, delivery: { state: "pending" },
    };
    this.#change({ messages: [...messages, message] });
    setTimeout(() => {
      const seq = this.view.get().newestSeq + 1;
      this.#replace(key, { seq, delivery: { state: "sent" } });
      this.#change({ newestSeq: seq });
    }, 300);
    return key;
  }

  share(text: string, card: Card, re?: number): string {
    const key = this.send(text, re);
    this.#replace(key, { card });
    return key;
  }

  ask(text: string, re?: number): string {
    const key = this.send(text, re);
    this.#replace(key, { question: "asked" });
    return key;
  }
  async pin(what: number | string | null): Promise<void> {
    const message = this.view.get().messages.find((it) => it.seq === what);
    const me = this.view.get().me ?? lin;
    if (what === null) this.#change({ pin: null });
    else if (message) this.#change({ pin: { of: message.seq ?? 0, text: message.text, author: message.author } });
    else this.#change({ pin: { text: String(what), author: me } });
  }
  async question(seq: number, act: "pick" | "unpick" | "answer"): Promise<void> {
    const questions = this.view.get().questions ?? [];
    const chosen = questions.find((it) => it.seq === seq);
    const left = questions.filter((it) => it.seq !== seq || act !== "answer").map((it): MessageView => ({
      ...it, question: it.seq === seq && act === "pick" ? "picked" : "asked",
    }));
    const picked = act === "pick" && chosen ? { of: seq, text: chosen.text, author: chosen.author } : null;
    this.#change({ questions: left, picked });
  }
  async questions(): Promise<void> {}

  #replace(key: string, change: Partial<MessageView>): void {
    this.#change({ messages: this.view.get().messages.map((it) => (it.key === key ? { ...it, ...change } : it)) });
  }

  #keyOf(seq: number): string {
    return this.view.get().messages.find((it) => it.seq === seq)?.key ?? "";
  }

  edit(seq: number, text: string): string {
    this.#replace(this.#keyOf(seq), { text, edited: true });
    return "edit";
  }
  remove(seq: number): string {
    this.#replace(this.#keyOf(seq), { text: "", deleted: true });
    return "remove";
  }
  resend(key: string): void {
    this.#replace(key, { delivery: { state: "pending" } });
  }
  discard(key: string): string {
    const { messages } = this.view.get();
    this.#change({ messages: messages.filter((it) => it.key !== key) });
    return messages.find((it) => it.key === key)?.text ?? "";
  }
  heart(kind = "❤"): void {
    this.bursts.set({ n: this.bursts.get().n + 1, counts: { [kind]: 1 } });
  }
  async like(seq: number, on: boolean): Promise<void> {
    const likes = (this.view.get().messages.find((it) => it.seq === seq)?.likes ?? 0) + (on ? 1 : -1);
    this.#replace(this.#keyOf(seq), { liked: on, likes });
  }
  async poll(question: string, options: readonly string[], how: { multiple?: boolean; forMs?: number } = {}): Promise<void> {
    const { polls, me, newestSeq } = this.view.get();
    const closes = how.forMs === undefined ? null : Date.now() + how.forMs;
    const n = options.map(() => 0);
    const made = { seq: newestSeq + 1, by: me ?? lin, question, options, multiple: how.multiple ?? false, closes, open: true, n, voters: 0, mine: [] };
    this.#change({ polls: [...polls, made], newestSeq: newestSeq + 1 });
  }
  async closePoll(seq: number): Promise<void> {
    this.#change({ polls: this.view.get().polls.filter((it) => it.seq !== seq) });
  }
  async vote(seq: number, picks: readonly number[]): Promise<void> {
    const polls = this.view.get().polls.map((it) => {
      if (it.seq !== seq) return it;
      const n = (it.n ?? []).map((n, at) => n - (it.mine.includes(at) ? 1 : 0) + (picks.includes(at) ? 1 : 0));
      return { ...it, n, mine: picks, voters: it.voters - (it.mine.length > 0 ? 1 : 0) + (picks.length > 0 ? 1 : 0) };
    });
    this.#change({ polls });
  }
  async thread(of: number | null): Promise<void> {
    const { messages } = this.view.get();
    const some = messages.filter((it) => it.seq === of || (it.seq !== null && it.seq > (of ?? 0))).slice(0, 4);
    this.#change({ thread: of === null ? null : { of, messages: some, end: true, loading: false } });
  }
  async threadOn(): Promise<void> {}
  typing(): void {}

  watched(): void {}
  async older(): Promise<void> {
    if (this.view.get().atStart) return;
    this.#change({ loadingOlder: true });
    await new Promise((done) => setTimeout(done, 150));
    const { messages } = this.view.get();
    const first = messages[0]?.seq ?? 0;
    const past = Array.from({ length: Math.min(50, first - 1) }, (_, n): MessageView => {
      const seq = first - Math.min(50, first - 1) + n;
      const author = everybody[seq % everybody.length] ?? lin;
      return { ...(messages[0] as MessageView), key: `o${seq}`, seq, author, text: `更早的消息 ${seq}`, at: (messages[0]?.at ?? 0) - (50 - n) * 9000 };
    });
    this.#change({ messages: [...past, ...messages], loadingOlder: false, atStart: (past[0]?.seq ?? 1) <= 1 });
  }
  async at(): Promise<void> {}
  async topic(act: TopicAct): Promise<void> {
    const { topic, messages } = this.view.get();
    if (topic === null) return;
    this.topicIs(changedTopic(topic, act, messages.find((it) => act.do === "accept" && it.seq === act.of)?.author));
  }
  topicIs(next: Topic): void {
    const { newestSeq, notices, me } = this.view.get();
    const notice = { key: `s${newestSeq + 1}`, seq: newestSeq + 1, at: Date.now(), by: me ?? lin, kind: "topic" as const, topic: next };
    this.#change({ topic: next, newestSeq: newestSeq + 1, notices: [...notices, notice] });
  }
  async fetchGap(gap: GapView): Promise<void> {
    this.#change({ gaps: this.view.get().gaps.filter((it) => it.from !== gap.from), missed: 0 });
  }
  async roster() {
    return [...(this.view.get().roster ?? [])];
  }
  async who({ q = "", after = "", n = 200 }: { q?: string; after?: string; n?: number } = {}) {
    const marks = ["member", "member", "guest", "member"] as const;
    const all = Array.from({ length: this.view.get().count }, (_, at) => {
      const like = everybody[at % everybody.length] ?? lin;
      return { id: `m_${String(at).padStart(5, "0")}`, name: at < everybody.length ? like.name : `${like.name}${at}`, mark: at < everybody.length ? like.mark : (marks[at % 4] ?? "member") };
    });
    const here = all.filter((it) => it.id > after && it.name.includes(q)).slice(0, Math.min(n, 20));
    const last = here.at(-1)?.id;
    return { here, ...(last !== undefined && all.some((it) => it.id > last && it.name.includes(q)) ? { next: last } : {}) };
  }
  async undelete(seq: number): Promise<void> {
    const text = talk().find((it) => it.seq === seq)?.text ?? "手滑删掉的话";
    this.#replace(this.#keyOf(seq), { text, deleted: false });
  }
  async hold(seq: number): Promise<void> {
    this.#replace(this.#keyOf(seq), { text: "", deleted: true });
  }
  async held(): Promise<void> {
    this.#change({ held: heldItems() });
  }
  async review(of: number): Promise<void> {
    const held = (this.view.get().held ?? []).filter((it) => it.s !== of);
    this.#change({ held, heldCount: held.length });
  }
  async rules(): Promise<Rules> {
    return { refuse: ["代开发票", "刷单"], hold: ["加微信", "私聊领取"], links: "hold", domains: ["example.org"] };
  }
  async setRules(): Promise<void> {}
  async kick(): Promise<void> {}
  async mute(): Promise<void> {}
  async unmute(): Promise<void> {}
  async ban(): Promise<void> {}
  async unban(): Promise<void> {}
  async slowMode(gapMs: number, target = 0): Promise<void> {
    this.#change({ slowModeMs: gapMs, slowTarget: target });
  }
  async coHost(who: string, on: boolean): Promise<void> {
    const roster = this.view.get().roster?.map((it) => (it.id === who ? { ...it, mark: on ? ("co_host" as const) : ("member" as const) } : it)) ?? null;
    this.#change({ roster });
  }
  async mode(mode: RoomView["mode"]["mode"], forMs?: number): Promise<void> {
    this.#change({ mode: { mode, until: forMs === undefined ? null : Date.now() + forMs } });
  }
  async broadcast(act: string, title = "共读第三夜", startsMs?: number): Promise<void> {
    const now = this.view.get().broadcast;
    const host = this.view.get().me ?? lin;
    const timed = startsMs === undefined ? {} : { starts_ms: startsMs };
    if (act === "schedule") this.#change({ broadcast: { id: "b", host, ...now, phase: "scheduled", title, ...timed } });
    if (act === "archive") this.#change({ broadcast: null });
    if (act === "end") this.#change({ broadcast: now && { ...now, phase: "ended" }, stage: { here: false, video: false, audio: false } });
    if (act === "open") this.#change({ broadcast: { id: "b", phase: "open", title, host: this.view.get().me ?? lin } });
  }

  watch(): WatcherApi {
    const phases: Record<string, WatchView> = {
      connecting: { phase: "connecting", stats: null },
      queued: { phase: "queued", place: 3, stats: null },
      full: { phase: "queued", stats: null },
      failed: { phase: "failed", why: "timeout", stats: null },
      codec: { phase: "failed", why: "codec_unsupported", stats: null },
    };
    const { stage } = this.view.get();
    const stream = stage.video ? picture() : new MediaStream();
    const held = this.slug === "narrow" ? { held: true } : {};
    const view = new Cell<WatchView>(phases[this.slug] ?? (stage.here ? { phase: "playing", stream, ...held, stats: STATS } : { phase: "waiting", stats: null }));
    return { view, seenElsewhere: () => {}, showHeight: () => {}, stop: () => stream.getTracks().forEach((track) => track.stop()) };
  }

  publish(): PublisherApi {
    const view = new Cell<PublishView>({ phase: "connecting", health: null });
    setTimeout(() => {
      const now = this.view.get().broadcast;
      if (now) this.#change({ broadcast: { ...now, phase: "live", live_ms: Date.now() }, stage: { here: true, video: true, audio: true }, count: 214 });
      const health = {
        level: "good", says: ["good"], videoKbps: 2380, audioKbps: 94, targetKbps: 2500, loss: 0.002, rttMs: 41, fps: 30,
        width: 1280, height: 720, limitedBy: "none", videoCodec: "H264",
      } as const;
      view.set({ phase: "live", health });
    }, 400);
    return { view, replaceSource: async () => {}, stop: () => view.set({ phase: "stopped", health: null }) };
  }
}
