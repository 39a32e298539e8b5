/**
 * The outbox on disk: one value a wish, so that two tabs of one device never write over each other.
 *
 * A second tab may say a wish again that the first one has on its way: the client id makes that safe.
 */
import type { KeyValue } from "../api.js";
import type { Wish } from "./state.js";

const PREFIX = "outbox/";

interface Saved {
  room: string;
  wish: Wish;
}

export class Outbox {
  readonly #storage: KeyValue;

  constructor(storage: KeyValue) {
    this.#storage = storage;
  }

  /** What this member has yet to say in this room, oldest first (client ids grow with time). */
  async load(room: string, member: string): Promise<Wish[]> {
    const wishes: Wish[] = [];
    for (const key of await this.#storage.keys(PREFIX)) {
      const saved = read(await this.#storage.get(key));
      if (saved?.room === room && saved.wish.by.id === member) wishes.push(rested(saved.wish));
    }
    return wishes;
  }

  async save(room: string, wish: Wish): Promise<void> {
    const saved: Saved = { room, wish: rested(wish) };
    await this.#storage.set(PREFIX + wish.cid, JSON.stringify(saved));
  }

  async drop(cid: string): Promise<void> {
    await this.#storage.remove(PREFIX + cid);
  }
}

/** As it is when nothing is on its way; what it was taken for belongs to the page that showed it. */
function rested({ seenAs: _, ...wish }: Wish): Wish {
  return wish.state.kind === "flying" || wish.state.kind === "held"
    ? { ...wish, state: { kind: "waiting" } }
    : wish;
}

function read(text: string | null): Saved | null {
  try {
    return text === null ? null : (JSON.parse(text) as Saved);
  } catch {
    return null;
  }
}
