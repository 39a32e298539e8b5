/** Reads back what is not loaded: older pages, and the gaps. One request of a kind at a time. */
import type { Link } from "../connection/link.js";
import { OLDER_RECORDS, PAGE_RECORDS_MAX } from "../limits.js";
import type { Outcome, Page, RecordFrame } from "../protocol/index.js";
import { Refused, Unreachable } from "../refused.js";
import type { Gap, RoomEvent, RoomState } from "./state.js";

export interface HistoryRoom {
  state(): RoomState;
  fold(event: RoomEvent): void;
  /** Records of the past are loaded. */
  read(records: readonly RecordFrame[]): void;
}

export class History {
  readonly #link: Link;
  readonly #room: HistoryRoom;
  #older: Promise<void> | null = null;

  constructor(link: Link, room: HistoryRoom) {
    this.#link = link;
    this.#room = room;
  }

  older(): Promise<void> {
    this.#older ??= this.#readOlder().finally(() => (this.#older = null));
    return this.#older;
  }

  async at(seq: number): Promise<void> {
    const { messages, last } = this.#room.state();
    if (messages.some((it) => it.seq === seq)) return;
    const to = Math.min(seq + OLDER_RECORDS / 2, last);
    const { page, end } = await this.#page(to + 1, OLDER_RECORDS);
    this.#room.fold({ kind: "spot", to, records: page, end });
    this.#room.read(page);
  }

  async gap(from: number, to: number): Promise<void> {
    const known = this.#room.state().gaps.find((it) => it.from === from && it.to === to);
    if (!known || known.loading) return;
    this.#room.fold({ kind: "gap_asked", from, to });
    try {
      const { page, end } = await this.#page(to + 1, Math.min(PAGE_RECORDS_MAX, to - from + 1));
      this.#room.fold({ kind: "gap_filled", from, to, records: page, end });
      this.#room.read(page);
    } catch (error) {
      this.#room.fold({ kind: "gap_failed", from, to });
      throw error;
    }
  }

  /** Fetches, unasked, what the server never named as left out. A failure is tried again on the next join. */
  async holes(): Promise<void> {
    const hole = (): Gap | undefined =>
      this.#room.state().gaps.find((it) => it.kind === "hole" && !it.loading);
    for (let next = hole(); next !== undefined && this.#room.state().live; next = hole()) {
      try {
        await this.gap(next.from, next.to);
      } catch {
        return;
      }
    }
  }

  async #readOlder(): Promise<void> {
    const { atStart, from } = this.#room.state();
    if (atStart) return;
    this.#room.fold({ kind: "older_asked" });
    try {
      const { page, end } = await this.#page(from, OLDER_RECORDS);
      this.#room.fold({ kind: "older", records: page, end });
      this.#room.read(page);
    } catch (error) {
      this.#room.fold({ kind: "older_failed" });
      throw error;
    }
  }

  #page(before: number, n: number): Promise<Page> {
    const { live, number, epoch } = this.#room.state();
    return new Promise((resolve, reject) => {
      if (!live || number === null) return reject(new Unreachable("not in the room"));
      this.#link.ask({ op: "history", a: number, before, n }, (outcome: Outcome | null) => {
        if (outcome === null || epoch !== this.#room.state().epoch)
          reject(new Unreachable("the answer was lost"));
        else if ("err" in outcome) reject(new Refused(outcome.err));
        else resolve(outcome.ok as Page);
      });
    });
  }
}
