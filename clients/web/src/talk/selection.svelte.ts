/** The messages that one selects to make a topic of them, in the room that is open. */
import { TOPIC_QUOTES_MAX, type MessageView } from "@weiquan/client";
import { spoken } from "../i18n/i18n.svelte";

class Selection {
  /** What is shown while one selects, and only then: it comes with its words when it is first needed. */
  parts = $state.raw<typeof import("./selecting")>();
  /** In the order in which they were tapped. */
  seqs = $state.raw<readonly number[]>([]);
  /** As many as may be. */
  most = TOPIC_QUOTES_MAX;

  async begin({ seq }: MessageView): Promise<void> {
    const parts = await spoken.with(import("./selecting"));
    this.seqs = seq === null ? [] : [seq];
    this.parts = parts;
  }

  /** A message is selected, or no longer. */
  take({ seq, deleted }: MessageView): void {
    if (seq === null) return;
    if (this.seqs.includes(seq)) this.seqs = this.seqs.filter((it) => it !== seq);
    else if (!deleted && this.seqs.length < this.most) this.seqs = [...this.seqs, seq];
  }

  end(): void {
    this.parts = undefined;
    this.seqs = [];
  }
}

export const selection = new Selection();
