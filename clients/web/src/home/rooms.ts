/** Which shelf of the home page a room stands on. Pure. */
import type { Phase, RoomCard } from "@weiquan/client";

export interface Shelves {
  live: readonly RoomCard[];
  coming: readonly RoomCard[];
  rooms: readonly RoomCard[];
}

const ON_AIR: ReadonlySet<Phase> = new Set(["live", "paused"]);
const COMING: ReadonlySet<Phase> = new Set(["scheduled", "open"]);

export function shelves(cards: readonly RoomCard[]): Shelves {
  const phase = (card: RoomCard): Phase | undefined => card.broadcast?.phase;
  const within = (set: ReadonlySet<Phase>) => (card: RoomCard) => {
    const now = phase(card);
    return now !== undefined && set.has(now);
  };
  const live = cards.filter(within(ON_AIR)).toSorted((a, b) => b.count - a.count);
  const coming = cards.filter(within(COMING)).toSorted((a, b) => startOf(a) - startOf(b));
  const rooms = cards.filter((card) => !within(ON_AIR)(card) && !within(COMING)(card));
  return { live, coming, rooms };
}

/** An open room has no time: it starts any moment, before everything that has one. */
function startOf(card: RoomCard): number {
  return card.broadcast?.phase === "open" ? 0 : (card.broadcast?.starts_ms ?? 0);
}
