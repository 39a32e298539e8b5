/**
 * The one connection to the server: it dials, says hello, keeps watch, and comes back by itself.
 *
 * It promises that `up` and `down` alternate, that every request is answered exactly once (with
 * `null` when the connection was lost first), and that nothing of an old socket is heard once a new
 * one is dialled. It knows no rooms: what follows hello is asked of its owner.
 */
import type { ConnectionStatus, Socket, StopCode } from "../api.js";
import type { Environment } from "../environment.js";
import type { Identity, Introduction } from "../identity.js";
import { SUBPROTOCOL } from "../limits.js";
import { heard } from "../named.js";
import type { Answer, ClientFrame, Outcome, Push, Refusal, Welcome } from "../protocol/index.js";
import { Cell } from "../readable.js";
import { Refused } from "../refused.js";
import { backoffMs, closeMeans } from "./backoff.js";
import { Deflated } from "./deflated.js";
import { type OnAnswer, type Request, Requests, type Word } from "./requests.js";
import { Watch } from "./watch.js";

/** Opening, hello and welcome together; then the try counts as failed. */
const WELCOME_WITHIN_MS = 10_000;
/** The same on a line that was opened ahead: it may have died since, and nobody has noticed. */
const WELCOME_AHEAD_WITHIN_MS = 2_500;
/** A connection that held so long was a good one: the next loss starts from the shortest wait. */
const SETTLED_AFTER_MS = 5_000;
/** Fresh tokens in a row that the server did not take. */
const REAUTHS_MAX = 2;

export interface LinkOwner {
  /** The joins, and what belongs to them, that follow hello in the same message. */
  joins(): { request: Request; answer: OnAnswer }[];
  /** A room's name, as a hint where to place the connection. */
  placement(): string | null;
  up(welcome: Welcome): void;
  down(): void;
  push(push: Push): void;
}

export class Link {
  readonly status = new Cell<ConnectionStatus>({ state: "idle" });
  readonly #env: Environment;
  readonly #identity: Identity;
  readonly #owner: LinkOwner;
  readonly #watch: Watch;
  readonly #deflated: Deflated;
  #requests: Requests;
  #socket: Socket | null = null;
  /** A line on which nobody has said who they are yet; settles once it is open. */
  #ahead: Promise<void> | null = null;
  /** Grows with every try and every loss: what belongs to an older one is not heard. */
  #turn = 0;
  /** Whose token this connection's hello carries. */
  #helloAs: string | null = null;
  #up = false;
  #upAt = 0;
  #skew = 0;
  #lostAt: number | null = null;
  #tries = 0;
  #reauths = 0;
  #comeBack: { at: number } | null = null;
  #cancel: () => void = () => {};

  constructor(env: Environment, identity: Identity, owner: LinkOwner) {
    this.#env = env;
    this.#identity = identity;
    this.#owner = owner;
    this.#requests = new Requests(env.timers, (frames) => this.#sendFrames(frames));
    this.#deflated = new Deflated(env.compress, env.inflate, env.timers);
    this.#watch = new Watch(
      env,
      () => this.say({ op: "ping" }),
      () => this.#lost(0),
    );
  }

  get isUp(): boolean {
    return this.#up;
  }

  /** The server's clock less the device's, as of the last welcome. */
  get skew(): number {
    return this.#skew;
  }

  /** Connects when nothing is under way. */
  start(): void {
    if (this.status.get().state === "idle") void this.#dial();
  }

  /** Opens the line, so that `start` is sooner; the server keeps it for a while, and may have been asked in vain. */
  ahead(room: string): void {
    if (this.status.get().state !== "idle" || this.#ahead !== null) return;
    const turn = ++this.#turn;
    const current = (): boolean => turn === this.#turn;
    this.#ahead = this.#open(current, room).then(() => void (current() && this.say({ op: "ping" })));
  }

  /** Connects at once, whatever was. */
  retry(): void {
    if (this.#up) return;
    this.#hangUp();
    this.#tries = 0;
    this.#reauths = 0;
    void this.#dial();
  }

  /** Somebody else is signed in now: says goodbye and hello again, where hello was somebody else's. */
  identityChanged(): void {
    const { state } = this.status.get();
    const other = this.#helloAs !== null && this.#helloAs !== (this.#identity.who.get()?.id ?? "");
    if (!other && state !== "refused") return;
    this.#hangUp();
    this.retry();
  }

  stop(): void {
    this.#hangUp();
    this.#lostAt = null;
    this.status.set({ state: "idle" });
  }

  /**
   * Asks on a live connection; the answer is `null` at once where there is none. `early`: hello is said, and not answered
   * yet.
   */
  ask(request: Request, answer: OnAnswer, early = false): void {
    if (this.#up || (early && this.#helloAs !== null)) this.#requests.ask([{ request, answer }]);
    else answer(null);
  }

  say(word: Word): void {
    if (this.#socket !== null) this.#sendFrames([word]);
  }

  /** The device came back to the network, or the page into sight. */
  awake(): void {
    const { state } = this.status.get();
    if (state === "reconnecting" || state === "offline") this.#soon();
    else if (this.#up) this.#watch.look();
    // Whether it has outlived the sleep or the network, it cannot tell.
    else if (this.#ahead !== null) this.#hangUp();
  }

  /** The token was refused in the middle of things: a new one, then hello again. */
  reauth(): void {
    this.#identity.stale();
    this.#hangUp();
    this.#again(0);
  }

  async #dial(): Promise<void> {
    this.#cancel();
    const ahead = this.#ahead;
    this.#ahead = null;
    const turn = ahead ? this.#turn : ++this.#turn;
    const current = (): boolean => turn === this.#turn;
    this.#sayTrying();
    this.#cancel = this.#env.timers.after(ahead ? WELCOME_AHEAD_WITHIN_MS : WELCOME_WITHIN_MS, () =>
      this.#lost(0),
    );
    try {
      // The line is opened while the token is made.
      const [who, device, z] = await Promise.all([
        this.#identity.introduction(),
        this.#identity.device(),
        this.#deflated.dictionary(),
        ahead ?? this.#open(current, this.#owner.placement()),
      ]);
      if (current()) this.#hello(who, device, z);
    } catch (error) {
      if (!current()) return;
      this.#hangUp();
      this.#noToken(error);
    }
  }

  /** Settles once the socket is open; a socket that closes before that is a loss. */
  #open(current: () => boolean, room: string | null): Promise<void> {
    return new Promise((opened) => {
      try {
        this.#socket = this.#env.socket(this.#address(room), SUBPROTOCOL, {
          open: opened,
          text: (data) => current() && this.#hear(data, current),
          binary: (data) => current() && this.#hearDeflated(data, current),
          closed: (code) => current() && this.#lost(code),
        });
      } catch {
        // The browser refuses the address itself (a policy of the page): nothing was opened.
        this.#lost(0);
      }
    });
  }

  #address(room: string | null): string {
    const hint = room === null ? "" : `?room=${encodeURIComponent(room)}`;
    return `${this.#env.base.replace(/^http/, "ws")}/ws${hint}`;
  }

  #hello(who: Introduction, device: string, z: number | null): void {
    this.#helloAs = this.#identity.who.get()?.id ?? "";
    const hello = {
      request: { op: "hello" as const, ...who, device, ...(z !== null && { z }) },
      answer: (it: Outcome | null) => this.#welcomed(it),
    };
    this.#requests.ask([hello, ...this.#owner.joins()]);
  }

  #welcomed(outcome: Outcome | null): void {
    if (outcome === null) return;
    if ("err" in outcome) return this.#unwelcome(outcome.err);
    this.#cancel();
    this.#up = true;
    this.#upAt = this.#env.timers.now();
    this.#reauths = 0;
    this.#lostAt = null;
    this.#comeBack = null;
    this.#watch.start();
    const welcome = outcome.ok as Welcome;
    this.#helloAs = welcome.me.id;
    if (welcome.token) this.#identity.born(welcome.token);
    this.#skew = welcome.now_ms - this.#env.now();
    if (welcome.turn) this.#env.relays = [welcome.turn];
    // Before the status: who hears "online" may ask at once.
    this.#owner.up(welcome);
    if (this.#up) this.status.set({ state: "online" });
  }

  #unwelcome(why: Refusal): void {
    this.#hangUp();
    switch (why.act) {
      case "reauth":
        return this.#freshToken(why.code);
      case "retry":
      case "resync":
        return this.#again(why.ms ?? this.#backoff());
      case "none":
      case "move":
      case "stop":
        return this.#refuse(why.code);
    }
  }

  #hear(data: string, current: () => boolean): void {
    this.#watch.heard();
    let said: unknown;
    try {
      said = heard(this.#env, data);
    } catch {
      return;
    }
    for (const frame of (Array.isArray(said) ? said : [said]) as (Answer | Push)[]) {
      if (!current()) return;
      if ("i" in frame) this.#requests.answered(frame.i, frame);
      else this.#push(frame);
    }
  }

  /** What cannot be read is a hole: the next connection fills it, without deflated messages. */
  #hearDeflated(data: Uint8Array, current: () => boolean): void {
    const text = this.#deflated.text(data);
    if (text === null) this.#lost(0);
    else this.#hear(text, current);
  }

  #push(push: Push): void {
    if (push.op === "ping") this.say({ op: "pong" });
    else if (push.op === "goaway") this.#goAway(push.after_ms);
    else if (push.op !== "pong") this.#owner.push(push);
  }

  /** The moment is chosen now; until then the connection serves on. */
  #goAway([from, to]: [number, number]): void {
    const ms = from + Math.floor(this.#env.random() * Math.max(0, to - from));
    this.#comeBack = { at: this.#env.timers.now() + ms };
    this.#cancel();
    this.#cancel = this.#env.timers.after(ms, () => {
      this.#hangUp();
      this.#again(0);
    });
  }

  #lost(code: number): void {
    const means = closeMeans(code);
    const needed = this.#ahead === null;
    this.#hangUp();
    if (!needed) return;
    if (means === "reauth") this.#freshToken("token_invalid");
    else if (means !== "reconnect") this.#refuse(means);
    else if (this.#comeBack !== null) this.#again(Math.max(0, this.#comeBack.at - this.#env.timers.now()));
    else this.#again(this.#backoff());
  }

  #noToken(error: unknown): void {
    if (!(error instanceof Refused)) return this.#again(this.#backoff());
    const { act, code, ms } = error.refusal;
    if (act === "retry") this.#again(ms ?? this.#backoff());
    else this.#refuse(code);
  }

  #freshToken(code: StopCode): void {
    this.#identity.stale();
    if (++this.#reauths > REAUTHS_MAX) this.#refuse(code);
    else this.#again(this.#backoff());
  }

  /** Lets the socket go; its owner hears `down` once, and every open request is in doubt. */
  #hangUp(): void {
    this.#turn++;
    this.#cancel();
    this.#watch.stop();
    const socket = this.#socket;
    this.#socket = null;
    this.#ahead = null;
    const wasUp = this.#up;
    this.#up = false;
    if (wasUp && this.#env.timers.now() - this.#upAt >= SETTLED_AFTER_MS) this.#tries = 0;
    socket?.close(1000);
    this.#helloAs = null;
    this.#identity.born(null);
    const requests = this.#requests;
    this.#requests = new Requests(this.#env.timers, (frames) => this.#sendFrames(frames));
    // `down` first: whoever hears that an answer is lost must not ask again on this connection.
    if (wasUp) this.#owner.down();
    requests.lost();
  }

  #again(ms: number): void {
    this.#cancel();
    this.#lostAt ??= this.#env.now();
    const { network } = this.#env.device;
    if (!network.get()) this.status.set({ state: "offline" });
    else
      this.status.set({
        state: "reconnecting",
        since: this.#lostAt,
        tries: this.#tries,
        next: this.#env.now() + ms,
      });
    this.#cancel = this.#env.timers.after(ms, () => void this.#dial());
  }

  /** At once, but not all tabs and devices of one power cut in the same millisecond. */
  #soon(): void {
    this.#cancel();
    this.#cancel = this.#env.timers.after(Math.floor(this.#env.random() * 200), () => void this.#dial());
  }

  #backoff(): number {
    return backoffMs(this.#tries++, this.#env.random);
  }

  #refuse(code: StopCode): void {
    this.#comeBack = null;
    this.status.set({ state: "refused", code });
  }

  #sayTrying(): void {
    if (!this.#env.device.network.get()) return this.status.set({ state: "offline" });
    if (this.#lostAt === null) return this.status.set({ state: "connecting" });
    const now = this.#env.now();
    this.status.set({ state: "reconnecting", since: this.#lostAt, tries: this.#tries, next: now });
  }

  #sendFrames(frames: ClientFrame[]): void {
    this.#socket?.send(JSON.stringify(frames.length === 1 ? frames[0] : frames));
  }
}
