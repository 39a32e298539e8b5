import type { Watched, WatchStats } from "@weiquan/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { median, Quality, type Seen, Tally } from "../src/room/quality";

const STATS: WatchStats = {
  kbps: 1500, fps: 25, width: 1280, height: 720, loss: 0, lost: 1, received: 149, rttMs: 40, delayMs: 90, frames: 25,
  freezes: 0, frozenMs: 0, audioLevel: 0, videoCodec: "H264", srtpCipher: "",
};

/** What is presented `behind` ms after it was captured; nothing where the browser does not tell. */
const presented = (behind: number | undefined): VideoFrameCallbackMetadata =>
  ({
    expectedDisplayTime: 5_000,
    ...(behind !== undefined && { captureTime: 5_000 - behind }),
  }) as VideoFrameCallbackMetadata;

describe("the tally", () => {
  it("has the middle of what it saw, and nothing of nothing", () => {
    expect(median([])).toBeUndefined();
    expect(median([7])).toBe(7);
    expect(median([900, 100, 200])).toBe(200);
    expect(median([100, 200, 300, 900])).toBe(250);
  });

  it("adds up seconds until they are told, then begins anew", () => {
    const tally = new Tally();
    tally.passed(1_000, { ...STATS });
    tally.passed(1_000, { ...STATS, freezes: 2, frozenMs: 600 });
    tally.passed(500, { ...STATS, freezes: 2, frozenMs: 600, height: 360 });
    expect(tally.take()).toEqual({
      watched_ms: 2_500, stalled_ms: 600, stalls: 2, height: 360, received: 447, lost: 3,
    });
    expect(tally.take(), "too little to tell").toBeUndefined();
    tally.passed(1_000, { ...STATS, freezes: 3, frozenMs: 700 });
    expect(tally.take()).toMatchObject({ watched_ms: 1_000, stalled_ms: 100, stalls: 1, received: 149 });
  });

  it("counts the same numbers of the player once", () => {
    const tally = new Tally();
    const same = { ...STATS };
    for (let n = 0; n < 5; n++) tally.passed(400, same);
    expect(tally.take()).toMatchObject({ watched_ms: 2_000, received: 149, lost: 1 });
  });

  it("leaves out what stood still before it looked, and begins again with another connection", () => {
    const tally = new Tally();
    tally.passed(1_000, { ...STATS, freezes: 9, frozenMs: 9_000 });
    tally.passed(1_000, { ...STATS, freezes: 1, frozenMs: 300 });
    expect(tally.take()).toMatchObject({ stalls: 1, stalled_ms: 300 });
  });

  it("never stood still longer than it watched, and did not watch while the machine slept", () => {
    const tally = new Tally();
    tally.passed(1_000, { ...STATS });
    tally.passed(8 * 3_600_000, { ...STATS, freezes: 1, frozenMs: 5_000 });
    tally.passed(1_000, { ...STATS, freezes: 1, frozenMs: 5_000 });
    expect(tally.take()).toMatchObject({ watched_ms: 2_000, stalled_ms: 2_000 });
  });

  it("has how far behind each second was, and the middle of the seconds", () => {
    const tally = new Tally();
    for (const behind of [180, 200, 2_000]) tally.frame(presented(behind));
    expect(tally.passed(1_000, null)).toBe(200);
    for (const behind of [300, 320]) tally.frame(presented(behind));
    expect(tally.passed(1_000, null)).toBe(310);
    expect(tally.passed(1_000, null), "no picture came").toBeUndefined();
    tally.frame(presented(211.4));
    tally.passed(1_000, null);
    expect(tally.take()?.behind_ms).toBe(211);
  });

  it("takes no picture for measured whose time cannot be or is not known", () => {
    const tally = new Tally();
    for (const behind of [undefined, -40, 60_001]) tally.frame(presented(behind));
    expect(tally.passed(1_000, { ...STATS })).toBeUndefined();
    expect(tally.take()).not.toHaveProperty("behind_ms");
  });
});

describe("measuring", () => {
  class Page extends EventTarget {}
  let page: Page;
  let told: Watched[];
  let shown: (number | undefined)[];
  let frames: VideoFrameRequestCallback[];
  let first: number | undefined;

  let drawn: boolean;
  const screen = {
    requestVideoFrameCallback: (call: VideoFrameRequestCallback) => frames.push(call),
  } as unknown as HTMLVideoElement;
  const seen = (video: boolean): Seen => ({
    video: () => (video && drawn ? screen : undefined),
    stats: () => ({ ...STATS }),
    firstFrame: () => first,
    tell: (how) => told.push(how),
    show: (behind) => shown.push(behind),
  });
  const present = (behind: number): void => {
    for (const call of frames.splice(0)) call(0, presented(behind));
  };

  beforeEach(() => {
    vi.useFakeTimers();
    page = new Page();
    [told, shown, frames, first, drawn] = [[], [], [], 310.4, true];
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("tells once a minute and at the end, and the first picture once", () => {
    const quality = new Quality(seen(true));
    vi.advanceTimersByTime(59_500);
    expect(told).toHaveLength(0);
    vi.advanceTimersByTime(60_500);
    expect(told.map((it) => it.watched_ms)).toEqual([60_000, 60_000]);
    expect(told.map((it) => it.first_frame_ms)).toEqual([310, undefined]);
    vi.advanceTimersByTime(12_000);
    quality.end();
    quality.end();
    expect(told).toHaveLength(3);
    expect(told[2]).toMatchObject({ watched_ms: 12_000, height: 720 });
    vi.advanceTimersByTime(600_000);
    expect(told, "it is over").toHaveLength(3);
  });

  it("tells what there is when the page goes, and goes on where it comes back", () => {
    new Quality(seen(false));
    vi.advanceTimersByTime(5_000);
    page.dispatchEvent(new Event("pagehide"));
    expect(told).toMatchObject([{ watched_ms: 5_000, first_frame_ms: 310 }]);
    vi.advanceTimersByTime(60_000);
    expect(told).toHaveLength(2);
  });

  it("shows how far behind the last second was, and asks for frames as long as it lasts", () => {
    const quality = new Quality(seen(true));
    present(240);
    present(260);
    vi.advanceTimersByTime(1_000);
    expect(shown).toEqual([250]);
    vi.advanceTimersByTime(1_000);
    expect(shown, "no picture came").toEqual([250, undefined]);
    quality.end();
    present(240);
    expect(frames, "asked for no more").toHaveLength(0);
  });

  it("waits for a picture that is not drawn yet", () => {
    drawn = false;
    new Quality(seen(true));
    vi.advanceTimersByTime(1_000);
    drawn = true;
    vi.advanceTimersByTime(1_000);
    present(200);
    vi.advanceTimersByTime(1_000);
    expect(shown).toEqual([undefined, undefined, 200]);
  });

  it("says nothing of a first picture that somebody waited for, nor of one that took too long", () => {
    for (const none of [undefined, 120_001, -3]) {
      first = none;
      const quality = new Quality(seen(true));
      vi.advanceTimersByTime(2_000);
      quality.end();
      expect(told.pop()).not.toHaveProperty("first_frame_ms");
    }
  });
});
