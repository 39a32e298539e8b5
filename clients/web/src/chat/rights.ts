/** What the menu on a message or a person offers. Pure; the server decides again on every wish. */
import type { Mark, MessageView, Person, RoomView, Verb } from "@weiquan/client";

const RANK: Record<Mark, number> = { guest: 0, member: 1, host: 2, moderator: 3, owner: 4 };

type Standing = Pick<RoomView, "can" | "mark" | "me">;

function outranks(mine: Mark, theirs: Mark): boolean {
  return RANK[mine] > RANK[theirs];
}

export function mayActOn(view: Standing, verb: Extract<Verb, "mute" | "ban">, person: Person): boolean {
  return view.can.has(verb) && person.id !== view.me?.id && outranks(view.mark, person.mark);
}

export interface MessageActs {
  reply: boolean;
  edit: boolean;
  copy: boolean;
  remove: boolean;
  mute: boolean;
  ban: boolean;
}

export function actsOn(view: Standing, message: MessageView): MessageActs {
  const there = message.seq !== null && !message.deleted;
  return {
    reply: there && view.can.has("talk"),
    edit: there && message.mine && view.can.has("edit"),
    copy: !message.deleted,
    remove:
      there &&
      ((message.mine && view.can.has("delete")) ||
        (!message.mine && view.can.has("delete_any") && outranks(view.mark, message.author.mark))),
    mute: mayActOn(view, "mute", message.author),
    ban: mayActOn(view, "ban", message.author),
  };
}
