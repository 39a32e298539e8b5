/** Somebody erased their account: what is shown of theirs is by somebody of another name, or of none. */
import type { Person } from "../protocol/index.js";
import type { RoomState, Shown } from "./state.js";

export function erased(state: RoomState, who: Person): RoomState {
  const named = <T extends Person | null>(it: T): T => (it?.id === who.id ? { ...it, name: who.name } : it);
  const all = (messages: readonly Shown[]): readonly Shown[] =>
    messages.map((it) => {
      const author = named(it.author);
      const quoted = it.re && named(it.re.author);
      if (author === it.author && (!it.re || quoted === it.re.author)) return it;
      return { ...it, author, re: it.re && { ...it.re, author: quoted } };
    });
  const { thread, topic } = state;
  return {
    ...state,
    topic: topic && { ...topic, by: named(topic.by) },
    messages: all(state.messages),
    thread: thread && { ...thread, messages: all(thread.messages) },
    notices: state.notices.map((it) => ({
      ...it,
      by: named(it.by),
      ...("whom" in it && { whom: named(it.whom) }),
    })),
  };
}
