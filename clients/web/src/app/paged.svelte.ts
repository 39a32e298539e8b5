/** A list that is read a page after the other, one search at a time. */
import { wordsFor } from "./app.svelte";

export interface Page<T> {
  rows: readonly T[];
  /** Where the next page begins; absent where there is none. */
  next: string | undefined;
}

export abstract class Paged<T> {
  rows = $state.raw<readonly T[]>();
  failure = $state<string>();
  #next = $state.raw<string>();
  #loading = $state(false);
  /** Answers of an earlier search are not for this one. */
  #turn = 0;

  /** Asks for a page of the search at hand. One that takes several requests stops once it is not `current` any more. */
  protected abstract page(after: string | undefined, current: () => boolean): Promise<Page<T>>;

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

  async #load(after: string | undefined): Promise<void> {
    const turn = ++this.#turn;
    const current = () => turn === this.#turn;
    this.#loading = true;
    try {
      const page = await this.page(after, current);
      if (!current()) return;
      this.rows = after === undefined ? page.rows : [...(this.rows ?? []), ...page.rows];
      this.#next = page.next;
      this.failure = undefined;
    } catch (error) {
      if (current()) this.failure = wordsFor(error);
    } finally {
      if (current()) this.#loading = false;
    }
  }
}
