/** Says how far one has read, a while after it changed and when one leaves. */
import type { TopicCard } from "@weiquan/client";

export const SAY_AFTER_MS = 1_500;

export class ReadingKeeper {
  readonly #say: (seq: number) => Promise<TopicCard>;
  #said: number;
  #wanted: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `at`: where one is as the server knows it. */
  constructor(at: number, say: (seq: number) => Promise<TopicCard>) {
    this.#said = this.#wanted = at;
    this.#say = say;
  }

  /** Never back. */
  reached(seq: number): void {
    if (seq <= this.#wanted) return;
    this.#wanted = seq;
    this.#timer ??= setTimeout(() => this.now(), SAY_AFTER_MS);
  }

  /** What is not said yet is said at once. One that fails is said with the next. */
  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const seq = this.#wanted;
    if (seq <= this.#said) return;
    const before = this.#said;
    this.#said = seq;
    this.#say(seq).catch(() => (this.#said = Math.min(this.#said, before)));
  }
}
