/** The door to lists of topics, and what their cards say in words. */
import type { TopicCard, TopicStatus, TopicsApi } from "@weiquan/client";
import { platform } from "#platform";

export const topics = (): Promise<TopicsApi> => platform.topics();

/** How far a topic is, where that is worth a word: an open discussion is nothing to say. */
export function statusOf({ status = "open", kind }: TopicCard["topic"]): TopicStatus | undefined {
  const moves = kind === "question" || kind === "offer" || kind === "need" || kind === "feedback";
  return moves ? status : undefined;
}

/** What colour a status has: what came to a good end, what is on its way, and what will not be. */
export function tone(status: TopicStatus): "good" | "going" | "no" | "plain" {
  switch (status) {
    case "answered":
    case "shipped":
    case "matched":
    case "done":
    case "thanked":
      return "good";
    case "planned":
    case "doing":
      return "going";
    case "declined":
      return "no";
    case "open":
    case "new":
    case "seen":
      return "plain";
  }
}
