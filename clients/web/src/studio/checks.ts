/** The three lines before going live, out of what is known of the source. Pure. */
export type Sound = "none" | "quiet" | "fine";

/** On the meter's scale 0 to 1 is −60 dB to 0 dB; speech lies around 0.6, a silent room below 0.2. */
const HEARD = 0.28;

export function soundOf(hasTrack: boolean, loudest: number): Sound {
  if (!hasTrack) return "none";
  return loudest >= HEARD ? "fine" : "quiet";
}

export function decibels(level: number): number {
  return Math.round((level - 1) * 60);
}

/** Why a source could not be had, by the browser's own error names. */
export type SourceFailure = "denied" | "notFound" | "inUse" | "fileUnfit";

export function sourceFailure(error: unknown, kind: "camera" | "screen" | "file"): SourceFailure | "cancelled" {
  if (kind === "file") return "fileUnfit";
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  // Closing the browser's screen picker is no failure: nothing was chosen, nothing needs to be said.
  if (kind === "screen" && name === "NotAllowedError") return "cancelled";
  if (name === "NotFoundError" || name === "OverconstrainedError" || name === "DevicesNotFoundError") return "notFound";
  if (name === "NotReadableError" || name === "AbortError") return "inUse";
  return "denied";
}
