/** How far somebody has read. Pure. */
import type { RoomView } from "@weiquan/client";

type Told = Pick<RoomView, "messages" | "gaps" | "newestSeq">;

/**
 * The last record of which everything before was seen: one that stands under an old reply and was not passed yet holds it
 * back, and so does what is not loaded. One's own and what is gone need not be seen.
 */
export function readUpTo(view: Told, from: number, seen: ReadonlySet<number>): number {
  let upTo = from;
  const gapUpTo = (seq: number): boolean => view.gaps.some((it) => it.from <= seq && it.to > upTo);
  for (const it of view.messages) {
    if (it.seq === null || it.seq <= upTo) continue;
    if (gapUpTo(it.seq) || !(seen.has(it.seq) || it.mine || it.deleted)) return upTo;
    upTo = it.seq;
  }
  return gapUpTo(view.newestSeq) ? upTo : Math.max(upTo, view.newestSeq);
}

/** Replies of others that came after `since` and were not seen. */
export function unseen(messages: RoomView["messages"], since: number, seen: ReadonlySet<number>): number[] {
  const found: number[] = [];
  for (let n = messages.length - 1; n >= 0; n--) {
    const it = messages[n];
    if (!it || it.seq === null) continue;
    if (it.seq <= since) break;
    if (!it.mine && !it.deleted && !seen.has(it.seq)) found.push(it.seq);
  }
  return found.reverse();
}
