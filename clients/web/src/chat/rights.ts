/** What the menu on a message or a person offers. Pure; the server decides again on every wish. */
import type { Mark, MemberRole, MessageView, Person, RoomView, Verb } from "@weiquan/client";

const RANK: Record<Mark, number> = { guest: 0, member: 1, co_host: 2, host: 3, moderator: 4, owner: 5 };

type Standing = Pick<RoomView, "can" | "mark" | "me">;

function outranks(mine: Mark, theirs: Mark): boolean {
  return RANK[mine] > RANK[theirs];
}

export function mayActOn(view: Standing, verb: Extract<Verb, "mute" | "kick" | "ban">, person: Person): boolean {
  return view.can.has(verb) && person.id !== view.me?.id && outranks(view.mark, person.mark);
}

/** What the owner of the circle could make of somebody here: guests have no account, and so no role. */
export function roleFor(view: Standing, person: Person): MemberRole | undefined {
  if (view.mark !== "owner" || person.id === view.me?.id) return undefined;
  switch (person.mark) {
    case "moderator":
      return "member";
    case "member":
    case "co_host":
    case "host":
      return "moderator";
    case "guest":
    case "owner":
      return undefined;
  }
}

/** What a host could make of somebody here, while a broadcast is announced or on: `true` for a co-host. */
export function coHostFor(view: Standing & Pick<RoomView, "broadcast">, person: Person): boolean | undefined {
  const { broadcast } = view;
  const over = broadcast === null || broadcast.phase === "ended" || broadcast.phase === "archived";
  if (over || !view.can.has("co_host") || broadcast.host.id === person.id) return undefined;
  if (person.mark === "co_host") return false;
  return person.mark === "member" ? true : undefined;
}

/** Whether there is anything that could be done to this person. */
export function mayAct(view: Standing & Pick<RoomView, "broadcast">, person: Person): boolean {
  return coHostFor(view, person) !== undefined || mayActOn(view, "mute", person) || mayActOn(view, "ban", person) || roleFor(view, person) !== undefined;
}

export interface MessageActs {
  reply: boolean;
  like: boolean;
  /** A topic can be made of it. */
  topic: boolean;
  thread: boolean;
  edit: boolean;
  copy: boolean;
  remove: boolean;
  /** Take it out of the talk until it was reviewed. */
  hold: boolean;
  pin: boolean;
  /** A question that waits, and somebody who may pick it. */
  question: boolean;
  mute: boolean;
  ban: boolean;
}

export function actsOn(view: Standing, message: MessageView): MessageActs {
  const there = message.seq !== null && !message.deleted;
  return {
    reply: there && view.can.has("talk"),
    like: there && view.can.has("react"),
    topic: there && (message.text !== "" || message.card !== null),
    thread: there,
    edit: there && message.mine && view.can.has("edit"),
    copy: !message.deleted,
    remove:
      there &&
      ((message.mine && view.can.has("delete")) ||
        (!message.mine && view.can.has("delete_any") && outranks(view.mark, message.author.mark))),
    hold: there && !message.mine && view.can.has("review") && outranks(view.mark, message.author.mark),
    pin: there && view.can.has("pin"),
    question: there && view.can.has("questions") && (message.question === "asked" || message.question === "picked"),
    mute: mayActOn(view, "mute", message.author),
    ban: mayActOn(view, "ban", message.author),
  };
}
