// What a run of viewers comes to: figures by arithmetic alone.

/** A figure of a run, or none where somebody failed or missed something: such a run measured another thing. */
export const whole = (seen, of) => (seen.verdict === "PASS" && seen.missing === 0 ? of(seen) : NaN);

/** A generator that was held up for longer had pauses of its own, which are nobody's freezes. */
const HELD_UP_MAX_MS = 100;

/** A figure of a run on a bad line, where what is lost for good is part of what is measured. */
export const seenAll = (seen, of) =>
  (seen.failed.length === 0 && seen.silent === 0 && seen.forged === 0 && seen.held_up_ms <= HELD_UP_MAX_MS ? of(seen) : NaN);

/** Viewers that a whole core would carry, by what those that there were have taken of one. */
export const perCore = ({ viewers, seconds, server_cpu_s }) => viewers / (server_cpu_s / seconds);

/** The share of the counted seconds in which the generator had work; above 0.9 it may have been the one that was late. */
export const busy = ({ own_cpu_s, seconds }) => own_cpu_s / seconds;

/** What stands beside a figure of a bad line: both kinds of pauses, and what became of the packets. */
export function onTheLine(runs) {
  const sum = (of) => runs.reduce((all, it) => all + of(it), 0);
  return {
    freezes: sum((it) => it.picture.freezes), long_pauses: sum((it) => it.picture.long), frames: sum((it) => it.picture.frames),
    viewer_minutes: Number(sum((it) => it.picture.viewer_minutes).toFixed(2)),
    frozen_share: runs.map((it) => it.picture.frozen_share), lost: sum((it) => it.picture.packets.lost), recovered: sum((it) => it.picture.packets.recovered),
    held_a_round_trip: { freezes_per_min: runs.map((it) => it.picture.held_a_round_trip.freezes_per_min), long_pauses: sum((it) => it.picture.held_a_round_trip.long) },
    keyframes_asked: sum((it) => it.picture.keyframes_asked), resent_share: runs.map((it) => it.picture.resent_share),
    sound: { lost: sum((it) => it.sound.lost), recovered: sum((it) => it.sound.recovered), kept_share: runs.map((it) => it.sound.kept_share) },
    round_trip_ms: runs.map((it) => it.round_trip_ms.p50), held_up_ms: runs.map((it) => Math.round(it.held_up_ms)),
  };
}

/** Where a line says that it listens. */
export function listening(text) {
  return JSON.parse(text.split("\n")[0]).listening;
}
