/** A list that is read a page after the other, one search at a time. */
import { wordsFor } from "./app.svelte";

export interface Page<T, At = string> {
  rows: readonly T[];
  /** Where the next page begins; absent where there is none. */
  next: At | undefined;
}

export abstract class Paged<T, At = string> {
  rows = $state.raw<readonly T[]>();
  failure = $state<string>();
  #next = $state.raw<At>();
  #loading = $state(false);
  /** Answers of an earlier search are not for this one. */
  #turn = 0;

  /** Asks for a page of the search at hand. One that takes several requests stops once it is not `current` any more. */
  protected abstract page(after: At | undefined, current: () => boolean): Promise<Page<T, At>>;

  get hasMore(): boolean {
    return this.#next !== undefined;
  }
  get loading(): boolean {
    return this.#loading;
  }

  async more(): Promise<void> {
    if (this.#next !== undefined && !this.#loading) await this.#load(this.#next);
  }

  /** From the beginning; what is shown stays until the answer is here. */
  async again(): Promise<void> {
    await this.#load(undefined);
  }

  /** The same, where nobody asked for it: nothing shows that it is under way, or failed. */
  async fresh(): Promise<void> {
    if (!this.#loading) await this.#load(undefined, true);
  }

  async #load(after: At | undefined, quiet = false): Promise<void> {
    const turn = ++this.#turn;
    const current = () => turn === this.#turn;
    this.#loading = !quiet;
    try {
      const page = await this.page(after, current);
      if (!current()) return;
      this.rows = after === undefined ? page.rows : [...(this.rows ?? []), ...page.rows];
      this.#next = page.next;
      this.failure = undefined;
    } catch (error) {
      if (current() && !quiet) this.failure = wordsFor(error);
    } finally {
      if (current()) this.#loading = false;
    }
  }
}

/** One that asks by a function, the newest first. */
export class Pages<T> extends Paged<T, number> {
  readonly #ask: (after: number | undefined) => Promise<Page<T, number>>;

  constructor(ask: (after: number | undefined) => Promise<Page<T, number>>) {
    super();
    this.#ask = ask;
  }

  protected override page(after: number | undefined): Promise<Page<T, number>> {
    return this.#ask(after);
  }
}
