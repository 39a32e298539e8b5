// The arithmetic of the figures of media, without measuring anything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { busy, listening, onTheLine, perCore, seenAll, whole } from "./watched.mjs";

const RUN = { verdict: "PASS", missing: 0, failed: [], silent: 0, forged: 0, held_up_ms: 3, viewers: 1_000, seconds: 10, server_cpu_s: 4, own_cpu_s: 9.5 };

test("a core carries as many as there were, over what of it they took", () => {
  assert.equal(perCore(RUN), 2_500);
  assert.equal(perCore({ ...RUN, server_cpu_s: 12.5 }), 800);
  assert.equal(busy(RUN), 0.95);
});

test("a run in which somebody missed something gives no figure", () => {
  assert.equal(whole(RUN, perCore), 2_500);
  for (const wrong of [{ verdict: "FAIL" }, { verdict: "INVALID" }, { missing: 1 }]) assert.ok(Number.isNaN(whole({ ...RUN, ...wrong }, perCore)));
});

test("on a bad line what is lost for good is measured, and who never came is not", () => {
  assert.equal(seenAll({ ...RUN, verdict: "FAIL", missing: 7 }, (it) => it.missing), 7);
  for (const wrong of [{ failed: ["no connection"] }, { silent: 1 }, { forged: 1 }, { held_up_ms: 101 }]) assert.ok(Number.isNaN(seenAll({ ...RUN, ...wrong }, perCore)));
});

test("beside a figure of a bad line stands what became of the packets", () => {
  const picture = { freezes: 2, long: 1, frames: 1_500, viewer_minutes: 1.004, frozen_share: 0.01, packets: { lost: 90, recovered: 89 },
    held_a_round_trip: { freezes_per_min: 0.5, long: 1 }, keyframes_asked: 1, resent_share: 0.06 };
  const sound = { lost: 30, recovered: 29, kept_share: 0.999 };
  const run = { picture, sound, round_trip_ms: { p50: 81 }, held_up_ms: 2.6 };
  assert.deepEqual(onTheLine([run, run]), {
    freezes: 4, long_pauses: 2, frames: 3_000, viewer_minutes: 2.01, frozen_share: [0.01, 0.01], lost: 180, recovered: 178,
    held_a_round_trip: { freezes_per_min: [0.5, 0.5], long_pauses: 2 }, keyframes_asked: 2,
    resent_share: [0.06, 0.06], sound: { lost: 60, recovered: 58, kept_share: [0.999, 0.999] }, round_trip_ms: [81, 81], held_up_ms: [3, 3],
  });
});

test("a line says where it listens in its first words", () => {
  assert.equal(listening('{"listening":"127.0.0.1:7000","seed":1}\n{"counters":{}}\n'), "127.0.0.1:7000");
});
