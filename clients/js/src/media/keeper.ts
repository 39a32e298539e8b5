/**
 * Keeps one WebRTC connection alive for as long as it is wanted: a viewer whose path broke restarts
 * ICE under the media it has, and whatever cannot be mended so gets a fresh connection.
 *
 * It promises one peer at a time, a wait that grows between tries, and an end only where trying again
 * cannot help. It knows neither tracks nor pictures: its plan builds the connection.
 */
import type { Answered, PeerEnd, PeerRole } from "../protocol/index.js";
import type { Code } from "../protocol/index.js";
import type { PeerFactory } from "../api.js";
import { backoffMs } from "../connection/backoff.js";
import type { Environment } from "../environment.js";
import { Cell, type Readable } from "../readable.js";
import { Refused, Unreachable } from "../refused.js";
import type { RoomState } from "../room/state.js";
import { iceOf, withIce } from "./sdp.js";
import type { PeerOwner, Signalling } from "./signalling.js";

/** From the answer to media: ICE and DTLS take 40–80 ms on a good line and a few seconds on the worst. */
const CONNECT_WITHIN_MS = 10_000;
/** The same where nobody had told of the relay yet when the offer was made: the next one knows it. */
const WITHOUT_RELAY_MS = 3_000;
/** A Wi-Fi hop is over by then; a connection that is really gone is not worth more patience. */
const DISCONNECTED_MAX_MS = 3_000;
/** A restart of ICE takes as long as connecting does; then a fresh connection is worth more. */
const MENDED_WITHIN_MS = 5_000;
/** Held so long, the next failure starts from the shortest wait. */
const SETTLED_AFTER_MS = 5_000;
/** Joining a room takes a fraction of it; a room where nothing is on shall not hold sockets for nothing. */
const AHEAD_MAX_MS = 10_000;

export type PeerFailure = Code | PeerEnd | "unsupported_here";

export type KeeperState =
  | { kind: "resting" }
  | { kind: "connecting" }
  /** Between two tries; `why` is what the last one ended with, where the server said so. */
  | { kind: "between"; why: PeerFailure | null; place?: number }
  | { kind: "connected"; connection: RTCPeerConnection }
  /** The path broke for longer than a hop takes; what was shown last is kept. */
  | { kind: "mending" }
  | { kind: "failed"; why: PeerFailure };

export interface Plan {
  role: PeerRole;
  /** Adds what is to be sent or received. */
  prepare(connection: RTCPeerConnection): void | Promise<void>;
  /** The offer as it is set and sent. */
  offer(sdp: string): string;
  /** The answer as it is set. */
  answer(sdp: string): string;
  /** Called once the answer is set. */
  answered?(connection: RTCPeerConnection): void | Promise<void>;
  /** The peer went over to another connection to the server: what was said of it meanwhile was not heard. */
  resumed?(): void;
  /** The picture is held back by the server, or sent again. */
  held?(held: boolean): void;
}

/** A connection whose offer is set, and was sent to nobody yet. */
interface Made {
  connection: RTCPeerConnection;
  offer: string;
  /** How many it may try. */
  relays: number;
}

const NOTHING = Promise.resolve(null);

/** What is made before it is wanted. */
interface Ahead {
  making: Promise<Made>;
  /** Once it is there. */
  made: Made | null;
  /** It was offered with the join, and this is the answer; `null` where that brought nothing. */
  answered: Promise<Answered | null> | null;
  /** Who hears of its peer, once it is wanted. */
  owner: PeerOwner | null;
  end: () => void;
}

export class Keeper {
  readonly state = new Cell<KeeperState>({ kind: "resting" });
  readonly #env: Environment;
  readonly #signalling: Signalling;
  readonly #room: Readable<RoomState>;
  readonly #plan: Plan;
  readonly #unsubscribe: () => void;
  #wanted = false;
  #turn = 0;
  #tries = 0;
  #connectedAt = 0;
  #connection: RTCPeerConnection | null = null;
  #ahead: Ahead | null = null;
  #peer: string | null = null;
  #cancel: () => void = () => {};
  /** A try is due, but the room is not live. */
  #due = false;
  /** The path is broken and being mended. */
  #broken = false;
  #restarting = false;

  constructor(env: Environment, signalling: Signalling, room: Readable<RoomState>, plan: Plan) {
    this.#env = env;
    this.#signalling = signalling;
    this.#room = room;
    this.#plan = plan;
    const ends = [
      room.subscribe(({ live }) => {
        if (live && this.#due) void this.#connect();
      }),
      env.device.path?.subscribe(() => this.#moved()),
    ];
    this.#unsubscribe = () => ends.forEach((end) => end?.());
  }

  /** The peer's name while there is one: what is said about it names it. */
  get peer(): string | null {
    return this.#peer;
  }

  /** Wanted: connects and stays. Not wanted: lets the peer go. */
  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#tries = 0;
    if (wanted) return void this.#connect();
    this.#drop();
    this.state.set({ kind: "resting" });
  }

  /**
   * Soon wanted, probably: makes the connection and its offer meanwhile. Where a join is on its way and the room's number is
   * known (`coming`), it is offered right behind: one way there and back less.
   */
  ahead(coming: Readable<number | null>): void {
    const { peer } = this.#env;
    if (this.#wanted || this.#ahead !== null || peer === null) return;
    const ahead = aheadOf(this.#make(peer));
    this.#ahead = ahead;
    // Where it fails, whoever takes it hears of it.
    ahead.making.then(
      (made) => {
        ahead.made = made;
        this.#offerEarly(ahead, coming.get());
      },
      () => {},
    );
    ahead.end = coming.subscribe((number) => this.#offerEarly(ahead, number));
    this.#cancel = this.#env.timers.after(AHEAD_MAX_MS, () => this.#drop());
  }

  #offerEarly(ahead: Ahead, number: number | null): void {
    const { made } = ahead;
    if (number === null || made === null || ahead.answered !== null || this.#ahead !== ahead) return;
    const owner: PeerOwner = {
      ended: (why) => (ahead.owner ? ahead.owner.ended(why) : (ahead.answered = NOTHING)),
      resumed: () => ahead.owner?.resumed(),
      held: (held) => ahead.owner?.held(held),
    };
    // The join itself leaves in this moment.
    ahead.answered = Promise.resolve()
      .then(() => this.#signalling.offer(number, this.#plan.role, made.offer, owner, true))
      .catch(() => null);
  }

  /** A fresh connection now, also after a failure that seemed final. */
  restart(): void {
    if (!this.#wanted) return;
    this.#drop();
    void this.#connect();
  }

  /** Nothing comes although the connection says it is there: maybe only the path changed. */
  mend(): void {
    const state = this.state.get();
    if (state.kind === "connected") void this.#restartIce(state.connection);
  }

  stop(): void {
    this.want(false);
    this.#drop();
    this.#unsubscribe();
  }

  async #connect(): Promise<void> {
    this.#cancel();
    const room = this.#room.get();
    this.#due = !room.live;
    if (this.#due || room.number === null) return this.#between(null);
    const { peer } = this.#env;
    if (peer === null) return this.#fail("unsupported_here");
    const turn = ++this.#turn;
    const current = (): boolean => turn === this.#turn;
    this.state.set({ kind: "connecting" });
    const ahead = this.#ahead ?? aheadOf(this.#make(peer));
    this.#ahead = null;
    ahead.end();
    let connection: RTCPeerConnection, relays: number;
    try {
      // What is there leaves in this very moment, before the page draws what the room said.
      const { offer, ...made } = ahead.made ?? (await ahead.making);
      ({ connection, relays } = made);
      if (!current()) return;
      const owner = {
        ended: (why: PeerEnd) => void (current() && this.#ended(why)),
        resumed: () => void (current() && this.#resumed(connection)),
        held: (held: boolean) => void (current() && this.#plan.held?.(held)),
      };
      ahead.owner = owner;
      const early = await ahead.answered;
      const answered = early ?? (await this.#signalling.offer(room.number, this.#plan.role, offer, owner));
      if (!current()) return this.#signalling.close(answered.peer);
      this.#peer = answered.peer;
      connection.onconnectionstatechange = () => void (current() && this.#changed(connection));
      await connection.setRemoteDescription({ type: "answer", sdp: this.#plan.answer(answered.sdp) });
      if (current()) await this.#plan.answered?.(connection);
    } catch (error) {
      if (current()) this.#threw(error);
      return;
    }
    if (!current() || this.state.get().kind !== "connecting") return;
    const patience = relays < this.#env.relays.length ? WITHOUT_RELAY_MS : CONNECT_WITHIN_MS;
    this.#cancel = this.#env.timers.after(patience, () => this.#again(null));
    this.#changed(connection);
  }

  async #make(peer: PeerFactory): Promise<Made> {
    const iceServers = this.#env.relays;
    const connection = peer({ bundlePolicy: "max-bundle", iceServers });
    this.#connection = connection;
    await this.#plan.prepare(connection);
    const { sdp } = await connection.createOffer();
    const offer = this.#plan.offer(sdp ?? "");
    // The server answers with all its candidates and learns ours from their checks: nothing to wait for.
    await connection.setLocalDescription({ type: "offer", sdp: offer });
    return { connection, offer, relays: iceServers.length };
  }

  #changed(connection: RTCPeerConnection): void {
    switch (connection.connectionState) {
      case "connected":
        this.#cancel();
        this.#broken = false;
        if (this.state.get().kind === "connected") return;
        this.#connectedAt ||= this.#env.timers.now();
        this.state.set({ kind: "connected", connection });
        return;
      case "disconnected":
        return this.#broke(connection);
      case "failed":
        // Where it never was connected there is nothing to keep.
        return this.#connectedAt > 0 && this.#canRestart() ? this.#broke(connection) : this.#again(null);
      case "closed":
        return this.#again(null);
      case "new":
      case "connecting":
        return;
    }
  }

  /** Publishers offer again: the server cannot restart a publisher's ICE (PROTOCOL W3). */
  #canRestart(): boolean {
    return this.#plan.role === "view" && this.#peer !== null;
  }

  /** The picture stands still at worst for as long as this takes; the server sends on to the last path. */
  #broke(connection: RTCPeerConnection): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#cancel();
    if (!this.#canRestart()) {
      this.#cancel = this.#env.timers.after(DISCONNECTED_MAX_MS, () => this.#again(null));
      return;
    }
    this.#cancel = this.#env.timers.after(DISCONNECTED_MAX_MS, () => {
      this.state.set({ kind: "mending" });
      // Without the connection to the server nothing can be asked: it comes back, and `resumed` goes on.
      this.#giveUpAfter(MENDED_WITHIN_MS - DISCONNECTED_MAX_MS);
    });
    // Often the connection to the server broke as well, and nobody has noticed yet.
    this.#signalling.probe();
    void this.#restartIce(connection);
  }

  #giveUpAfter(ms: number): void {
    this.#cancel();
    this.#cancel = this.#env.timers.after(ms, () => {
      if (!this.#room.get().live) return;
      // Not answered yet: then a fresh offer would not be answered either.
      if (this.#restarting) this.#giveUpAfter(MENDED_WITHIN_MS);
      else this.#again(null);
    });
  }

  /** The connection to the server came back and the peer with it. */
  #resumed(connection: RTCPeerConnection): void {
    this.#plan.resumed?.();
    if (!this.#broken || !this.#canRestart()) return;
    this.#giveUpAfter(MENDED_WITHIN_MS);
    void this.#restartIce(connection);
  }

  /** The device has another way to the network: the one before may be silent for a long while. */
  #moved(): void {
    if (this.#ahead !== null) this.#drop();
    if (this.#connection !== null && this.#connectedAt > 0) void this.#restartIce(this.#connection);
  }

  async #restartIce(connection: RTCPeerConnection): Promise<void> {
    const peer = this.#peer;
    if (peer === null || !this.#canRestart() || this.#restarting || !this.#signalling.reaches) return;
    const turn = this.#turn;
    this.#restarting = true;
    try {
      const { sdp } = await connection.createOffer({ iceRestart: true });
      const offer = this.#plan.offer(sdp ?? "");
      await connection.setLocalDescription({ type: "offer", sdp: offer });
      const ours = await this.#signalling.restart(peer, iceOf(offer));
      const before = connection.remoteDescription?.sdp ?? "";
      if (turn === this.#turn)
        await connection.setRemoteDescription({ type: "answer", sdp: withIce(before, ours) });
    } catch (error) {
      // Where the answer was lost, the next connection to the server begins again.
      if (turn === this.#turn && !(error instanceof Unreachable)) this.#again(null);
    } finally {
      this.#restarting = false;
    }
  }

  #ended(why: PeerEnd): void {
    this.#peer = null;
    switch (why) {
      case "ended":
      case "timeout":
      case "failed":
      case "closed":
      case "expired":
        return this.#again(why);
      case "replaced":
        // A viewer's offer no longer fits what is published; a publisher's place is somebody else's now.
        return this.#plan.role === "view" ? this.#again(why) : this.#fail(why);
      case "not_permitted":
        return this.#fail(why);
    }
  }

  #threw(error: unknown): void {
    if (!(error instanceof Refused)) return this.#again(null);
    const { act, code, ms, place } = error.refusal;
    // Whoever asks too late has lost the place in the line.
    if (code === "room_full" && ms !== undefined) return this.#askAgain(ms, place);
    switch (act) {
      case "retry":
        return this.#again(code, ms);
      case "resync":
      case "reauth":
        return this.#again(code);
      case "none":
      case "move":
      case "stop":
        return this.#fail(code);
    }
  }

  #again(why: PeerFailure | null, ms?: number): void {
    const settled = this.#connectedAt > 0 && this.#env.timers.now() - this.#connectedAt >= SETTLED_AFTER_MS;
    if (settled) this.#tries = 0;
    this.#drop();
    this.#between(why);
    const wait = Math.max(ms ?? 0, backoffMs(this.#tries++, this.#env.random));
    this.#cancel = this.#env.timers.after(wait, () => void this.#connect());
  }

  #askAgain(ms: number, place: number | undefined): void {
    this.#drop();
    this.#tries = 0;
    this.state.set({ kind: "between", why: "room_full", ...(place === undefined ? {} : { place }) });
    this.#cancel = this.#env.timers.after(ms, () => void this.#connect());
  }

  #between(why: PeerFailure | null): void {
    this.state.set({ kind: "between", why });
  }

  #fail(why: PeerFailure): void {
    this.#drop();
    this.state.set({ kind: "failed", why });
  }

  #drop(): void {
    this.#turn++;
    this.#cancel();
    this.#due = false;
    this.#broken = false;
    this.#restarting = false;
    this.#connectedAt = 0;
    this.#ahead?.end();
    void this.#ahead?.answered?.then((it) => it && this.#signalling.close(it.peer));
    this.#ahead = null;
    if (this.#peer !== null) this.#signalling.close(this.#peer);
    this.#peer = null;
    if (this.#connection !== null) {
      this.#connection.onconnectionstatechange = null;
      this.#connection.close();
    }
    this.#connection = null;
  }
}

function aheadOf(making: Promise<Made>): Ahead {
  return { making, made: null, answered: null, owner: null, end: () => {} };
}
