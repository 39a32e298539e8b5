/**
 * Watching a room: a picture and sound that come by themselves and come back by themselves.
 *
 * It waits while nothing is published, keeps its connection while the host reconnects (the server
 * carries on in the same one), and mends it or takes a fresh one when media stands still. While nobody
 * looks it asks for the sound alone.
 */
import type { WatcherApi, WatchOptions, WatchView } from "../api.js";
import type { Environment } from "../environment.js";
import { Cell, type Readable } from "../readable.js";
import type { RoomState } from "../room/state.js";
import { Keeper, type KeeperState } from "./keeper.js";
import { preferH264, wantDescriptor, wantStereo } from "./sdp.js";
import type { Signalling } from "./signalling.js";
import { type Measured, measure, mediaBytes, NOTHING, watchStats } from "./stats.js";

const STATS_EVERY_MS = 1_000;
/** Connected, somebody publishes, and no byte came for so long: the line is dead in one direction. */
const STILL_MAX_MS = 5_000;
/** So long after that it was to be mended. */
const MENDED_MAX_MS = 3_000;
/** A look at another tab is over by then. */
const HIDDEN_MAX_MS = 10_000;

export class Watcher implements WatcherApi {
  readonly #env: Environment;
  readonly #signalling: Signalling;
  readonly #wantsPicture: boolean;
  readonly #room: Readable<RoomState>;
  readonly #view = new Cell<WatchView>({ phase: "idle", stats: null });
  readonly #keeper: Keeper;
  readonly #ends: (() => void)[];
  #stream: MediaStream | null = null;
  /** The server has said which tracks `#stream` has. */
  #answered = false;
  /** In the line, and not told yet that it is our turn. */
  #queued: { place?: number } | null = null;
  #here = false;
  #flowing = false;
  #stopped = false;
  #measuring = 0;
  #cancelStats: () => void = () => {};
  #elsewhere = false;
  /** Nobody looks: only the sound is wanted. */
  #held = false;
  /** The peer that was last told whether to send the picture. */
  #told: string | null = null;
  #cancelHold: () => void = () => {};
  /** How high the picture is shown, where the page says so. */
  #height: number | undefined;
  /** The line carries no more. */
  #soundAlone = false;

  /** `coming`: the room's number while a join is on its way, where it is known. */
  constructor(
    env: Environment,
    signalling: Signalling,
    room: Readable<RoomState>,
    coming: Readable<number | null>,
    opts: WatchOptions,
  ) {
    this.#env = env;
    this.#signalling = signalling;
    this.#wantsPicture = opts.video ?? true;
    this.#room = room;
    this.#keeper = new Keeper(env, signalling, room, {
      role: "view",
      prepare: (connection) => this.#prepare(connection, opts),
      offer: wantStereo,
      answer: (sdp) => sdp,
      answered: () => this.#answeredNow(),
      resumed: () => this.#tell(),
      held: (held) => {
        this.#soundAlone = held;
        this.#show();
      },
    });
    this.#ends = [
      room.subscribe((state) => this.#roomChanged(state)),
      this.#keeper.state.subscribe((state) => this.#keeperChanged(state)),
      env.device.visible.subscribe(() => this.#looked()),
    ];
    // Whether anything is on is known once the room is joined: the offer is there by then, or asked already.
    if (!room.get().live) this.#keeper.ahead(coming);
  }

  get view(): Readable<WatchView> {
    return this.#view;
  }

  seenElsewhere(seen: boolean): void {
    if (this.#stopped) return;
    this.#elsewhere = seen;
    this.#looked();
  }

  showHeight(pixels: number): void {
    if (this.#stopped || pixels === this.#height) return;
    this.#height = pixels;
    this.#tell();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopStats();
    this.#cancelHold();
    for (const end of this.#ends) end();
    this.#keeper.stop();
    this.#stream = null;
    this.#view.set({ phase: "idle", stats: null });
  }

  #prepare(connection: RTCPeerConnection, { video = true, audio = true }: WatchOptions): void {
    const stream = new MediaStream();
    if (video) {
      const transceiver = connection.addTransceiver("video", { direction: "recvonly" });
      preferH264(transceiver, "receive");
      wantDescriptor(transceiver as Parameters<typeof wantDescriptor>[0]);
    }
    if (audio) connection.addTransceiver("audio", { direction: "recvonly" });
    connection.ontrack = ({ track }) => stream.addTrack(track);
    this.#stream = stream;
    this.#answered = false;
  }

  /** The stream can be put on show before media comes: a video element takes a frame's time to get ready. */
  #answeredNow(): void {
    this.#answered = true;
    this.#soundAlone = false;
    this.#queued = null;
    this.#show();
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

  /** Somebody looks, or nobody does: that has to last before the picture is given up. */
  #looked(): void {
    this.#cancelHold();
    const seen = this.#elsewhere || this.#env.device.visible.get();
    if (seen) return this.#hold(false);
    this.#cancelHold = this.#env.timers.after(HIDDEN_MAX_MS, () => this.#hold(true));
  }

  #hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#tell();
  }

  /** A peer that was told nothing sends the picture. */
  #tell(): void {
    const { peer } = this.#keeper;
    const says = this.#held || this.#told === peer || this.#height !== undefined;
    if (!this.#wantsPicture || peer === null || !says) return;
    this.#told = peer;
    this.#signalling.show(peer, !this.#held, this.#height);
  }

  #keeperChanged(state: KeeperState): void {
    this.#stopStats();
    if (state.kind === "between" || state.kind === "failed") this.#answered = false;
    // The line goes on while we ask again.
    if (state.kind !== "connecting") this.#queued = queuedBy(state);
    if (state.kind === "connected" && (this.#held || this.#height !== undefined)) this.#tell();
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
      case "mending":
      case "connecting": {
        if (this.#queued !== null) return this.#view.set({ phase: "queued", ...this.#queued, stats: null });
        const waiting = !this.#here || (state.kind === "between" && state.why === "nothing_published");
        // The last picture stays until the next one is there.
        const next = this.#answered && this.#stream !== null ? { stream: this.#stream } : {};
        const kept = shown === undefined ? next : { stream: shown };
        return this.#view.set({ phase: waiting ? "waiting" : "connecting", ...kept, stats: null });
      }
      case "connected": {
        const stream = this.#stream === null ? {} : { stream: this.#stream };
        const held = this.#soundAlone ? { held: true } : {};
        return this.#view.set({ phase: this.#here ? "playing" : "waiting", ...stream, ...held, stats });
      }
    }
  }

  /**
   * Once a second while connected; `movedAt` is when media came last. A broadcast without sound has
   * nothing to send to a page that is hidden.
   */
  #measure(connection: RTCPeerConnection, before: Measured, movedAt: number, run: number): void {
    this.#cancelStats = this.#env.timers.after(STATS_EVERY_MS, () => {
      void measure(connection, this.#env.timers).then((after) => {
        if (run !== this.#measuring) return;
        const moves =
          before === NOTHING ||
          mediaBytes(after.report) > mediaBytes(before.report) ||
          !this.#here ||
          this.#held;
        const moved = moves ? after.at : movedAt;
        const still = this.#room.get().live ? after.at - moved : 0;
        if (still >= STILL_MAX_MS + MENDED_MAX_MS) return this.#keeper.restart();
        if (still >= STILL_MAX_MS && before.at - moved < STILL_MAX_MS) this.#keeper.mend();
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

function queuedBy(state: KeeperState): { place?: number } | null {
  if (state.kind !== "between" || state.why !== "room_full") return null;
  return state.place === undefined ? {} : { place: state.place };
}
