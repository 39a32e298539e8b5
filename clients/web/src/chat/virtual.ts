/**
 * The arithmetic of a long list of rows of unequal height, of which only a few are in the page.
 *
 * Where the list stands is an *anchor*: a row's key and how far its top is above the upper edge, or
 * `null` for "at the newest end". It promises that the text at the anchor stays where it is while rows
 * come, go, grow or are measured anywhere else. Pure; `Log.svelte` does the measuring.
 */
export interface Anchor {
  key: string;
  /** Pixels of that row which are above the upper edge. */
  above: number;
}

export interface Span {
  first: number;
  /** One past the last. */
  last: number;
}

/** Rows kept ready on either side of what is seen. */
const READY = 10;
/** Never more rows than this in the page. */
export const ROWS_MAX = 96;

/** Where each row begins; the last entry is the height of all. */
export function offsetsOf(count: number, height: (index: number) => number): Float64Array {
  const offsets = new Float64Array(count + 1);
  let sum = 0;
  for (let n = 0; n < count; n++) {
    offsets[n] = sum;
    sum += height(n);
  }
  offsets[count] = sum;
  return offsets;
}

const at = (offsets: Float64Array, n: number): number => offsets[n] ?? 0;

/** The row that `y` falls into; the nearest one outside. */
export function indexAt(offsets: Float64Array, y: number): number {
  let low = 0;
  let high = Math.max(0, offsets.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (at(offsets, middle) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The rows to have in the page for a view of `height` at `top`. */
export function spanOf(offsets: Float64Array, top: number, height: number): Span {
  const count = offsets.length - 1;
  if (count <= 0) return { first: 0, last: 0 };
  const first = Math.max(0, indexAt(offsets, top) - READY);
  const last = Math.min(count, indexAt(offsets, top + height) + 1 + READY);
  return { first, last: Math.min(last, first + ROWS_MAX) };
}

/**
 * The anchor for a view at `top`. It prefers a row that will not go away (`stays`): a gap line
 * disappears once it is filled.
 */
export function anchorAt(
  offsets: Float64Array,
  keys: readonly string[],
  top: number,
  height: number,
  stays: (index: number) => boolean,
): Anchor | null {
  if (keys.length === 0) return null;
  const first = indexAt(offsets, top);
  const last = indexAt(offsets, top + height);
  let chosen = first;
  for (let n = first; n <= last; n++) {
    if (stays(n)) {
      chosen = n;
      break;
    }
  }
  return { key: keys[chosen] ?? "", above: top - at(offsets, chosen) };
}

/** Where the view's top belongs so that the anchor stays put; `null` when its row is gone. */
export function topFor(offsets: Float64Array, index: number, anchor: Anchor): number | null {
  return index < 0 ? null : Math.max(0, at(offsets, index) + anchor.above);
}

/** Notes how high these rows are by the key that each has; true where one is another height than before. */
export function measureInto(heights: Map<string, number>, rows: Iterable<Element>): boolean {
  let changed = false;
  for (const row of rows) {
    const key = (row as HTMLElement).dataset.key;
    const now = row.getBoundingClientRect().height;
    if (key === undefined || Math.abs((heights.get(key) ?? -1) - now) < 0.1) continue;
    heights.set(key, now);
    changed = true;
  }
  return changed;
}
