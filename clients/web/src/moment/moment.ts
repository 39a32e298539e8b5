/** A second of a broadcast that a topic is about: which one it is now, and where it is. Pure. */
import type { RoomView } from "@weiquan/client";
import { paths } from "../app/router.svelte";

/** Who presses the button heard it a little before: so much earlier a moment begins. */
export const REACTION_MS = 8_000;

export type Seen = Pick<RoomView, "broadcast" | "messages">;

/**
 * The stream position now, in milliseconds, as far as this page can tell: from the newest message that was said while live, or
 * from when it went live. Nothing where nothing of it was played.
 */
export function playedMs({ broadcast, messages }: Seen, now: number): number | undefined {
  if (broadcast?.live_ms === undefined) return undefined;
  const { live_ms, phase } = broadcast;
  const last = messages.findLast((it) => it.pos !== null && it.at >= live_ms);
  if (last?.pos === null || last === undefined) return Math.max(0, now - live_ms);
  // While it is paused the media clock stands.
  return phase === "live" ? last.pos + Math.max(0, now - last.at) : last.pos;
}

/** The second that "this moment" means. */
export function momentNow(seen: Seen, now: number): number | undefined {
  const played = playedMs(seen, now);
  return played === undefined ? undefined : Math.max(0, Math.floor((played - REACTION_MS) / 1_000));
}

/** Where a moment is shown: in the summary of its broadcast. */
export const momentPath = ({ room, id, second }: { room: string; id: string; second: number }): string => `${paths.summary(room, id)}#t=${second}`;

/** The second that an address names. */
export function secondIn(hash: string): number | undefined {
  const found = /^#t=(\d{1,7})$/.exec(hash);
  return found ? Number(found[1]) : undefined;
}
