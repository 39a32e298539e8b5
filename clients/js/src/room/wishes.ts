/**
 * Wishes that a person waits for (mute, ban, slow mode, the broadcast's steps): a promise each.
 *
 * Said again by the same client id after a lost connection, for a while: a wish that comes true
 * minutes later, when nobody remembers it, would be worse than one that failed.
 */
import type { Link } from "../connection/link.js";
import type { Request } from "../connection/requests.js";
import type { Environment } from "../environment.js";
import type { ClientFrame, Outcome } from "../protocol/index.js";
import type { Readable } from "../readable.js";
import { Refused, Unreachable } from "../refused.js";
import type { ClientIds } from "../uuid.js";
import type { RoomState } from "./state.js";

const WISH_WITHIN_MS = 20_000;
const SILENT_RETRY_MAX_MS = 2_000;

type Bare<T> = T extends { i: number; a: number; cid: string } ? Omit<T, "i" | "a" | "cid"> : never;
export type Act = Bare<Exclude<ClientFrame, { op: "pub" | "edit" | "delete" }>>;
/** What replaces what was said before, and so needs no client id. */
export type Row =
  | Omit<Extract<ClientFrame, { op: "vote" }>, "i" | "a">
  | Omit<Extract<ClientFrame, { op: "like" }>, "i" | "a">;

export class Wishes {
  readonly #env: Environment;
  readonly #link: Link;
  readonly #ids: ClientIds;
  readonly #state: Readable<RoomState>;

  constructor(env: Environment, link: Link, ids: ClientIds, state: Readable<RoomState>) {
    this.#env = env;
    this.#link = link;
    this.#ids = ids;
    this.#state = state;
  }

  say(act: Act): Promise<void> {
    const cid = this.#ids.next();
    return this.#through((a) => ({ ...act, a, cid }));
  }

  put(row: Row): Promise<void> {
    return this.#through((a) => ({ ...row, a }));
  }

  async #through(frame: (a: number) => Request): Promise<void> {
    const until = this.#env.timers.now() + WISH_WITHIN_MS;
    for (;;) {
      const a = await this.#inRoom(until);
      const outcome = await new Promise<Outcome | null>((resolve) => this.#link.ask(frame(a), resolve));
      if (outcome === null) continue;
      if ("ok" in outcome) return;
      const { act: todo, ms } = outcome.err;
      const late = this.#env.timers.now() >= until;
      if (todo !== "retry" || ms === undefined || ms > SILENT_RETRY_MAX_MS || late)
        throw new Refused(outcome.err);
      await new Promise<void>((resolve) => void this.#env.timers.after(ms, resolve));
    }
  }

  /** The room's number, once one is in it. */
  #inRoom(until: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timers = this.#env.timers;
      let end = (): void => {};
      const cancel = timers.after(Math.max(0, until - timers.now()), () => {
        end();
        reject(new Unreachable("not in the room"));
      });
      end = this.#state.subscribe(({ live, number }) => {
        if (!live || number === null) return;
        cancel();
        resolve(number);
        // The first call comes before `end` is known.
        queueMicrotask(() => end());
      });
    });
  }
}
