import { expect, it } from "vitest";
import { linesFor } from "../src/room/fit";

it("asks for no more lines than are seen, in steps", () => {
  expect(linesFor(225, 1)).toBe(180);
  expect(linesFor(226, 1)).toBe(210);
  expect(linesFor(450, 2)).toBe(720);
  expect(linesFor(1, 1)).toBe(30);
});
