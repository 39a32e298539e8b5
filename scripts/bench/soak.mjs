// An hour of what a server does every evening, at half of what one core carries: a large room that talks, small rooms, people who
// come and go, a broadcast that is watched. In the end memory, descriptors and tasks must be flat, and every delivery right.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { mib, notFlat, perHour } from "./flat.mjs";
import { Server, end, load, out } from "./rig.mjs";

const minutes = Number(process.env.SOAK_MINUTES ?? 60);
/** Half of what a core carries at 10 messages a second (`make bench ONLY=crowd:10k`: 10,000 viewers take six tenths of one). */
const VIEWERS = Number(process.env.SOAK_VIEWERS ?? 5_000);
const [RATE, ROOMS, PASSING, WATCHING] = [10, 50, 500, 40];
/** What is not counted yet: caches fill, the allocator takes what it will keep. */
const WARM = 1 / 6;
const EVERY_MS = 15_000;
if (!(minutes >= 1)) throw new Error("SOAK_MINUTES is 1 or more");

const rooms = Array.from({ length: ROOMS }, (_, n) => `few-${n + 1}`);
const it = await Server.start(["bench", "live", ...rooms], VIEWERS + PASSING + ROOMS + 20, { folder: "soak", core: 0 });
const [crowd, few] = it.tokensOf(VIEWERS + 10, PASSING + ROOMS);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const begun = performance.now();

async function look() {
  const [rss, fds, tasks, connections] = await Promise.all(
    ["process_resident_memory_bytes", "process_open_fds", "weiquan_tasks", "fanout_connections"].map((name) => it.counter(name)));
  return { at: (performance.now() - begun) / 1_000, rss, fds, tasks, connections };
}

/** When all have left, and who left has stopped counting as here. */
async function empty() {
  while ((await it.counter("fanout_connections")) > 0) await sleep(500);
  await sleep(20_000);
  return look();
}

const wrong = [];
/** One run of the load test; what is wrong in it is told in the end. */
async function right(name, args) {
  const found = await load([name === "watch" ? "viewers" : "crowd", ...it.where, ...args], { core: 1, name: `soak-${name}`, told: () => {} });
  if (found.verdict !== "PASS") wrong.push(`${name}: ${found.verdict} ${JSON.stringify(found)}`);
}
const passing = (seconds) => right("few", ["--tokens", few, "--room", "few", "--rooms", String(ROOMS), "--viewers", String(PASSING), "--writers", String(ROOMS),
  "--rate", String(ROOMS), "--join-rate", "250", "--seconds", String(seconds)]);
const watching = (seconds) => right("watch", ["--room", "live", "--viewers", String(WATCHING), "--seconds", String(seconds)]);

console.error(`a soak of ${minutes} min: ${VIEWERS} viewers at ${RATE} msg/s, ${ROOMS} small rooms of people who come and go, ${WATCHING} who watch`);
const publisher = await it.publish("live", [], 1);
// A room keeps its last 2,000 records and 7,000 client ids: full first, or filling them is all that an hour would see. That
// is 350,000 messages in fifty rooms, and half as many again here.
const fill = (args) => load(["crowd", ...it.where, ...args], { core: 1, name: "soak-fill", told: () => {} });
await fill(["--tokens", few, "--room", "few", "--rooms", String(ROOMS), "--viewers", String(PASSING), "--writers", String(ROOMS), "--rate", "5000",
  "--join-rate", "250", "--seconds", "105"]);
await fill(["--tokens", crowd, "--room", "bench", "--viewers", "50", "--writers", "10", "--rate", "500", "--seconds", "22"]);
await passing(5);
await watching(5);
const before = await empty();

let over = false;
const samples = [];
const large = right("large", ["--tokens", crowd, "--room", "bench", "--viewers", String(VIEWERS), "--writers", "10", "--rate", String(RATE), "--seconds", String(minutes * 60)])
  .finally(() => { over = true; });
const waves = (async () => { while (!over) await passing(20); })();
const watchers = (async () => { while (!over) await watching(30); })();
while (!over) {
  await sleep(EVERY_MS);
  if (!over) samples.push(await look());
}
await Promise.all([large, waves, watchers]);
await end(publisher);
const after = await empty();
await it.stop();

const steady = samples.filter((one) => one.at > samples[0].at + minutes * 60 * WARM);
const found = [...wrong, ...(steady.length < 2 ? ["too short to say anything"] : notFlat(steady, before, after))];
const report = { minutes, viewers: VIEWERS, verdict: found.length === 0 ? "PASS" : "FAIL", found, before, after,
  rss_per_hour: perHour(steady.map((one) => ({ at: one.at, value: one.rss }))), steady };
writeFileSync(path.join(out, "soak.json"), JSON.stringify(report, null, 2));
console.error(`  empty ${mib(before.rss)}, ${before.fds} fds, ${before.tasks} tasks; in the end ${mib(after.rss)}, ${after.fds} fds, ${after.tasks} tasks`);
console.error(`  with all there ${mib(steady[0]?.rss ?? 0)} to ${mib(steady.at(-1)?.rss ?? 0)} (${mib(report.rss_per_hour)} an hour)`);
found.forEach((one) => console.error(`  ${one}`));
console.log(report.verdict);
process.exit(found.length === 0 ? 0 : 1);
