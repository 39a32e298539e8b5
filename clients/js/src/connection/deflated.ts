/**
 * Deflated messages of one client: whether to ask for them, and what makes texts of them.
 *
 * It promises that a connection never waits long for what it needs, and that whoever cannot have it goes
 * on without.
 */
import type { Timers } from "../api.js";
import { DICTIONARY } from "../limits.js";

/** What is needed is a few KB: where it takes longer, the next connection has it. */
export const LOAD_WITHIN_MS = 2_000;

export type Inflate = (message: Uint8Array) => string | null;

export class Deflated {
  readonly #wanted: () => boolean;
  readonly #load: () => Promise<Inflate>;
  readonly #timers: Timers;
  #loading: Promise<void> | null = null;
  #inflate: Inflate | null = null;
  #broken = false;

  constructor(wanted: () => boolean, load: () => Promise<Inflate>, timers: Timers) {
    this.#wanted = wanted;
    this.#load = load;
    this.#timers = timers;
  }

  /** The number of the dictionary to say hello with; `null` where messages are to come as text. */
  async dictionary(): Promise<number | null> {
    if (this.#broken || !this.#wanted()) return null;
    if (this.#inflate === null) await this.#soon();
    return this.#inflate === null ? null : DICTIONARY;
  }

  /** The text of a message. `null`: it is none, and from now on messages are to come as text. */
  text(message: Uint8Array): string | null {
    const text = this.#inflate?.(message) ?? null;
    if (text === null) this.#broken = true;
    return text;
  }

  #soon(): Promise<void> {
    this.#loading ??= this.#load().then(
      (inflate) => void (this.#inflate = inflate),
      // It may come another time: a page without a network has not been given it.
      () => void (this.#loading = null),
    );
    const loading = this.#loading;
    return new Promise((done) => {
      const cancel = this.#timers.after(LOAD_WITHIN_MS, done);
      void loading.then(() => {
        cancel();
        done();
      });
    });
  }
}

/** All that it needs, as a part of its own. */
export async function loadInflate(): Promise<Inflate> {
  return (await import("../deflate/inflate.js")).inflate;
}
