/**
 * A finger on a broadcast, before it is lifted: what watching needs is made ready meanwhile, and nobody is in the room
 * yet. A tap lasts about as long as all of it takes.
 */
import type { RoomCard, WatcherApi } from "@weiquan/client";
import { app } from "../app/app.svelte";

/** By then the page is another, or it was no tap. */
const HELD_MS = 3_000;

let held: { slug: string; watcher: WatcherApi; over: ReturnType<typeof setTimeout> } | undefined;

export function comeNear({ slug, a }: Pick<RoomCard, "slug" | "a">): void {
  if (held?.slug === slug) return;
  letGo();
  // Where it fails, the room says so.
  app.beSomebody().catch(() => {});
  const room = app.client.room(slug);
  room.near(a);
  held = { slug, watcher: room.watch(), over: setTimeout(letGo, HELD_MS) };
}

/** What was made ready for this room; it is the caller's from here on. */
export function takeNear(slug: string): WatcherApi | undefined {
  if (held?.slug !== slug) return undefined;
  const { watcher, over } = held;
  clearTimeout(over);
  held = undefined;
  return watcher;
}

function letGo(): void {
  if (held) takeNear(held.slug)?.stop();
}
