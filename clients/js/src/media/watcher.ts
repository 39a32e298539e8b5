/**
 * Watching a room: a picture and sound that come by themselves and come back by themselves.
 *
 * It waits while nothing is published, keeps its connection while the host reconnects (the server
 * carries on in the same one), and takes a fresh one when media stands still.
 */
import type { WatcherApi, WatchOptions, WatchView } from "../api.js";
import type { Environment } from "../environment.js";
import { Cell, type Readable } from "../readable.js";
import type { RoomState } from "../room/state.js";
import { Keeper, type KeeperState } from "./keeper.js";
import { preferH264, wantStereo } from "./sdp.js";
import type { Signalling } from "./signalling.js";
import { type Measured, measure, mediaBytes, NOTHING, watchStats } from "./stats.js";

const STATS_EVERY_MS = 1_000;
/** Connected, somebody publishes, and no byte came for so long: the line is dead in one direction. */
const STILL_MAX_MS = 5_000;

export class Watcher implements WatcherApi {
  readonly #env: Environment;
  readonly #room: Readable<RoomState>;
  readonly #view = new Cell<WatchView>({ phase: "idle", stats: null });
  readonly #keeper: Keeper;
  readonly #ends: (() => void)[];
  #stream: MediaStream | null = null;
  #here = false;
  #flowing = false;
  #stopped = false;
  #measuring = 0;
  #cancelStats: () => void = () => {};

  constructor(env: Environment, signalling: Signalling, room: Readable<RoomState>, opts: WatchOptions) {
    this.#env = env;
    this.#room = room;
    this.#keeper = new Keeper(env, signalling, room, {
      role: "view",
      prepare: (connection) => this.#prepare(connection, opts),
      offer: wantStereo,
      answer: (sdp) => sdp,
    });
    this.#ends = [
      room.subscribe((state) => this.#roomChanged(state)),
      this.#keeper.state.subscribe((state) => this.#keeperChanged(state)),
    ];
  }

  get view(): Readable<WatchView> {
    return this.#view;
  }

  stop(): void {
    this.#stopped = true;
    this.#stopStats();
    for (const end of this.#ends) end();
    this.#keeper.stop();
    this.#stream = null;
    this.#view.set({ phase: "idle", stats: null });
  }

  #prepare(connection: RTCPeerConnection, { video = true, audio = true }: WatchOptions): void {
    const stream = new MediaStream();
    if (video) preferH264(connection.addTransceiver("video", { direction: "recvonly" }), "receive");
    if (audio) connection.addTransceiver("audio", { direction: "recvonly" });
    connection.ontrack = ({ track }) => stream.addTrack(track);
    this.#stream = stream;
  }

  /** Somebody publishes: connect. The broadcast is over, or one is out of the room: let go. */
  #roomChanged({ phase, live, stage, broadcast }: RoomState): void {
    if (this.#stopped) return;
    const outside = phase === "idle" || phase === "out" || phase === "refused";
    const over = live && !stage.here && (broadcast === null || broadcast.phase === "ended");
    // Connected is not yet flowing: an offer between the two would be refused, and wait.
    const flowing = stage.here && (stage.video || stage.audio);
    const came = live && flowing && !this.#flowing;
    if (live) [this.#here, this.#flowing] = [stage.here, flowing];
    if (outside || over) this.#keeper.want(false);
    else if (live && flowing) {
      this.#keeper.want(true);
      const { kind } = this.#keeper.state.get();
      // What was refused was about the moment before: this publisher may be one we can watch.
      if (came && (kind === "failed" || kind === "between")) this.#keeper.restart();
      else this.#takeWhatCame();
    }
    this.#show();
  }

  /** A kind that was not there when we asked (sound only until now): ask again. */
  #takeWhatCame(): void {
    const state = this.#keeper.state.get();
    if (state.kind !== "connected") return;
    const { stage } = this.#room.get();
    const lacks = state.connection.getTransceivers().some((it) => {
      const there = it.receiver.track.kind === "video" ? stage.video : stage.audio;
      return there && it.currentDirection === "inactive";
    });
    if (lacks) this.#keeper.restart();
  }

  #keeperChanged(state: KeeperState): void {
    this.#stopStats();
    if (state.kind === "connected") this.#measure(state.connection, NOTHING, 0, this.#measuring);
    this.#show();
  }

  #show(): void {
    if (this.#stopped) return;
    const { stats, stream: shown } = this.#view.get();
    const state = this.#keeper.state.get();
    const { live } = this.#room.get();
    switch (state.kind) {
      case "resting":
        return this.#view.set({ phase: live ? "waiting" : "idle", stats: null });
      case "failed":
        return this.#view.set({ phase: "failed", why: state.why, stats: null });
      case "between":
      case "connecting": {
        const waiting = !this.#here || (state.kind === "between" && state.why === "nothing_published");
        // The last picture stays until the next one is there.
        const kept = shown === undefined ? {} : { stream: shown };
        return this.#view.set({ phase: waiting ? "waiting" : "connecting", ...kept, stats: null });
      }
      case "connected": {
        const stream = this.#stream === null ? {} : { stream: this.#stream };
        return this.#view.set({ phase: this.#here ? "playing" : "waiting", ...stream, stats });
      }
    }
  }

  /** Once a second while connected; `movedAt` is when media came last. */
  #measure(connection: RTCPeerConnection, before: Measured, movedAt: number, run: number): void {
    this.#cancelStats = this.#env.timers.after(STATS_EVERY_MS, () => {
      void measure(connection, this.#env.timers).then((after) => {
        if (run !== this.#measuring) return;
        const moves =
          before === NOTHING || mediaBytes(after.report) > mediaBytes(before.report) || !this.#here;
        const moved = moves ? after.at : movedAt;
        if (after.at - moved >= STILL_MAX_MS && this.#room.get().live) return this.#keeper.restart();
        if (before !== NOTHING) this.#view.set({ ...this.#view.get(), stats: watchStats(before, after) });
        this.#measure(connection, after, moved, run);
      });
    });
  }

  #stopStats(): void {
    this.#measuring++;
    this.#cancelStats();
  }
}
