/**
 * Lists of topics, boards and tags, and where one is in a topic: what only some pages ask for, apart from the core.
 * What is said in a topic is a room's: `client.room(slug)`.
 */
import type { TopicsApi, TopicSearch } from "./api-topics.js";
import type {
  Asked,
  AskedList,
  Board,
  BoardFollowingWish,
  BoardList,
  BoardWish,
  Following,
  FollowingWish,
  MergeWish,
  NewTopic,
  ReadingWish,
  TagCount,
  TagList,
  TopicCard,
  TopicList,
  TopicQuote,
  Unread,
} from "./protocol/index.js";
import { asking } from "./query.js";
import type { Caller } from "./rest.js";
import { uuid } from "./uuid.js";

export class Topics implements TopicsApi {
  readonly #by: Caller;

  constructor(by: Caller) {
    this.#by = by;
  }

  topics({ featured, news, unanswered, hot, ...search }: TopicSearch = {}): Promise<TopicList> {
    // What is not wanted is not said.
    const marks = {
      featured: featured || undefined,
      news: news || undefined,
      unanswered: unanswered || undefined,
      hot: hot || undefined,
    };
    return this.#by.rest({ method: "GET", path: asking("topics", { ...search, ...marks }) });
  }

  topic(slug: string): Promise<TopicCard> {
    return this.#by.rest({ method: "GET", path: at("topics", slug) });
  }

  newId(): string {
    return uuid(Date.now(), Math.random);
  }

  startTopic(body: NewTopic): Promise<TopicCard> {
    return this.#by.rest({ method: "POST", path: "topics", body });
  }

  async asked(slug: string): Promise<Asked[]> {
    return (await this.#by.rest<AskedList>({ method: "GET", path: `${at("rooms", slug)}/asked` })).asked;
  }

  async quotes(slug: string, seqs: readonly number[]): Promise<TopicQuote[]> {
    // Few ask for it: it comes by itself.
    return (await import("./quotes.js")).quotes(this.#by, slug, seqs);
  }

  setReading(slug: string, seq: number): Promise<TopicCard> {
    const body: ReadingWish = { seq };
    return this.#by.rest({ method: "PUT", path: `${at("topics", slug)}/reading`, body });
  }

  setFollowing(slug: string, following: Following): Promise<TopicCard> {
    const body: FollowingWish = { following };
    return this.#by.rest({ method: "PUT", path: `${at("topics", slug)}/following`, body });
  }

  mergeTopic(slug: string, into: string): Promise<TopicCard> {
    const body: MergeWish = { into };
    return this.#by.rest({ method: "PUT", path: `${at("topics", slug)}/into`, body });
  }

  partTopic(slug: string): Promise<TopicCard> {
    return this.#by.rest({ method: "DELETE", path: `${at("topics", slug)}/into` });
  }

  unread(): Promise<Unread> {
    return this.#by.rest({ method: "GET", path: "unread" });
  }

  async tags(): Promise<TagCount[]> {
    return (await this.#by.rest<TagList>({ method: "GET", path: "tags" })).tags;
  }

  async boards(): Promise<Board[]> {
    return (await this.#by.rest<BoardList>({ method: "GET", path: "boards" })).boards;
  }

  async putBoard(slug: string, body: BoardWish): Promise<Board[]> {
    return (await this.#by.rest<BoardList>({ method: "PUT", path: at("boards", slug), body })).boards;
  }

  async followBoard(slug: string, following: boolean): Promise<Board[]> {
    const body: BoardFollowingWish = { following };
    return (await this.#by.rest<BoardList>({ method: "PUT", path: `${at("boards", slug)}/following`, body }))
      .boards;
  }

  async removeBoard(slug: string): Promise<Board[]> {
    return (await this.#by.rest<BoardList>({ method: "DELETE", path: at("boards", slug) })).boards;
  }
}

const at = (what: string, slug: string): string => `${what}/${encodeURIComponent(slug)}`;
