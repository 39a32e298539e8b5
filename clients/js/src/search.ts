/** Finding what was said by its words: apart from the core, as only some pages ask for it. */
import type { SearchApi, SearchQuestion } from "./api-search.js";
import type { SearchPage } from "./protocol/index.js";
import type { Caller } from "./topics.js";

export class Search implements SearchApi {
  readonly #by: Caller;

  constructor(by: Caller) {
    this.#by = by;
  }

  search({ has, ...question }: SearchQuestion, signal?: AbortSignal): Promise<SearchPage> {
    const said = Object.entries({ ...question, has: has?.join() }).filter(
      ([, value]) => (value ?? "") !== "",
    );
    const query = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
    const path = query ? `search?${query}` : "search";
    return this.#by.rest({ method: "GET", path, ...(signal ? { signal } : {}) });
  }
}
