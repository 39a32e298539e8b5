/** Numbers out of WebRTC's statistics: two reports, about a second apart, become what a person can read. */
import type { Timers, WatchStats } from "../api.js";

/** One entry; which fields there are depends on its type and on the browser. */
export type Entry = Readonly<Record<string, unknown>>;
export type Report = ReadonlyMap<string, Entry>;

/** A report and when it was taken: a busy machine's second is longer than that. */
export interface Measured {
  readonly at: number;
  readonly report: Report;
}

/** Before the first report. */
export const NOTHING: Measured = { at: 0, report: new Map() };

export async function measure(connection: RTCPeerConnection, timers: Timers): Promise<Measured> {
  const report = await connection.getStats();
  const entries = new Map<string, Entry>();
  report.forEach((value: Entry, key: string) => entries.set(key, value));
  return { at: timers.now(), report: entries };
}

/** Never 0: it is divided by. */
export function secondsBetween(before: Measured, after: Measured): number {
  return Math.max(0.001, (after.at - before.at) / 1000);
}

export function num(entry: Entry | undefined, field: string): number {
  const value = entry?.[field];
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

export function word(entry: Entry | undefined, field: string): string {
  const value = entry?.[field];
  return typeof value === "string" ? value : "";
}

export function find(report: Report, type: string, kind?: string): Entry | undefined {
  for (const it of report.values()) {
    if (it["type"] === type && (kind === undefined || it["kind"] === kind)) return it;
  }
  return undefined;
}

/** How much a counter of the same entry grew; 0 for a new entry, never negative. */
export function grown(before: Report, entry: Entry | undefined, field: string): number {
  const earlier = before.get(word(entry, "id"));
  return earlier === undefined ? 0 : Math.max(0, num(entry, field) - num(earlier, field));
}

/** `application/…` and `video/` are noise to a reader: `H264`. */
export function codecOf(report: Report, stream: Entry | undefined): string {
  const codec = report.get(word(stream, "codecId"));
  return word(codec, "mimeType").split("/")[1] ?? "";
}

export function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(1, part / whole);
}

/** The pair that carries the media. */
export function pairOf(report: Report): Entry | undefined {
  const chosen = report.get(word(find(report, "transport"), "selectedCandidatePairId"));
  if (chosen) return chosen;
  return [...report.values()].find((it) => it["type"] === "candidate-pair" && it["nominated"] === true);
}

export function watchStats(earlier: Measured, later: Measured): WatchStats {
  const [before, after, seconds] = [earlier.report, later.report, secondsBetween(earlier, later)];
  const video = find(after, "inbound-rtp", "video");
  const audio = find(after, "inbound-rtp", "audio");
  const grew = (field: string): number => grown(before, video, field) + grown(before, audio, field);
  const lead = video ?? audio;
  const lost = grew("packetsLost");
  const received = grew("packetsReceived");
  return {
    kbps: (grew("bytesReceived") * 8) / 1000 / seconds,
    fps: grown(before, video, "framesDecoded") / seconds,
    width: num(video, "frameWidth"),
    height: num(video, "frameHeight"),
    loss: share(lost, lost + received),
    lost,
    received,
    rttMs: num(pairOf(after), "currentRoundTripTime") * 1000,
    delayMs: waited(before, lead),
    frames: num(video, "framesDecoded"),
    freezes: num(video, "freezeCount"),
    frozenMs: num(video, "totalFreezesDuration") * 1000,
    audioLevel: num(audio, "audioLevel"),
    videoCodec: codecOf(after, video),
    srtpCipher: word(find(after, "transport"), "srtpCipher"),
  };
}

/** What a frame (or a moment of sound) waited on average before it was shown, in ms. */
function waited(before: Report, entry: Entry | undefined): number {
  const shown = grown(before, entry, "jitterBufferEmittedCount");
  return shown === 0 ? 0 : (grown(before, entry, "jitterBufferDelay") * 1000) / shown;
}

/** Bytes of media so far: what stands still while this does is not playing. */
export function mediaBytes(report: Report): number {
  let bytes = 0;
  for (const it of report.values()) if (it["type"] === "inbound-rtp") bytes += num(it, "bytesReceived");
  return bytes;
}
