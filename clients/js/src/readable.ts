/**
 * A value that can be watched: the smallest contract that Svelte's `$store` understands.
 *
 * A subscriber is called at once with the present value and then on every change, in order.
 */
export interface Readable<T> {
  get(): T;
  /** Calls `run` now and on every change; the answer ends that. */
  subscribe(run: (value: T) => void): () => void;
}

/** A readable of our own, which can be set. */
export class Cell<T> implements Readable<T> {
  readonly #runs = new Set<(value: T) => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  /** A value equal by identity tells nobody. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const run of [...this.#runs]) if (this.#runs.has(run)) run(value);
  }

  subscribe(run: (value: T) => void): () => void {
    // A wrapper, so that one function may subscribe twice.
    const own = (value: T): void => run(value);
    this.#runs.add(own);
    own(this.#value);
    return () => void this.#runs.delete(own);
  }
}
