/** Messages that name somebody. Pure. */
import type { MessageView } from "@weiquan/client";

export function isFor(message: MessageView, me: string | undefined): boolean {
  return me !== undefined && !message.mine && !message.deleted && message.to.some((it) => it.id === me);
}

/** The seqs of messages that name me and came after `seen`, oldest first. */
export function mentionsSince(messages: readonly MessageView[], me: string | undefined, seen: number): number[] {
  const found: number[] = [];
  for (let n = messages.length - 1; n >= 0; n--) {
    const it = messages[n];
    if (!it || it.seq === null) continue;
    if (it.seq <= seen) break;
    if (isFor(it, me)) found.push(it.seq);
  }
  return found.reverse();
}
