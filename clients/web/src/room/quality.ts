/**
 * How the broadcast is seen, in numbers: what the chip shows of how far behind live it is, and what is
 * reported back to the server once a minute and at the end. Loaded once something plays.
 *
 * How far behind is measured where the browser tells when a picture was captured (`captureTime`, which
 * Chromium has from the server's sender reports and its own round trip to the server): from there to the
 * moment it is put on the screen. Firefox and Safari do not tell; there the page shows what the line and
 * the wait before showing come to (`behindMs`), and reports nothing of it, because that is less than the
 * truth by whatever the camera, the encoder and the publisher's line take.
 */
import type { Watched, WatchStats } from "@weiquan/client";

const SECOND_MS = 1_000;
export const TOLD_EVERY_MS = 60_000;
/** A machine that slept did not watch meanwhile; a page in the background is woken once a minute. */
const SLEPT_MS = 120_000;
/** The server takes no more. */
const BEHIND_MAX_MS = 60_000;
const FIRST_FRAME_MAX_MS = 120_000;
/** Less is no watching. */
const WATCHED_MIN_MS = 1_000;

/** What of a presented frame's metadata counts here; `captureTime` is missing where the browser does not know it. */
type Presented = Pick<VideoFrameCallbackMetadata, "expectedDisplayTime" | "captureTime">;

/** The middle one, or the mean of the two in the middle; nothing of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/** Adds up seconds of watching until they are told. Pure. */
export class Tally {
  #watched = 0;
  #stalled = 0;
  #stalls = 0;
  #received = 0;
  #lost = 0;
  #height = 0;
  /** The medians of the seconds since it was told. */
  #behind: number[] = [];
  #frames: number[] = [];
  #last: WatchStats | null = null;

  frame({ expectedDisplayTime, captureTime }: Presented): void {
    if (captureTime === undefined) return;
    const behind = expectedDisplayTime - captureTime;
    // Before both clocks are known to each other it may be anything.
    if (behind >= 0 && behind <= BEHIND_MAX_MS) this.#frames.push(behind);
  }

  /** So many ms later; how far behind the pictures of that time were. */
  passed(ms: number, stats: WatchStats | null): number | undefined {
    if (ms < SLEPT_MS) this.#watched += ms;
    if (stats !== null && stats !== this.#last) this.#add(stats);
    const behind = median(this.#frames);
    this.#frames = [];
    if (behind !== undefined) this.#behind.push(behind);
    return behind;
  }

  #add(stats: WatchStats): void {
    const before = this.#last;
    // The counters of another connection begin again. The first ones are of before this was there to see.
    const grew = (field: "freezes" | "frozenMs"): number =>
      before === null ? 0 : stats[field] - (stats[field] < before[field] ? 0 : before[field]);
    this.#stalls += grew("freezes");
    this.#stalled += grew("frozenMs");
    this.#received += stats.received;
    this.#lost += stats.lost;
    this.#height = stats.height;
    this.#last = stats;
  }

  get watchedMs(): number {
    return this.#watched;
  }

  /** What is to be told, and begins anew; nothing where too little was watched. */
  take(): Watched | undefined {
    const watched = Math.round(this.#watched);
    if (watched < WATCHED_MIN_MS) return undefined;
    const behind = median(this.#behind);
    const how: Watched = {
      watched_ms: watched,
      stalled_ms: Math.min(watched, Math.round(this.#stalled)),
      stalls: this.#stalls,
      height: this.#height,
      received: this.#received,
      lost: this.#lost,
      ...(behind !== undefined && { behind_ms: Math.round(behind) }),
    };
    this.#watched = this.#stalled = this.#stalls = this.#received = this.#lost = 0;
    this.#behind = [];
    return how;
  }
}

export interface Seen {
  /** Where the picture is; nothing as long as it is not drawn. */
  video(): HTMLVideoElement | undefined;
  /** The player's numbers of the last second. */
  stats(): WatchStats | null;
  /** How long the first picture took; nothing where there is no such thing to say. Asked once, a second after it played. */
  firstFrame(): number | undefined;
  /** To the server. */
  tell(how: Watched): void;
  /** How far behind live the last second was; nothing where the browser does not tell. */
  show(behindMs: number | undefined): void;
}

/** Measures from now on until `end`. */
export class Quality {
  readonly #seen: Seen;
  readonly #tally = new Tally();
  readonly #over = new AbortController();
  #at = performance.now();
  #first: number | undefined;
  #askedFirst = false;
  #follows = false;

  constructor(seen: Seen) {
    this.#seen = seen;
    const second = setInterval(() => this.#second(), SECOND_MS);
    this.#over.signal.addEventListener("abort", () => clearInterval(second));
    // The page goes, or is put away whole: nothing of it runs any more. It may come back.
    addEventListener("pagehide", () => this.#tell(), { signal: this.#over.signal });
    this.#follow();
  }

  /** Tells what was not told yet. */
  end(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#passed();
    this.#tell();
    this.#seen.show(undefined);
  }

  #follow(): void {
    const video = this.#seen.video();
    if (this.#follows || !video?.requestVideoFrameCallback) return;
    this.#follows = true;
    const again = (): void => {
      video.requestVideoFrameCallback((_now, presented) => {
        if (this.#over.signal.aborted) return;
        this.#tally.frame(presented);
        again();
      });
    };
    again();
  }

  #second(): void {
    this.#follow();
    if (!this.#askedFirst) {
      this.#askedFirst = true;
      const first = this.#seen.firstFrame();
      if (first !== undefined && first >= 0 && first <= FIRST_FRAME_MAX_MS) this.#first = Math.round(first);
    }
    this.#seen.show(this.#passed());
    if (this.#tally.watchedMs >= TOLD_EVERY_MS) this.#tell();
  }

  #passed(): number | undefined {
    const before = this.#at;
    this.#at = performance.now();
    return this.#tally.passed(this.#at - before, this.#seen.stats());
  }

  #tell(): void {
    const how = this.#tally.take();
    if (how === undefined) return;
    this.#seen.tell(this.#first === undefined ? how : { ...how, first_frame_ms: this.#first });
    this.#first = undefined;
  }
}
