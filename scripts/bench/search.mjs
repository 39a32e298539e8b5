// Looking for words of two characters in a million short Chinese messages of 200 rooms: what the store takes for it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { Postgres, programs } from "./postgres.mjs";
import { out } from "./rig.mjs";

const TEXTS = Number(process.env.BENCH_SEARCH_TEXTS ?? 1_000_000);
/** Each makes an index of its own, which takes a minute or two; PostgreSQL's takes seven, so it is made once. */
const ROUNDS_MAX = 3;
const ASKED = `the newest 20 of ${TEXTS} messages of 22 characters in 200 rooms, 2,000 words of two characters as often as people use them`;

export async function search({ rounds, serverCore, tell }) {
  execFileSync("cargo", ["build", "--release", "--locked", "--quiet", "-p", "weiquan-store", "--example", "searching"], { stdio: "inherit" });
  const command = `make bench ONLY=search (${ASKED}; SQLite, one reader)`;
  const seen = Array.from({ length: Math.min(rounds, ROUNDS_MAX) }, () => looked(serverCore));
  tell("topics.search_store_p99_ms", seen.map((it) => it.p99), command);
  tell("topics.search_store_p50_ms", seen.map((it) => it.p50), command);
  if (!programs()) return;
  const postgres = await Postgres.start();
  try {
    const { p99, p50 } = looked(serverCore, postgres.url);
    const its = `make bench ONLY=search (${ASKED}; PostgreSQL ${programs().split("/").at(-2)} with Debian's defaults, on any core)`;
    tell("topics.search_store_postgres_p99_ms", [p99], its);
    tell("topics.search_store_postgres_p50_ms", [p50], its);
  } finally {
    await postgres.stop();
  }
}

/** What words of two characters took, in an index that is made for it: SQLite's, or that of the database of a URL. */
function looked(core, ...url) {
  const target = process.env.CARGO_TARGET_DIR ?? "target";
  const program = path.resolve(target, "release", "examples", "searching");
  const folder = mkdtempSync(path.join(out, "search-"));
  try {
    const said = execFileSync("taskset", ["-c", String(core), program, folder, String(TEXTS), ...url], { encoding: "utf8" });
    const two = said.split("\n").filter(Boolean).map((it) => JSON.parse(it)).find((it) => it.name === "two");
    console.error(`  ${url.length ? "PostgreSQL" : "SQLite"}: p50 ${two.p50.toFixed(2)} ms, p99 ${two.p99.toFixed(2)} ms`);
    return two;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
