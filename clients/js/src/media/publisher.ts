/**
 * Publishing a camera, a screen or a file: it stays live through cuts, and says how it goes.
 *
 * The source is the caller's: it is never stopped here. Only the kinds that the source has are
 * offered, so that the server knows a broadcast of sound only from one whose picture is late.
 */
import type { PublisherApi, PublishOptions, PublishView } from "../api.js";
import type { Environment } from "../environment.js";
import { Cell, type Readable } from "../readable.js";
import type { RoomState } from "../room/state.js";
import { healthOf } from "./health.js";
import { Keeper, type KeeperState } from "./keeper.js";
import { isLayered, layersOf, tuneEncoding } from "./layers.js";
import { preferH264, startAt, wantStereo } from "./sdp.js";
import type { Signalling } from "./signalling.js";
import { type Measured, measure, NOTHING } from "./stats.js";

const HEALTH_EVERY_MS = 1_000;

/** The encoder begins with this much of its limit: an uplink that is narrower loses only a moment. */
const START_SHARE = 0.5;

/** Defaults of one 720p30 picture with speech or music, well within a home uplink. */
const WISHED: Required<PublishOptions> = { kind: "camera", videoKbps: 2_500, audioKbps: 96, fps: 30 };

export class Publisher implements PublisherApi {
  readonly #env: Environment;
  readonly #view = new Cell<PublishView>({ phase: "idle", health: null });
  readonly #keeper: Keeper;
  readonly #end: () => void;
  #source: MediaStream;
  #opts: Required<PublishOptions>;
  #wasLive = false;
  #stopped = false;
  #measuring = 0;
  #cancelHealth: () => void = () => {};

  constructor(
    env: Environment,
    signalling: Signalling,
    room: Readable<RoomState>,
    source: MediaStream,
    opts: PublishOptions,
  ) {
    this.#env = env;
    this.#source = source;
    this.#opts = { ...WISHED, ...opts };
    this.#keeper = new Keeper(env, signalling, room, {
      role: "publish",
      prepare: (connection) => this.#prepare(connection),
      offer: (sdp) => sdp,
      answer: (sdp) => this.#heard(sdp),
      answered: (connection) => this.#tune(connection),
    });
    this.#end = this.#keeper.state.subscribe((state) => this.#keeperChanged(state));
    this.#keeper.want(true);
  }

  get view(): Readable<PublishView> {
    return this.#view;
  }

  /** Without a new connection where the new source has the same kinds. */
  async replaceSource(source: MediaStream, opts: PublishOptions = {}): Promise<void> {
    if (this.#stopped) return;
    this.#source = source;
    this.#opts = { ...this.#opts, ...opts };
    const state = this.#keeper.state.get();
    if (state.kind !== "connected") return this.#keeper.restart();
    const senders = state.connection.getSenders();
    const kinds = senders.map((it) => it.track?.kind).sort();
    const wanted = this.#tracks()
      .map((it) => it.kind)
      .sort();
    if (kinds.join() !== wanted.join()) return this.#keeper.restart();
    for (const track of this.#tracks()) {
      await senders.find((it) => it.track?.kind === track.kind)?.replaceTrack(track);
    }
    await this.#tune(state.connection);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#stopHealth();
    this.#end();
    this.#keeper.stop();
    this.#view.set({ phase: "stopped", health: null });
  }

  #tracks(): MediaStreamTrack[] {
    const [video] = this.#source.getVideoTracks();
    const [audio] = this.#source.getAudioTracks();
    return [video, audio].filter((it) => it !== undefined);
  }

  #prepare(connection: RTCPeerConnection): void {
    for (const track of this.#tracks()) {
      const { kind, videoKbps } = this.#opts;
      if (track.kind === "video") track.contentHint = kind === "screen" ? "detail" : "motion";
      const layered = track.kind === "video" && isLayered(kind, track);
      const transceiver = connection.addTransceiver(track, {
        direction: "sendonly",
        streams: [this.#source],
        ...(layered ? { sendEncodings: layersOf(videoKbps) } : {}),
      });
      if (track.kind === "video") preferH264(transceiver, "send");
    }
  }

  /** A voice has one channel; what a screen or a file plays may have two. */
  #heard(answer: string): string {
    const { kind, videoKbps } = this.#opts;
    const started = startAt(answer, Math.round(videoKbps * START_SHARE));
    return kind === "camera" ? started : wantStereo(started);
  }

  /** A screen keeps its lines readable, everything else keeps moving. */
  async #tune(connection: RTCPeerConnection): Promise<void> {
    const { kind, audioKbps } = this.#opts;
    for (const sender of connection.getSenders()) {
      const parameters = sender.getParameters();
      const [encoding] = parameters.encodings;
      if (!encoding || !sender.track) continue;
      if (sender.track.kind === "video") {
        for (const it of parameters.encodings) tuneEncoding(it, this.#opts);
        parameters.degradationPreference = kind === "screen" ? "maintain-resolution" : "maintain-framerate";
      } else {
        encoding.maxBitrate = audioKbps * 1000;
      }
      await sender.setParameters(parameters);
    }
  }

  #keeperChanged(state: KeeperState): void {
    this.#stopHealth();
    const connecting = this.#wasLive ? "reconnecting" : "connecting";
    switch (state.kind) {
      case "resting":
        return this.#view.set({ phase: "idle", health: null });
      case "between":
      case "mending":
      case "connecting":
        return this.#view.set({ phase: connecting, health: null });
      case "connected":
        this.#wasLive = true;
        this.#view.set({ phase: "live", health: null });
        return this.#measure(state.connection, NOTHING, this.#env.timers.now(), this.#measuring);
      case "failed":
        return this.#view.set({ phase: "failed", why: state.why, health: null });
    }
  }

  #measure(connection: RTCPeerConnection, before: Measured, liveAt: number, run: number): void {
    this.#cancelHealth = this.#env.timers.after(HEALTH_EVERY_MS, () => {
      void measure(connection, this.#env.timers).then((after) => {
        if (run !== this.#measuring) return;
        const kinds = new Set(this.#tracks().map((it) => it.kind));
        const wish = { ...this.#opts, video: kinds.has("video"), audio: kinds.has("audio") };
        const health = before === NOTHING ? null : healthOf(before, after, after.at - liveAt, wish);
        this.#view.set({ phase: "live", health });
        this.#measure(connection, after, liveAt, run);
      });
    });
  }

  #stopHealth(): void {
    this.#measuring++;
    this.#cancelHealth();
  }
}
