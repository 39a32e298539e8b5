/** Somebody erased their account: what is shown of theirs is by somebody of another name, or of none. */
import type { Named, Person } from "../protocol/index.js";
import type { RoomState, Shown } from "./state.js";

export function erased(state: RoomState, who: Person): RoomState {
  const named = <T extends Named | null>(it: T): T => (it?.id === who.id ? { ...it, name: who.name } : it);
  const all = (messages: readonly Shown[]): readonly Shown[] =>
    messages.map((it) => ({
      ...it,
      author: named(it.author),
      re: it.re && { ...it.re, author: named(it.re.author) },
    }));
  const { thread, topic } = state;
  return {
    ...state,
    topic: topic && { ...topic, by: named(topic.by), ...(topic.helper && { helper: named(topic.helper) }) },
    messages: all(state.messages),
    thread: thread && { ...thread, messages: all(thread.messages) },
    notices: state.notices.map((it) => ({
      ...it,
      by: named(it.by),
      ...("whom" in it && { whom: named(it.whom) }),
    })),
  };
}
