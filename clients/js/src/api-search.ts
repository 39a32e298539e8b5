/** What the SDK offers to find what was said, as types. */
import type { SearchPage } from "./protocol/index.js";

/** `new Search(client)` implements it. */
export interface SearchApi {
  /** A page of hits, the newest first. `signal` gives up the request: the promise fails with its reason. */
  search(question: SearchQuestion, signal?: AbortSignal): Promise<SearchPage>;
}

/** What a message may have. */
export type SearchHas = "link" | "image" | "card";

/** One of `q`, `room`, `author` and `has` at least, else the answer is `empty`. */
export interface SearchQuestion {
  /** Words, all of which must be there; `"words in quotes"` stand together. At most 200 characters and 8 words. */
  q?: string;
  /** The slug of the one room or topic to look in. */
  room?: string;
  /** The id of who said it. */
  author?: string;
  /** Said then or later, Unix ms. */
  from?: number;
  /** Said then or earlier, Unix ms. */
  to?: number;
  /** All of these. */
  has?: readonly SearchHas[];
  /** `next` of the page before: that one may have few hits, or none, and still a `next`. */
  after?: string;
  /** At most 50; 20 by default. */
  n?: number;
}
