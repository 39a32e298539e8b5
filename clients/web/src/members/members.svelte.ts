/** The list of members as its page shows it. */
import type { MemberCard, MemberSearch, WeiquanApi } from "@weiquan/client";
import { app } from "../app/app.svelte";
import { Paged, type Page } from "../app/paged.svelte";

export type Shown = "everybody" | "moderators";

export class MemberBook extends Paged<MemberCard> {
  readonly #client: Pick<WeiquanApi, "members">;
  count = $state(0);
  #search: MemberSearch = {};

  constructor(client: Pick<WeiquanApi, "members"> = app.client) {
    super();
    this.#client = client;
  }

  /** Starts over with another search. */
  async find(name: string, shown: Shown): Promise<void> {
    const q = name.trim();
    this.#search = { ...(q === "" ? {} : { q }), ...(shown === "moderators" ? { role: "moderator" as const } : {}) };
    await this.again();
  }

  /** Somebody was given a role: their line says so where it stands, whatever the search was for. */
  changed(card: MemberCard): void {
    this.rows = this.rows?.map((it) => (it.id === card.id ? card : it));
  }

  protected override async page(after: string | undefined, current: () => boolean): Promise<Page<MemberCard>> {
    const page = await this.#client.members({ ...this.#search, ...(after === undefined ? {} : { after }) });
    if (current()) this.count = page.count;
    return { rows: page.members, next: page.next ?? undefined };
  }
}
