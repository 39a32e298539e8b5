import { Refused, type Person, type WhoPage } from "@weiquan/client";
import { expect, it, vi } from "vitest";
import { en } from "../src/i18n/en";

vi.stubGlobal("location", { pathname: "/", origin: "http://localhost" });
vi.mock("#platform", () => {
  const never = { get: () => null, subscribe: () => () => {} };
  return { platform: { client: { who: never, status: never }, sources: () => Promise.reject(new Error("none")) } };
});
vi.mock("../src/i18n/i18n.svelte", async () => ({ t: () => en, spoken: { language: "en" } }));
const { PeopleBook } = await import("../src/people/people.svelte");

const person = (id: string): Person => ({ id, name: id, mark: "member" });
type Asked = { q?: string; after?: string };

/** A room whose pages are given by what is asked for. */
function roomOf(page: (asked: Asked) => WhoPage | Promise<WhoPage>) {
  const asked: Asked[] = [];
  const who = async (it: Asked = {}): Promise<WhoPage> => {
    asked.push(it);
    return page(it);
  };
  return { asked, who };
}

it("goes on page by page, from where the last one stopped", async () => {
  const room = roomOf(({ after }) => (after === undefined ? { here: [person("a")], next: "a" } : { here: [person("b")] }));
  const book = new PeopleBook(room);
  await book.find("");
  expect([book.rows?.map((it) => it.id), book.hasMore]).toEqual([["a"], true]);
  await book.more();
  expect([book.rows?.map((it) => it.id), book.hasMore]).toEqual([["a", "b"], false]);
  expect(room.asked).toEqual([{}, { after: "a" }]);
});

it("looks for a name through empty pages, until somebody has it", async () => {
  const room = roomOf(({ after = "0" }) => (after === "3" ? { here: [person("zoe")] } : { here: [], next: String(Number(after) + 1) }));
  const book = new PeopleBook(room);
  await book.find(" Zoe ");
  expect(book.rows?.map((it) => it.id)).toEqual(["zoe"]);
  expect(room.asked).toEqual([{ q: "Zoe" }, { q: "Zoe", after: "1" }, { q: "Zoe", after: "2" }, { q: "Zoe", after: "3" }]);
});

it("stops looking for a name once another is looked for", async () => {
  let second: Promise<void> | undefined;
  const room = roomOf(({ q, after }) => {
    if (q === "first" && after === undefined) second = book.find("second");
    return q === "second" ? { here: [person("b")] } : { here: [], next: "x" };
  });
  const book = new PeopleBook(room);
  await book.find("first");
  await second;
  expect(book.rows?.map((it) => it.id)).toEqual(["b"]);
  expect(room.asked.filter((it) => it.q === "first")).toHaveLength(1);
});

it("finds nobody by signs alone, and is loud about any other refusal", async () => {
  const refusing = (code: "empty" | "not_permitted") => roomOf(() => Promise.reject(new Refused({ code, act: "stop", say: "no" })));
  const book = new PeopleBook(refusing("empty"));
  await book.find("…");
  expect([book.rows, book.failure]).toEqual([[], undefined]);
  const other = new PeopleBook(refusing("not_permitted"));
  await other.find("zoe");
  expect(other.rows).toBeUndefined();
  expect(other.failure).toBeDefined();
});
