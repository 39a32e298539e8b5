// How far the generator itself is to be trusted: how many sockets one process holds, and what k6 says of the same room.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { sides } from "./figures.mjs";
import { Server, finish, out } from "./rig.mjs";

const SOCKETS = 15_500;
/** Of each of the two generators; and of k6's, where it is to be in nobody's way. */
const [VIEWERS, FEW] = [250, 25];
const [RATE, WARMUP, SECONDS] = [10, 3, 20];
/** Its pauses to collect garbage would count as delays of ours: up to this size it collects none. */
const CALM = { GOGC: "off", GOMEMLIMIT: "4GiB" };

/** As many viewers as one process can be, each with every delivery. */
export async function sockets(bench) {
  console.error(`crowd.generator_sockets: ${SOCKETS} viewers of one process`);
  const held = [];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench"], SOCKETS + 1, { core: bench.serverCore });
    const found = await bench.loaded(["crowd", ...it.where, "--tokens", it.tokens, "--room", "bench", "--viewers", String(SOCKETS), "--writers", "1", "--rate", "1",
      "--join-rate", "1000", "--seconds", String(bench.seconds)], "sockets");
    await it.stop();
    held.push(found.verdict === "PASS" ? found.viewers : NaN);
    console.error(`  round ${round + 1}: ${found.verdict} with ${found.viewers}, ${found.delivered} deliveries`);
  }
  bench.tell("crowd.generator_sockets", held, `make bench ONLY=crowd:sockets (viewers of one process on one core in one room, 1 msg/s, who had every delivery once and in order; ${bench.seconds} s)`);
}

/** Ours and k6 in one room at once: how long a message took to reach their viewers, the slowest of a hundred. */
export async function k6(bench) {
  const program = execFileSync("scripts/k6.sh").toString().trim();
  const version = execFileSync(program, ["version"]).toString().split(" ")[1];
  const rounds = async (theirs) => {
    console.error(`${VIEWERS} viewers of ours beside ${theirs} of k6 ${version}`);
    const found = [];
    for (let round = 0; round < bench.rounds; round++) {
      found.push(await besideK6(bench, program, theirs));
      const [ours, k6s] = found.at(-1);
      console.error(`  round ${round + 1}: p50 ${ours.p50.toFixed(1)} and p99 ${ours.p99.toFixed(1)} ms; k6 ${k6s.p50.toFixed(1)} and ${k6s.p99.toFixed(1)} ms`);
    }
    const [ours, k6s] = [0, 1].map((whose) => found.map((pair) => pair[whose].p99));
    const apart = ours.map((it, n) => Math.abs(it - k6s[n]));
    const within = apart.filter((it, n) => it <= Math.max(2, ours[n] / 10)).length;
    const command = `make bench ONLY=crowd:k6 (${VIEWERS} sockets of ours and ${theirs} of k6 in one room at ${RATE} msg/s, ${SECONDS} s; from the intended time in each text to hearing it; ` +
      "server on core 0, both generators on core 1; the aim is 2 ms, or 10 % of ours where that is more)";
    return [apart, command, { peer: `k6 ${version}`, ...sides(ours, k6s, "ms"), rounds_within: within }];
  };
  bench.tell("crowd.k6_p99_diff_ms", ...(await rounds(VIEWERS)));
  // With few of them k6 is hardly in its own way: what is apart then is how the two measure.
  bench.tell("crowd.k6_p99_diff_ms_few", ...(await rounds(FEW)));
}

/** The delays that ours and k6's viewers of one run say. */
async function besideK6(bench, program, theirs) {
  const it = await Server.start(["bench"], VIEWERS + 1 + theirs, { core: bench.serverCore });
  const [mine, others] = it.tokensOf(VIEWERS + 1, theirs);
  const heard = path.join(out, "last-k6.json");
  rmSync(heard, { force: true });
  const told = { SERVER: it.where[1], ROOM: "bench", TOKENS: others, VIEWERS: theirs, JOIN_RATE: theirs, WARMUP, SECONDS, OUT: heard };
  const beside = finish(program, ["run", "--quiet", "--no-usage-report", ...Object.entries(told).flatMap(([name, value]) => ["-e", `${name}=${value}`]), "scripts/bench/k6.js"],
    { core: bench.clientCore, env: CALM });
  // They join side by side, so that neither is first in each pass over the room.
  await Promise.race([it.until("fanout_connections", 1), beside]);
  const found = await bench.loaded(["crowd", ...it.where, "--tokens", mine, "--room", "bench", "--viewers", String(VIEWERS), "--writers", "1", "--rate", String(RATE),
    "--text-bytes", "90", "--join-rate", String(VIEWERS), "--warmup", String(WARMUP), "--seconds", String(SECONDS)], "beside-k6");
  await beside;
  await it.stop();
  const { delay_ms, closed } = JSON.parse(readFileSync(heard, "utf8"));
  if (found.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
  if (closed > 0 || delay_ms.n < theirs * RATE * SECONDS * 0.99) throw new Error(`k6 heard only ${delay_ms.n} deliveries, ${closed} of its lines were closed: no figure`);
  return [found.delay_ms, delay_ms];
}
