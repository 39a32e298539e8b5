/** The list of topics: a page after the other, one filter at a time. */
import type { TopicCard } from "@weiquan/client";
import { Paged, type Page } from "../app/paged.svelte";
import { searchOf, type Filter } from "./filter";
import { topics } from "./topics";

export class TopicBook extends Paged<TopicCard> {
  #filter: Filter = {};

  find(filter: Filter): Promise<void> {
    this.#filter = filter;
    return this.again();
  }

  protected async page(after: string | undefined): Promise<Page<TopicCard>> {
    const list = await (await topics()).topics(searchOf(this.#filter, after));
    // A topic that moved up meanwhile stands on the next page as well: it is shown once.
    const known = new Set(after === undefined ? [] : this.rows?.map((it) => it.room));
    return { rows: list.topics.filter((it) => !known.has(it.room)), next: list.next ?? undefined };
  }
}
