// A crowd: ten thousand in one room and a thousand small rooms beside Bun, how soon they are in, what each costs while
// silent, and how soon all are back after a kill. Everything is shown to everybody unless said otherwise.
import { PEER, beside, besideBun } from "./fanout.mjs";
import { sides } from "./figures.mjs";
import { k6, sockets } from "./generator.mjs";
import { Postgres, programs } from "./postgres.mjs";
import { Server, end } from "./rig.mjs";
import { presence, stalled } from "./stalled.mjs";

const VIEWERS = 10_000;
/** Small rooms beside each other, and beside a large one. */
const [SMALL, IN_EACH] = [1_000, 10];
const [BESIDE, BESIDE_VIEWERS] = [50, 500];
const STORED = 1_000_000;
/** Acknowledgements a second that are aimed at. */
const ACKS = 15_000;

const room = (viewers, rate, seconds, more = []) => ["--room", "bench", "--viewers", String(viewers), "--writers", "1", "--rate", String(rate),
  "--text-bytes", "90", "--join-rate", "1000", "--seconds", String(seconds), ...more];

/** Each by the name that `ONLY=crowd:…` has for it. */
export const CROWD = { "10k": tenThousand, "2k": twoThousand, small: smallRooms, "50ps": fiftyASecond, beside: smallBesideLarge, joins, silent, back, acks,
  crash: afterCrash, stalled, presence, sockets, k6 };

const command = (own, words, seconds) => `make bench ONLY=crowd:${own} (${words}; ${seconds} s)`;

/** What a delivery costs beside Bun; what each cost stands in the line as well. */
async function ratio(bench, own, words, plan, rooms = ["bench"]) {
  console.error(words);
  const { of, ratios } = await beside(bench, plan, { rooms, tokens: 11_010 });
  const each = sides(of("mine", "cpu_us_per_delivery"), of("theirs", "cpu_us_per_delivery"), "us/delivery");
  return [ratios, command(own, words, bench.seconds), { ...PEER, ...each }];
}

async function tenThousand(bench) {
  bench.tell("crowd.cpu_ratio_bun_10k", ...(await ratio(bench, "10k", "10,000 viewers, 1 room, 10 msg/s", room(VIEWERS, 10, bench.seconds))));
}

async function twoThousand(bench) {
  bench.tell("crowd.cpu_ratio_bun_2k", ...(await ratio(bench, "2k", "2,000 viewers, 1 room, 10 msg/s", room(2_000, 10, bench.seconds))));
}

async function smallRooms(bench) {
  bench.tell("crowd.cpu_ratio_bun_small_rooms", ...(await ratio(bench, "small", "1,000 rooms × 10 viewers, 5 msg/s each", small(bench.seconds), slugs(SMALL))));
}

async function fiftyASecond(bench) {
  const { seconds, tell } = bench;
  console.error("crowd.cpu_ratio_bun_50ps: 10,000 viewers, 1 room, 50 msg/s");
  const { pairs, of, ratios } = await beside(bench, room(VIEWERS, 50, seconds), { rooms: ["bench"], tokens: 11_010 });
  const told = command("50ps", "10,000 viewers, 1 room, 50 msg/s, with the duty limit as it comes", seconds);
  tell("crowd.cpu_ratio_bun_50ps", ratios, told, { ...PEER, ...sides(of("mine", "cpu_us_per_delivery"), of("theirs", "cpu_us_per_delivery"), "us/delivery") });
  const [ours, theirs] = ["mine", "theirs"].map((whose) => pairs.map((it) => it[whose].delay_ms.p99));
  tell("crowd.p99_ratio_bun_50ps", ours.map((it, n) => it / theirs[n]), told, { ...PEER, ...sides(ours, theirs, "ms") });
}

const slugs = (n) => Array.from({ length: n }, (_, at) => `bench-${at + 1}`);
const small = (seconds) => ["--room", "bench", "--rooms", String(SMALL), "--viewers", String(SMALL * IN_EACH), "--writers", String(SMALL),
  "--rate", String(SMALL * 5), "--text-bytes", "90", "--join-rate", "1000", "--seconds", String(seconds)];

/** Fifty rooms of ten, while ten thousand hear ten messages a second on the same shard. */
async function smallBesideLarge(bench) {
  const { seconds, tell } = bench;
  console.error("crowd.small_room_p99_ms: 50 rooms × 10 beside a room of 10,000");
  // All ten thousand are in, and talk, before the small rooms are listened to: that takes them 11 to 16 s.
  const large = (where) => ["crowd", ...where, ...room(VIEWERS, 10, seconds + 30)];
  const little = (where) => ["crowd", ...where, "--room", "bench", "--rooms", String(BESIDE), "--viewers", String(BESIDE_VIEWERS), "--writers", String(BESIDE),
    "--rate", String(BESIDE), "--text-bytes", "90", "--join-rate", "500", "--warmup", "24", "--seconds", String(seconds)];
  const [ours, theirs] = [[], []];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench", ...slugs(BESIDE)], 11_010, { core: bench.serverCore });
    const [crowd, few] = it.tokensOf(10_001, 600);
    const [mine] = await both(bench, little([...it.where, "--tokens", few]), large([...it.where, "--tokens", crowd]));
    await it.stop();
    const [other] = await besideBun(null, bench, (there) => both(bench, little(["--dialect", "relay", ...pidless(there)]), large(["--dialect", "relay", ...pidless(there)])));
    ours.push(mine.delay_ms.p99);
    theirs.push(other.delay_ms.p99);
    console.error(`  round ${round + 1}: p99 ${ours.at(-1).toFixed(1)} ms beside ${theirs.at(-1).toFixed(1)} ms`);
  }
  const told = command("beside", "50 rooms × 10 viewers at 1 msg/s each, beside a room of 10,000 at 10 msg/s; from the intended time of sending", seconds);
  tell("crowd.small_room_p99_ms", ours, told);
  tell("crowd.small_room_p99_ratio_bun", ours.map((it, n) => it / theirs[n]), told, { ...PEER, ...sides(ours, theirs, "ms") });
}

const pidless = (where) => where.filter((it, n) => it !== "--server-pid" && where[n - 1] !== "--server-pid");

/** The first while the second runs as well; both must be right. */
async function both(bench, first, second) {
  const found = await Promise.all([bench.loaded(second, "large"), bench.loaded(first, "small")]);
  if (found.some((it) => it.verdict === "FAIL")) throw new Error("a delivery was wrong: no figure");
  return found.reverse();
}

async function joins(bench) {
  console.error("crowd.join_p99_ms: 10,000 joins in 10 s to one cold room");
  const command = "make bench ONLY=crowd:joins (10,000 joins in 10 s to one room that nobody has asked for; p99 of the first snapshot, from the start of the connection)";
  const [p99, loads] = [[], []];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench"], 10_001, { core: bench.serverCore });
    const found = await bench.loaded(["crowd", ...it.where, "--tokens", it.tokens, "--room", "bench", "--viewers", String(VIEWERS), "--writers", "1", "--rate", "1",
      "--join-rate", "1000", "--seconds", "3"]);
    loads.push(await it.counter("weiquan_room_loads_total"));
    await it.stop();
    if (found.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
    p99.push(found.join_ms.p99);
    console.error(`  round ${round + 1}: p99 ${p99.at(-1).toFixed(0)} ms, ${loads.at(-1)} loads of the room`);
  }
  bench.tell("crowd.join_p99_ms", p99, command);
  bench.tell("crowd.room_loads", loads, command);
}

async function silent(bench) {
  console.error("crowd.rss_bytes_per_viewer: 10,000 who listen");
  const command = "make bench ONLY=crowd:silent (10,000 viewers joined, nobody speaking; VmRSS of the server, settled and empty to settled and joined)";
  const each = [];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench"], 10_001, { core: bench.serverCore });
    const found = await bench.loaded(["crowd", ...it.where, "--tokens", it.tokens, "--server-pid", it.pid, "--room", "bench", "--viewers", String(VIEWERS),
      "--writers", "1", "--rate", "1", "--join-rate", "1000", "--seconds", "3", "--memory"]);
    await it.stop();
    if (found.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
    each.push(found.rss_bytes_per_viewer);
    console.error(`  round ${round + 1}: ${each.at(-1).toFixed(0)} bytes a viewer`);
  }
  bench.tell("crowd.rss_bytes_per_viewer", each, command);
}

/** kill -9 under ten thousand, and the same program again: from the cut to the answer of each one's next join. */
async function back(bench) {
  console.error("crowd.resume_99_s: a kill under 10,000");
  const command = "make bench ONLY=crowd:back (kill -9 and start under 10,000 viewers and 10 writers at 10 msg/s; from the cut to the answer of the next join, 99 of 100; each delivery checked across it)";
  const away = [];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench"], 10_010, { core: bench.serverCore });
    const running = bench.loaded(["crowd", ...it.where, "--tokens", it.tokens, "--room", "bench", "--viewers", String(VIEWERS), "--writers", "10", "--rate", "10",
      "--join-rate", "1000", "--seconds", "25", "--through-restarts"], "back");
    await it.until("fanout_connections", VIEWERS);
    await new Promise((done) => setTimeout(done, 3_000));
    await end(it.child, "SIGKILL");
    await it.run();
    const found = await running;
    await it.stop();
    if (found.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
    away.push(found.away_ms.p99 / 1_000);
    console.error(`  round ${round + 1}: 99 of 100 back after ${away.at(-1).toFixed(2)} s`);
  }
  bench.tell("crowd.resume_99_s", away, command);
}

async function acks(bench) {
  console.error("crowd.ack_per_second: 64 rooms, 64 writers");
  const { seconds, tell } = bench;
  const rooms = Array.from({ length: 64 }, (_, n) => `ack-${n + 1}`);
  const [many, half, aimed] = [[], [], []];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(rooms, 64, { core: bench.serverCore });
    const common = ["crowd", ...it.where, "--tokens", it.tokens, "--viewers", "0", "--seconds", String(seconds), "--room", "ack", "--rooms", "64", "--writers", "64"];
    const busy = await bench.loaded([...common, "--in-flight", "16"]);
    const calm = await bench.loaded([...common, "--rate", String(Math.round(busy.acked_per_s / 2))]);
    const asked = await bench.loaded([...common, "--rate", String(ACKS / 2)]);
    await it.stop();
    many.push(busy.acked_per_s);
    half.push(calm.ack_ms.p99);
    aimed.push(asked.ack_ms.p99);
    const p99 = [calm, asked].map((of) => of.ack_ms.p99.toFixed(2));
    console.error(`  round ${round + 1}: ${busy.acked_per_s.toFixed(0)} acks/s; p99 at half of it ${p99[0]} ms, at ${ACKS / 2} a second ${p99[1]} ms`);
  }
  const command = `make bench ONLY=crowd:acks (64 rooms, 64 writers, 16 in flight, each synced; then at half of that rate; ${seconds} s)`;
  tell("crowd.ack_per_second", many, command);
  tell("crowd.ack_p99_ms_half_load", half, command);
  tell("crowd.ack_p99_ms_half_aim", aimed, `make bench ONLY=crowd:acks (the same at ${ACKS / 2} a second, half of what is aimed at; ${seconds} s)`);
  if (programs() === null) return console.error("  no PostgreSQL here: no figure of it");
  const theirs = [];
  for (let round = 0; round < bench.rounds; round++) {
    const database = await Postgres.start();
    const it = await Server.start(rooms, 64, { core: bench.serverCore, database: database.url });
    const busy = await bench.loaded(["crowd", ...it.where, "--tokens", it.tokens, "--viewers", "0", "--seconds", String(seconds), "--room", "ack", "--rooms", "64",
      "--writers", "64", "--in-flight", "16"]);
    await it.stop();
    await database.stop();
    theirs.push(busy.acked_per_s);
    console.error(`  round ${round + 1}: ${busy.acked_per_s.toFixed(0)} acks/s on PostgreSQL`);
  }
  tell("crowd.ack_per_second_postgres", theirs, `${command.replace("; then at half of that rate", "")}; PostgreSQL ${programs().split("/").at(-2)} with Debian's defaults, on any core`);
}

/** A million messages in 64 rooms, a kill, and the time until it serves again. */
async function afterCrash(bench) {
  console.error("crowd.ready_after_crash_s: a million messages stored");
  const rooms = Array.from({ length: 64 }, (_, n) => `ack-${n + 1}`);
  const it = await Server.start(rooms, 64, { core: bench.serverCore });
  const common = ["crowd", ...it.where, "--tokens", it.tokens, "--viewers", "0", "--room", "ack", "--rooms", "64", "--writers", "64", "--in-flight", "64", "--warmup", "0"];
  let stored = 0;
  while (stored < STORED) stored += (await bench.loaded([...common, "--seconds", "10"])).acked;
  const ready = [];
  for (let round = 0; round < bench.rounds; round++) {
    await end(it.child, "SIGKILL");
    const begun = performance.now();
    await it.run();
    await it.ready();
    ready.push((performance.now() - begun) / 1_000);
  }
  await it.stop();
  console.error(`  ${stored} messages; ready after ${ready.map((it) => it.toFixed(2)).join(", ")} s`);
  bench.tell("crowd.ready_after_crash_s", ready, `make bench ONLY=crowd:crash (kill -9 with ${stored} messages stored; from the start of the process to /readyz)`);
}
