/** Replies of a topic become a topic of their own: what staff alone wish, and seldom. */
import type { SplitWish, TopicCard } from "./protocol/index.js";
import type { Caller } from "./rest.js";

/**
 * They move, with their writers, times and likes, and leave their places; the first of them is how the new topic
 * begins. For the owner and moderators. Said again with the same `cid` it is made once.
 */
export function splitTopic(by: Caller, slug: string, body: SplitWish): Promise<TopicCard> {
  return by.rest({ method: "POST", path: `topics/${encodeURIComponent(slug)}/split`, body });
}
