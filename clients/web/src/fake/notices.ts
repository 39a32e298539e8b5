/** The stand-in inbox: one of each kind, over two days. */
import { Cell, type Inbox, type Notice, type NoticeList, type NoticeSettings } from "@weiquan/client";
import { bei, chen, lin, mo, yang, zhou } from "./people";
import { wishes } from "./wishes";

const HOUR = 3_600_000;
const now = Date.now();

const notice = (id: number, more: Omit<Notice, "id" | "title" | "room" | "seen"> & Partial<Notice>): Notice => ({
  id, room: "live", title: "夜读", seen: id < 4, ...more,
});

const all: Notice[] = [
  notice(10, { kind: "owner", room: "", title: "读书会", t: now - 10_000, from: lin, text: "读书会" }),
  notice(9, { kind: "credit", room: "exchange", title: "弱关系，怎么从认识走到帮忙？", topic: true, s: 2, t: now - 20_000, from: zhou, text: "弱关系，怎么从认识走到帮忙？" }),
  notice(8, { kind: "changed", room: "planned", title: "聊天里希望能按日期跳转", topic: true, s: 7, t: now - 30_000, from: mo, text: "planned " }),
  notice(7, { kind: "accepted", room: "matched", title: "周六放映，需要一位会剪字幕的朋友", topic: true, s: 4, t: now - 40_000, from: yang, text: "周六放映，需要一位会剪字幕的朋友" }),
  notice(6, { kind: "mention", s: 104, t: now - 60_000, from: bei, text: "@你 上次说的那本书，是不是就是《大连接》？" }),
  notice(5, { kind: "picked", s: 101, t: now - 4 * 60_000, from: lin, text: "书里“三度影响力”的数据，今天的短视频平台上还成立吗？" }),
  notice(4, { kind: "reply", s: 106, t: now - 9 * 60_000, from: zhou, text: "同意，弱关系才带来新消息", more: 3 }),
  notice(3, { kind: "live", t: now - 42 * 60_000, from: lin, text: "弱关系的力量：第七夜" }),
  notice(2, { kind: "reminder", t: now - 26 * HOUR, from: lin, text: "弱关系的力量：第六夜", starts_ms: now - 26 * HOUR + 600_000 }),
  notice(1, { kind: "reply", s: 98, t: now - 27 * HOUR, from: chen, text: "" }),
];

export class FakeNotices {
  readonly inbox = new Cell<Inbox>({ unread: wishes.circle === "full" ? 7 : 0, notice: null });
  #rows: Notice[] = wishes.circle === "full" ? all : [];
  #settings: NoticeSettings = {
    ways: (["mention", "reply", "picked", "reminder", "live", "accepted", "changed", "credit", "started"] as const).map((kind) => ({ kind, push: kind !== "live", mail: kind !== "live" && kind !== "picked" })),
    all_live: false,
    digest: "weekly",
  };

  page(): NoticeList {
    const unread = this.#rows.filter((it) => !it.seen).length;
    this.inbox.set({ unread, notice: null });
    return { notices: this.#rows, next: null, unread };
  }

  seen(upto: number): void {
    this.#rows = this.#rows.map((it) => (it.id <= upto ? { ...it, seen: true } : it));
    this.page();
  }

  settings(change?: NoticeSettings): NoticeSettings {
    this.#settings = change ?? this.#settings;
    return this.#settings;
  }
}
