/** What of a doc is decided before it is drawn: where a link leads, how large a picture is. Pure. */
import type { Inline } from "@weiquan/client";

/** The measure of the page: lines and pictures are no wider. */
export const MEASURE = 680;
const TALL = 720;
/** The longer side of a preview, as the server makes it. */
const PREVIEW = 480;

export type Way = "within" | "outside";

/**
 * Where an address leads: to a page of the app, or out of it. Nothing where it may not be a link: what a
 * newer or other server lets through is looked at again.
 */
export function wayOf(href: string): Way | null {
  if (/[\p{Cc}\p{Cf}\s\\]/u.test(href)) return null;
  if (href.startsWith("/")) {
    if (href.startsWith("//")) return null;
    return href.startsWith("/api/") ? "outside" : "within";
  }
  if (/^mailto:./i.test(href)) return "outside";
  return /^https?:\/\//i.test(href) && URL.canParse(href) ? "outside" : null;
}

/** A blob is named by its sum, and by nothing else. */
export function isBlob(id: string): boolean {
  return /^[0-9a-f]{64}$/.test(id);
}

export interface Place {
  width: number;
  height: number;
  /** How wide the preview is; as wide as the picture where it is small itself. */
  preview: number;
}

/** How large a picture is shown where there is room for it. Nothing where the server did not say. */
export function placeOf(w: number, h: number): Place | null {
  if (w <= 0 || h <= 0) return null;
  const scale = Math.min(1, MEASURE / w, TALL / h);
  const px = (it: number): number => Math.max(1, Math.round(it));
  return { width: px(w * scale), height: px(h * scale), preview: px(w * Math.min(1, PREVIEW / Math.max(w, h))) };
}

const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u;

/** Whether it is written in signs that do not slant: their emphasis is a dot. */
export function isUpright(inlines: readonly Inline[]): boolean {
  return inlines.some((it) => CJK.test(wordsOf(it)));
}

function wordsOf(it: Inline): string {
  if (typeof it === "string") return it;
  switch (it.k) {
    case "code":
    case "tag":
      return it.text;
    case "br":
      return " ";
    case "link":
      return (it.i ?? []).map(wordsOf).join("");
    case "strong":
    case "em":
    case "strike":
      return it.i.map(wordsOf).join("");
    default:
      return unknown(it);
  }
}

/** A kind of tomorrow says nothing. */
function unknown(_it: never): string {
  return "";
}

/** The element of a heading: the page's own is the only `h1`. */
export function headingOf(level: number): "h2" | "h3" | "h4" {
  return level <= 1 ? "h2" : level === 2 ? "h3" : "h4";
}
