import type { GapView, MessageView, NoticeView, Person } from "@weiquan/client";
import { describe, expect, it } from "vitest";
import { actsOn, mayActOn } from "../src/chat/rights";
import { newSince, rowsOf } from "../src/chat/rows";
import { characters, pieces } from "../src/chat/text";
import { anchorAt, indexAt, offsetsOf, ROWS_MAX, spanOf, topFor } from "../src/chat/virtual";

const lin: Person = { id: "m_lin", name: "林小满", mark: "host" };
const bei: Person = { id: "g_bei", name: "小北", mark: "guest" };
const NOON = new Date(2026, 2, 1, 12).getTime();

function message(seq: number | null, more: Partial<MessageView> = {}): MessageView {
  return {
    key: `k${seq ?? "new"}`, seq, author: bei, mine: false, text: "a", doc: null, at: NOON, pos: null, edited: false, deleted: false, question: null, card: null, to: [],
    re: null, likes: 0, liked: false, replies: 0, root: null, delivery: { state: "sent" }, change: null, ...more,
  };
}
const gap = (from: number, to: number): GapView => ({ from, to, count: to - from + 1, loading: false });
const notice = (seq: number): NoticeView => ({ key: `n${seq}`, seq, at: NOON, by: lin, kind: "slow_mode", gapMs: 0 });

/** A small repeatable source of numbers; the seed is in the test's name. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("the long list", () => {
  it.each([1, 2, 3, 4, 5])("always has what is seen, and never more than its limit (seed %d)", (seed) => {
    const next = numbers(seed);
    for (let turn = 0; turn < 200; turn++) {
      const heights = Array.from({ length: Math.floor(next() * 3000) }, () => 20 + next() * 120);
      const offsets = offsetsOf(heights.length, (n) => heights[n] ?? 0);
      const total = offsets[heights.length] ?? 0;
      const view = 300 + next() * 500;
      const top = next() * Math.max(0, total - view);
      const { first, last } = spanOf(offsets, top, view);
      expect(last - first).toBeLessThanOrEqual(ROWS_MAX);
      if (heights.length === 0) continue;
      expect(offsets[first]).toBeLessThanOrEqual(top + 1e-6);
      expect(offsets[last] ?? total).toBeGreaterThanOrEqual(Math.min(total, top + view) - 1e-6);
    }
  });

  it.each([11, 12, 13])("keeps the text at the anchor in place whatever happens elsewhere (seed %d)", (seed) => {
    const next = numbers(seed);
    for (let turn = 0; turn < 200; turn++) {
      const rows = Array.from({ length: 50 + Math.floor(next() * 500) }, (_, n) => ({ key: `r${n}`, height: 20 + next() * 90 }));
      const offsets = offsetsOf(rows.length, (n) => rows[n]?.height ?? 0);
      const top = next() * ((offsets[rows.length] ?? 0) - 400);
      const anchor = anchorAt(offsets, rows.map((it) => it.key), top, 400, () => true);
      if (!anchor) throw new Error("rows have an anchor");
      // Older rows come in front, rows above are measured anew, new ones come at the end.
      const older = Array.from({ length: 40 }, (_, n) => ({ key: `o${n}`, height: 20 + next() * 90 }));
      const at = rows.findIndex((it) => it.key === anchor.key);
      const changed = [...older, ...rows.map((row, n) => (n < at ? { ...row, height: 20 + next() * 90 } : row)), { key: "new", height: 30 }];
      const after = offsetsOf(changed.length, (n) => changed[n]?.height ?? 0);
      const index = changed.findIndex((it) => it.key === anchor.key);
      const now = topFor(after, index, anchor);
      // Where the anchor's own upper edge stands in the view, before and after.
      expect((after[index] ?? 0) - (now ?? -1)).toBeCloseTo((offsets[at] ?? 0) - top, 6);
    }
  });

  it("prefers an anchor that stays over a gap that will be filled", () => {
    const offsets = offsetsOf(4, () => 40);
    expect(anchorAt(offsets, ["a", "gap", "b", "c"], 50, 100, (n) => n !== 1)?.key).toBe("b");
  });

  it("finds the row at every height, also outside", () => {
    const offsets = offsetsOf(3, () => 10);
    expect([-5, 0, 9.9, 10, 25, 99].map((y) => indexAt(offsets, y))).toEqual([0, 0, 0, 1, 2, 2]);
    expect(topFor(offsets, -1, { key: "gone", above: 3 })).toBeNull();
  });
});

describe("the lines of the chat", () => {
  const kinds = (rows: ReturnType<typeof rowsOf>): string[] => rows.map((row) => row.key);

  it("stand in the order of the room, with what is not yet through at the end", () => {
    const view = {
      messages: [message(3), message(4), message(9), message(null, { key: "mine" })], notices: [notice(5), notice(10)],
      gaps: [gap(6, 8)], atStart: false,
    };
    expect(kinds(rowsOf(view))).toEqual(["k3", "k4", "n5", "gap 8", "k9", "n10", "mine"]);
  });

  it("show where the room begins and each new day once", () => {
    const day = 86_400_000;
    const messages = [message(1), message(2, { at: NOON + day }), message(3, { at: NOON + day + 5 })];
    const rows = rowsOf({ messages, notices: [], gaps: [], atStart: true });
    expect(rows.map((row) => row.kind)).toEqual(["start", "message", "day", "message", "message"]);
    expect(new Set(kinds(rows)).size).toBe(rows.length);
  });

  it("show a gap after the newest message too", () => {
    expect(kinds(rowsOf({ messages: [message(1)], notices: [], gaps: [gap(2, 5)], atStart: false }))).toEqual(["k1", "gap 5"]);
  });

  it("count as new only what others said since", () => {
    const messages = [message(1), message(2), message(3, { mine: true }), message(4, { deleted: true }), message(5), message(null)];
    expect(newSince(messages, 1)).toBe(2);
    expect(newSince(messages, 5)).toBe(0);
  });
});

describe("a message's text", () => {
  const links = (text: string): string[] => pieces(text).flatMap((it) => (it.kind === "link" ? [it.href] : []));

  it.each([
    ["看 https://example.org/a，很好", ["https://example.org/a"]],
    ["(https://example.org/a).", ["https://example.org/a"]],
    ["https://a.org https://b.org/?q=1&r=2#x", ["https://a.org", "https://b.org/?q=1&r=2#x"]],
    ["javascript:alert(1) ftp://x http://", []],
    ["no address", []],
  ])("%s", (text, expected) => expect(links(text)).toEqual(expected));

  it("loses nothing of what was written", () => {
    for (const text of ["a https://x.org b", "https://x.org.", "", "！https://x.org！\n第二行"]) {
      expect(pieces(text).map((it) => it.text).join("")).toBe(text);
    }
  });

  it("counts characters as the server does", () => expect(characters("圈👨‍👩‍👧a")).toBe(7));
});

describe("the menu on a message", () => {
  const all = ["talk", "edit", "delete", "delete_any", "mute", "review", "ban", "pin", "questions"] as const;
  const view = (mark: Person["mark"], can: readonly (typeof all)[number][]) => ({ can: new Set(can), mark, me: { id: "m_me", name: "me", mark } });

  it("offers a host everything on a guest but nothing on an equal", () => {
    expect(actsOn(view("host", all), message(1))).toEqual({ hold: true, reply: true, like: false, topic: true, thread: true, edit: false, copy: true, remove: true, pin: true, question: false, mute: true, ban: true });
    expect(actsOn(view("host", all), message(1, { author: lin }))).toMatchObject({ remove: false, mute: false, ban: false });
  });

  it("offers a member their own words only", () => {
    const member = view("member", ["talk", "edit", "delete"]);
    expect(actsOn(member, message(1))).toMatchObject({ reply: true, edit: false, remove: false, mute: false });
    expect(actsOn(member, message(1, { mine: true }))).toMatchObject({ edit: true, remove: true });
    expect(actsOn(member, message(null, { mine: true }))).toMatchObject({ edit: false, remove: false, reply: false });
    expect(actsOn(member, message(1, { text: "" })).topic).toBe(false);
    expect(actsOn(member, message(1, { text: "", deleted: true })).topic).toBe(false);
  });

  it("lets who runs the room pick a question that waits", () => {
    const asked = message(1, { question: "asked" });
    expect(actsOn(view("host", all), asked).question).toBe(true);
    expect(actsOn(view("host", all), message(1, { question: "answered" })).question).toBe(false);
    expect(actsOn(view("member", ["talk"]), asked)).toMatchObject({ question: false, pin: false });
  });

  it("never offers an act upon oneself", () => {
    expect(mayActOn(view("owner", all), "ban", { id: "m_me", name: "me", mark: "guest" })).toBe(false);
  });
});
