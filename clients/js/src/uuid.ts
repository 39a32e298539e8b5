/**
 * UUIDv7 (RFC 9562 §5.7): 48 bits of Unix ms, then chance. The server asks for this form because
 * its index stays compact when ids grow with time.
 */
export function uuid(unixMs: number, random: () => number): string {
  const bytes = Array.from({ length: 16 }, () => Math.floor(random() * 256));
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(unixMs / 2 ** (8 * (5 - i))) % 256;
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.map((it) => it.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Client ids that grow from one to the next, also within a millisecond and when the clock steps back. */
export class ClientIds {
  readonly #now: () => number;
  readonly #random: () => number;
  #last = 0;

  constructor(now: () => number, random: () => number) {
    this.#now = now;
    this.#random = random;
  }

  next(): string {
    this.#last = Math.max(this.#now(), this.#last + 1);
    return uuid(this.#last, this.#random);
  }
}
