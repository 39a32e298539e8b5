import { Refused, type SearchHit, type SearchPage, type SearchQuestion } from "@weiquan/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { en } from "../src/i18n/en";

vi.stubGlobal("location", { pathname: "/", search: "", origin: "https://live.example.org" });
vi.mock("#platform", () => {
  const cell = { get: () => null, subscribe: (run: (it: null) => void) => (run(null), () => {}) };
  return { platform: { client: { who: cell, status: cell } } };
});
vi.mock("../src/i18n/i18n.svelte", async () => ({ t: () => en, spoken: { language: "en" } }));
const { LOOKS_MAX, SCREENFUL, SCROLLED_MAX, SearchBook } = await import("../src/search/book.svelte");
const { authorsOf, fresh, piecesOf, placeOf } = await import("../src/search/hit");
const { changed, isAsked, isNarrow, queryOf, questionOf, wishOf } = await import("../src/search/question");
const { RECENT_CHARS_MAX, RECENT_MAX, forget, recent, remember } = await import("../src/search/recent");
const { troubleOf } = await import("../src/search/trouble");
const { draftsGone } = await import("../src/chat/draft");
const { routeOf, paths } = await import("../src/app/router.svelte");

const DAY = 86_400_000;
const ann = { id: "m_ann", name: "小安", mark: "member" } as const;
const bob = { id: "m_bob", name: "小波", mark: "member" } as const;
const hit = (seq: number | null, more: Partial<SearchHit> = {}): SearchHit => ({
  room: "lobby", room_title: "大厅", seq, at_ms: 1, author: ann, text: `${seq}`, before: false, behind: false, places: [], ...more,
});

describe("the address of a search", () => {
  it("is the page, and holds the whole question", () => {
    expect(routeOf("/search")).toEqual({ page: "search" });
    expect(routeOf("/search/x")).toEqual({ page: "not-found" });
    const whole = { q: '"周三 的" & 读书会', room: "lobby", author: "m_7f", has: ["link", "card"], from: "week", to: 9 } as const;
    expect(questionOf(queryOf(whole))).toEqual(whole);
    expect(paths.search(queryOf({ q: "", has: [] }))).toBe("/search");
    expect(questionOf(queryOf({ q: " 读书会 ", has: [], from: 1_795_939_200_000 }))).toEqual({ q: "读书会", has: [], from: 1_795_939_200_000 });
  });

  it("is the same for the same question, in whatever order it was made", () => {
    expect(queryOf(questionOf("has=card,link&room=a&q=b"))).toBe(queryOf(questionOf("?q=b&has=link,card&room=a")));
  });

  it.each([
    ["has=video,image&from=soon&to=-1", { q: "", has: ["image"] }], ["from=1e3&to=1.5&q=+", { q: "", has: [], from: 1000 }], ["who=guest", { q: "", has: [] }],
    ["from=toString&room=&author=+", { q: "", has: [] }],
  ] as const)("%s is read as far as it can be", (search, question) => expect(questionOf(search)).toEqual(question));

  it("tells a question from a place to look in", () => {
    expect(["q=a", "author=m", "has=link", "room=a", "from=day", "q=+", ""].map((it) => isAsked(questionOf(it)))).toEqual([true, true, true, false, false, false, false]);
    expect(["q=a", "q=a&room=b", "q=a&to=5", "has=link"].map((it) => isNarrow(questionOf(it)))).toEqual([false, true, true, true]);
    expect(changed(questionOf("q=a&room=b&from=day"), { room: undefined, from: "year" })).toEqual({ q: "a", has: [], from: "year" });
  });

  it("asks the server for moments: a span ends now, whenever that is", () => {
    expect(wishOf(questionOf("q=a&from=week"), 10 * DAY)).toEqual({ q: "a", from: 3 * DAY });
    expect(wishOf(questionOf("author=m&has=image&from=0&to=9"), 10 * DAY, "4.2")).toEqual({ author: "m", has: ["image"], from: 0, to: 9, after: "4.2" });
  });
});

describe("a hit", () => {
  const marked = (text: string, ...places: [number, number][]): string =>
    piecesOf(text, places.map(([from, to]) => ({ from, to }))).map((it) => (it.found ? `[${it.text}]` : it.text)).join("");

  it.each([
    ["周三的讀書會：x", [[3, 6]], "周三的[讀書會]：x"],
    ["🎉🎉读书会", [[2, 5]], "🎉🎉[读书会]"],
    ["👨‍👩‍👧 𠮷野家 弱关系", [[6, 7], [10, 13]], "👨‍👩‍👧 [𠮷]野家 [弱关系]"],
    ["e\u0301te\u0301 en", [[0, 5]], "[e\u0301te\u0301] en"],
    ["整句都是", [[0, 4]], "[整句都是]"],
    ["没有位置", [], "没有位置"],
    ["", [[0, 3]], ""],
    ["从外面来的", [[3, 99]], "从外面[来的]"],
    ["叠着的位置", [[0, 3], [2, 4]], "[叠着的][位]置"],
  ] as [string, [number, number][], string][])("shows what was found in %s", (text, places, shown) => expect(marked(text, ...places)).toBe(shown));

  it("never splits a character that takes two units", () => {
    for (let from = 0; from < 4; from++) expect(marked("a🎉𠮷b", [from, from + 1])).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
  });

  it("leads to its message, or to the room or topic itself", () => {
    expect([hit(4711), hit(null), hit(7, { topic: true }), hit(null, { topic: true })].map(placeOf)).toEqual(["/r/lobby?s=4711", "/r/lobby", "/t/lobby?s=7", "/t/lobby"]);
  });

  it("is shown once, wherever a page begins meanwhile", () => {
    expect(fresh([hit(1), hit(null)], [hit(null), hit(1), hit(2), hit(1, { room: "b" })]).map((it) => `${it.room} ${it.seq}`)).toEqual(["lobby 2", "b 1"]);
  });

  it("tells who said it, the most frequent first; who made a room did not say its title", () => {
    expect(authorsOf([hit(1), hit(2, { author: bob }), hit(3, { author: bob }), hit(null, { author: { ...ann, id: "m_x" } })]).map((it) => it.id)).toEqual(["m_bob", "m_ann"]);
  });
});

describe("what was searched for lately", () => {
  const kept = new Map<string, string>();
  beforeEach(() => {
    kept.clear();
    vi.stubGlobal("localStorage", new Proxy({}, {
      ownKeys: () => [...kept.keys()],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
      get: (_, name) => ({ getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, text: string) => kept.set(key, text), removeItem: (key: string) => kept.delete(key) })[name as "getItem"],
    }));
  });

  it("is each once, the newest first, and no more than eight", () => {
    for (let n = 1; n <= RECENT_MAX + 2; n++) remember("m_ann", `词 ${n}`);
    remember("m_ann", " 词 5 ");
    expect(recent("m_ann")).toEqual(["词 5", "词 10", "词 9", "词 8", "词 7", "词 6", "词 4", "词 3"]);
    expect(forget("m_ann", "词 8")).toHaveLength(RECENT_MAX - 1);
    expect(recent("m_ann")).not.toContain("词 8");
  });

  it("is each account's own, and gone once somebody signs out", () => {
    remember("m_ann", "秘密");
    expect(recent("m_bob")).toEqual([]);
    draftsGone();
    expect([recent("m_ann"), kept.size]).toEqual([[], 0]);
  });

  it("keeps nothing that is empty or long, and reads nothing that it did not write", () => {
    remember("m_ann", "  ");
    remember("m_ann", "长".repeat(RECENT_CHARS_MAX + 1));
    expect(kept.size).toBe(0);
    for (const text of ["{", "7", '{"a":1}']) {
      kept.set("weiquan.draft.search/m_ann", text);
      expect(recent("m_ann")).toEqual([]);
    }
    kept.set("weiquan.draft.search/m_ann", '["a",7,null]');
    expect(recent("m_ann")).toEqual(["a"]);
  });
});

describe("why a search was not answered", () => {
  const refused = (code: string, ms?: number) => new Refused({ code, act: "none", say: "said", ...(ms === undefined ? {} : { ms }) } as Refused["refusal"]);

  it.each([
    [refused("rate_limited", 12_000), { kind: "wait", until: 13_000 }], [refused("rate_limited"), { kind: "wait", until: 11_000 }],
    [refused("too_long"), { kind: "long" }], [refused("empty"), { kind: "marks" }],
    [refused("guests_not_allowed"), { kind: "room", code: "guests_not_allowed", say: "said" }], [refused("not_found"), { kind: "room", code: "not_found", say: "said" }],
    [refused("storage_unavailable"), { kind: "failed", code: "storage_unavailable", say: "said" }], [new TypeError("no network"), { kind: "away" }],
  ] as const)("%s", (error, trouble) => expect(troubleOf(error, 1_000)).toEqual(trouble));
});

describe("what was found", () => {
  const asked: { wish: SearchQuestion; signal: AbortSignal | undefined; answer: (page: SearchPage) => Promise<void>; fail: (error: unknown) => Promise<void> }[] = [];
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  const book = (): InstanceType<typeof SearchBook> =>
    new SearchBook(async () => ({
      search: (wish, signal) =>
        new Promise((done, fail) => {
          signal?.addEventListener("abort", () => fail(signal.reason));
          asked.push({ wish, signal, answer: (page) => (done(page), settled()), fail: (error) => (fail(error), settled()) });
        }),
    }), () => 10 * DAY);
  const page = (from: number, n: number, next: string | null = null): SearchPage => ({ hits: Array.from({ length: n }, (_, at) => hit(from - at)), next });
  const seqs = (it: InstanceType<typeof SearchBook>) => it.rows?.map((row) => row.seq);
  afterEach(() => void (asked.length = 0));

  it("is the newest question's: an older one is given up, and its answer dropped", async () => {
    const it = book();
    const [first, second] = [it.find(questionOf("q=a"), "me"), it.find(questionOf("q=ab"), "me")];
    await settled();
    expect(asked.map(({ wish, signal }) => [wish.q, signal?.aborted])).toEqual([["a", true], ["ab", false]]);
    await asked.at(-1)?.answer(page(9, 1));
    await asked[0]?.answer(page(5, 3));
    await Promise.all([first, second]);
    expect([seqs(it), it.failure, it.isAnswerTo(questionOf("q=ab"), "me"), it.isAnswerTo(questionOf("q=a"), "me")]).toEqual([[9], undefined, true, false]);
  });

  it("is not another person's", async () => {
    const it = book();
    void it.find(questionOf("q=a"), "me");
    await settled();
    await asked[0]?.answer(page(9, 1));
    expect([it.isAnswerTo(questionOf("q=a"), "me"), it.isAnswerTo(questionOf("q=a"), "")]).toEqual([true, false]);
  });

  it("looks on by itself from a page with few hits, until there is a screenful", async () => {
    const it = book();
    void it.find(questionOf("q=a"), "me");
    await settled();
    await asked[0]?.answer(page(99, 2, "1"));
    expect([seqs(it), it.further, asked[1]?.wish]).toEqual([[99, 98], true, { q: "a", after: "1" }]);
    await asked[1]?.answer(page(0, 0, "2"));
    await asked[2]?.answer(page(90, SCREENFUL, "3"));
    expect([it.rows?.length, it.further, it.hasMore, asked.length]).toEqual([SCREENFUL + 2, false, true, 3]);
    void it.onward();
    await settled();
    await asked[3]?.answer(page(50, 1));
    expect([it.rows?.length, it.further, it.hasMore]).toEqual([SCREENFUL + 3, false, false]);
  });

  it("does not look on without an end", async () => {
    const it = book();
    void it.find(questionOf("q=a"), "me");
    for (let n = 0; n <= LOOKS_MAX; n++) {
      await settled();
      await asked[n]?.answer(page(0, 0, `${n}`));
    }
    await settled();
    expect([asked.length, it.further, it.hasMore, it.rows]).toEqual([LOOKS_MAX + 1, false, true, []]);
    void it.retry("me");
    await settled();
    expect(asked.at(-1)?.wish).toEqual({ q: "a", after: `${LOOKS_MAX}` });
  });

  it("comes by scrolling up to a limit", async () => {
    const it = book();
    void it.find(questionOf("q=a"), "me");
    await settled();
    await asked[0]?.answer(page(999, SCROLLED_MAX - 1, "1"));
    expect(it.scrollsOn).toBe(true);
    void it.onward();
    await settled();
    await asked[1]?.answer(page(99, SCREENFUL, "2"));
    expect([it.scrollsOn, it.hasMore]).toEqual([false, true]);
  });

  it("stays where the rest does not get through, and goes on from there", async () => {
    const it = book();
    void it.find(questionOf("q=a"), "me");
    await settled();
    await asked[0]?.answer(page(9, 1, "1"));
    await asked[1]?.fail(new TypeError("no network"));
    expect([seqs(it), it.further, it.loading, it.why]).toEqual([[9], false, false, expect.any(TypeError)]);
    void it.retry("me");
    await settled();
    expect(asked[2]?.wish).toEqual({ q: "a", after: "1" });
    await asked[2]?.answer(page(8, 1));
    expect([seqs(it), it.why, it.failure]).toEqual([[9, 8], undefined, undefined]);
  });

  it("is asked anew where the first page did not get through", async () => {
    const it = book();
    void it.find(questionOf("q=a"), "me");
    await settled();
    await asked[0]?.answer(page(9, 20, "1"));
    void it.find(questionOf("q=b"), "me");
    await settled();
    await asked[1]?.fail(new TypeError("no network"));
    expect(it.isAnswerTo(questionOf("q=b"), "me")).toBe(false);
    void it.retry("me");
    await settled();
    expect(asked[2]?.wish).toEqual({ q: "b" });
  });

  it("asks nothing where nothing is looked for, and nobody waits once one left", async () => {
    const it = book();
    await it.find(questionOf("room=lobby&from=week"), "me");
    expect([asked.length, it.rows]).toEqual([0, []]);
    void it.find(questionOf("q=a"), "me");
    await settled();
    it.leave();
    await settled();
    expect([asked[0]?.signal?.aborted, it.failure, it.loading, it.isAnswerTo(questionOf("q=a"), "me")]).toEqual([true, undefined, false, false]);
  });

  it("keeps those who may be chosen while one of them is, and forgets them with the words", async () => {
    const it = book();
    void it.find(questionOf("q=a"), "me");
    await settled();
    await asked[0]?.answer({ hits: [hit(3), hit(2, { author: bob }), hit(1, { author: bob })], next: null });
    void it.find(questionOf("q=a&author=m_ann"), "me");
    await settled();
    await asked[1]?.answer({ hits: [hit(3)], next: null });
    expect(it.authors.map(({ id }) => id)).toEqual(["m_bob", "m_ann"]);
    void it.find(questionOf("q=b&author=m_ann"), "me");
    expect(it.authors).toEqual([]);
  });
});
