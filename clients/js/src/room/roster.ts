/**
 * Keeps the list of who is here whole.
 *
 * The server tells only who came and went. A connection that lagged may have lost some of that, and a
 * room that was too large for a list has none to build upon: then the whole list is asked for, once at
 * a time however often the cause comes again.
 */
import { ROSTER_MEMBERS_MAX } from "../limits.js";
import type { RoomPush, RoomState } from "./state.js";

export class RosterKeeper {
  readonly #state: () => RoomState;
  readonly #ask: () => Promise<unknown>;
  #asking = false;
  #stale = false;

  constructor(state: () => RoomState, ask: () => Promise<unknown>) {
    this.#state = state;
    this.#ask = ask;
  }

  /** Called after a push was folded in. `before` is the room before it. */
  heard(push: RoomPush, before: RoomState): void {
    const { roster, count, live } = this.#state();
    if (!live) return;
    const lagged = push.op === "gap" && roster !== null;
    const shrank = roster === null && before.count > ROSTER_MEMBERS_MAX && count <= ROSTER_MEMBERS_MAX;
    if (lagged || shrank) this.#renew();
  }

  #renew(): void {
    this.#stale = true;
    if (this.#asking) return;
    this.#asking = true;
    void this.#untilFresh().finally(() => (this.#asking = false));
  }

  /** What goes stale while the answer is on its way is asked for once more. */
  async #untilFresh(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      try {
        await this.#ask();
      } catch {
        // Refused or lost with the connection: the next join brings the list.
        return;
      }
    }
  }
}
