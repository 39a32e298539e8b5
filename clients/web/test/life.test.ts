/** What a vote becomes, and how it is shown. */
import { expect, it } from "vitest";
import { percent, picked } from "../src/life/life";

it("picks one option in another's place, or several beside each other, and takes a pick back", () => {
  const one = (mine: number[], option: number): number[] => picked({ multiple: false, mine }, option);
  expect([one([], 1), one([1], 0), one([1], 1)]).toEqual([[1], [0], []]);
  const several = (mine: number[], option: number): number[] => picked({ multiple: true, mine }, option);
  expect([several([2], 0), several([0, 2], 2)]).toEqual([[0, 2], [0]]);
});

it("shows whole percents of the people who voted", () => {
  const poll = { n: [1, 2, 0], voters: 3 };
  expect([0, 1, 2].map((it) => percent(poll, it))).toEqual([33, 67, 0]);
  expect(percent({ n: null, voters: 0 }, 0)).toBe(0);
});
