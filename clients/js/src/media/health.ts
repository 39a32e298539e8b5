/** How the publishing goes, as numbers and as the few sentences that a host can act on. Pure. */
import type { Health, HealthKey, PublishOptions } from "../api.js";
import {
  codecOf,
  find,
  grown,
  type Measured,
  num,
  pairOf,
  type Report,
  secondsBetween,
  share,
  word,
} from "./stats.js";

/** What is sent, and what was wished for. */
export type HealthWish = Required<PublishOptions> & { video: boolean; audio: boolean };

/** Encoders and the estimate of the uplink start low: the first seconds say nothing. */
const STARTING_MS = 5_000;
/** Retransmission mends this much without anybody seeing it. */
const LOSS_FAIR = 0.03;
const LOSS_POOR = 0.1;
/** Beyond this a retransmission comes too late for a viewer's buffer. */
const RTT_FAIR_MS = 300;
/** The uplink is short when the encoder gets less than half of what it was allowed. */
const UPLINK_FAIR = 0.5;
const FRAMES_FAIR = 0.7;
/** An encoder that is held by its own limit also calls that "bandwidth". */
const REACHED = 0.8;

/** `liveMs` is how long it has been live. */
export function healthOf(earlier: Measured, later: Measured, liveMs: number, wish: HealthWish): Health {
  const [before, after, seconds] = [earlier.report, later.report, secondsBetween(earlier, later)];
  // A picture in layers has an entry for each, and the largest that is sent speaks for it.
  const layers = [...after.values()].filter((it) => it["type"] === "outbound-rtp" && it["kind"] === "video");
  const moving = layers.filter((it) => grown(before, it, "framesEncoded") > 0);
  const [video] = (moving.length > 0 ? moving : layers).sort(
    (a, b) => num(b, "frameHeight") - num(a, "frameHeight"),
  );
  const videoBytes = layers.reduce((sum, it) => sum + grown(before, it, "bytesSent"), 0);
  const audio = find(after, "outbound-rtp", "audio");
  const heard = find(after, "remote-inbound-rtp", "video") ?? find(after, "remote-inbound-rtp", "audio");
  const pair = pairOf(after);
  const targetKbps = wish.video ? wish.videoKbps : wish.audioKbps;
  const available = num(pair, "availableOutgoingBitrate") / 1000;
  const health = {
    videoKbps: (videoBytes * 8) / 1000 / seconds,
    audioKbps: (grown(before, audio, "bytesSent") * 8) / 1000 / seconds,
    targetKbps,
    loss: share(num(heard, "fractionLost"), 1),
    rttMs: (num(heard, "roundTripTime") || num(pair, "currentRoundTripTime")) * 1000,
    fps: grown(before, video, "framesEncoded") / seconds,
    width: num(video, "frameWidth"),
    height: num(video, "frameHeight"),
    limitedBy: limit(word(video, "qualityLimitationReason")),
    videoCodec: codecOf(after, video),
  };
  const uplinkShort = available > 0 && available < targetKbps * UPLINK_FAIR;
  const says =
    liveMs < STARTING_MS ? (["starting"] as const) : sentences(health, wish, uplinkShort, video, after);
  return { level: levelOf(says, health.loss), says, ...health };
}

type Numbers = Omit<Health, "level" | "says">;

function sentences(
  it: Numbers,
  wish: HealthWish,
  uplinkShort: boolean,
  video: Readonly<Record<string, unknown>> | undefined,
  report: Report,
): HealthKey[] {
  const says: HealthKey[] = [];
  const source = find(report, "media-source", "video");
  // A screen where nothing moves has few frames and few bits: that is no fault.
  const captured = num(source, "framesPerSecond");
  if (wish.video && it.fps === 0 && captured > 0) says.push("no_picture");
  if (wish.audio && it.audioKbps === 0) says.push("no_sound");
  if (it.loss >= LOSS_FAIR) says.push("loss_high");
  if (uplinkShort) says.push("uplink_low");
  if (it.limitedBy === "cpu") says.push("cpu_limited");
  const short = it.videoKbps < wish.videoKbps * REACHED;
  if (it.limitedBy === "bandwidth" && short && !uplinkShort) says.push("bandwidth_limited");
  if (video && captured > 0 && it.fps > 0 && it.fps < Math.min(captured, wish.fps) * FRAMES_FAIR)
    says.push("frames_low");
  if (it.rttMs >= RTT_FAIR_MS) says.push("rtt_high");
  return says.length > 0 ? says : ["good"];
}

function levelOf(says: readonly HealthKey[], loss: number): Health["level"] {
  const [worst] = says;
  if (worst === "good" || worst === "starting") return "good";
  const poor = worst === "no_picture" || worst === "no_sound" || loss >= LOSS_POOR;
  return poor ? "poor" : "fair";
}

function limit(reason: string): Health["limitedBy"] {
  return reason === "cpu" || reason === "bandwidth" || reason === "other" ? reason : "none";
}
