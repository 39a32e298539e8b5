/** Who is in a room too large for a list that keeps itself. */
import { Refused, type Person, type RoomApi, type WhoPage } from "@weiquan/client";
import { Paged, type Page } from "../app/paged.svelte";

/** Pages looked through for a name before the finger is asked again; the server looks at a thousand names in each. */
const PAGES_AT_ONCE = 20;

export class PeopleBook extends Paged<Person> {
  readonly #room: Pick<RoomApi, "who">;
  #q = "";

  constructor(room: Pick<RoomApi, "who">) {
    super();
    this.#room = room;
  }

  /** Starts over with another name. */
  async find(name: string): Promise<void> {
    this.#q = name.trim();
    await this.again();
  }

  protected override async page(after: string | undefined, current: () => boolean): Promise<Page<Person>> {
    const q = this.#q === "" ? {} : { q: this.#q };
    let [rows, next]: [readonly Person[], string | undefined] = [[], after];
    for (let pages = 0; pages < PAGES_AT_ONCE && current(); pages++) {
      const page = await this.#room.who({ ...q, ...(next === undefined ? {} : { after: next }) }).catch(nobody);
      [rows, next] = [page.here, page.next];
      if (next === undefined || rows.length > 0) break;
    }
    return { rows, next };
  }
}

/** Signs alone are nobody's name. */
function nobody(error: unknown): WhoPage {
  if (error instanceof Refused && error.code === "empty") return { here: [] };
  throw error;
}
