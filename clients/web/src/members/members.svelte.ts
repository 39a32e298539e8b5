/** The list of members as its page shows it: one search at a time, a page after the other. */
import type { MemberCard, MemberSearch, WeiquanApi } from "@weiquan/client";
import { app, wordsFor } from "../app/app.svelte";

export type Shown = "everybody" | "moderators";

export class MemberBook {
  readonly #client: Pick<WeiquanApi, "members">;
  rows = $state.raw<readonly MemberCard[]>();
  count = $state(0);
  failure = $state<string>();
  #next = $state.raw<string | null>(null);
  #loading = $state(false);
  #search: MemberSearch = {};
  /** Answers of an earlier search are not for this one. */
  #turn = 0;

  constructor(client: Pick<WeiquanApi, "members"> = app.client) {
    this.#client = client;
  }

  get hasMore(): boolean {
    return this.#next !== null;
  }
  get loading(): boolean {
    return this.#loading;
  }

  /** Starts over with another search; what is shown stays until the answer is here. */
  async find(name: string, shown: Shown): Promise<void> {
    const q = name.trim();
    this.#search = { ...(q === "" ? {} : { q }), ...(shown === "moderators" ? { role: "moderator" as const } : {}) };
    await this.#load(null);
  }

  async more(): Promise<void> {
    if (this.#next !== null && !this.#loading) await this.#load(this.#next);
  }

  async again(): Promise<void> {
    await this.#load(null);
  }

  /** Somebody was given a role: their line says so where it stands, whatever the search was for. */
  changed(card: MemberCard): void {
    this.rows = this.rows?.map((it) => (it.id === card.id ? card : it));
  }

  async #load(after: string | null): Promise<void> {
    const turn = ++this.#turn;
    this.#loading = true;
    try {
      const page = await this.#client.members({ ...this.#search, ...(after === null ? {} : { after }) });
      if (turn !== this.#turn) return;
      this.rows = after === null ? page.members : [...(this.rows ?? []), ...page.members];
      this.count = page.count;
      this.#next = page.next;
      this.failure = undefined;
    } catch (error) {
      if (turn === this.#turn) this.failure = wordsFor(error);
    } finally {
      if (turn === this.#turn) this.#loading = false;
    }
  }
}
