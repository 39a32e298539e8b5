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

export function cover(slug: string): CoverArt {
  let seed = hash(slug) || 1;
  // xorshift32: a short stream of numbers from the one hash.
  const next = (): number => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) / 2 ** 32;
  };
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
