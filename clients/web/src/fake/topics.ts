/** The stand-in's lists of topics, boards and places. */
import { Refused, type Asked, type Board, type BoardWish, type Following, type NewTopic, type TagCount, type Topic, type TopicCard, type TopicList, type TopicQuote, type TopicSearch, type TopicsApi, type Unread } from "@weiquan/client";
import { mo, self, yang } from "./people";
import { viewOf } from "./scenes";
import { scenes } from "./talk";
import { wishes } from "./wishes";

const DAY = 86_400_000;
const PAGE = 8;

/** Up to where one has read, by topic. */
const PLACES: Record<string, number> = { weakties: 10, answered: 7, planned: 5, much: 8_000 };

function cardOf(slug: string, n: number): TopicCard | undefined {
  const scene = scenes[slug];
  if (!scene) return undefined;
  const last = scene.replies.at(-1);
  const place = PLACES[slug];
  const unread = place === undefined ? 0 : scene.replies.filter((_, at) => at + 3 > place).length;
  return {
    room: slug, guests: scene.guests !== false, topic: scene.topic, excerpt: scene.opening.replace(/\s+/g, " ").slice(0, 140), replies: scene.replies.length,
    likes: scene.likes ?? 0, ...(slug === "weakties" ? { hot: true } : {}), last_ms: last ? Date.now() - last[1] * 3_600_000 : Date.now() - n * 60_000, last_by: last?.[0] ?? scene.topic.by,
    ...(place !== undefined && self !== null && self.mark !== "guest" ? { reading: { seq: place, unread, following: "yes" as const } } : {}),
  };
}

const more: TopicCard[] = Array.from({ length: 12 }, (_, n) => ({
  room: `more-${n}`, guests: true,
  topic: { kind: n % 3 === 0 ? "recap" : "discussion", title: `共读第${["一", "二", "三", "四", "五", "六"][n % 6]}夜的回顾与书单`, by: n % 2 ? mo : yang, made_ms: Date.now() - (9 + n) * DAY, board: "reading", tags: ["回顾"] },
  excerpt: "这一夜读了什么、谁问了什么、下次读到哪里，都在这里。", replies: 3 + n * 2, likes: n, last_ms: Date.now() - (8 + n) * DAY, last_by: mo,
}));

export class FakeTopics implements TopicsApi {
  #boards: Board[] =
    wishes.circle === "full"
      ? [
          { slug: "reading", title: "共读", about: "书、章节、读到哪里了。", topics: 14, rank: 0 },
          { slug: "help", title: "求助与建议", about: "不会用的、想要的，都放这里。", topics: 6, rank: 1 },
          { slug: "market", title: "互助集市", about: "能提供的和需要的。", topics: 3, rank: 2 },
        ]
      : [];
  #tries = 0;

  #all(): TopicCard[] {
    const known = ["locked", "exchange", "weakties", "books", "answered", "matched", "planned", "declined"].map(cardOf).filter((it) => it !== undefined);
    return [...known, ...more];
  }

  async topics({ board, tag, kind, featured, news, unanswered, hot, after, n = PAGE }: TopicSearch = {}): Promise<TopicList> {
    if (wishes.circle !== "full") return { topics: [], next: null };
    const fits = this.#all().filter(
      (it) =>
        (board === undefined || it.topic.board === board) && (tag === undefined || it.topic.tags?.includes(tag)) && (kind === undefined || it.topic.kind === kind) &&
        (!hot || it.hot) &&
        (!unanswered || (it.topic.kind === "question" && it.replies === 0)) &&
        (!featured || it.topic.featured) && (!news || (it.reading?.unread ?? 0) > 0) && (it.guests || (self !== null && self.mark !== "guest")),
    );
    const from = Number(after ?? 0);
    return { topics: fits.slice(from, from + n), next: fits.length > from + n ? String(from + n) : null };
  }
  async topic(slug: string): Promise<TopicCard> {
    if (slug === "failed") throw new TypeError("no network");
    if (slug === "inner") throw new Refused({ code: "guests_not_allowed", say: "", act: "reauth" });
    const like = slug === "written" ? "weakties" : slug;
    const { from } = scenes[like] ?? {};
    const card = like === "much" || like === "joining" ? { ...(cardOf("weakties", 0) as TopicCard) } : cardOf(like, 0);
    if (!card) throw new Refused({ code: "not_found", say: "", act: "stop" });
    const member = self !== null && self.mark !== "guest";
    return like === "much" && member ? { ...card, room: "much", reading: { seq: PLACES.much ?? 0, unread: 2_002, following: "yes" } } : { ...card, room: slug, ...(from ? { from } : {}) };
  }
  newId(): string {
    return "01940000-0000-7000-8000-000000000001";
  }
  /** One that has “fails” in its title is not started the first time. */
  async startTopic(wish: NewTopic): Promise<TopicCard> {
    if (wish.title.includes("fails") && this.#tries++ === 0) throw new TypeError("no network");
    Object.assign(window, { startedTopic: wish });
    return cardOf(wish.from ? "exchange" : "books", 0) as TopicCard;
  }
  async asked(slug: string): Promise<Asked[]> {
    if (slug !== "apart") return [];
    return [
      { text: "录音什么时候能听？", people: 14, times: 17, at_ms: Date.now(), seqs: [101, 103] },
      { text: "下一夜读哪一章？", people: 3, times: 3, at_ms: Date.now(), seqs: [102, 104] },
      { text: "在哪里报名？", people: 2, times: 2, at_ms: Date.now(), seqs: [105, 106], topic: { room: "answered", title: "在哪里报名？" } },
    ];
  }
  async quotes(slug: string, seqs: readonly number[]): Promise<TopicQuote[]> {
    const { messages = [] } = viewOf(slug);
    return seqs.map((seq): TopicQuote => {
      const it = messages.find((message) => message.seq === seq);
      const author = { id: it?.author.id ?? "", name: it?.author.name ?? "" };
      if (!it || it.deleted) return { seq, author, text: "", deleted: true };
      return { seq, at_ms: it.at, author, text: it.text, ...(it.card ? { card: it.card } : {}) };
    });
  }
  async setReading(slug: string, seq: number): Promise<TopicCard> {
    const said = ((window as unknown as { places?: [string, number][] }).places ??= []);
    said.push([slug, seq]);
    return this.topic(slug);
  }
  async setFollowing(slug: string, following: Following): Promise<TopicCard> {
    const card = await this.topic(slug);
    return { ...card, reading: { seq: 0, unread: 0, ...card.reading, following } };
  }
  async unread(): Promise<Unread> {
    return wishes.circle === "full" ? { topics: 2, messages: 6 } : { topics: 0, messages: 0 };
  }
  async tags(): Promise<TagCount[]> {
    return wishes.circle === "full" ? ["回顾", "共读", "大连接", "放映", "送书", "聊天"].map((tag, n) => ({ tag, topics: 12 - n })) : [];
  }
  async boards(): Promise<Board[]> {
    return this.#boards;
  }
  async putBoard(slug: string, { title, about = "", rank }: BoardWish): Promise<Board[]> {
    const before = this.#boards.find((it) => it.slug === slug);
    const rest = this.#boards.filter((it) => it.slug !== slug);
    rest.splice(rank ?? before?.rank ?? rest.length, 0, { slug, title, about, topics: before?.topics ?? 0, rank: 0 });
    return (this.#boards = rest.map((it, rank) => ({ ...it, rank })));
  }
  async followBoard(slug: string, following: boolean): Promise<Board[]> {
    return (this.#boards = this.#boards.map((it) => (it.slug === slug ? { ...it, following } : it)));
  }
  /** Into “declined” nothing is merged. */
  async mergeTopic(slug: string, into: string): Promise<TopicCard> {
    if (into === "declined") throw new Refused({ code: "wrong_phase", say: "that topic was merged into this one", act: "stop" });
    const [card, other] = [await this.topic(slug), await this.topic(into)];
    return this.#is(card, { ...card.topic, into: { room: other.room, title: other.topic.title } });
  }
  async partTopic(slug: string): Promise<TopicCard> {
    const card = await this.topic(slug);
    const { into: _, ...topic } = card.topic;
    return this.#is(card, topic);
  }
  #is(card: TopicCard, topic: Topic): TopicCard {
    (window as unknown as { fakeRoom: { topicIs(topic: Topic): void } }).fakeRoom.topicIs(topic);
    return { ...card, topic };
  }
  async removeBoard(slug: string): Promise<Board[]> {
    return (this.#boards = this.#boards.filter((it) => it.slug !== slug));
  }
}
