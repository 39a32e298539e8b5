/** Who is in a room too large for a list that keeps itself: a page after the other, one search at a time. */
import type { Person, RoomApi } from "@weiquan/client";
import { wordsFor } from "../app/app.svelte";

/** Pages looked through for a name before the finger is asked again; the server looks at a thousand names in each. */
const PAGES_AT_ONCE = 20;

export class Crowd {
  readonly #room: Pick<RoomApi, "who">;
  rows = $state.raw<readonly Person[]>();
  failure = $state<string>();
  loading = $state(false);
  #next = $state.raw<string>();
  #q = "";
  /** Answers of an earlier search are not for this one. */
  #turn = 0;

  constructor(room: Pick<RoomApi, "who">) {
    this.#room = room;
  }

  get hasMore(): boolean {
    return this.#next !== undefined;
  }

  /** Starts over with another name; what is shown stays until the answer is here. */
  async find(name: string): Promise<void> {
    this.#q = name.trim();
    await this.#load(undefined);
  }

  async more(): Promise<void> {
    if (this.#next !== undefined && !this.loading) await this.#load(this.#next);
  }

  async #load(after: string | undefined): Promise<void> {
    const turn = ++this.#turn;
    const before = after === undefined ? [] : (this.rows ?? []);
    this.loading = true;
    this.failure = undefined;
    try {
      const found: Person[] = [];
      let next = after;
      for (let pages = 0; pages < PAGES_AT_ONCE; pages++) {
        const page = await this.#room.who({ ...(this.#q === "" ? {} : { q: this.#q }), ...(next === undefined ? {} : { after: next }) });
        if (turn !== this.#turn) return;
        found.push(...page.here);
        next = page.next;
        if (next === undefined || found.length > 0) break;
      }
      this.rows = [...before, ...found];
      this.#next = next;
    } catch (error) {
      if (turn === this.#turn) this.failure = wordsFor(error);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}
