/** What the stage shows, out of the broadcast's phase and how the watching goes. Pure. */
import type { Code, PeerEnd, RoomView, WatchStats, WatchView } from "@weiquan/client";

export type Face =
  | "joining"
  | "idle"
  | "scheduled"
  | "open"
  | "connecting"
  | "waiting"
  | "queued"
  | "playing"
  | "host_gone"
  | "paused"
  | "ended"
  | "failed";

type Seen = Pick<RoomView, "phase" | "broadcast" | "stage">;

export function faceOf(view: Seen, watch: Pick<WatchView, "phase"> | undefined): Face {
  if (view.phase === "idle" || view.phase === "joining") return view.broadcast ? faceOfPhase(view, watch) : "joining";
  return faceOfPhase(view, watch);
}

function faceOfPhase({ broadcast, stage }: Seen, watch: Pick<WatchView, "phase"> | undefined): Face {
  switch (broadcast?.phase) {
    case undefined:
    case "archived":
      return "idle";
    case "scheduled":
      return "scheduled";
    case "ended":
      return "ended";
    case "paused":
      return "paused";
    case "open":
      return stage.here && watch?.phase === "playing" ? "playing" : "open";
    case "live":
      if (watch?.phase === "failed") return "failed";
      if (!stage.here) return "host_gone";
      if (watch?.phase === "playing") return "playing";
      return watch?.phase === "waiting" || watch?.phase === "queued" ? watch.phase : "connecting";
  }
}

/**
 * Media is asked for from the warm-up to the end; before and after there is nothing to wait for. A room that
 * is joined again after a hiccup of the connection keeps the media it has. Before the room has said whether
 * anything is on, it may be: what watching needs is made ready meanwhile.
 */
export function wantsMedia(view: Seen): boolean {
  const phase = view.broadcast?.phase;
  if (phase === undefined) return view.phase === "idle" || view.phase === "joining";
  const inside = view.phase === "joined" || view.phase === "joining";
  return inside && (phase === "open" || phase === "live" || phase === "paused");
}

/** A failure that another try cannot mend on this browser. */
export function isFinal(why: Code | PeerEnd | "unsupported_here" | undefined): boolean {
  return why === "codec_unsupported" || why === "unsupported_here";
}

export type Quality = "measuring" | "good" | "fair" | "poor";

/** Below these a viewer notices nothing; from `poor` on, sound only is the better choice. */
const FAIR = { loss: 0.02, rttMs: 300, delayMs: 400 };
const POOR = { loss: 0.08, rttMs: 800, delayMs: 1500 };

export function qualityOf(stats: WatchStats | null): Quality {
  if (!stats) return "measuring";
  const over = (limit: typeof FAIR): boolean =>
    stats.loss > limit.loss || stats.rttMs > limit.rttMs || stats.delayMs > limit.delayMs;
  if (over(POOR)) return "poor";
  return over(FAIR) ? "fair" : "good";
}

/**
 * How far behind live: from the camera to the screen where that is `measured` (`quality.ts`); else half the
 * round trip and the wait before a frame is shown, which leaves out the publisher's side.
 */
export function behindMs(stats: WatchStats, measured?: number): number {
  return measured ?? stats.rttMs / 2 + stats.delayMs;
}
