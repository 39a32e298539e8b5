/** A message's text in pieces: words as they are, and addresses that can be followed. Pure. */
export type Piece = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

// A Chinese full stop or bracket after an address is not part of it, nor is Latin punctuation at its end.
const ADDRESS = /https?:\/\/[^\s<>"'，。；：！？、（）《》「」『』【】]+/giu;
const TAIL = /[.,;:!?)\]}]+$/;

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TAIL, "");
    if (!URL.canParse(address)) continue;
    if (match.index > from) found.push({ kind: "text", text: text.slice(from, match.index) });
    found.push({ kind: "link", text: address, href: address });
    from = match.index + address.length;
  }
  if (from < text.length) found.push({ kind: "text", text: text.slice(from) });
  return found;
}

/** Characters as the server counts them: code points, not UTF-16 units. */
export function characters(text: string): number {
  let n = 0;
  for (const _ of text) n++;
  return n;
}
