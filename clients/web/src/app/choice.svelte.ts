/** One of a few values that this device remembers. The first of them holds where nothing was chosen, and is not stored. */
export class DeviceChoice<T extends string> {
  readonly #key: string;
  readonly values: readonly T[];
  readonly #usual: T;
  #now: T;

  constructor(key: string, values: readonly [T, ...T[]]) {
    this.#key = key;
    this.values = values;
    this.#usual = values[0];
    this.#now = $state(this.#stored());
  }

  get now(): T {
    return this.#now;
  }

  choose(value: T): void {
    this.#now = value;
    try {
      if (value === this.#usual) localStorage.removeItem(this.#key);
      else localStorage.setItem(this.#key, value);
    } catch {
      // Storage may be forbidden: the choice holds until the page is closed.
    }
  }

  #stored(): T {
    try {
      const value = localStorage.getItem(this.#key);
      return this.values.find((it) => it === value) ?? this.#usual;
    } catch {
      return this.#usual;
    }
  }
}
