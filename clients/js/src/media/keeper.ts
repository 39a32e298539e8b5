/**
 * Keeps one WebRTC connection alive for as long as it is wanted: a fresh one after every failure.
 *
 * It promises one peer at a time, a wait that grows between tries, and an end only where trying again
 * cannot help. It knows neither tracks nor pictures: its plan builds the connection.
 */
import type { PeerEnd, PeerRole } from "../protocol/index.js";
import type { Code } from "../protocol/index.js";
import { backoffMs } from "../connection/backoff.js";
import type { Environment } from "../environment.js";
import { Cell, type Readable } from "../readable.js";
import { Refused } from "../refused.js";
import type { RoomState } from "../room/state.js";
import type { Signalling } from "./signalling.js";

/** From the answer to media: ICE and DTLS take 40–80 ms on a good line and a few seconds on the worst. */
const CONNECT_WITHIN_MS = 10_000;
/** A Wi-Fi hop is over by then; a connection that is really gone is not worth more patience. */
const DISCONNECTED_MAX_MS = 3_000;
/** Held so long, the next failure starts from the shortest wait. */
const SETTLED_AFTER_MS = 5_000;

export type PeerFailure = Code | PeerEnd | "unsupported_here";

export type KeeperState =
  | { kind: "resting" }
  | { kind: "connecting" }
  /** Between two tries; `why` is what the last one ended with, where the server said so. */
  | { kind: "between"; why: PeerFailure | null }
  | { kind: "connected"; connection: RTCPeerConnection }
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
  #peer: string | null = null;
  #cancel: () => void = () => {};
  /** A try is due, but the room is not live. */
  #due = false;

  constructor(env: Environment, signalling: Signalling, room: Readable<RoomState>, plan: Plan) {
    this.#env = env;
    this.#signalling = signalling;
    this.#room = room;
    this.#plan = plan;
    this.#unsubscribe = room.subscribe(({ live }) => {
      if (live && this.#due) void this.#connect();
    });
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

  /** A fresh connection now, also after a failure that seemed final. */
  restart(): void {
    if (!this.#wanted) return;
    this.#drop();
    void this.#connect();
  }

  stop(): void {
    this.want(false);
    this.#unsubscribe();
  }

  async #connect(): Promise<void> {
    this.#cancel();
    const room = this.#room.get();
    this.#due = !room.live;
    if (this.#due || room.number === null) return this.#between(null);
    if (this.#env.peer === null) return this.#fail("unsupported_here");
    const turn = ++this.#turn;
    const current = (): boolean => turn === this.#turn;
    this.state.set({ kind: "connecting" });
    const connection = this.#env.peer({ bundlePolicy: "max-bundle" });
    this.#connection = connection;
    try {
      await this.#plan.prepare(connection);
      const { sdp } = await connection.createOffer();
      const offer = this.#plan.offer(sdp ?? "");
      if (!current()) return;
      // The server answers with all its candidates and learns ours from their checks: nothing to wait for.
      await connection.setLocalDescription({ type: "offer", sdp: offer });
      if (!current()) return;
      const ended = (why: PeerEnd): void => void (current() && this.#ended(why));
      const answered = await this.#signalling.offer(room.number, this.#plan.role, offer, ended);
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
    this.#cancel = this.#env.timers.after(CONNECT_WITHIN_MS, () => this.#again(null));
    this.#changed(connection);
  }

  #changed(connection: RTCPeerConnection): void {
    switch (connection.connectionState) {
      case "connected":
        this.#cancel();
        if (this.state.get().kind === "connected") return;
        this.#connectedAt = this.#env.timers.now();
        this.state.set({ kind: "connected", connection });
        return;
      case "disconnected":
        this.#cancel();
        this.#cancel = this.#env.timers.after(DISCONNECTED_MAX_MS, () => this.#again(null));
        return;
      case "failed":
      case "closed":
        return this.#again(null);
      case "new":
      case "connecting":
        return;
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
    const { act, code, ms } = error.refusal;
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
    this.#connectedAt = 0;
    if (this.#peer !== null) this.#signalling.close(this.#peer);
    this.#peer = null;
    if (this.#connection !== null) {
      this.#connection.onconnectionstatechange = null;
      this.#connection.close();
    }
    this.#connection = null;
  }
}
