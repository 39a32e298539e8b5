import type { MessageView, Person } from "@weiquan/client";
import { describe, expect, it } from "vitest";
import { askedAt, candidates, fitting, insert, named } from "../src/notices/mention";
import { isFor, mentionsSince } from "../src/notices/mentioned";
import { en } from "../src/i18n/en";
import { detail, headline, placeOf, seqIn } from "../src/notices/words";

const person = (id: string, name: string): Person => ({ id, name, mark: "member" });
const ming = person("m_1", "小明");
const anna = person("m_2", "Anna Li");
const hanna = person("m_3", "Hanna");

describe("naming people", () => {
  it.each([
    ["@", 1, { from: 0, query: "" }],
    ["今晚@小", 4, { from: 2, query: "小" }],
    ["hi @an", 6, { from: 3, query: "an" }],
    ["hi @Anna L", 10, { from: 3, query: "Anna L" }],
    ["mail a@b", 8, undefined],
    ["@ later", 7, undefined],
    ["@小明\n说", 5, undefined],
    ["@小明  说", 6, undefined],
    ["nobody", 6, undefined],
    [`@${"x".repeat(21)}`, 22, undefined],
  ])("%j at %d looks for %j", (text, caret, expected) => {
    expect(askedAt(text, caret)).toEqual(expected);
  });

  it("offers who spoke lately before who is here, each once, never oneself", () => {
    const all = candidates([ming, anna, ming], [anna, hanna]);
    expect(all.map((it) => it.name)).toEqual(["小明", "Anna Li", "Hanna"]);
    expect(fitting(all, "ANN", "m_9").map((it) => it.name)).toEqual(["Anna Li", "Hanna"]);
    expect(fitting(all, "", "m_1").map((it) => it.name)).toEqual(["Anna Li", "Hanna"]);
  });

  it("puts the name where it was looked for, and the caret behind it", () => {
    expect(insert("hi @an there", 6, { from: 3, query: "an" }, "Anna Li")).toEqual({ text: "hi @Anna Li there", caret: 12 });
    expect(insert("@", 1, { from: 0, query: "" }, "小明")).toEqual({ text: "@小明 ", caret: 4 });
  });

  it("names whom the words still name, each once", () => {
    expect(named("@小明 @Anna Li 来", [ming, ming, anna, hanna])).toEqual([ming, anna]);
    expect(named("小明 来", [ming])).toEqual([]);
  });
});

describe("messages that name me", () => {
  const message = (seq: number | null, more: Partial<MessageView> = {}): MessageView => ({
    key: `${seq}`, seq, author: anna, mine: false, text: "a", doc: null, at: 0, pos: null, edited: false, deleted: false, re: null,
    question: null, to: [], card: null, likes: 0, liked: false, replies: 0, root: null, delivery: { state: "sent" }, change: null, ...more,
  });

  it("are those of others that are still there", () => {
    expect(isFor(message(1, { to: [ming] }), "m_1")).toBe(true);
    for (const more of [{ to: [anna] }, { to: [ming], mine: true }, { to: [ming], deleted: true }]) {
      expect(isFor(message(1, more), "m_1")).toBe(false);
    }
    expect(isFor(message(1, { to: [ming] }), undefined)).toBe(false);
  });

  it("are found above what was seen, oldest first", () => {
    const all = [1, 2, 3, 4].map((seq) => message(seq, seq === 3 ? {} : { to: [ming] }));
    expect(mentionsSince([...all, message(null, { to: [ming] })], "m_1", 1)).toEqual([2, 4]);
  });
});

describe("what a notice of the circle says", () => {
  it.each([["owner", "小明 handed the circle over to you: you are its owner now"], ["handed", "You handed the circle over: 小明 is its owner now"]] as const)(
    "%s", (kind, said) => {
      const notice = { id: 1, kind, room: "", title: "读书会", t: 0, from: ming, text: "读书会", seen: false };
      expect(headline(notice, en)).toBe(said);
      expect(detail(notice, en)).toBe("");
    },
  );
});

describe("where a notice leads", () => {
  it("is its message, and back", () => {
    const about = { id: 1, kind: "reply" as const, room: "lobby", title: "", t: 0, from: ming, text: "", seen: false };
    expect(placeOf({ ...about, s: 12 })).toBe("/r/lobby?s=12");
    expect(placeOf(about)).toBe("/r/lobby");
    expect(placeOf({ ...about, kind: "owner", room: "" })).toBe("/members");
    expect(seqIn("?s=12")).toBe(12);
    for (const odd of ["", "?s=0", "?s=-1", "?s=x", "?s=1.5"]) expect(seqIn(odd)).toBeUndefined();
  });
});
