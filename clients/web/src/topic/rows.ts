/**
 * The rows of a topic in their order: what it is, then replies, oldest first. Answers to a reply stand under it, one level
 * deep, wherever in time they came. Pure.
 */
import { OLDER_RECORDS, type GapView, type MessageView, type NoticeView, type RoomView, type Topic } from "@weiquan/client";

/** The record that says what the topic is, and the message that opens it. */
export const OPENING = 2;

export type Row =
  | { kind: "head"; key: string }
  | { kind: "gap"; key: string; gap: GapView }
  | { kind: "since"; key: string }
  | { kind: "change"; key: string; notice: NoticeView & { kind: "topic" }; was: Topic | undefined }
  | { kind: "split"; key: string; notice: NoticeView & { kind: "split" } }
  | { kind: "moved"; key: string; n: number; to: Moved }
  | { kind: "poll"; key: string; notice: NoticeView & { kind: "poll" } }
  | { kind: "reply"; key: string; message: MessageView; nested: boolean; fresh: boolean };

/** Where a reply is that is in another topic now. */
type Moved = NonNullable<MessageView["moved"]>;

type Told = Pick<RoomView, "messages" | "notices" | "gaps">;

/** `reading`: up to where one had read when the page was opened; `undefined` for who never was here. */
export function rowsOf(view: Told, reading: number | undefined): Row[] {
  const replies = view.messages.filter((it) => it.seq !== OPENING);
  const loaded = new Set(replies.map((it) => it.seq).filter((it) => it !== null));
  const under = new Map<number, MessageView[]>();
  const roots: MessageView[] = [];
  for (const it of replies) {
    if (it.root === null || !loaded.has(it.root) || it.root === it.seq) roots.push(it);
    else under.set(it.root, [...(under.get(it.root) ?? []), it]);
  }
  const fresh = (it: MessageView): boolean => reading !== undefined && it.seq !== null && it.seq > reading && !it.mine && !it.deleted;
  const first = roots.find(fresh);
  const beside = besides(view);

  const rows: Row[] = [{ kind: "head", key: "head" }];
  let at = 0;
  const upTo = (seq: number): void => {
    for (let it = beside[at]; it !== undefined && it.seq < seq; it = beside[++at]) rows.push(it.row);
  };
  const put = (message: MessageView, nested: boolean): void => {
    const last = rows.at(-1);
    // Those that went the same way, one behind the other, are one line, which leads to the first of them.
    if (message.moved && last?.kind === "moved" && last.to.to.room === message.moved.to.room) rows.splice(-1, 1, { ...last, n: last.n + 1 });
    else if (message.moved) rows.push({ kind: "moved", key: message.key, n: 1, to: message.moved });
    else rows.push({ kind: "reply", key: message.key, message, nested, fresh: fresh(message) });
  };
  for (const root of roots) {
    upTo(root.seq ?? Infinity);
    if (root === first) rows.push({ kind: "since", key: "since" });
    put(root, false);
    for (const it of under.get(root.seq ?? -1) ?? []) put(it, true);
  }
  upTo(Infinity);
  return rows;
}

/** What stands between replies by its place in the log: gaps, polls, and what became of the topic. */
function besides({ notices, gaps }: Told): { seq: number; row: Row }[] {
  const found: { seq: number; row: Row }[] = gaps.map((gap) => ({ seq: gap.from, row: { kind: "gap", key: `gap ${gap.to}`, gap } }));
  let was: Topic | undefined;
  for (const notice of notices) {
    if (notice.kind === "poll") found.push({ seq: notice.seq, row: { kind: "poll", key: notice.key, notice } });
    if (notice.kind === "split") found.push({ seq: notice.seq, row: { kind: "split", key: notice.key, notice } });
    if (notice.kind !== "topic") continue;
    // The first one is what the page begins with.
    if (notice.seq > OPENING) found.push({ seq: notice.seq, row: { kind: "change", key: notice.key, notice, was } });
    was = notice.topic;
  }
  return found.sort((a, b) => a.seq - b.seq);
}

/** The message to ask for, so that the page around it is the older end of a gap. */
export const firstOf = ({ from, to }: GapView): number => Math.min(to, from + OLDER_RECORDS / 2 - 1);

/** A first guess at a row's height, in pixels of a column `width` wide; it is measured once shown. */
export function guessHeight(row: Row, width: number): number {
  switch (row.kind) {
    case "head":
      return 400;
    case "gap":
    case "since":
    case "change":
    case "split":
    case "moved":
      return 48;
    case "poll":
      return 240;
    case "reply": {
      // 16 px type: a Chinese character takes 16 px, a Latin one about 8.5.
      let run = 0;
      for (const letter of row.message.text) run += letter > "\u2e7f" ? 16 : 8.5;
      const lines = Math.ceil(run / Math.max(160, width - (row.nested ? 92 : 44))) + (row.message.text.match(/\n/g)?.length ?? 0);
      return 84 + Math.max(1, lines) * 27;
    }
  }
}
