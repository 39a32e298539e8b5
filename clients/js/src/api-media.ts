/** What the SDK offers of media, as types: watching, publishing, the check before. */
import type { Code, PeerEnd } from "./protocol/index.js";
import type { Readable } from "./readable.js";

export interface WatchOptions {
  /** Default: both. */
  video?: boolean;
  audio?: boolean;
}

export interface WatcherApi {
  readonly view: Readable<WatchView>;
  /**
   * The picture is seen although the page is hidden: picture in picture, a casting screen. A page that
   * is hidden for a while is otherwise sent sound only.
   */
  seenElsewhere(seen: boolean): void;
  /**
   * How high the picture is shown, in pixels of the screen: nothing larger is sent than that needs. A page
   * that says it shows `held` too.
   */
  showHeight(pixels: number): void;
  stop(): void;
}

export interface WatchView {
  /**
   * `waiting`: nothing is published now. `queued`: every place to watch is taken, and `place` is ours in
   * the line. Both go on by themselves.
   */
  phase: "idle" | "connecting" | "playing" | "waiting" | "queued" | "failed";
  /** With `queued`: 1 is next. Missing where the line is as long as it may be. */
  place?: number;
  /** With `failed`: the refusal's code, or how the peer ended. */
  why?: Code | PeerEnd | "unsupported_here";
  /**
   * The same object while one connection lasts; its tracks may be fewer than were asked for. There before
   * media comes, so that it can be put on show: `playing` says when there is something to see.
   */
  stream?: MediaStream;
  /** With `playing`: the line carries the sound alone, and the picture waits until it carries more. */
  held?: boolean;
  stats: WatchStats | null;
}

/** Measured over the last second. */
export interface WatchStats {
  kbps: number;
  /** Frames decoded a second. */
  fps: number;
  width: number;
  height: number;
  /** Lost packets of all, 0 to 1. */
  loss: number;
  /** Packets of sound and picture. */
  lost: number;
  received: number;
  rttMs: number;
  /** How long a frame waits before it is shown. */
  delayMs: number;
  /** Frames decoded since the start: the picture moves while it grows. */
  frames: number;
  /** How often the picture stood still since the start, and how long; 0 where the browser does not say. */
  freezes: number;
  frozenMs: number;
  /** 0 to 1. */
  audioLevel: number;
  videoCodec: string;
  srtpCipher: string;
}

export type SourceKind = "camera" | "screen" | "file";

export interface PublishOptions {
  /** Steers the encoder: a screen keeps its sharpness, a camera its motion. Default: camera. */
  kind?: SourceKind;
  /** Default 2,500. */
  videoKbps?: number;
  /** Default 96. */
  audioKbps?: number;
  /** Default 30. */
  fps?: number;
}

export interface PublisherApi {
  readonly view: Readable<PublishView>;
  /** Another camera, screen or file in the same broadcast. */
  replaceSource(source: MediaStream, opts?: PublishOptions): Promise<void>;
  stop(): void;
}

export interface PublishView {
  phase: "idle" | "connecting" | "live" | "reconnecting" | "failed" | "stopped";
  why?: Code | PeerEnd | "unsupported_here";
  health: Health | null;
}

/** One sentence about how the publishing goes; the words are the interface's. */
export type HealthKey =
  | "good"
  | "starting"
  | "uplink_low"
  | "loss_high"
  | "rtt_high"
  | "cpu_limited"
  | "bandwidth_limited"
  | "frames_low"
  | "no_picture"
  | "no_sound";

export interface Health {
  level: "good" | "fair" | "poor";
  /** The worst first; `["good"]` when there is nothing to say. */
  says: readonly HealthKey[];
  videoKbps: number;
  audioKbps: number;
  /** What the encoder is asked to reach. */
  targetKbps: number;
  loss: number;
  rttMs: number;
  fps: number;
  width: number;
  height: number;
  limitedBy: "none" | "cpu" | "bandwidth" | "other";
  videoCodec: string;
}

/** A source of the studio; `stop` lets the device, screen or file go. */
export interface Source {
  kind: SourceKind;
  stream: MediaStream;
  /** The device's, screen's or file's name, where there is one. */
  label: string;
  /** Set when the device was unplugged, the sharing stopped or the file ended. */
  readonly ended: Readable<boolean>;
  stop(): void;
}

export interface CameraOptions {
  /** `false`: none; a string: the device's id. Default: the device's own choice. */
  camera?: string | boolean;
  microphone?: string | boolean;
}

export interface Device {
  id: string;
  kind: "camera" | "microphone";
  label: string;
}

/** What a check before watching or going live found out; `null` while it is not known yet. */
export interface CheckFacts {
  /** Browsers give cameras and microphones to secure pages only. */
  readonly secure: boolean;
  readonly socket: CheckedWay | null;
  /** The way to the port that viewers are shown from: UDP, else TCP. */
  readonly media: CheckedWay | null;
  /** The same to the port that a studio or an encoder sends to. */
  readonly publish: CheckedWay | null;
  /** By TCP (one HTTP upload): media goes by UDP where that gets through, whose way may be better or worse. */
  readonly upload: CheckedUpload | null;
  /** Names of codecs, such as `H264` and `opus`. */
  readonly plays: readonly string[] | null;
  readonly sends: readonly string[] | null;
  /** Whether sound may begin without a tap. */
  readonly sound: "at_once" | "after_tap" | null;
  readonly camera: CheckedDevice | null;
  readonly microphone: CheckedDevice | null;
  readonly done: boolean;
}

export type CheckedWay =
  /** `by`: UDP does not get through, and media comes by TCP. */
  | { ok: true; rttMs: number; by?: "tcp" }
  /** `none`: this browser has no such thing. `blocked`: no answer. `unreachable`: the server was not even asked. */
  | { ok: false; why: "none" | "blocked" | "unreachable" };

export type CheckedUpload = { ok: true; kbps: number } | { ok: false; why: Code | "unreachable" };

export interface CheckedDevice {
  readonly count: number;
  /** `unknown`: this browser does not say. */
  readonly permission: "granted" | "denied" | "prompt" | "unknown";
}

export interface CheckApi {
  readonly facts: Readable<CheckFacts>;
  /** Runs once; takes about 5 s. With `host` also what only somebody who goes live needs. */
  run(): Promise<void>;
  stop(): void;
}
