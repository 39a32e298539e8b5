// node scripts/bench/deflate.mjs LINES: what deflated frames save and cost in the running server, on a file of chat with one
// message a line. Rounds of both kinds alternate, each on a fresh server; BENCH_ROUNDS and BENCH_SECONDS as for make bench.
import { Server, load, settled } from "./rig.mjs";

const [lines] = process.argv.slice(2);
if (!lines) {
  console.error("a file of chat is needed, one message a line");
  process.exit(2);
}
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const seconds = Number(process.env.BENCH_SECONDS ?? 10);
const [serverCore, clientCore] = [0, 1];

/** Viewers, rooms, messages a second of each room, and how many of them everybody is shown (0: all). */
const SHAPES = [
  { viewers: 200, rooms: 20, rate: 15, readable: 0 },
  { viewers: 100, rooms: 1, rate: 15, readable: 0 },
  { viewers: 2_000, rooms: 1, rate: 15, readable: 0 },
  { viewers: 2_000, rooms: 1, rate: 60, readable: 20 },
];

const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const shown = (values, digits) => `${middle(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;

async function run({ viewers, rooms, rate, readable }, deflate) {
  await settled();
  const slugs = rooms === 1 ? ["bench"] : Array.from({ length: rooms }, (_, n) => `bench-${n + 1}`);
  const writers = 4 * rooms;
  const it = await Server.start(slugs, viewers + writers, { core: serverCore });
  const common = ["crowd", ...it.where, "--tokens", it.tokens, "--room", "bench", "--rooms", String(rooms), "--writers", String(writers), "--lines", lines];
  // So that there is something to come into.
  await load([...common, "--viewers", "0", "--rate", String(50 * rooms), "--seconds", "2"], { core: clientCore, name: "fill" });
  await it.stop();
  it.set(`rooms.readable_per_second=${readable}`);
  await it.run();
  const seen = await load([...common, "--viewers", String(viewers), "--rate", String(rate * rooms), "--seconds", String(seconds), "--server-pid", it.pid,
    ...(deflate ? ["--deflate"] : [])], { core: clientCore, name: "deflate" });
  await it.stop();
  if (seen.verdict !== "PASS") throw new Error(`${seen.verdict}: ${JSON.stringify(seen)}`);
  return seen;
}

for (const shape of SHAPES) {
  const kinds = { text: [], deflated: [] };
  for (let round = 0; round < rounds; round++) {
    for (const kind of Object.keys(kinds)) kinds[kind].push(await run(shape, kind === "deflated"));
  }
  const { viewers, rooms, rate, readable } = shape;
  console.log(`${viewers} viewers in ${rooms} rooms, ${rate} messages a second in each${readable ? `, ${readable} of them shown` : ""}`);
  for (const [kind, runs] of Object.entries(kinds)) {
    const all = (name, digits) => shown(runs.map((it) => it[name]), digits);
    console.log(`  ${kind.padEnd(8)}  ${all("bytes_per_delivery", 1)} bytes a delivery, ${all("bytes_per_join", 0)} a join, ${all("cpu_us_per_delivery", 2)} µs of CPU a delivery`);
  }
}
