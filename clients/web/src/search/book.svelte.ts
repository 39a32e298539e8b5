/**
 * What was found: one question at a time, a page after the other. An older answer never takes the place of a newer
 * one; a page with few hits is no end, so it looks on by itself, for a while.
 */
import type { Person, SearchApi, SearchHit } from "@weiquan/client";
import { Paged, type Page } from "../app/paged.svelte";
import { authorsOf, fresh } from "./hit";
import { isAsked, queryOf, wishOf, type Question } from "./question";

/** So many more hits fill a screen. */
export const SCREENFUL = 12;
/** From so many hits on they come at a tap, not by scrolling: more words find it sooner. */
export const SCROLLED_MAX = 200;
/** Requests that follow one another unasked: a tenth of what one may ask in a minute. */
export const LOOKS_MAX = 12;

export class SearchBook extends Paged<SearchHit> {
  readonly #api: () => Promise<SearchApi>;
  readonly #now: () => number;
  #question: Question = { q: "", has: [] };
  #asking = "";
  #turn = 0;
  #stop: AbortController | undefined;
  /** What the rows are the answer to. */
  answered = $state<string>();
  why = $state.raw<unknown>();
  /** It goes on by itself behind what is shown. */
  further = $state(false);
  /** Who may be chosen: those who said what was found before one of them was. */
  authors = $state.raw<readonly Person[]>([]);

  constructor(api: () => Promise<SearchApi>, now: () => number = Date.now) {
    super();
    this.#api = api;
    this.#now = now;
  }

  /** `who` asks: what one may read is no answer to another. */
  async find(question: Question, who: string): Promise<void> {
    if (queryOf({ ...this.#question, author: "" }) !== queryOf({ ...question, author: "" })) this.authors = [];
    this.#question = question;
    this.#asking = keyOf(question, who);
    const turn = ++this.#turn;
    this.further = false;
    await this.again();
    if (turn === this.#turn && this.failure === undefined) await this.#on(turn, this.rows?.length ?? 0);
  }

  /** Another screenful. */
  async onward(): Promise<void> {
    if (this.loading || this.further || !this.hasMore) return;
    await this.#on(++this.#turn, 0);
  }

  /** The same once more, from where it did not get through. */
  retry(who: string): Promise<void> {
    return this.answered === this.#asking && this.hasMore ? this.onward() : this.find(this.#question, who);
  }

  /** Whether more come by scrolling. */
  get scrollsOn(): boolean {
    return this.hasMore && (this.rows?.length ?? 0) < SCROLLED_MAX;
  }

  isAnswerTo(question: Question, who: string): boolean {
    return this.answered === keyOf(question, who);
  }

  /** Nobody waits any more. */
  leave(): void {
    if (!this.loading && !this.further) return;
    this.#turn++;
    this.answered = undefined;
    this.#stop?.abort();
  }

  async #on(turn: number, found: number): Promise<void> {
    const before = (this.rows?.length ?? 0) - found;
    for (let look = 0; look < LOOKS_MAX && turn === this.#turn; look++) {
      if (!this.hasMore || (this.rows?.length ?? 0) - before >= SCREENFUL) break;
      this.further = true;
      await this.more();
      if (this.failure !== undefined) break;
    }
    if (turn === this.#turn) this.further = false;
  }

  protected async page(after: string | undefined, current: () => boolean): Promise<Page<SearchHit>> {
    this.#stop?.abort();
    const { signal } = (this.#stop = new AbortController());
    const [question, asking] = [this.#question, this.#asking];
    try {
      const page = isAsked(question) ? await (await this.#api()).search(wishOf(question, this.#now(), after), signal) : { hits: [], next: null };
      if (!current()) return { rows: [], next: undefined };
      const known = after === undefined ? [] : (this.rows ?? []);
      const rows = fresh(known, page.hits);
      this.answered = asking;
      this.why = undefined;
      if (question.author === undefined) this.authors = authorsOf([...known, ...rows]);
      return { rows, next: page.next ?? undefined };
    } catch (error) {
      // Given up by whoever left: no trouble, and no answer.
      if (signal.aborted) return { rows: [], next: undefined };
      if (current()) this.why = error;
      throw error;
    }
  }
}

const keyOf = (question: Question, who: string): string => `${who}?${queryOf(question)}`;
