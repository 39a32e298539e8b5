/**
 * Keeps the screen on while a picture plays in the foreground. The browser takes the lock away from a
 * hidden page by itself, and a battery that runs low may refuse it: then the screen goes dark as ever.
 */
type Locks = Pick<WakeLock, "request">;
type Page = Pick<Document, "visibilityState" | "addEventListener" | "removeEventListener">;

/** Holds the lock whenever it can until the answer is called. Where there are no locks it does nothing. */
export function stayAwake(locks: Locks | undefined = navigator.wakeLock, page: Page = document): () => void {
  let held: WakeLockSentinel | undefined;
  let over = false;
  async function hold(): Promise<void> {
    if (over || !locks || page.visibilityState !== "visible" || (held && !held.released)) return;
    try {
      const lock = await locks.request("screen");
      if (over) await lock.release();
      else held = lock;
    } catch {
      // Refused for now; the next time the page is looked at it is asked for again.
    }
  }
  const looked = (): void => void hold();
  page.addEventListener("visibilitychange", looked);
  void hold();
  return () => {
    over = true;
    page.removeEventListener("visibilitychange", looked);
    void held?.release();
  };
}
