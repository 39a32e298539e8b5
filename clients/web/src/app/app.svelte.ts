/**
 * What every page knows: the client, who one is, the circle, how the connection is, and the short
 * notes at the foot of the page. Components read it and never keep copies.
 */
import type { Me, Refusal, ServerInfo, StopCode } from "@weiquan/client";
import { platform } from "#platform";
import { fromStore } from "svelte/store";
import { t } from "../i18n/i18n.svelte";

export interface Note {
  id: number;
  text: string;
  kind: "plain" | "wrong";
  /** What can still be done about it. */
  act?: { label: string; run: () => void };
}

/** Long enough to read a sentence twice. */
const NOTE_MS = 5_000;
/** Long enough to notice a slip and reach for the button. */
const ACT_MS = 10_000;

class App {
  readonly client = platform.client;
  readonly #who = fromStore(this.client.who);
  readonly #status = fromStore(this.client.status);
  #info = $state.raw<ServerInfo>();
  #failure = $state<string>();
  /** Whether somebody is live where one is: the mark is a ring that fills. Set by the page that knows. */
  live = $state(false);
  #notes = $state.raw<readonly Note[]>([]);
  #noteId = 0;
  /** The server's clock, turned once a second: for "live for 42 minutes" and slow mode. */
  #now = $state(Date.now());

  constructor() {
    // Whoever is somebody no more on this device leaves nothing unsent on it.
    let was: Me | null = null;
    this.client.who.subscribe((now) => {
      if (was !== null && now === null) void import("../things/kept").then((it) => it.clear(), () => {});
      was = now;
    });
  }

  get who() {
    return this.#who.current;
  }
  get status() {
    return this.#status.current;
  }
  get info(): ServerInfo | undefined {
    return this.#info;
  }
  get failure(): string | undefined {
    return this.#failure;
  }
  get notes(): readonly Note[] {
    return this.#notes;
  }
  get now(): number {
    return this.#now;
  }
  get circle(): string {
    return this.#info?.circle ?? t().product;
  }
  /** With an account, as opposed to nobody and guests. */
  get isMember(): boolean {
    return this.who !== null && this.who.mark !== "guest";
  }

  /** Who one is; without an account, a guest with a name in the page's language, to be changed at will. */
  async beSomebody(): Promise<void> {
    const number = Math.floor(Math.random() * 9000) + 1000;
    await this.client.beSomebody(`${t().marks.guest} ${number}`);
  }

  /** Asks the server what it is and who one is. The page shows itself meanwhile. */
  async start(): Promise<void> {
    this.#failure = undefined;
    try {
      this.#info = await this.client.server();
      if (this.#info.set_up) await this.client.me();
    } catch (error) {
      this.#failure = wordsFor(error);
    }
  }

  async refreshInfo(): Promise<void> {
    this.#info = await this.client.server();
  }

  tick(): () => void {
    const timer = setInterval(() => (this.#now = Date.now()), 1000);
    return () => clearInterval(timer);
  }

  note(text: string, kind: Note["kind"] = "plain", act?: Note["act"]): void {
    const id = ++this.#noteId;
    const end = (): void => void (this.#notes = this.#notes.filter((it) => it.id !== id));
    const once = act && { label: act.label, run: () => (end(), act.run()) };
    this.#notes = [...this.#notes.slice(-2), { id, text, kind, ...(once ? { act: once } : {}) }];
    setTimeout(end, act ? ACT_MS : NOTE_MS);
  }

  /** Does something and says so where it fails; the answer is whether it was done. */
  async attempt(doing: Promise<unknown>, done?: string): Promise<boolean> {
    try {
      await doing;
      if (done) this.note(done);
      return true;
    } catch (error) {
      this.note(wordsFor(error), "wrong");
      return false;
    }
  }
}

export const app = new App();

function isCode(code: unknown): code is StopCode {
  return typeof code === "string" && code in t().refusals;
}

/** Our own words for a code; an unknown (newer) code falls back to the server's. */
export function wordsForCode(code: string, say?: string): string {
  return isCode(code) ? t().refusals[code] : (say ?? t().refusals.internal);
}

/** Words for whatever a promise failed with. */
export function wordsFor(error: unknown): string {
  const refusal = refusalIn(error);
  return refusal ? wordsForCode(refusal.code, refusal.say) : t().unreachable;
}

/** The refusal that an error of the client carries, by shape: `refusal`, or the code itself. */
export function refusalIn(error: unknown): Pick<Refusal, "code" | "say"> | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const inner = "refusal" in error ? error.refusal : error;
  if (typeof inner !== "object" || inner === null || !("code" in inner)) return undefined;
  if (!isCode(inner.code)) return undefined;
  const say = "say" in inner && typeof inner.say === "string" ? inner.say : "";
  return { code: inner.code as Refusal["code"], say };
}
