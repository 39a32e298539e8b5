/** The stand-in's search: what its topics and its room say, and every way in which a search may go, by words of their own. */
import { Refused, type Person, type SearchApi, type SearchHit, type SearchPage, type SearchQuestion } from "@weiquan/client";
import { everybody, lin, self, zhou } from "./people";
import { cards, start, talk } from "./scenes";
import { scenes } from "./talk";
import { wishes } from "./wishes";

const HOUR = 3_600_000;
const N = 20;
/** A page of a search that has to look far. */
const FAR_MS = 350;
/** One that is overtaken by the next. */
const LATE_MS = 900;

type Said = Pick<SearchHit, "room" | "room_title" | "seq" | "at_ms" | "author" | "text"> & { topic?: true; guests: boolean; picture?: true; card?: true };

const outside = (it: Person): Person => ({ ...it, mark: it.mark === "host" ? "member" : it.mark });

function everything(): Said[] {
  if (wishes.circle !== "full") return [];
  const topics = Object.entries(scenes).flatMap(([room, { topic, opening, replies, guests }]): Said[] => {
    const of = { room, room_title: topic.title, topic: true as const, guests: guests !== false };
    const said = replies.map(([by, hours, text], n): Said => ({ ...of, seq: n + 3, at_ms: start - hours * HOUR, author: outside(by), text }));
    return [
      { ...of, seq: null, at_ms: topic.made_ms, author: topic.by, text: topic.title },
      { ...of, seq: 2, at_ms: topic.made_ms, author: topic.by, text: opening },
      ...said.filter((it) => it.text !== ""),
    ];
  });
  const rooms = cards.map((it, n): Said => ({ room: it.slug, room_title: it.title, seq: null, at_ms: start - (n + 9) * 31 * HOUR, author: it.made_by, text: it.title, guests: it.guests }));
  const title = cards[0]?.title ?? "";
  const chat = talk().flatMap((it): Said[] =>
    it.seq === null || it.deleted ? [] : [{ room: "live", room_title: title, seq: it.seq, at_ms: it.at, author: it.author, text: it.text, guests: true }],
  );
  const things: Said[] = [
    { room: "things", room_title: title, seq: 103, at_ms: start - 26 * HOUR, author: outside(lin), text: "[图片] 大连接第三章的批注 🎉👨‍👩‍👧 弱关系那一页", guests: true, picture: true },
    { room: "things", room_title: title, seq: 105, at_ms: start - 27 * HOUR, author: zhou, text: "[商品] 大连接 · 二手书店的存货，三十元一本", guests: true, card: true },
  ];
  return [...chat, ...things, ...topics, ...rooms].sort((a, b) => b.at_ms - a.at_ms);
}

/** Enough to scroll through. */
const many = (n: number): Said[] =>
  Array.from({ length: n }, (_, at) => ({
    room: "long", room_title: "共读", seq: 10_000 - at, at_ms: start - at * HOUR, author: outside(everybody[at % everybody.length] ?? lin),
    text: `many ${at + 1} 第 ${at + 1} 次说到弱关系，${"每次都有新的例子，".repeat(at % 4)}好像永远说不完。`, guests: true,
  }));

/** As the server does it: each word somewhere, places by characters, and of what is long the part around the first. */
function hitOf({ guests: _, picture: __, card: ___, ...said }: Said, words: readonly string[]): SearchHit | undefined {
  const letters = [...said.text.toLowerCase()];
  const found = words.map((word) => {
    const all = [...word];
    return { from: letters.findIndex((_, at) => all.every((it, n) => letters[at + n] === it)), n: all.length };
  });
  if (found.some((it) => it.from < 0)) return undefined;
  const places = found.map(({ from, n }) => ({ from, to: from + n })).sort((a, b) => a.from - b.from).filter((it, n, all) => n === 0 || it.from >= (all[n - 1]?.to ?? 0));
  const begin = letters.length <= 160 ? 0 : Math.max(0, Math.min((places[0]?.from ?? 0) - 24, letters.length - 160));
  const text = [...said.text].slice(begin, begin + 160).join("");
  const shown = places.map((it) => ({ from: it.from - begin, to: Math.min(160, it.to - begin) })).filter((it) => it.from < 160);
  return { ...said, text, before: begin > 0, behind: begin + 160 < letters.length, places: shown };
}

export class FakeSearch implements SearchApi {
  #tries = 0;

  async search(question: SearchQuestion, signal?: AbortSignal): Promise<SearchPage> {
    const { q = "", room, author, from = 0, to = Infinity, has = [], after } = question;
    // The checks look at what was asked, and at what was given up.
    const asked = { ...question, given: false };
    ((window as unknown as { searches?: unknown[] }).searches ??= []).push(asked);
    signal?.addEventListener("abort", () => (asked.given = true));
    const words = q.toLowerCase().replace(/["“”]/g, " ").split(/\s+/).filter(Boolean);
    const page = await this.#special(q, Number(after ?? 0), signal);
    if (page) return page;
    if ([...q].length > 200 || words.length > 8) throw new Refused({ code: "too_long", say: "", act: "none" });
    if (q !== "" && !/[\p{L}\p{N}]/u.test(q)) throw new Refused({ code: "empty", say: "", act: "none" });
    const member = self !== null && self.mark !== "guest";
    if (room === "inner" && !member) throw new Refused({ code: "guests_not_allowed", say: "", act: "reauth" });
    const all = q.startsWith("many") ? many(320) : everything();
    const fits = all.filter(
      (it) =>
        (member || it.guests) && (room === undefined || it.room === room) && (author === undefined || (it.seq !== null && it.author.id === author)) && it.at_ms >= from && it.at_ms <= to &&
        has.every((kind) => (kind === "link" ? /https?:/.test(it.text) : kind === "image" ? it.picture : it.card)),
    );
    const hits = fits.map((it) => hitOf(it, words)).filter((it) => it !== undefined);
    const first = Number(after ?? 0);
    return { hits: hits.slice(first, first + N), next: hits.length > first + N ? String(first + N) : null };
  }

  async #special(q: string, at: number, signal: AbortSignal | undefined): Promise<SearchPage | undefined> {
    switch (q) {
      case "forever":
        return this.#after(Infinity, signal);
      case "late":
        return this.#after(LATE_MS, signal);
      case "fast":
        throw new Refused({ code: "rate_limited", say: "", act: "retry", ms: 42_000 });
      case "soon":
        if (this.#tries++ > 0) return { hits: many(3).map((it) => hitOf(it, []) as SearchHit), next: null };
        throw new Refused({ code: "rate_limited", say: "", act: "retry", ms: 700 });
      case "away":
        throw new TypeError("no network");
      case "once":
        if (this.#tries++ > 0) return { hits: many(3).map((it) => hitOf(it, []) as SearchHit), next: null };
        throw new TypeError("no network");
      case "broken":
        throw new Refused({ code: "internal", say: "", act: "retry" });
      // One hit on every other page, and then the end.
      case "rare":
        await this.#after(FAR_MS, signal);
        return { hits: at % 2 === 0 ? many(12).slice(at, at + 1).map((it) => hitOf(it, []) as SearchHit) : [], next: at < 8 ? String(at + 1) : null };
      case "deep":
        return { hits: [], next: String(at + 1) };
    }
    return undefined;
  }

  async #after(ms: number, signal: AbortSignal | undefined): Promise<undefined> {
    await new Promise<void>((done, fail) => {
      if (ms !== Infinity) setTimeout(done, ms);
      signal?.addEventListener("abort", () => fail(signal.reason));
    });
    return undefined;
  }
}
