import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chimeOf } from "../src/room/chime";
import { tellRunning, tellSystem } from "../src/room/nowplaying";
import { stayAwake } from "../src/room/wake";

/** Lets what was begun come to its end: no clock is in it. */
const settle = async (): Promise<void> => {
  for (let n = 0; n < 5; n++) await Promise.resolve();
};

// A browser that has neither.
beforeEach(() => vi.stubGlobal("navigator", {}));
afterEach(() => void vi.unstubAllGlobals());

describe("the screen stays on", () => {
  class Page extends EventTarget {
    visibilityState: DocumentVisibilityState = "visible";
    become(state: DocumentVisibilityState): void {
      this.visibilityState = state;
      this.dispatchEvent(new Event("visibilitychange"));
    }
  }
  let page: Page;
  let held: { released: boolean; release(): Promise<void> }[];
  let refuse: boolean;
  const locks = {
    request: async () => {
      if (refuse) throw new DOMException("battery low", "NotAllowedError");
      const lock = { released: false, release: async () => void (lock.released = true) };
      held.push(lock);
      return lock as unknown as WakeLockSentinel;
    },
  };
  const lit = (): number => held.filter((it) => !it.released).length;

  beforeEach(() => {
    page = new Page();
    held = [];
    refuse = false;
  });

  it("while it plays, and no longer", async () => {
    const stop = stayAwake(locks, page as unknown as Document);
    await settle();
    expect(lit()).toBe(1);
    page.become("visible");
    await settle();
    expect(held).toHaveLength(1);
    stop();
    await settle();
    expect(lit()).toBe(0);
    page.become("visible");
    await settle();
    expect(held).toHaveLength(1);
  });

  it("again when a page that was hidden is looked at", async () => {
    page.visibilityState = "hidden";
    const stop = stayAwake(locks, page as unknown as Document);
    await settle();
    expect(held).toHaveLength(0);
    page.become("visible");
    await settle();
    expect(lit()).toBe(1);
    // The browser takes it back by itself.
    await held[0]?.release();
    page.become("hidden");
    await settle();
    expect(lit()).toBe(0);
    page.become("visible");
    await settle();
    expect(lit()).toBe(1);
    stop();
  });

  it("is let go although it came late, and does without where it is refused", async () => {
    stayAwake(locks, page as unknown as Document)();
    await settle();
    expect(lit()).toBe(0);
    refuse = true;
    const stop = stayAwake(locks, page as unknown as Document);
    await settle();
    refuse = false;
    page.become("visible");
    await settle();
    expect(lit()).toBe(1);
    stop();
    stayAwake(undefined, page as unknown as Document)();
  });
});

describe("the system's player", () => {
  class Session {
    metadata: { title: string; artist: string; album: string; artwork: { src: string }[] } | null = null;
    playbackState = "none";
    position: MediaPositionState | undefined;
    readonly acts = new Map<string, (() => void) | null>();
    setPositionState(state?: MediaPositionState): void {
      this.position = state;
    }
    setActionHandler(name: string, run: (() => void) | null): void {
      if (name === "seekto") throw new TypeError("not known here");
      this.acts.set(name, run);
    }
  }
  beforeEach(() => vi.stubGlobal("MediaMetadata", class { constructor(given: object) { Object.assign(this, given); } }));

  it("shows what, by whom and where, can pause and play, and cannot seek in what is live", () => {
    const session = new Session();
    const acts = { play: vi.fn(), pause: vi.fn() };
    const playing = { title: "共读第三夜", host: "林小满", circle: "读书会", artwork: "data:image/jpeg," };
    const stop = tellSystem(playing, acts, session as unknown as MediaSession);
    expect(session.metadata).toMatchObject({ title: "共读第三夜", artist: "林小满", album: "读书会", artwork: [{ src: "data:image/jpeg," }] });
    tellRunning(true, session as unknown as MediaSession);
    expect(session).toMatchObject({ playbackState: "playing", position: { duration: Infinity } });
    tellRunning(false, session as unknown as MediaSession);
    expect(session.playbackState).toBe("paused");
    session.acts.get("pause")?.();
    session.acts.get("stop")?.();
    session.acts.get("play")?.();
    expect(acts.pause).toHaveBeenCalledTimes(2);
    expect(acts.play).toHaveBeenCalledTimes(1);
    for (const seek of ["seekbackward", "seekforward"]) expect(session.acts.get(seek)).toBeNull();
    stop();
    expect(session).toMatchObject({ metadata: null, playbackState: "none" });
    expect([...session.acts.values()].every((it) => it === null)).toBe(true);
    tellSystem(playing, acts, undefined)();
  });

  it("goes on where a browser takes no length without an end, as Firefox", () => {
    const session = new Session();
    session.setPositionState = () => {
      throw new TypeError("'duration' is not a finite floating-point value");
    };
    const acts = { play: vi.fn(), pause: vi.fn() };
    tellSystem({ title: "", host: "", circle: "", artwork: "" }, acts, session as unknown as MediaSession);
    session.acts.get("play")?.();
    expect(acts.play).toHaveBeenCalledTimes(1);
  });
});

describe("the chime", () => {
  it("says begin and end to who was there before, and nothing else", () => {
    const [up = [], down = []] = [chimeOf("open", "live"), chimeOf("live", "ended")];
    expect(up[0]! < up[1]! && down[0]! > down[1]!).toBe(true);
    expect(chimeOf("scheduled", "live")).toEqual(up);
    expect(chimeOf("paused", "ended")).toEqual(down);
    const silent = [[undefined, "live"], ["live", "live"], ["paused", "live"], ["ended", "archived"], ["scheduled", "open"], ["open", "ended"]] as const;
    for (const [before, now] of silent) expect(chimeOf(before, now), `${before} to ${now}`).toBeUndefined();
  });
});
