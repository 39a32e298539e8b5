/** What was written and not yet sent, one for each room; it outlives the page. And whether something was added to it. */
const DRAFT = "weiquan.draft.";
const THINGS = "weiquan.things.";

export function keptDraft(slug: string): string {
  return read(DRAFT + slug);
}

export function keepDraft(slug: string, text: string): void {
  write(DRAFT + slug, text);
}

/** Whose pictures and files wait in this room: what they are lies elsewhere, and is looked for only then. */
export function keptThings(slug: string): string {
  return read(THINGS + slug);
}

export function keepThings(slug: string, who: string): void {
  write(THINGS + slug, who);
}

export function thingsGone(): void {
  gone(THINGS);
}

/** Who signs out leaves nothing that they wrote to whoever comes next. */
export function draftsGone(): void {
  gone(DRAFT);
}

function gone(kind: string): void {
  try {
    for (const it of Object.keys(localStorage)) if (it.startsWith(kind)) localStorage.removeItem(it);
  } catch {
    // What cannot be read was never kept.
  }
}

function read(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

function write(key: string, text: string): void {
  try {
    if (text) localStorage.setItem(key, text);
    else localStorage.removeItem(key);
  } catch {
    // Storage may be forbidden or full: the draft lives as long as the page.
  }
}
