/** What a record of a topic changed, in words. Pure. */
import type { Topic } from "@weiquan/client";
import type { Words } from "../i18n/en";

/** `was` is the record before, as far as it is loaded: without it, what stands out is said. */
export function changeSay(was: Topic | undefined, now: Topic, by: string, words: Words): string | undefined {
  const say = words.topic.changed;
  const before: Partial<Topic> = was ?? { title: now.title, board: now.board, tags: now.tags } as Partial<Topic>;
  const turned = (key: "locked" | "pinned" | "featured"): boolean => (now[key] ?? false) !== (before[key] ?? false);
  if (now.into?.room !== before.into?.room) return now.into ? say.merged(by, now.into.title) : say.parted(by);
  const [took, had] = [now.merged ?? [], was?.merged ?? []];
  if (was && took.length !== had.length) {
    const named = (of: typeof took, not: typeof took): string => of.filter((it) => not.every((other) => other.room !== it.room)).map((it) => it.title).join(words.topic.and);
    return took.length > had.length ? say.took(by, named(took, had)) : say.letGo(by, named(had, took));
  }
  if (turned("locked")) return now.locked ? say.locked(by) : say.unlocked(by);
  if (turned("pinned")) return now.pinned ? say.pinned(by) : say.unpinned(by);
  if (turned("featured")) return now.featured ? say.featured(by) : say.unfeatured(by);
  if (now.accepted !== before.accepted) return now.helper ? say.accepted(by, now.helper.name) : say.unaccepted(by);
  if ((now.status ?? "open") !== (before.status ?? "open")) {
    const status = words.talk.statuses[now.status ?? "open"];
    return now.reason ? `${say.status(by, status)} · ${now.reason}` : say.status(by, status);
  }
  if (now.title !== before.title) return say.title(by, now.title);
  if (now.board !== before.board) return say.board(by);
  if ((now.tags ?? []).join() !== (before.tags ?? []).join()) return say.tags(by);
  return undefined;
}
