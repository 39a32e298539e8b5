/**
 * A cover for a room that has no picture: calm rings, always the same for the same slug.
 * Pure: a slug in, circles out, on a 160 × 90 field.
 */
export interface Ring {
  cx: number;
  cy: number;
  r: number;
  width: number;
  opacity: number;
}

export interface CoverArt {
  /** One of four quiet grounds; the colours live in the component. */
  ground: number;
  rings: readonly Ring[];
}

/** FNV-1a, 32 bit: small, spread well enough for pictures. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const letter of text) {
    h ^= letter.codePointAt(0) ?? 0;
    h = Math.imul(h, 0x01000193);
  }
  return h >>> 0;
}

/** xorshift32: a short stream of numbers from the one hash. */
function numbers(slug: string): () => number {
  let seed = hash(slug) || 1;
  return () => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) / 2 ** 32;
  };
}

export function cover(slug: string): CoverArt {
  const next = numbers(slug);
  const ground = Math.floor(next() * 4);
  const centre = { x: 34 + next() * 92, y: 22 + next() * 46 };
  const rings: Ring[] = [];
  const turns = 3 + Math.floor(next() * 3);
  for (let n = 0, r = 9 + next() * 8; n < turns; n++, r += 11 + next() * 12) {
    rings.push({ cx: centre.x, cy: centre.y, r, width: 1.5 + next() * 5, opacity: 0.75 - n * 0.13 });
  }
  // One companion, partly outside: two circles that touch.
  rings.push({ cx: next() * 160, cy: next() > 0.5 ? 90 : 0, r: 18 + next() * 24, width: 5 + next() * 6, opacity: 0.22 });
  return { ground, rings };
}

/** The same ground, with rings that go out from the middle; the innermost about `from` wide. */
export function ripples(slug: string, from: number): CoverArt {
  const next = numbers(slug);
  const ground = Math.floor(next() * 4);
  const rings: Ring[] = [];
  for (let n = 0, r = from + next() * 4; n < 6; n++, r += 11 + next() * 9) {
    rings.push({ cx: 80, cy: 45, r, width: 1.5 + next() * 4, opacity: 0.5 - n * 0.06 });
  }
  return { ground, rings };
}
