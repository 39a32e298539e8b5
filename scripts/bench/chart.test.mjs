// The chart, without measuring anything.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHART, NUMBERS, PICTURES, draw, kept } from "./chart.mjs";
import { FIGURES, row, sides } from "./figures.mjs";

const NAME = "crowd.cpu_ratio_bun_10k";
const told = (values, ours, theirs) => row(NAME, values, "make bench", { peer: "bun 1.4.5", ...sides(ours, theirs, "us/delivery") });

test("every figure of the chart is one that the bench tells", () => {
  const names = CHART.flatMap((group) => group.figures.map(([name]) => name));
  for (const name of names) assert.ok(FIGURES[name], name);
});

test("a new report replaces what it says anew, and nothing else", () => {
  const before = kept([], [told([0.8, 0.9], [4, 4.5], [5, 5])]);
  assert.deepEqual(before, [{ name: NAME, ratio: 0.85, range: [0.8, 0.9], rounds: 2, peer: "bun 1.4.5", ours: 4.25, theirs: 5, unit: "us/delivery" }]);
  assert.deepEqual(kept(before, [row("whole.app_kb", [90], "make bench"), told([NaN], [1], [2])]), before, "no figure is no news");
  assert.equal(kept(before, [told([0.7], [3.5], [5])])[0].ratio, 0.7);
});

test("bars are as long as their numbers, and the words say them too", () => {
  const [figure] = kept([], [told([0.5], [3], [6])]);
  const picture = draw([figure], "light");
  const widths = [...picture.matchAll(/<rect x="288" [^>]*width="([0-9.]+)"/g)].map((it) => Number(it[1]));
  assert.deepEqual([widths.length, widths[0] * 2], [2, widths[1]]);
  assert.match(picture, /0\.50 ×/);
  assert.match(picture, /10,000 viewers, one room, 10 msg\/s: 3\.00 beside 6\.00 µs/);
  assert.doesNotMatch(picture, /NaN|undefined/);
});

test("the pictures in the repository are those of its numbers", () => {
  const figures = JSON.parse(readFileSync(NUMBERS, "utf8"));
  for (const [theme, file] of Object.entries(PICTURES)) assert.equal(readFileSync(file, "utf8"), draw(figures, theme), `${file}: make chart`);
});
