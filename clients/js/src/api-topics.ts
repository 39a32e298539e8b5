/** What the SDK offers of topics beside their rooms, as types: lists, boards, tags, and where one is. */
import type {
  Asked,
  Board,
  BoardWish,
  Following,
  NewTopic,
  TagCount,
  TopicCard,
  TopicKind,
  TopicList,
  TopicQuote,
  TopicStatus,
  Unread,
} from "./protocol/index.js";

/** `new Topics(client)` implements it. */
export interface TopicsApi {
  /** A page of topics: pinned ones first, then those that something was said in last. */
  topics(search?: TopicSearch): Promise<TopicList>;
  topic(slug: string): Promise<TopicCard>;
  /** A client id for a topic that is to be started: said again with the same one, it is started once. */
  newId(): string;
  startTopic(wish: NewTopic): Promise<TopicCard>;
  /** What several people ask in a room in about the same words, for who picks questions there. */
  asked(slug: string): Promise<Asked[]>;
  /** What messages of a room say now, in order, for who is about to make a topic of them. */
  quotes(slug: string, seqs: readonly number[]): Promise<TopicQuote[]>;
  /** Up to where one has read; never goes back. */
  setReading(slug: string, seq: number): Promise<TopicCard>;
  setFollowing(slug: string, following: Following): Promise<TopicCard>;
  /** Into another one, with who likes and follows it; for the owner and moderators. Nothing is written in it from then on. */
  mergeTopic(slug: string, into: string): Promise<TopicCard>;
  /** By itself again. */
  partTopic(slug: string): Promise<TopicCard>;
  /** How much is new in the topics that one follows. */
  unread(): Promise<Unread>;
  /** Those with the most topics first. */
  tags(): Promise<TagCount[]>;
  /** In their order. */
  boards(): Promise<Board[]>;
  /** Whether one has a notice of each topic that is started in it. */
  followBoard(slug: string, following: boolean): Promise<Board[]>;
  /** Makes a board, or changes it; for the owner and moderators. */
  putBoard(slug: string, wish: BoardWish): Promise<Board[]>;
  /** Its topics stay, and are in none. */
  removeBoard(slug: string): Promise<Board[]>;
}

export interface TopicSearch {
  board?: string;
  /** Without its `#`. */
  tag?: string;
  kind?: TopicKind;
  status?: TopicStatus;
  /** Who started it. */
  by?: string;
  featured?: boolean;
  /** Only those that one follows and in which something is new. */
  news?: boolean;
  /** Only questions that nobody replied to for 24 hours, who waits longest first. Not together with `news`. */
  unanswered?: boolean;
  /** Only those in which many people speak just now, the hottest first. Apart from the two above. */
  hot?: boolean;
  /** `next` of the page before. */
  after?: string;
  /** At most 50; 20 by default. */
  n?: number;
}
