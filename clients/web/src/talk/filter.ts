/** What the list of topics is filtered by, as an address says it. Pure. */
import type { TopicKind, TopicSearch } from "@weiquan/client";

export interface Filter {
  board?: string;
  tag?: string;
  kind?: TopicKind;
  featured?: true;
  news?: true;
  unanswered?: true;
  hot?: true;
}

export const KINDS: readonly TopicKind[] = ["discussion", "question", "feedback", "offer", "need", "recap", "announcement", "poll"];

export function filterOf(search: string): Filter {
  const asked = new URLSearchParams(search);
  const filter: Filter = {};
  const [board, tag] = [asked.get("board"), asked.get("tag")?.replace(/^#/, "")];
  const kind = KINDS.find((it) => it === asked.get("kind"));
  if (board) filter.board = board;
  if (tag) filter.tag = tag;
  if (kind) filter.kind = kind;
  if (asked.get("featured") === "true") filter.featured = true;
  if (asked.get("news") === "true") filter.news = true;
  else if (asked.get("unanswered") === "true") filter.unanswered = true;
  else if (asked.get("hot") === "true") filter.hot = true;
  return filter;
}

/** The same filter is the same text, whatever was chosen first. */
export function queryOf({ board, tag, kind, featured, news, unanswered, hot }: Filter): string {
  const said = Object.entries({ board, kind, tag, featured, news, unanswered, hot }).filter(([, value]) => value !== undefined);
  return new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
}

/** With another value, or (`undefined`) without. */
export function changed<K extends keyof Filter>(filter: Filter, key: K, value: Filter[K] | undefined): Filter {
  const { [key]: _, ...rest } = filter;
  return (value === undefined ? rest : { ...rest, [key]: value }) as Filter;
}

export const isFiltered = (filter: Filter): boolean => Object.keys(filter).length > 0;

export const searchOf = (filter: Filter, after: string | undefined): TopicSearch => ({ ...filter, ...(after === undefined ? {} : { after }) });
