/** The committed grammar and limits are the server's own. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as limits from "../src/limits.js";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

it("has the numbers of the server's limits", () => {
  const rust = read("../../../src/protocol/limits.rs");
  const shared = [
    "TEXT_CHARS_MAX",
    "MARKDOWN_CHARS_MAX",
    "TAGS_MAX",
    "TAG_CHARS_MAX",
    "TOPIC_QUOTES_MAX",
    "BOARD_ABOUT_CHARS_MAX",
    "NAME_CHARS_MAX",
    "TITLE_CHARS_MAX",
    "PIN_CHARS_MAX",
    "POLL_QUESTION_CHARS_MAX",
    "POLL_OPTION_CHARS_MAX",
    "POLL_OPTIONS_MIN",
    "POLL_OPTIONS_MAX",
    "REASON_CHARS_MAX",
    "PASSWORD_CHARS_MIN",
    "IN_FLIGHT_MAX",
    "PAGE_RECORDS_MAX",
    "ROSTER_MEMBERS_MAX",
    "BURST_COUNT_MAX",
    "DICTIONARY",
  ] as const;
  for (const name of shared) {
    const value = new RegExp(`pub const ${name}: \\w+ = ([\\d_]+);`).exec(rust)?.[1];
    expect(Number(value?.replaceAll("_", "")), name).toBe(limits[name]);
  }
  expect(rust).toContain("INFLATED_BYTES_MAX: usize = 1024 * 1024;");
  expect(limits.INFLATED_BYTES_MAX).toBe(1024 * 1024);
  expect(rust).toContain(`SUBPROTOCOL: &str = "${limits.SUBPROTOCOL}"`);
});

it("knows every op of a client, every push and every refusal of the Rust source", () => {
  const frames = read("../../../src/protocol/client.rs").split("\nframes! {")[1]?.split("\n}\n")[0] ?? "";
  const ops = [...frames.matchAll(/^ {4}(\w+) \{/gm)].map((it) =>
    it[1]!.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase(),
  );
  const frame = read("../src/protocol/ClientFrame.ts");
  expect(ops.length).toBeGreaterThan(10);
  for (const op of ops) expect(frame, op).toContain(`"op": "${op}"`);
  const codes = [...read("../../../src/protocol/refusal.rs").matchAll(/^ {4}\w+ = "(\w+)", \w+, \d+;/gm)].map(
    (it) => it[1],
  );
  const code = read("../src/protocol/Code.ts");
  expect(codes.length).toBeGreaterThan(30);
  expect([...code.matchAll(/"(\w+)"/g)].map((it) => it[1]).sort()).toEqual([...codes].sort());
});

it("exports every generated type", () => {
  const names = readdirSync(new URL("../src/protocol", import.meta.url)).filter((it) => it !== "index.ts");
  const barrel = read("../src/protocol/index.ts");
  for (const name of names) expect(barrel).toContain(`"./${name.replace(".ts", ".js")}"`);
  expect(barrel.match(/^export/gm)).toHaveLength(names.length);
  expect(existsSync(new URL("../src/protocol/serde_json", import.meta.url))).toBe(false);
});
