/** Where archives are. */
import { expect, it } from "vitest";
import { exportPath } from "../src/index.js";

it("leads to every archive, whatever is in a name", () => {
  expect(exportPath({ of: "me" })).toBe("/api/v1/me/export");
  expect(exportPath({ of: "circle" })).toBe("/api/v1/circle/export");
  expect(exportPath({ of: "topic", slug: "t/1" })).toBe("/api/v1/topics/t%2F1/export");
  expect(exportPath({ of: "board", slug: "news" })).toBe("/api/v1/boards/news/export");
  expect(exportPath({ of: "broadcast", room: "hall", id: "b_1?" })).toBe(
    "/api/v1/rooms/hall/broadcasts/b_1%3F/export",
  );
});
