// The shape of the report, without measuring anything.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { chosen } from "./choose.mjs";
import { FIGURES, Report, median, row, sides } from "./figures.mjs";

const UNITS = ["ratio", "us", "us/delivery", "us/packet", "ms", "bytes", "bytes/s", "KiB", "MB", "1/s", "1/min", "share", "viewers", "sessions", "loads", "sockets", "s"];
const WHOLE = ["fanout_tls_cpu_ratio_bun", "rss_bytes_per_viewer_tls", "tls_handshake_cpu_us", "first_frame_ms", "presented_fps_ratio",
  "glass_to_glass_ratio", "app_kb", "start_ms", "idle_rss_mb", "binary_mb"];

test("every figure has a name, a unit and an aim that can be read", () => {
  for (const [name, [unit, aim]] of Object.entries(FIGURES)) {
    assert.match(name, /^(fanout|ack|egress|media|whole|crowd|topics)\.[a-z0-9_]+$/);
    assert.ok(UNITS.includes(unit), `${name} in ${unit}`);
    if (aim !== null) assert.match(aim, /^(<=|>=) \d+(\.\d+)?$/, name);
  }
  for (const name of WHOLE) assert.ok(FIGURES[`whole.${name}`]?.[1], `whole.${name} has an aim`);
});

test("a line holds the median and the range of the rounds that gave a figure", () => {
  const told = row("whole.start_ms", [90, NaN, 70, 110.126], "make bench", { peer: "another" });
  assert.deepEqual({ ...told, load: 0 }, { name: "whole.start_ms", value: 90, unit: "ms", aim: "<= 300", range: [70, 110.1], peer: "another",
    rounds: 3, load: 0, command: "make bench" });
  assert.deepEqual([row("whole.start_ms", [NaN], "").value, row("whole.start_ms", [], "").range], [null, null]);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.deepEqual(sides([1, 3, 2.00049], [4, 5], "ms"), { sides: { ours: 2, theirs: 4.5, unit: "ms" } });
});

test("the report keeps every line it told", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "weiquan-report-"));
  t.after(() => rmSync(folder, { recursive: true }));
  t.mock.method(console, "log", () => {});
  const report = new Report(folder);
  report.tell("whole.app_kb", [90, 91], "make bench");
  report.tell("whole.binary_mb", [30], "make bench");
  const kept = JSON.parse(readFileSync(path.join(folder, "report.json"), "utf8"));
  assert.deepEqual(kept.map((it) => [it.name, it.value, it.unit]), [["whole.app_kb", 90.5, "KiB"], ["whole.binary_mb", 30, "MB"]]);
});

test("what the bench tells is on the list, and what is on the list is told", () => {
  const sources = ["run", "fanout", "crowd", "stalled", "generator", "seen", "program", "search", "topics", "media", "layers", "janus"].map((it) => readFileSync(path.join(import.meta.dirname, `${it}.mjs`), "utf8")).join("\n");
  const named = (by) => [...sources.matchAll(by)].map((it) => it[1]);
  const told = new Set([...named(/tell\("([^"]+)"/g), ...named(/figure\("([^"]+)"/g).flatMap((it) => [it, `${it}_postgres`])]);
  assert.deepEqual([...told].sort(), Object.keys(FIGURES).sort());
});

test("ONLY picks parts, and parts of a part, in the order in which it names them", () => {
  const said = [];
  const part = (name) => () => said.push(name);
  const parts = { fanout: part("fanout"), crowd: { joins: part("joins"), stalled: part("stalled") } };
  const run = (only) => {
    said.length = 0;
    for (const it of chosen(only, parts)) it();
    return said.join(" ");
  };
  assert.equal(run(undefined), "fanout joins stalled");
  assert.equal(run("crowd:stalled,fanout"), "stalled fanout");
  assert.equal(run("crowd"), "joins stalled");
  for (const wrong of ["crow", "crowd:stall", "fanout:joins"]) {
    assert.throws(() => chosen(wrong, parts), { message: `ONLY=${wrong}: there is fanout, crowd, crowd:joins, crowd:stalled` });
  }
});
