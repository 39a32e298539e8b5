// Looking for words of two characters in a million short Chinese messages of 200 rooms: what the store takes for it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { out } from "./rig.mjs";

const TEXTS = Number(process.env.BENCH_SEARCH_TEXTS ?? 1_000_000);
/** Each makes an index of its own, which takes a minute or two. */
const ROUNDS_MAX = 3;

export async function search({ rounds, serverCore, tell }) {
  execFileSync("cargo", ["build", "--release", "--locked", "--quiet", "-p", "weiquan-store", "--example", "searching"], { stdio: "inherit" });
  const target = process.env.CARGO_TARGET_DIR ?? "target";
  const program = path.resolve(target, "release", "examples", "searching");
  const [p99, p50] = [[], []];
  const command = `make bench ONLY=search (the newest 20 of ${TEXTS} messages of 22 characters in 200 rooms, 2,000 words of two characters as often as people use them; SQLite, one reader)`;
  for (let round = 0; round < Math.min(rounds, ROUNDS_MAX); round++) {
    const folder = mkdtempSync(path.join(out, "search-"));
    try {
      const said = execFileSync("taskset", ["-c", String(serverCore), program, folder, String(TEXTS)], { encoding: "utf8" });
      const two = said.split("\n").filter(Boolean).map((it) => JSON.parse(it)).find((it) => it.name === "two");
      p99.push(two.p99);
      p50.push(two.p50);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    console.error(`  round ${round + 1}: p50 ${p50.at(-1).toFixed(2)} ms, p99 ${p99.at(-1).toFixed(2)} ms`);
  }
  tell("topics.search_store_p99_ms", p99, command);
  tell("topics.search_store_p50_ms", p50, command);
}
