/** Cards in words and numbers: what stands in for one, and how much space it takes. Pure. */
import type { Card } from "@weiquan/client";
import type { Words } from "../i18n/en";

/** A picture in the talk is never larger than that. */
const WIDE = 260;
const TALL = 240;
/** Every other card. */
export const CARD_PX = 76;

/** The text that goes with a card: what it is, and what was written. Old clients show this. */
export function fallback(card: Card, caption: string, words: Words): string {
  const what = words.things[card.kind];
  const said = caption || ("title" in card ? (card.title ?? "") : "") || ("name" in card ? card.name : "") || ("url" in card ? (card.url ?? "") : "");
  return `[${what}] ${said}`.trim();
}

/** What was written beside a card, without what it is. */
export function caption(text: string, card: Card): string {
  const said = text.replace(/^\[[^\]]{1,24}\]\s*/, "");
  const shown = [("title" in card && card.title) || "", ("name" in card && card.name) || "", ("url" in card && card.url) || ""];
  return shown.includes(said) ? "" : said;
}

/** How large a picture is shown, in pixels. Nothing moves when it comes. */
export function shownSize(w: number, h: number): [number, number] {
  if (w <= 0 || h <= 0) return [WIDE, WIDE * 0.75];
  const scale = Math.min(1, WIDE / w, TALL / h);
  // What is very long or very wide is cropped rather than shown as a thread.
  return [Math.max(48, Math.round(w * scale)), Math.max(48, Math.round(h * scale))];
}

export function cardHeight(card: Card): number {
  return card.kind === "image" ? shownSize(card.w, card.h)[1] + 8 : CARD_PX + 8;
}

/** `1.2 MB`, as files are told everywhere. */
export function bytesText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Whether an address may be a link: what a newer or other server lets through is looked at again. */
export function isWeb(url: string): boolean {
  return /^https?:\/\//i.test(url) && URL.canParse(url);
}

/** The host of an address, for people to see where it leads. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host.replace(/^www\./, "") : url;
}

const KNOWN: ReadonlySet<string> = new Set<Card["kind"]>(["image", "voice", "file", "link", "product", "event"]);

/** A card of a kind that this version can show. */
export function known(card: Card | null): Card | undefined {
  return card !== null && KNOWN.has(card.kind) ? card : undefined;
}
