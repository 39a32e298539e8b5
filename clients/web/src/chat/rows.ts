/** The lines of the chat in their order: messages, notices, gaps, days. Pure. */
import { cardHeight, known } from "../things/cards";
import type { GapView, MessageView, NoticeView, RoomView } from "@weiquan/client";

export type Row =
  | { kind: "start"; key: string }
  | { kind: "day"; key: string; at: number }
  | { kind: "gap"; key: string; gap: GapView }
  | { kind: "notice"; key: string; notice: NoticeView }
  | { kind: "message"; key: string; message: MessageView };

type Told = Pick<RoomView, "messages" | "notices" | "gaps" | "atStart">;

/** Merges by seq; messages without one (not yet through) stay at the end, in their order. */
export function rowsOf(view: Told): Row[] {
  const rows: Row[] = [];
  // The day that the last row is in, as its first and last moment: asking the calendar is slow.
  let dayFrom = Infinity;
  let dayTo = Infinity;
  let gap = 0;
  let notice = 0;

  const put = (at: number, row: Row): void => {
    if (at < dayFrom || at >= dayTo) {
      const date = new Date(at);
      if (dayTo !== Infinity) rows.push({ kind: "day", key: `day ${row.key}`, at });
      dayFrom = new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
      dayTo = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime();
    }
    rows.push(row);
  };
  /** Everything that stands before `seq`. */
  const upTo = (seq: number): void => {
    for (;;) {
      const nextNotice = view.notices[notice];
      const nextGap = view.gaps[gap];
      const noticeSeq = nextNotice?.seq ?? Infinity;
      const gapSeq = nextGap?.from ?? Infinity;
      if (Math.min(noticeSeq, gapSeq) >= seq) return;
      if (nextGap && gapSeq < noticeSeq) {
        rows.push({ kind: "gap", key: `gap ${nextGap.to}`, gap: nextGap });
        gap++;
      } else if (nextNotice) {
        put(nextNotice.at, { kind: "notice", key: nextNotice.key, notice: nextNotice });
        notice++;
      }
    }
  };

  if (view.atStart) rows.push({ kind: "start", key: "start" });
  for (const message of view.messages) {
    upTo(message.seq ?? Infinity);
    put(message.at, { kind: "message", key: message.key, message });
  }
  upTo(Infinity);
  return rows;
}

/** Messages of others that came after `seen`. */
export function newSince(messages: readonly MessageView[], seen: number): number {
  let n = 0;
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i];
    if (!message || message.seq === null) continue;
    if (message.seq <= seen) break;
    if (!message.mine && !message.deleted) n++;
  }
  return n;
}

/** A first guess at a row's height, in pixels of a column `width` wide; it is measured once shown. */
export function guessHeight(row: Row, width: number): number {
  if (row.kind !== "message") return 44;
  const { text, re, card } = row.message;
  const shown = known(card);
  // 15 px type: a Chinese character takes 15 px, a Latin one about 8.
  let run = 80;
  for (const letter of text) run += letter > "\u2e7f" ? 15 : 8;
  const lines = Math.ceil(run / Math.max(120, width - 40)) + (text.match(/\n/g)?.length ?? 0);
  return 10 + (shown ? cardHeight(shown) : 0) + lines * 22 + (re ? 22 : 0) + (row.message.delivery.state === "refused" ? 24 : 0);
}
