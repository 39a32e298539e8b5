/** Requests of one connection that wait for their answer. */
import type { Timers } from "../api.js";
import { IN_FLIGHT_MAX } from "../limits.js";
import type { ClientFrame, Outcome } from "../protocol/index.js";

type WithoutNumber<T> = T extends { i: number } ? Omit<T, "i"> : never;

/** A frame that has an answer, before it got its number. */
export type Request = WithoutNumber<ClientFrame>;
/** A frame without an answer. */
export type Word = Exclude<ClientFrame, { i: number }>;

/** The answer, or `null` when the connection was lost or silent: nobody knows if it was heard. */
export type OnAnswer = (outcome: Outcome | null) => void;

/** A live server answers within milliseconds, a synced disk included. */
export const ANSWER_WITHIN_MS = 15_000;

interface Waiting {
  answer: OnAnswer;
  cancel: () => void;
}

export class Requests {
  readonly #timers: Timers;
  readonly #send: (frames: ClientFrame[]) => void;
  readonly #waiting = new Map<number, Waiting>();
  #held: { request: Request; answer: OnAnswer }[] = [];
  #number = 0;

  constructor(timers: Timers, send: (frames: ClientFrame[]) => void) {
    this.#timers = timers;
    this.#send = send;
  }

  /** Sends these in one message, or holds what the server would refuse as too many. */
  ask(asked: readonly { request: Request; answer: OnAnswer }[]): void {
    this.#held.push(...asked);
    const frames: ClientFrame[] = [];
    while (this.#waiting.size < IN_FLIGHT_MAX) {
      const next = this.#held.shift();
      if (next === undefined) break;
      const i = ++this.#number;
      const cancel = this.#timers.after(ANSWER_WITHIN_MS, () => this.#settle(i, null));
      this.#waiting.set(i, { answer: next.answer, cancel });
      frames.push({ ...next.request, i });
    }
    if (frames.length > 0) this.#send(frames);
  }

  answered(i: number, outcome: Outcome): void {
    this.#settle(i, outcome);
    if (this.#held.length > 0) this.ask([]);
  }

  /** The connection is gone: every answer is in doubt. */
  lost(): void {
    const held = this.#held;
    this.#held = [];
    for (const i of [...this.#waiting.keys()]) this.#settle(i, null);
    for (const { answer } of held) answer(null);
  }

  #settle(i: number, outcome: Outcome | null): void {
    const waiting = this.#waiting.get(i);
    if (waiting === undefined) return;
    this.#waiting.delete(i);
    waiting.cancel();
    waiting.answer(outcome);
  }
}
