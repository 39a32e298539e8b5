import { describe, expect, it } from "vitest";
import { isThere, KEPT_BYTES_MAX, KEPT_ITEMS_MAX, KEPT_MS_MAX, overflow, UPLOAD_MS_MAX, type Kept } from "../src/things/kept";

const NOW = 1_000_000_000_000;
const kept = (n: number, more: Partial<Kept> = {}): Kept => ({
  id: `k${n}`, who: "m_1", slug: "lobby", at_ms: NOW - n, bytes: 1000, name: "", kind: "image", peaks: [], ms: 0, ...more,
});
const ids = (all: readonly Kept[]): string[] => all.map((it) => it.id).sort();

describe("what is kept of unsent things", () => {
  it("is everything, where there is room", () => {
    expect(overflow(Array.from({ length: KEPT_ITEMS_MAX }, (_, n) => kept(n)), NOW)).toEqual([]);
  });

  it("loses the oldest first where there are too many, whatever their order and room", () => {
    const all = Array.from({ length: KEPT_ITEMS_MAX + 2 }, (_, n) => kept(n, { slug: `r${n}` })).reverse();
    expect(ids(overflow(all, NOW))).toEqual([`k${KEPT_ITEMS_MAX}`, `k${KEPT_ITEMS_MAX + 1}`]);
  });

  it("loses what is too much, and keeps what is small and still fits", () => {
    const all = [kept(1), kept(2, { bytes: KEPT_BYTES_MAX }), kept(3)];
    expect(ids(overflow(all, NOW))).toEqual(["k2"]);
  });

  it("never grows over its bytes by one more", () => {
    const part = KEPT_BYTES_MAX / 4;
    const all = Array.from({ length: 6 }, (_, n) => kept(n, { bytes: part }));
    expect(ids(overflow(all, NOW))).toEqual(["k4", "k5"]);
  });

  it("loses what is too old, however little there is", () => {
    expect(ids(overflow([kept(1, { at_ms: NOW - KEPT_MS_MAX }), kept(2, { at_ms: NOW - KEPT_MS_MAX - 1 })], NOW))).toEqual(["k2"]);
  });

  it("is uploaded again once the server lets go of what nobody said", () => {
    const card = { kind: "image", blob: "a", w: 1, h: 1 } as const;
    expect(isThere(kept(1), NOW)).toBe(false);
    expect(isThere(kept(1, { card, uploaded_ms: NOW - 1000 }), NOW)).toBe(true);
    expect(isThere(kept(1, { card, uploaded_ms: NOW - UPLOAD_MS_MAX }), NOW)).toBe(false);
    expect(UPLOAD_MS_MAX).toBeLessThan(3_600_000);
  });
});
