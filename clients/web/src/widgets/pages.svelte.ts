/** A list that comes a page after the other, the newest first. */
import { wordsFor } from "../app/app.svelte";

interface Page<T> {
  rows: readonly T[];
  /** Where the next page begins; `null` on the last one. */
  next: number | null;
}

export class Pages<T> {
  readonly #page: (from?: number) => Promise<Page<T>>;
  rows = $state.raw<readonly T[]>();
  next = $state.raw<number | null>(null);
  failure = $state<string>();
  loading = $state(false);

  constructor(page: (from?: number) => Promise<Page<T>>) {
    this.#page = page;
  }

  /** Starts over. */
  async first(): Promise<void> {
    await this.#load();
  }

  async more(): Promise<void> {
    if (this.next !== null) await this.#load(this.next);
  }

  async #load(from?: number): Promise<void> {
    this.loading = true;
    this.failure = undefined;
    try {
      const page = await this.#page(from);
      this.rows = from === undefined ? page.rows : [...(this.rows ?? []), ...page.rows];
      this.next = page.next;
    } catch (error) {
      this.failure = wordsFor(error);
    } finally {
      this.loading = false;
    }
  }
}
