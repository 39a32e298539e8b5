/** What one may do in a topic. Pure; the server decides again on every wish. */
import type { MessageView, RoomView, Topic, TopicStatus } from "@weiquan/client";
import { actsOn } from "../chat/rights";
import { OPENING } from "./rows";

type Standing = Pick<RoomView, "can" | "mark" | "me" | "topic">;

const STEPS: readonly TopicStatus[] = ["new", "seen", "planned", "doing", "shipped", "declined"];
const RUNS: ReadonlySet<RoomView["mark"]> = new Set(["co_host", "host", "moderator", "owner"]);

export interface TopicActs {
  /** Title and tags. */
  rename: boolean;
  /** Board, pin, feature, lock, merge. */
  keep: boolean;
  /** It was merged, and may stand by itself again. */
  part: boolean;
  /** How far feedback may be said to be; none for who may not. */
  steps: readonly TopicStatus[];
  done: boolean;
  thank: boolean;
  /** Take it along as an archive. */
  take: boolean;
}

export function topicActs({ can, mark, me, topic }: Standing): TopicActs {
  const take = topic !== null && (mark === "owner" || mark === "moderator" || topic.by.id === me?.id);
  // Of what was merged only that may be taken back.
  if (topic?.into) return { rename: false, keep: false, part: can.has("keep_topic"), steps: [], done: false, thank: false, take };
  const helps = topic?.kind === "offer" || topic?.kind === "need";
  const mine = can.has("topic") || (topic?.helper !== undefined && topic.helper.id === me?.id);
  return {
    rename: topic !== null && can.has("topic"),
    keep: topic !== null && can.has("keep_topic"),
    part: false,
    steps: topic?.kind === "feedback" && can.has("keep_topic") ? STEPS : [],
    done: helps && topic?.status === "matched" && mine,
    thank: helps && topic?.status === "done" && topic.by.id === me?.id,
    take,
  };
}

/** Whether there is anything to manage at all. */
export const managesAny = (acts: TopicActs): boolean => acts.rename || acts.keep || acts.part || acts.take;

export function accepts(topic: Topic | null): boolean {
  return topic?.kind === "question" || topic?.kind === "offer" || topic?.kind === "need";
}

export function mayAccept(view: Standing, message: MessageView): boolean {
  const { topic } = view;
  if (topic === null || topic.into || !accepts(topic) || !view.can.has("topic")) return false;
  if (message.seq === null || message.deleted || message.seq === OPENING || message.seq === topic.accepted) return false;
  return topic.kind === "question" || message.author.id !== topic.by.id;
}

/** What stands in the place of where one writes, if anything does. */
export function barrier(view: Pick<RoomView, "can" | "mark" | "topic" | "phase">): "merged" | "locked" | "guest" | "silent" | undefined {
  if (view.phase !== "joined") return undefined;
  if (view.topic?.into) return "merged";
  if (view.topic?.locked && !RUNS.has(view.mark)) return "locked";
  if (view.can.has("talk")) return undefined;
  return view.mark === "guest" ? "guest" : "silent";
}

export interface ReplyActs {
  like: boolean;
  /** A topic can be made of it. */
  topic: boolean;
  reply: boolean;
  edit: boolean;
  accept: boolean;
  unaccept: boolean;
  hold: boolean;
  remove: boolean;
}

export function replyActs(view: Standing & Pick<RoomView, "phase">, message: MessageView): ReplyActs {
  const acts = actsOn(view, message);
  const shut = barrier(view) !== undefined;
  return {
    like: acts.like && view.mark !== "guest" && !view.topic?.into,
    topic: acts.topic,
    reply: acts.reply && !shut,
    edit: acts.edit && !shut,
    accept: mayAccept(view, message),
    unaccept: view.can.has("topic") && !view.topic?.into && message.seq !== null && message.seq === view.topic?.accepted,
    hold: acts.hold,
    // The opening goes with the topic only.
    remove: acts.remove && message.seq !== OPENING,
  };
}
