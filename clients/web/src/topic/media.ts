/** Pictures and voice notes within a text: where they stand, how one is put there and taken out. Pure. */
export interface Placed {
  blob: string;
  /** What it shows or says, as it is written. */
  alt: string;
  /** Where its Markdown begins and ends. */
  from: number;
  to: number;
}

const MARKDOWN = /!\[((?:\\.|[^\]\\\n])*)\]\(\/api\/v1\/blobs\/([0-9a-f]{64})\)/g;

/** Where one writes a name of 64 letters is in the way: there it is this short, and long again before it is kept or sent. */
const SHORT = 8;
const named = new Map<string, string>();

/** The text as one writes it. */
export const shorten = (text: string): string =>
  text.replace(MARKDOWN, (all, _alt: string, blob: string) => {
    const short = blob.slice(0, SHORT);
    // Two that begin alike: the second keeps its whole name.
    if ((named.get(short) ?? blob) !== blob) return all;
    named.set(short, blob);
    return all.replace(`/api/v1/blobs/${blob}`, `…${short}`);
  });

/** The text as it is kept and sent. What this page never shortened stays as it is. */
export const lengthen = (text: string): string =>
  text.replace(/(!\[(?:\\.|[^\]\\\n])*\]\()…([0-9a-f]{8})\)/g, (all, before: string, short: string) => {
    const blob = named.get(short);
    return blob === undefined ? all : `${before}/api/v1/blobs/${blob})`;
  });

/** What stands in a text, each place of it, in order. */
export function placedIn(text: string): Placed[] {
  return [...text.matchAll(MARKDOWN)].map((it) => {
    const [all, alt = "", blob = ""] = it;
    return { blob, alt: alt.replace(/\\(.)/g, "$1"), from: it.index, to: it.index + all.length };
  });
}

/** How many a text shows: each counts once, however often it stands there. */
export const countIn = (text: string): number => new Set(placedIn(text).map((it) => it.blob)).size;

/** A text on a line of words: what it shows is told as what it is called, or as `nameless`. */
export const inWords = (text: string, nameless: string): string =>
  text.replace(MARKDOWN, (_, alt: string) => `[${alt.replace(/\\(.)/g, "$1").trim() || nameless}]`);

const escapedAlt = (alt: string): string => alt.replace(/\s+/g, " ").replace(/[\\[\]]/g, "\\$&");

export const written = (blob: string, alt: string): string => `![${escapedAlt(alt)}](/api/v1/blobs/${blob})`;

/** The text with another one in it: a paragraph of its own where the cursor is, which then stands behind it. */
export function put(text: string, at: number, blob: string, alt: string): { text: string; at: number } {
  const before = text.slice(0, at).replace(/[ \t]+$/, "");
  const after = text.slice(at).replace(/^[ \t]+/, "");
  const lines = (edge: string, there: string): string => (edge === "" ? "" : "\n".repeat(Math.max(0, 2 - there.length)));
  const head = `${before}${lines(before, /\n*$/.exec(before)?.[0] ?? "")}${written(blob, alt)}`;
  const gap = lines(after, /^\n*/.exec(after)?.[0] ?? "");
  const behind = after === "" ? "\n\n" : gap + after;
  return { text: head + behind, at: head.length + (after === "" ? 2 : gap.length) };
}

/** The text in which one of them has other words. */
export const withAlt = (text: string, it: Placed, alt: string): string => text.slice(0, it.from) + written(it.blob, alt) + text.slice(it.to);

/** The text without one of them, and without the lines that it left empty. */
export function without(text: string, it: Placed): string {
  const before = text.slice(0, it.from).replace(/[ \t]+$/, "");
  const after = text.slice(it.to).replace(/^[ \t]+/, "");
  if (before.trim() === "") return after.replace(/^\n+/, "");
  if (after.trim() === "") return before.replace(/\n+$/, "");
  return /\n$/.test(before) && /^\n/.test(after) ? before.replace(/\n+$/, "") + after.replace(/^\n+/, "\n\n") : before + after;
}
