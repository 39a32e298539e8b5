/** Naming somebody while one writes: who fits at the caret, which of them is at hand, and who was picked. */
import type { Named, Person, RoomView } from "@weiquan/client";
import { tick } from "svelte";
import { askedAt, candidates, fitting, insert, named } from "./mention";

/** Of so many messages the writers are candidates. */
const SPOKE_LATELY = 200;

/** What it needs of the box that is written in. */
interface Box {
  text: string;
  readonly area: HTMLTextAreaElement | undefined;
  /** Nobody is named, as in an edit. */
  readonly off: boolean;
  readonly view: Pick<RoomView, "messages" | "roster" | "me">;
}

export class Mentioning {
  readonly #box: Box;
  /** Where the caret stands; `undefined` while one writes elsewhere. */
  #caret = $state<number>();
  #picked = $state.raw<readonly Named[]>([]);
  #at = $state(0);
  /** An `@` that was waved away. */
  #waved = $state<number>();

  readonly #looking = $derived.by(() => (this.#caret === undefined || this.#box.off ? undefined : askedAt(this.#box.text, this.#caret)));
  readonly people: readonly Person[] = $derived.by(() => {
    if (!this.#looking || this.#looking.from === this.#waved) return [];
    const { messages, roster, me } = this.#box.view;
    const spoke = messages.slice(-SPOKE_LATELY).map((it) => it.author);
    return fitting(candidates(spoke, roster ?? []), this.#looking.query, me?.id);
  });

  /** `box` is read anew whenever something of it changes: give getters. */
  constructor(box: Box) {
    this.#box = box;
  }

  /** Which of the people is at hand. */
  get at(): number {
    return Math.min(this.#at, this.people.length - 1);
  }

  /** The caret may be elsewhere. */
  placed(): void {
    const { area } = this.#box;
    this.#caret = area?.selectionStart === area?.selectionEnd ? area?.selectionStart : undefined;
    if (this.#looking === undefined) this.#waved = undefined;
  }

  left(): void {
    this.#caret = undefined;
  }

  pick(person: Person): void {
    if (!this.#looking || this.#caret === undefined) return;
    const put = insert(this.#box.text, this.#caret, this.#looking, person.name);
    this.#picked = [...this.#picked, { id: person.id, name: person.name }];
    this.#box.text = put.text;
    this.#at = 0;
    // The caret moves once the text is there.
    void tick().then(() => {
      this.#box.area?.focus();
      this.#box.area?.setSelectionRange(put.caret, put.caret);
      this.placed();
    });
  }

  /** What a key means to the list of people; false where it means nothing. */
  takes(key: string): boolean {
    const { length } = this.people;
    if (length === 0) return false;
    if (key === "ArrowDown" || key === "ArrowUp") this.#at = (this.at + (key === "ArrowDown" ? 1 : length - 1)) % length;
    else if (key === "Enter" || key === "Tab") this.pick(this.people[this.at] as Person);
    else if (key === "Escape") this.#waved = this.#looking?.from;
    else return false;
    return true;
  }

  /** Whom the text names, once it is sent. */
  take(): Named[] {
    const to = named(this.#box.text, this.#picked);
    this.#picked = [];
    return to;
  }
}
