// make bench: starts the release server with shipped defaults, lets clients in by /ws, /whip and /whep, and reads
// what the server process cost from /proc. Ratios come from paired rounds in one run, medians with their range.
import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Server, end, freePort, load, out, start, trace } from "./rig.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 10);
const only = (process.env.ONLY ?? "fanout,ack,egress").split(",");
const bun = path.resolve("scripts/bench/node_modules/@oven/bun-linux-x64/bin/bun");
const [serverCore, clientCore] = [0, 1];
const report = [];

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function tell(name, values, unit, aim, command, more = {}) {
  const good = values.filter((it) => Number.isFinite(it));
  const round = (it) => Number(it.toPrecision(4));
  const row = {
    name, value: good.length ? round(median(good)) : null, unit, aim,
    range: good.length ? [round(Math.min(...good)), round(Math.max(...good))] : null,
    peer: null, rounds: good.length, load: Number(os.loadavg()[0].toFixed(2)), command, ...more,
  };
  report.push(row);
  console.log(JSON.stringify(row));
  writeFileSync(path.join(out, "report.json"), JSON.stringify(report, null, 2) + "\n");
}

const loaded = (args) => load(args, { core: clientCore });

async function fanout() {
  const command = `make bench ONLY=fanout (2,000 viewers, 1 room, 10 msg/s, ${seconds} s, server on core 0, generator on core 1)`;
  const resident = `${command}; VmRSS of the server, settled and empty to settled and joined`;
  const plan = ["--room", "bench", "--viewers", "2000", "--writers", "1", "--rate", "10", "--text-bytes", "90", "--join-rate", "2000",
    "--seconds", String(seconds), "--memory"];
  const [ours, theirs, ratios, memory, memoryOfBun, p99] = [[], [], [], [], [], []];
  for (let round = 0; round < rounds; round++) {
    const it = await Server.start(["bench"], 2001, { core: serverCore });
    const mine = await loaded(["crowd", ...it.where, "--tokens", it.tokens, "--server-pid", it.pid, ...plan]);
    await it.stop();
    const port = await freePort();
    const { child } = await start(bun, ["scripts/bench/relay.js", String(port)], "listening", serverCore);
    const other = await loaded(["crowd", "--dialect", "relay", "--server", `127.0.0.1:${port}`, "--server-pid", String(child.pid), ...plan]);
    await end(child);
    if (mine.verdict === "FAIL" || other.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
    ours.push(mine.cpu_us_per_delivery);
    theirs.push(other.cpu_us_per_delivery);
    ratios.push(mine.cpu_us_per_delivery / other.cpu_us_per_delivery);
    memory.push(mine.rss_bytes_per_viewer);
    memoryOfBun.push(other.rss_bytes_per_viewer);
    p99.push(mine.delay_ms.p99);
    console.error(`  round ${round + 1}: ${mine.cpu_us_per_delivery.toFixed(2)} µs beside ${other.cpu_us_per_delivery.toFixed(2)} µs, ` +
      `${mine.rss_bytes_per_viewer.toFixed(0)} bytes a viewer beside ${other.rss_bytes_per_viewer.toFixed(0)}`);
  }
  const peer = { peer: "bun 1.4.5" };
  tell("fanout.cpu_ratio_bun", ratios, "ratio", "<= 1.0", command, peer);
  tell("fanout.cpu_us", ours, "us/delivery", null, command);
  tell("fanout.cpu_us_bun", theirs, "us/delivery", null, command, peer);
  tell("fanout.rss_bytes_per_viewer", memory, "bytes", "<= 6144", resident);
  tell("fanout.rss_bytes_per_viewer_bun", memoryOfBun, "bytes", null, resident, peer);
  tell("fanout.delay_p99_ms", p99, "ms", null, command);
}

async function acks() {
  const rooms = Array.from({ length: 64 }, (_, n) => `ack-${n + 1}`);
  const [many, one] = [[], []];
  const command = `make bench ONLY=ack (64 rooms, 64 writers, 16 in flight; then one writer at 50/s; ${seconds} s)`;
  for (let round = 0; round < rounds; round++) {
    const it = await Server.start(rooms, 64, { core: serverCore });
    const common = ["crowd", ...it.where, "--tokens", it.tokens, "--viewers", "0", "--seconds", String(seconds)];
    const busy = await loaded([...common, "--room", "ack", "--rooms", "64", "--writers", "64", "--in-flight", "16"]);
    const lone = await loaded([...common, "--room", "ack-1", "--writers", "1", "--rate", "50"]);
    await it.stop();
    many.push(busy.acked_per_s);
    one.push(lone.ack_ms.p99);
    console.error(`  round ${round + 1}: ${busy.acked_per_s.toFixed(0)} acks/s; one writer p99 ${lone.ack_ms.p99.toFixed(2)} ms`);
  }
  tell("ack.per_second", many, "1/s", ">= 10000", command);
  tell("ack.p99_ms_one_writer", one, "ms", "<= 20", command);
}

/** WHEP viewers of a fresh server in whose room the trace is published. */
async function watched(flags, args) {
  const it = await Server.start(["bench"], 1, { core: serverCore });
  const publisher = await it.publish("bench", flags, clientCore);
  const seen = await loaded(["viewers", ...it.where, "--room", "bench", "--server-pid", it.pid, ...args]);
  await end(publisher);
  await it.stop();
  return seen;
}

/** What the viewers of all rounds agreed on, from their own handshakes and answers, and what they proved. */
function agreed(runs) {
  const sum = (of) => runs.reduce((all, it) => all + of(it), 0);
  const ciphers = {};
  for (const run of runs) {
    for (const [cipher, n] of Object.entries(run.negotiated.srtp_ciphers)) ciphers[cipher] = (ciphers[cipher] ?? 0) + n;
  }
  return {
    viewers: sum((it) => it.viewers), srtpCipher: ciphers, nackAgreed: sum((it) => it.negotiated.nack_agreed),
    nackAnswered: sum((it) => it.negotiated.nack_probes_answered), withSenderReports: sum((it) => it.negotiated.viewers_with_sender_reports),
    missing: sum((it) => it.missing), failed: sum((it) => it.failed.length),
  };
}

async function egress() {
  const viewers = Number(process.env.BENCH_VIEWERS ?? 300);
  const [films, sounds, floors, ratios] = [[], [], [], []];
  const stream = `the recorded packets of ${trace} by WHIP in a loop: x264 185 packets/s at 1.54 Mbit/s, a keyframe each second; Opus 50 packets/s`;
  const command = `make bench ONLY=egress (${viewers} WHEP viewers of ${stream}; ${seconds} s)`;
  const joins = `make bench ONLY=egress (${viewers} WHEP joins, 100 a second, to its sound alone; less the packets of that time)`;
  for (let round = 0; round < rounds; round++) {
    const seen = await watched([], ["--viewers", String(viewers), "--join-rate", "60", "--warmup", "2", "--seconds", String(seconds), "--memory"]);
    // Sound alone is 50 small packets a second: joining is then nearly all there is to do.
    const joined = await watched(["--audio-only"], ["--viewers", String(viewers), "--join-rate", "100", "--warmup", "0.5", "--seconds", "3"]);
    const floor = await load(["floor", "--viewers", String(viewers), "--seconds", String(seconds), "--receiver-core", String(clientCore)], { core: serverCore });
    films.push(seen);
    floors.push(floor.cpu_us_per_packet);
    ratios.push(seen.cpu_us_per_packet / floor.cpu_us_per_packet);
    sounds.push(joined);
    console.error(`  round ${round + 1}: ${seen.cpu_us_per_packet?.toFixed(2)} µs a packet beside ${floor.cpu_us_per_packet.toFixed(2)} µs of the kernel alone, ${seen.rss_kib_per_viewer?.toFixed(1)} KiB a viewer, ${joined.connect_cpu_ms?.toFixed(2)} ms a join`);
  }
  const [film, sound] = [{ agreed: agreed(films) }, { agreed: agreed(sounds) }];
  // A round in which a viewer failed or missed something measured another thing: it gives no figure.
  const figure = (runs, name) => runs.map((it) => (it.verdict === "PASS" ? it[name] : NaN));
  tell("egress.cpu_us_per_packet", figure(films, "cpu_us_per_packet"), "us/packet", "<= 2.5", command, film);
  const alone = `${command}; the same packets to as many sockets by sendmsg with UDP_SEGMENT, no cipher, no room`;
  tell("egress.cpu_ratio_kernel", ratios, "ratio", null, alone, { peer: "the kernel's sendmsg alone", ...film });
  tell("egress.cpu_us_per_packet_kernel", floors, "us/packet", null, alone, { peer: "the kernel's sendmsg alone" });
  tell("egress.rss_kib_per_viewer", figure(films, "rss_kib_per_viewer"), "KiB", "<= 48", command, film);
  tell("egress.connect_cpu_ms", figure(sounds, "connect_cpu_ms"), "ms", "<= 1.0", joins, sound);
}

if (only.includes("fanout")) await fanout();
if (only.includes("ack")) await acks();
if (only.includes("egress")) await egress();
