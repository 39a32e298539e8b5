/** How many notices wait: told by the connection, asked for where there is none. */
import { fromStore } from "svelte/store";
import { app } from "../app/app.svelte";

class BellState {
  readonly #inbox = fromStore(app.client.inbox);

  get unread(): number {
    return this.#inbox.current.unread ?? 0;
  }

  get newest() {
    return this.#inbox.current.notice;
  }

  /** Asks once, unless it is known: what a page shows at first must not depend on it. */
  ask(): void {
    if (app.client.inbox.get().unread === null) void app.client.notices().catch(() => {});
  }

  /** The number on the app's icon, where there is one. */
  follow(): () => void {
    if (!("setAppBadge" in navigator)) return () => {};
    return app.client.inbox.subscribe(({ unread }) => {
      if (unread !== null) void navigator.setAppBadge(unread).catch(() => {});
    });
  }
}

export const bell = new BellState();
