/** What is looked for: as an address says it, and as the server is asked. Pure. */
import type { SearchHas, SearchQuestion } from "@weiquan/client";

/** A time that moves along: an address that is passed on means the same days before whoever opens it. */
export type Span = "day" | "week" | "month" | "year";

export interface Question {
  q: string;
  room?: string;
  author?: string;
  has: readonly SearchHas[];
  /** Since then: a span, or Unix ms. */
  from?: Span | number;
  to?: number;
}

export type Change = { [K in keyof Question]?: Question[K] | undefined };

const DAY_MS = 86_400_000;
export const SPANS: Readonly<Record<Span, number>> = { day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS, year: 365 * DAY_MS };
export const HAS: readonly SearchHas[] = ["link", "image", "card"];

const isSpan = (it: string): it is Span => Object.hasOwn(SPANS, it);

/** Reads an address as far as it can be read. */
export function questionOf(search: string): Question {
  const asked = new URLSearchParams(search);
  const said = (name: string): string | undefined => asked.get(name)?.trim() || undefined;
  const has = said("has")?.split(",");
  const from = said("from");
  return changed(
    { q: said("q") ?? "", has: HAS.filter((it) => has?.includes(it)) },
    { room: said("room"), author: said("author"), from: from && isSpan(from) ? from : momentOf(from), to: momentOf(said("to")) },
  );
}

function momentOf(text: string | undefined): number | undefined {
  const ms = Number(text ?? Number.NaN);
  return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
}

/** The same question is the same text, in whatever order it was made. */
export function queryOf({ q, room, has, author, from, to }: Question): string {
  const said = Object.entries({ q: q.trim(), room, has: has.join(), author, from, to }).filter(([, value]) => (value ?? "") !== "");
  return new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
}

/** With other values, or (`undefined`) without. */
export function changed(question: Question, change: Change): Question {
  const all = Object.entries({ ...question, ...change }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(all) as unknown as Question;
}

/** Whether there is something to look for. A room alone, or a time, is a place to look in. */
export const isAsked = ({ q, author, has }: Question): boolean => q.trim() !== "" || author !== undefined || has.length > 0;

/** Whether it is narrowed down by more than its words. */
export const isNarrow = ({ q: _, ...rest }: Question): boolean => queryOf({ q: "", ...rest }) !== "";

export function wishOf({ q, has, from, ...rest }: Question, now: number, after?: string): SearchQuestion {
  const since = typeof from === "string" ? now - SPANS[from] : from;
  const words = q.trim();
  return {
    ...rest,
    ...(words ? { q: words } : {}),
    ...(has.length > 0 ? { has } : {}),
    ...(since === undefined ? {} : { from: since }),
    ...(after === undefined ? {} : { after }),
  };
}
