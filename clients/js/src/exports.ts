/** Where archives are (docs/EXPORT.md). Apart from the core, as only some pages lead to one. */

/** What an archive may hold. */
export type ExportOf =
  /** Everything of one's own. */
  | { of: "me" }
  /** All of it, for the owner. */
  | { of: "circle" }
  /** For staff its whole log, for who started it what its readers see. */
  | { of: "topic"; slug: string }
  /** With its topics, for staff. */
  | { of: "board"; slug: string }
  /** One that is over, for its host, who runs the room, and staff. */
  | { of: "broadcast"; room: string; id: string };

/**
 * The path of an archive, from the server's root on. On the server's own pages it is the address of a link
 * (`<a href download>`): the browser shows how far it is. A program asks with its token as Bearer, and reads the answer as
 * a stream: how long it becomes is not known before it ends.
 */
export function exportPath(what: ExportOf): string {
  return `/api/v1/${place(what)}/export`;
}

function place(what: ExportOf): string {
  const part = encodeURIComponent;
  switch (what.of) {
    case "me":
    case "circle":
      return what.of;
    case "topic":
      return `topics/${part(what.slug)}`;
    case "board":
      return `boards/${part(what.slug)}`;
    case "broadcast":
      return `rooms/${part(what.room)}/broadcasts/${part(what.id)}`;
  }
}
