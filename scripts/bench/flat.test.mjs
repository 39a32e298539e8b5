import assert from "node:assert/strict";
import test from "node:test";
import { notFlat, perHour } from "./flat.mjs";

const MIB = 1_048_576;
const empty = { fds: 40, tasks: 20, connections: 0 };
/** An hour of samples, one in 15 s, in which something grows by so much, with noise that is the same in each run. */
const hour = ({ rss = 0, fds = 0, tasks = 0 } = {}) => Array.from({ length: 240 }, (_, n) => {
  const noise = Math.sin(n * 12.9898) * 0.5;
  return { at: n * 15, rss: (100 + (rss * n) / 240 + noise) * MIB, fds: 5_040 + (fds * n) / 240 + noise, tasks: 25 + (tasks * n) / 240 + noise, connections: 5_000 };
});

test("the slope is that of the line, whatever the noise", () => {
  assert.equal(perHour([{ at: 0, value: 1 }, { at: 1_800, value: 2 }, { at: 3_600, value: 3 }]), 2);
  assert.equal(perHour([{ at: 5, value: 9 }]), 0);
  assert.ok(Math.abs(perHour(hour({ rss: 10 }).map((it) => ({ at: it.at, value: it.rss / MIB }))) - 10) < 0.3);
});

test("what stays as it is passes", () => {
  assert.deepEqual(notFlat(hour(), empty, { ...empty, fds: 43, tasks: 22 }), []);
  assert.deepEqual(notFlat(hour({ rss: 2 }), empty, empty), []);
});

test("each leak is named", () => {
  assert.match(notFlat(hour({ rss: 6 }), empty, empty).join(), /memory grows by [56]\.\d MiB an hour, of 10\d\.\d MiB/);
  assert.match(notFlat(hour({ fds: 300 }), empty, empty).join(), /^fds grow by 30\d\.\d an hour/);
  assert.match(notFlat(hour({ tasks: 40 }), empty, empty).join(), /^tasks grow by 40\.\d an hour, of 45/);
  assert.deepEqual(notFlat(hour(), empty, { ...empty, fds: 60 }), ["60 fds when all have left, and 40 before they came"]);
  assert.deepEqual(notFlat(hour(), empty, { ...empty, connections: 1 }), ["1 connections when all have left"]);
});
