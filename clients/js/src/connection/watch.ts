/**
 * Notices that a connection is dead although nobody said so (a phone that changed networks, a
 * laptop that slept): after some silence it asks, and without an answer it gives the line up.
 *
 * It asks early only while somebody looks: a hidden page's timers and radio are better left alone,
 * and the server asks by itself after 25 s.
 */
import type { Environment } from "../environment.js";

export const PROBE_VISIBLE_MS = 10_000;
export const PROBE_HIDDEN_MS = 60_000;
export const DEAD_AFTER_PROBE_MS = 5_000;

export class Watch {
  readonly #env: Environment;
  readonly #probe: () => void;
  readonly #dead: () => void;
  #heardAt = 0;
  #cancel: (() => void) | null = null;

  constructor(env: Environment, probe: () => void, dead: () => void) {
    this.#env = env;
    this.#probe = probe;
    this.#dead = dead;
  }

  start(): void {
    this.heard();
    this.#wait();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  heard(): void {
    this.#heardAt = this.#env.timers.now();
  }

  /** Somebody looks again, or the network changed: ask now rather than in a while. */
  look(): void {
    if (this.#cancel !== null) this.#ask();
  }

  #wait(): void {
    const most = this.#env.device.visible.get() ? PROBE_VISIBLE_MS : PROBE_HIDDEN_MS;
    const left = this.#heardAt + most - this.#env.timers.now();
    if (left <= 0) this.#ask();
    else this.#after(left, () => this.#wait());
  }

  #ask(): void {
    const askedAt = this.#env.timers.now();
    this.#probe();
    this.#after(DEAD_AFTER_PROBE_MS, () => {
      if (this.#heardAt < askedAt) this.#dead();
      else this.#wait();
    });
  }

  #after(ms: number, run: () => void): void {
    this.#cancel?.();
    this.#cancel = this.#env.timers.after(ms, run);
  }
}
