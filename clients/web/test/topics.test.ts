import type { MessageView, NoticeView, Person, RoomView, Summary, Topic, TopicCard } from "@weiquan/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { en } from "../src/i18n/en";
import { zhCN } from "../src/i18n/zh-CN";
import { detail, placeOf } from "../src/notices/words";
import { bring, emptyDraft, forget, isEmpty, keep, kept, read, tagsIn, tagsWritten, tagsWrong, titleOf, wasBrought, wishOf } from "../src/talk/draft";
import { changed, filterOf, isFiltered, queryOf } from "../src/talk/filter";
import { selection } from "../src/talk/selection.svelte";
import { slugOf } from "../src/talk/slug";
import { changeSay } from "../src/topic/changes";
import { alike } from "../src/topic/merging";
import { ReadingKeeper, SAY_AFTER_MS } from "../src/topic/reading.svelte";
import { readUpTo, unseen } from "../src/topic/read";
import { barrier, mayAccept, topicActs } from "../src/topic/rights";
import { firstOf, rowsOf, type Row } from "../src/topic/rows";
import { blocks, withQuote } from "../src/topic/text";

vi.stubGlobal("location", { pathname: "/", search: "", origin: "https://live.example.org" });
const { recapIn, recapOf, recapPath } = await import("../src/talk/recap");

const ann: Person = { id: "m_ann", name: "小安", mark: "member" };
const bob: Person = { id: "m_bob", name: "小波", mark: "member" };
const topic = (more: Partial<Topic> = {}): Topic => ({ kind: "question", title: "几点集合", by: ann, made_ms: 1, ...more });

const say = (seq: number | null, more: Partial<MessageView> = {}): MessageView => ({
  key: seq === null ? `mine ${more.text}` : `s${seq}`, seq, author: bob, mine: false, text: `${seq}`, doc: null, at: 0, pos: null, edited: false, deleted: false, re: null,
  question: null, likes: 0, liked: false, replies: 0, root: null, card: null, to: [], delivery: { state: "sent" }, change: null, ...more,
});
const under = (seq: number | null, root: number, more: Partial<MessageView> = {}): MessageView => say(seq, { root, re: { seq: root, author: bob, text: "", deleted: false }, ...more });
const gap = (from: number, to: number) => ({ from, to, count: to - from + 1, loading: false });
const told = (messages: MessageView[], more: Partial<RoomView> = {}) => ({ messages, notices: [] as NoticeView[], gaps: [] as RoomView["gaps"], newestSeq: messages.at(-1)?.seq ?? 0, ...more });
const brief = (rows: Row[]): string[] =>
  rows.map((it) => (it.kind === "reply" ? `${it.nested ? "> " : ""}${it.message.seq ?? "mine"}${it.fresh ? " new" : ""}` : it.kind === "gap" ? `gap ${it.gap.from}-${it.gap.to}` : it.kind));

describe("the rows of a topic", () => {
  it("put answers under what they answer, one level deep, and the rest in the order of time", () => {
    const rows = rowsOf(told([say(2), say(3), say(4), under(5, 3), under(6, 4), say(7), under(8, 3)]), undefined);
    expect(brief(rows)).toEqual(["head", "3", "> 5", "> 8", "4", "> 6", "7"]);
  });

  it("show an answer where it stands in time while what it answers is not loaded", () => {
    const rows = rowsOf(told([say(2), say(3), under(90, 40), say(91)], { gaps: [gap(4, 89)] }), undefined);
    expect(brief(rows)).toEqual(["head", "3", "gap 4-89", "90", "91"]);
  });

  it("begin what is new with a line, once, and mark every new one wherever it stands", () => {
    const rows = rowsOf(told([say(2), say(3), say(4), under(5, 3), say(6), say(7, { mine: true })]), 4);
    expect(brief(rows)).toEqual(["head", "3", "> 5 new", "4", "since", "6 new", "7"]);
    expect(brief(rowsOf(told([say(2), say(3)]), undefined))).toEqual(["head", "3"]);
  });

  it("say in one line of what went the same way, one behind the other, where it is", () => {
    const away = (seq: number, room: string, s: number, more: Partial<MessageView> = {}): MessageView =>
      say(seq, { deleted: true, text: "", moved: { to: { room, title: room }, s }, ...more });
    const split: NoticeView = { key: "s10", seq: 10, at: 0, by: ann, kind: "split", to: { room: "t9", title: "带什么" }, n: 3 };
    const rows = rowsOf(told([say(2), away(3, "t9", 2), away(4, "t9", 3, { root: 3 }), say(5), away(6, "t9", 4), away(7, "t8", 2), under(8, 6)], { notices: [split] }), undefined);
    expect(brief(rows)).toEqual(["head", "moved", "5", "moved", "> 8", "moved", "split"]);
    expect(rows.flatMap((it) => (it.kind === "moved" ? [[it.n, it.to.to.room, it.to.s]] : []))).toEqual([[2, "t9", 2], [1, "t9", 4], [1, "t8", 2]]);
  });

  it("keep one's own at the end, or under what they answer, until they have a place", () => {
    const own = { mine: true, delivery: { state: "pending" } as const };
    const rows = rowsOf(told([say(2), say(3), say(4), under(null, 3, { ...own, text: "a" }), say(null, { ...own, text: "b" })]), 4);
    expect(brief(rows)).toEqual(["head", "3", "> mine", "4", "mine"]);
  });

  it("ask for the older end of what is not loaded", () => {
    expect(firstOf(gap(53, 899))).toBe(102);
    expect(firstOf(gap(53, 60))).toBe(60);
  });

  it("say what became of the topic between the replies, and poll there", () => {
    const step = (seq: number, it: Topic): NoticeView => ({ key: `s${seq}`, seq, at: 0, by: ann, kind: "topic", topic: it });
    const notices = [step(1, topic()), step(4, topic({ status: "answered" }))];
    const rows = rowsOf(told([say(2), say(3), say(5)], { notices }), undefined);
    expect(brief(rows)).toEqual(["head", "3", "change", "5"]);
    expect(rows.find((it) => it.kind === "change")).toMatchObject({ was: { title: "几点集合" } });
  });
});

describe("how far one has read", () => {
  it("goes as far as everything before was seen, and not over what was not", () => {
    const view = told([say(2), say(3), say(4), under(5, 3), say(6)]);
    expect(readUpTo(view, 0, new Set([2, 3, 4]))).toBe(4);
    expect(readUpTo(view, 0, new Set([2, 3, 5, 6]))).toBe(3);
    expect(readUpTo(view, 4, new Set([5, 6]))).toBe(6);
  });

  it("counts one's own and what is gone as seen, and every record behind the last message", () => {
    const view = told([say(2), say(3, { mine: true }), say(4, { deleted: true }), say(5)], { newestSeq: 9 });
    expect(readUpTo(view, 2, new Set())).toBe(4);
    expect(readUpTo(view, 2, new Set([5]))).toBe(9);
  });

  it("stops before what is not loaded, and never goes back", () => {
    const view = told([say(2), say(3), say(90)], { gaps: [gap(4, 89)] });
    expect(readUpTo(view, 0, new Set([2, 3, 90]))).toBe(3);
    expect(readUpTo(view, 89, new Set([90]))).toBe(90);
    expect(readUpTo(view, 95, new Set())).toBe(95);
  });

  it("tells which replies of others came and were not in sight", () => {
    const all = [say(2), say(3), say(4, { mine: true }), say(5), say(6), say(null)];
    expect(unseen(all, 2, new Set([5]))).toEqual([3, 6]);
  });
});

describe("saying how far one has read", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is said a while after, the last of it once, and at once when one leaves", async () => {
    const said: number[] = [];
    const keeper = new ReadingKeeper(3, async (seq) => (said.push(seq), {} as TopicCard));
    for (const seq of [2, 3, 4, 6, 5]) keeper.reached(seq);
    expect(said).toEqual([]);
    vi.advanceTimersByTime(SAY_AFTER_MS);
    expect(said).toEqual([6]);
    keeper.reached(9);
    keeper.now();
    keeper.now();
    vi.advanceTimersByTime(SAY_AFTER_MS);
    expect(said).toEqual([6, 9]);
  });

  it("is said again with the next where it failed", async () => {
    const said: number[] = [];
    const keeper = new ReadingKeeper(0, (seq) => (said.push(seq), said.length === 1 ? Promise.reject(new Error("no network")) : Promise.resolve({} as TopicCard)));
    keeper.reached(5);
    keeper.now();
    await vi.advanceTimersByTimeAsync(0);
    keeper.now();
    expect(said).toEqual([5, 5]);
  });
});

describe("filters", () => {
  it("are what an address says, and nothing that it cannot mean", () => {
    expect(filterOf("?board=help&kind=question&tag=%23%E5%91%A8%E6%9C%AB&featured=true&news=true")).toEqual({ board: "help", kind: "question", tag: "周末", featured: true, news: true });
    expect(filterOf("?kind=party&featured=1&board=")).toEqual({});
    expect(filterOf("?unanswered=true&kind=question")).toEqual({ unanswered: true, kind: "question" });
    expect(filterOf("?unanswered=true&news=true")).toEqual({ news: true });
    expect(queryOf({ unanswered: true })).toBe("unanswered=true");
    expect(filterOf("?hot=true&tag=%E5%91%A8%E6%9C%AB")).toEqual({ hot: true, tag: "周末" });
    expect(filterOf("?hot=true&unanswered=true")).toEqual({ unanswered: true });
    expect(queryOf({ hot: true })).toBe("hot=true");
  });

  it("make the same address whatever was chosen first", () => {
    const one = changed(changed({}, "tag", "周末"), "board", "help");
    const two = changed(changed({}, "board", "help"), "tag", "周末");
    expect(queryOf(one)).toBe(queryOf(two));
    expect(filterOf(`?${queryOf(one)}`)).toEqual(two);
    expect(isFiltered(changed(changed(one, "tag", undefined), "board", undefined))).toBe(false);
  });
});

describe("the draft of a topic", () => {
  beforeEach(() => {
    const all = new Map<string, string>();
    vi.stubGlobal("localStorage", { getItem: (key: string) => all.get(key) ?? null, setItem: (key: string, it: string) => all.set(key, it), removeItem: (key: string) => all.delete(key) });
  });
  afterEach(() => void vi.unstubAllGlobals());

  it("is kept with its client id until there is nothing in it", () => {
    const draft = { ...emptyDraft("c1"), kind: "offer" as const, title: "借书", tags: "书", guests: false };
    keep(draft);
    expect(kept()).toEqual(draft);
    keep({ ...draft, title: " ", tags: "" });
    expect(kept()).toBeUndefined();
    keep(draft);
    forget();
    expect(kept()).toBeUndefined();
  });

  it("is read as far as it can be", () => {
    expect(read({ cid: "c1", kind: "party", title: 4, text: "有", guests: false })).toEqual({ ...emptyDraft("c1"), text: "有", guests: false });
    expect(read({ title: "no id" })).toBeUndefined();
    expect(read("words")).toBeUndefined();
    expect(isEmpty(emptyDraft("c1"))).toBe(true);
  });

  it("takes tags as people write them, each once", () => {
    expect(tagsIn("#周末 ＃爬山，Hiking、hiking ; 周末")).toEqual(["周末", "爬山", "hiking"]);
    expect(tagsIn("  ")).toEqual([]);
    expect(tagsWrong(["a_b", "周末2"])).toBeUndefined();
    expect(tagsIn("rust-lang、读书 会 ,  v1.0")).toEqual(["rust-lang", "读书 会", "v1.0"]);
    expect(tagsIn("#读书 会# #周末#、书")).toEqual(["读书 会", "周末", "书"]);
    for (const tags of [["a", "b"], ["读书 会", "周末"], []]) expect(tagsIn(tagsWritten(tags))).toEqual(tags);
    expect(tagsWrong(["rust-lang", "读书 会", "a·b"])).toBeUndefined();
    for (const tag of ["a--b", "-a", "a-", "a/b", "周末!"]) expect(tagsWrong([tag])).toEqual({ kind: "unfit", tag });
    expect(tagsWrong(["x".repeat(41)])).toMatchObject({ kind: "unfit" });
    expect(tagsWrong(Array.from({ length: 11 }, (_, n) => `t${n}`))).toEqual({ kind: "too_many" });
  });

  it("is sent trimmed, without a board that was not chosen", () => {
    const wish = wishOf({ ...emptyDraft("c1"), title: " 借书 ", text: "有三本\n", tags: "#书" });
    expect(wish).toEqual({ cid: "c1", kind: "discussion", title: "借书", text: "有三本", tags: ["书"], guests: true });
  });

  const from = { room: "lobby", title: "大厅", topic: false, seqs: [5, 7] };

  it("takes messages that are brought, and what was written before stays", () => {
    bring(from, "周末爬香山？\n还是百望山", "c1");
    expect(wasBrought()).toBe(true);
    expect(wasBrought()).toBe(false);
    expect(kept()).toEqual({ ...emptyDraft("c1"), title: "周末爬香山？", from });
    keep({ ...emptyDraft("c1"), title: "我的题目", text: "写到一半" });
    bring({ ...from, seqs: [9] }, "别的", "c2");
    expect(wasBrought()).toBe(false);
    expect(kept()).toEqual({ ...emptyDraft("c2"), title: "我的题目", text: "写到一半", from: { ...from, seqs: [9] } });
    // Where they stand is all that is kept: no copy of what was said.
    expect(isEmpty({ ...emptyDraft("c1"), from })).toBe(false);
    expect(wishOf({ ...emptyDraft("c1"), title: "爬山", from })).toMatchObject({ text: "", from: { room: "lobby", seqs: [5, 7] } });
  });

  it("reads where messages stand as far as it can be", () => {
    const draft = { ...emptyDraft("c1"), text: "有" };
    expect(read({ ...draft, from })).toEqual({ ...draft, from });
    expect(read({ ...draft, from: { room: "lobby", seqs: [5, "6", -1, 1.5] } })).toEqual({ ...draft, from: { room: "lobby", title: "lobby", topic: false, seqs: [5] } });
    for (const odd of [null, "lobby", {}, { room: 4, seqs: [5] }, { room: "lobby", seqs: [] }]) expect(read({ ...draft, from: odd })).toEqual(draft);
    const many = Array.from({ length: 30 }, (_, n) => n + 1);
    expect(read({ ...draft, from: { ...from, seqs: many } })?.from?.seqs).toHaveLength(20);
  });

  it.each([
    ["周末爬香山？\n还是百望山", "周末爬香山？"],
    ["\n> 引用\n**另一本**也好", "引用"],
    ["## 几点 `集合`", "几点 集合"],
    ["放在回顾里，和书单一起：https://example.org/weak-ties", "放在回顾里，和书单一起"],
    ["https://example.org", ""],
    ["", ""],
    ["长".repeat(120), "长".repeat(120)],
    ["长".repeat(121), `${"长".repeat(119)}…`],
    ["😀".repeat(121), `${"😀".repeat(119)}…`],
  ])("proposes for %j the title %j", (words, title) => {
    expect(titleOf(words)).toBe(title);
  });
});

describe("selecting messages for a topic", () => {
  it("takes each once, twenty at most, and none that is not there", () => {
    for (let n = 1; n <= 21; n++) selection.take(say(n));
    expect(selection.seqs).toHaveLength(20);
    selection.take(say(3));
    expect(selection.seqs).not.toContain(3);
    for (const odd of [say(30, { deleted: true }), say(null)]) selection.take(odd);
    expect(selection.seqs).toHaveLength(19);
    selection.take(say(21));
    expect(selection.seqs.at(-1)).toBe(21);
    selection.end();
    expect(selection.seqs).toEqual([]);
  });
});

describe("what one may do", () => {
  const view = (mark: RoomView["mark"], can: string[], it: Topic, me = bob) => ({ mark, can: new Set(can) as RoomView["can"], me, topic: it, phase: "joined" as const });

  it("lets its starter accept somebody else's reply, and no one the opening", () => {
    const starter = view("member", ["talk", "topic"], topic({ kind: "need" }), ann);
    expect(mayAccept(starter, say(3))).toBe(true);
    expect(mayAccept(starter, say(3, { author: ann }))).toBe(false);
    expect(mayAccept(starter, say(2))).toBe(false);
    expect(mayAccept(view("member", ["talk"], topic()), say(3))).toBe(false);
    expect(mayAccept(view("owner", ["topic"], topic({ kind: "discussion" })), say(3))).toBe(false);
  });

  it("lets the helper say done, and only the starter thank", () => {
    const helper = { id: bob.id, name: bob.name };
    const matched = topic({ kind: "offer", status: "matched", accepted: 3, helper });
    expect(topicActs(view("member", ["talk"], matched)).done).toBe(true);
    const done = { ...matched, status: "done" as const };
    expect(topicActs(view("member", ["talk"], done)).thank).toBe(false);
    expect(topicActs(view("member", ["talk", "topic"], done, ann)).thank).toBe(true);
    expect(topicActs(view("moderator", ["talk", "topic", "keep_topic"], topic({ kind: "feedback" }))).steps).toContain("declined");
  });

  it("stands in the way of writing where the topic is locked or one is a guest", () => {
    expect(barrier(view("member", ["talk"], topic({ locked: true })))).toBe("locked");
    expect(barrier(view("moderator", ["talk"], topic({ locked: true })))).toBeUndefined();
    expect(barrier(view("guest", ["watch"], topic()))).toBe("guest");
    const merged = topic({ into: { room: "t2", title: "Two" } });
    expect(barrier(view("owner", ["talk", "keep_topic"], merged))).toBe("merged");
    expect(topicActs(view("owner", ["topic", "keep_topic"], merged))).toMatchObject({ part: true, keep: false, rename: false });
    expect(topicActs(view("member", ["talk", "topic"], merged)).part).toBe(false);
    expect(barrier(view("member", ["talk"], topic()))).toBeUndefined();
  });
});

describe("the draft of a recap", () => {
  beforeEach(() => {
    const all = new Map<string, string>();
    vi.stubGlobal("localStorage", { getItem: (key: string) => all.get(key) ?? null, setItem: (key: string, it: string) => all.set(key, it), removeItem: (key: string) => all.delete(key) });
  });
  afterEach(() => void vi.unstubAllGlobals());

  const summary: Summary = {
    room: "hall", room_title: "大厅", broadcast: { id: "b1-2-3", phase: "ended", title: "第三夜 *共读*", host: ann }, ended_ms: 9, played_ms: 3_725_000, peak: 9, people: 12, average_ms: 1,
    messages: 340, hearts: [], host: { talkers: 3, watched_ms: 1 },
    answered: [{ of: 9, text: "第二问\n真的吗？", author: bob, pos: 61_000 }, { of: 5, text: "第一问", author: bob, pos: 754_000 }],
    polls: [{ seq: 7, pos: 1_800_000, question: "读哪章？", options: [{ text: "五", votes: 3 }, { text: "六", votes: 1 }], voters: 4 }],
    pins: [{ text: "# 别忘了报名", author: ann, pos: 30_000 }],
  };

  it("has the moments that topics are about, with their times, between what was when", () => {
    const moments = [{ topic: { room: "t1", title: "那句 [话]" }, second: 90, by: ann, replies: 2 }];
    const lines = recapOf({ ...summary, moments }, "cid", zhCN, "zh-CN").text.split("\n").filter((it) => it.startsWith("- "));
    expect(lines.slice(0, 3)).toEqual(["- 0:30 置顶：\\# 别忘了报名", "- [1:01](/r/hall?s=9) 提问：第二问 真的吗？", "- 1:30 时刻：[那句 \\[话\\]](/t/t1)"]);
  });

  it("has what was when, in order, with places and without anybody's marks", () => {
    const draft = recapOf(summary, "cid", zhCN, "zh-CN");
    expect(draft).toMatchObject({ cid: "cid", kind: "recap", recap: { room: "hall", id: "b1-2-3" }, from: { room: "hall", title: "大厅", seqs: [5, 9] } });
    expect(draft.title).toBe("直播回顾：第三夜 *共读*");
    const lines = draft.text.split("\n").filter((it) => it.startsWith("- "));
    expect(lines).toEqual(["- 0:30 置顶：\\# 别忘了报名", "- [1:01](/r/hall?s=9) 提问：第二问 真的吗？", "- [12:34](/r/hall?s=5) 提问：第一问", "- [30:00](/r/hall?s=7) 投票：读哪章？", "- 五: 3 · 75%", "- 六: 1 · 25%"]);
    expect(draft.text).toContain("> \\# 别忘了报名");
    expect(draft.text).toContain("1:02:05");
    expect(wishOf(draft)).toMatchObject({ kind: "recap", recap_of: { room: "hall", id: "b1-2-3" }, from: { room: "hall", seqs: [5, 9] } });
  });

  it("has nothing where there was nothing, and a draft of its own", () => {
    const bare = recapOf({ ...summary, answered: [], polls: [], pins: [] }, "cid", en, "en");
    expect(bare.from).toBeUndefined();
    expect(bare.text.split("\n")).toHaveLength(1);
    keep({ ...bare, text: "mine" });
    expect(kept()).toBeUndefined();
    expect(kept(bare.recap)?.text).toBe("mine");
    forget(bare.recap);
    expect(kept(bare.recap)).toBeUndefined();
    expect(recapIn(recapPath("hall", "b1-2-3").split("?")[1] ?? "")).toEqual({ room: "hall", id: "b1-2-3" });
    expect(["", "recap=", "recap=hall", "recap=a/b/c"].map(recapIn)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("topics that ask for the same", () => {
  const card = (title: string, room = title): TopicCard => ({
    room, guests: true, topic: topic({ title }), excerpt: "", replies: 0, likes: 0, last_ms: 1, last_by: ann,
  });
  const titles = (title: string, typed: string, ...others: string[]): string[] => alike(title, typed, others.map((it) => card(it))).map((it) => it.topic.title);

  it("stand in the order of how much they are alike", () => {
    expect(titles("聊天按日期跳转", "", "周末去哪儿", "跳转到某个日期的聊天", "聊天里按日期跳转")).toEqual(["聊天里按日期跳转", "跳转到某个日期的聊天", "周末去哪儿"]);
    expect(titles("Dark mode", "", "Light", "A dark mode, please")).toEqual(["A dark mode, please", "Light"]);
  });
  it("are found by what is typed, whatever the width, case and spaces", () => {
    expect(titles("x", "ＤＡＲＫ  mode", "Dark-Mode", "Darkness")).toEqual(["Dark-Mode"]);
    expect(titles("", "", "一", "二")).toEqual(["一", "二"]);
  });
});

describe("words", () => {
  it("say what a record changed", () => {
    const was = topic();
    const cases: [Partial<Topic>, string][] = [
      [{ locked: true }, "Mo locked the topic"],
      [{ featured: true }, "Mo featured the topic"],
      [{ status: "answered", accepted: 3, helper: { id: "m", name: "Wu" } }, "Mo accepted the reply of Wu"],
      [{ status: "declined", reason: "too few of us" }, "Mo: now Declined · too few of us"],
      [{ title: "When?" }, "Mo changed the title to “When?”"],
      [{ tags: ["a"] }, "Mo changed the tags"],
    ];
    for (const [more, expected] of cases) expect(changeSay(was, { ...was, ...more }, "Mo", en)).toBe(expected);
    expect(changeSay(was, was, "Mo", en)).toBeUndefined();
    const [a, b] = [{ room: "a", title: "A" }, { room: "b", title: "B" }];
    expect(changeSay(was, { ...was, into: a }, "Mo", en)).toBe("Mo merged this into “A”");
    expect(changeSay({ ...was, into: a }, was, "Mo", en)).toBe("Mo let this topic stand by itself again");
    expect(changeSay({ ...was, merged: [a] }, { ...was, merged: [a, b] }, "Mo", en)).toBe("Mo merged “B” into this one");
    expect(changeSay({ ...was, merged: [a, b] }, { ...was, merged: [b] }, "Mo", en)).toBe("Mo took “A” out again");
  });

  it("tell of a topic by its status and reason, and lead into it", () => {
    expect(detail({ kind: "changed", text: "declined too few of us" }, en)).toBe("Declined · too few of us");
    expect(detail({ kind: "changed", text: "planned " }, en)).toBe("Planned");
    expect(detail({ kind: "changed", text: "merged Where to go" }, en)).toBe("Merged into “Where to go”");
    expect(detail({ kind: "changed", text: "tomorrow’s word" }, en)).toBe("tomorrow’s · word");
    expect(detail({ kind: "mention", text: "planned" }, en)).toBe("planned");
    const notice = { id: 1, kind: "accepted", room: "t1", title: "", t: 0, from: ann, text: "", seen: false } as const;
    expect(placeOf({ ...notice, s: 5, topic: true })).toBe("/t/t1?s=5");
    expect(placeOf({ ...notice, s: 5 })).toBe("/r/t1?s=5");
  });

  it("set quotes apart, and quote into a draft", () => {
    expect(blocks("> a\n> b\nc\n\nd\ne")).toEqual([{ quote: true, text: "a\nb" }, { quote: false, text: "c" }, { quote: false, text: "d\ne" }]);
    expect(withQuote("说到\n", "一\n\n二")).toBe("说到\n\n> 一\n> 二\n\n");
    expect(withQuote("", "一")).toBe("> 一\n\n");
  });

  it("find an address for a board of any name", () => {
    expect(slugOf("Help & Ideas", [])).toBe("help-ideas");
    expect(slugOf("共读", [])).toBe("board");
    expect(slugOf("共读", ["board", "board-2"])).toBe("board-3");
  });
});
