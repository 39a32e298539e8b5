import { expect, it } from "vitest";
import { savesOn } from "../src/app/saving.svelte";

it("saves where one chose it, whatever the line", () => {
  expect(savesOn("on", undefined)).toBe(true);
  expect(savesOn("off", { saveData: true, effectiveType: "2g" })).toBe(false);
});

it("saves by itself where the browser was asked to, or the line is slow", () => {
  const lines = [undefined, {}, { effectiveType: "4g" }, { saveData: true }, { effectiveType: "3g" }, { effectiveType: "slow-2g" }];
  expect(lines.map((it) => savesOn("auto", it))).toEqual([false, false, false, true, true, true]);
});
