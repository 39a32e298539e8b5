/**
 * Hearts: counted, at most two frames a second, never stored.
 *
 * One's own are shown at once; when the room's count comes back with them in it, they are taken out
 * again, so that a tap floats one heart and not two.
 */
import type { Burst, Timers } from "../api.js";
import { BURST_COUNT_MAX, HEARTS_EVERY_MS } from "../limits.js";
import { Cell } from "../readable.js";

/** The room announces hearts twice a second; one's own that did not come back by then were dropped. */
const ECHO_WITHIN_MS = 3_000;

export class Hearts {
  readonly bursts = new Cell<Burst>({ n: 0, counts: {} });
  readonly #timers: Timers;
  readonly #send: (kind: string, n: number) => void;
  #waiting = new Map<string, number>();
  #echoes: { kind: string; n: number; until: number }[] = [];
  #cancel: (() => void) | null = null;

  constructor(timers: Timers, send: (kind: string, n: number) => void) {
    this.#timers = timers;
    this.#send = send;
  }

  tap(kind: string): void {
    this.#show({ [kind]: 1 });
    this.#waiting.set(kind, (this.#waiting.get(kind) ?? 0) + 1);
    if (this.#cancel === null) this.#flush();
  }

  /** What the room counted. */
  heard(counts: Readonly<Record<string, number>>): void {
    const now = this.#timers.now();
    this.#echoes = this.#echoes.filter((it) => it.until > now && it.n > 0);
    const others = Object.entries(counts).map(([kind, n]): [string, number] => [
      kind,
      n - this.#own(kind, n),
    ]);
    const left = others.filter(([, n]) => n > 0);
    if (left.length > 0) this.#show(Object.fromEntries(left));
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#waiting.clear();
    this.#echoes = [];
  }

  #own(kind: string, most: number): number {
    let taken = 0;
    for (const echo of this.#echoes) {
      if (echo.kind !== kind) continue;
      const n = Math.min(echo.n, most - taken);
      echo.n -= n;
      taken += n;
    }
    return taken;
  }

  /** One frame a kind; a kind waits for the next turn, so that two frames are never closer. */
  #flush(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#cancel = null;
      return;
    }
    const [kind, count] = next;
    this.#waiting.delete(kind);
    const n = Math.min(count, BURST_COUNT_MAX);
    this.#echoes.push({ kind, n, until: this.#timers.now() + ECHO_WITHIN_MS });
    this.#send(kind, n);
    this.#cancel = this.#timers.after(HEARTS_EVERY_MS, () => this.#flush());
  }

  #show(counts: Record<string, number>): void {
    this.bursts.set({ n: this.bursts.get().n + 1, counts });
  }
}
