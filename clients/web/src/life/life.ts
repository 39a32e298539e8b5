/** What a line of the talk needs of its room to be liked, answered in a thread, or voted in. */
import type { MessageView, PollView } from "@weiquan/client";
import { getContext, setContext } from "svelte";

export interface Life {
  /** Whether one may like and vote here at all. */
  readonly may: boolean;
  /** The polls that are open, as the room counts them. */
  readonly polls: readonly PollView[];
  like(message: MessageView): void;
  thread(of: number): void;
  vote(poll: PollView, picks: readonly number[]): void;
}

const KEY = Symbol("life");

export function giveLife(life: Life): void {
  setContext(KEY, life);
}

export function takeLife(): Life {
  return getContext<Life>(KEY);
}

/** What picking an option makes of one's vote: one takes the other's place, several stand beside it. */
export function picked(poll: Pick<PollView, "multiple" | "mine">, option: number): number[] {
  const had = poll.mine.includes(option);
  const others = poll.multiple ? poll.mine.filter((it) => it !== option) : [];
  return (had ? others : [...others, option]).sort((a, b) => a - b);
}

/** The part of those who voted that picked an option, in whole percent. */
export function percent(poll: Pick<PollView, "n" | "voters">, option: number): number {
  const n = poll.n?.[option] ?? 0;
  return poll.voters === 0 ? 0 : Math.round((n / poll.voters) * 100);
}
