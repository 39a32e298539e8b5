/** Which topics say the same as one: those with the most pairs of letters of its title. Pure. */
import type { TopicCard } from "@weiquan/client";

/** What was typed must be there; the rest is in the order of how much they are alike, and then as they came. */
export function alike(title: string, typed: string, cards: readonly TopicCard[]): TopicCard[] {
  const wanted = folded(typed);
  const own = pairs(folded(title));
  const rank = ({ topic }: TopicCard): number => {
    const others = pairs(folded(topic.title));
    const both = [...own].filter((it) => others.has(it)).length;
    return both / Math.max(1, own.size + others.size - both);
  };
  const fits = cards.filter((it) => folded(it.topic.title).includes(wanted));
  return fits.map((card) => ({ card, rank: rank(card) })).sort((a, b) => b.rank - a.rank).map((it) => it.card);
}

const folded = (text: string): string => text.normalize("NFKC").toLowerCase().replace(/[\s\p{P}]+/gu, "");

function pairs(text: string): Set<string> {
  const letters = [...text];
  return new Set(letters.slice(1).map((it, at) => `${letters[at]}${it}`));
}
