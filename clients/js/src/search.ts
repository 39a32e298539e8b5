/** Finding what was said by its words: apart from the core, as only some pages ask for it. */
import type { SearchApi, SearchQuestion } from "./api-search.js";
import type { SearchPage } from "./protocol/index.js";
import { asking } from "./query.js";
import type { Caller } from "./rest.js";

export class Search implements SearchApi {
  readonly #by: Caller;

  constructor(by: Caller) {
    this.#by = by;
  }

  search({ has, ...question }: SearchQuestion, signal?: AbortSignal): Promise<SearchPage> {
    const path = asking("search", { ...question, has: has?.join() });
    return this.#by.rest({ method: "GET", path, ...(signal ? { signal } : {}) });
  }
}
