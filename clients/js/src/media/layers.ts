/**
 * The sizes in which a camera's picture is sent, so that each viewer has the one that their line carries
 * and their page shows (PROTOCOL B15). A screen is sent in one: its text is read at its own size.
 */
import type { SourceKind } from "../api.js";

/** From the smallest to the largest; `share` is of the largest one's rate. */
const LAYERS = [
  { rid: "q", scaleResolutionDownBy: 4, share: 0.08 },
  { rid: "h", scaleResolutionDownBy: 2, share: 0.25 },
  { rid: "f", scaleResolutionDownBy: 1, share: 1 },
] as const;

/** A quarter of fewer lines shows nobody anything. */
const LINES_MIN = 540;

interface Sized {
  getSettings?(): { height?: number };
}

/** Tried with Chromium; other browsers send one size, as before. */
export function isLayered(kind: SourceKind, track: Sized): boolean {
  const isChromium = "userAgentData" in (globalThis.navigator ?? {});
  return isChromium && kind === "camera" && (track.getSettings?.().height ?? 0) >= LINES_MIN;
}

export function layersOf(videoKbps: number): RTCRtpEncodingParameters[] {
  return LAYERS.map(({ rid, scaleResolutionDownBy, share }) => ({
    rid,
    scaleResolutionDownBy,
    maxBitrate: Math.round(videoKbps * share) * 1000,
  }));
}

/**
 * The limits of what is sent. Where a screen took the place of a camera in the same connection, it has
 * the largest size alone.
 */
export function tuneEncoding(
  encoding: RTCRtpEncodingParameters,
  { kind, videoKbps, fps }: { kind: SourceKind; videoKbps: number; fps: number },
): void {
  const layer = LAYERS.find((it) => it.rid === encoding.rid);
  encoding.maxBitrate = Math.round(videoKbps * (layer?.share ?? 1)) * 1000;
  encoding.maxFramerate = fps;
  if (layer) encoding.active = kind === "camera" || layer.share === 1;
}
