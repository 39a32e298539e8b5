// make bench: starts the release server with shipped defaults, lets clients in by /ws, /whip and /whep, and reads
// what the server process cost from /proc. Ratios come from paired rounds in one run, medians with their range.
import { chosen } from "./choose.mjs";
import { CROWD } from "./crowd.mjs";
import { Report } from "./figures.mjs";
import { MEDIA } from "./media.mjs";
import { Server, end, load, out, trace } from "./rig.mjs";
import { fanout, tls } from "./fanout.mjs";
import { program } from "./program.mjs";
import { search } from "./search.mjs";
import { seen } from "./seen.mjs";
import { TOPIC_FIGURES } from "./topics.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 10);
const [serverCore, clientCore] = [0, 1];
const report = new Report(out);
const tell = report.tell.bind(report);
const loaded = (args, name) => load(args, { core: clientCore, name });
const bench = { rounds, seconds, serverCore, clientCore, loaded, tell };

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
  tell("ack.per_second", many, command);
  tell("ack.p99_ms_one_writer", one, command);
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
    console.error(`  round ${round + 1}: ${seen.cpu_us_per_packet?.toFixed(2)} µs a packet beside ${floor.cpu_us_per_packet.toFixed(2)} µs of the kernel alone, ${seen.rss_kib_per_viewer?.toFixed(1)} KiB a viewer, ${joined.join_cpu_ms?.toFixed(2)} ms a join`);
  }
  const [film, sound] = [{ agreed: agreed(films) }, { agreed: agreed(sounds) }];
  // A round in which a viewer failed or missed something measured another thing: it gives no figure.
  const figure = (runs, name) => runs.map((it) => (it.verdict === "PASS" ? it[name] : NaN));
  tell("egress.cpu_us_per_packet", figure(films, "cpu_us_per_packet"), command, film);
  const alone = `${command}; the same packets to as many sockets by sendmsg with UDP_SEGMENT, no cipher, no room`;
  tell("egress.cpu_ratio_kernel", ratios, alone, { peer: "the kernel's sendmsg alone", ...film });
  tell("egress.cpu_us_per_packet_kernel", floors, alone, { peer: "the kernel's sendmsg alone" });
  tell("egress.rss_kib_per_viewer", figure(films, "rss_kib_per_viewer"), command, film);
  tell("egress.connect_cpu_ms", figure(sounds, "join_cpu_ms"), joins, sound);
}

const parts = { fanout, ack: acks, egress, media: MEDIA, tls, seen, program, crowd: CROWD, topics: TOPIC_FIGURES, search };
for (const part of chosen(process.env.ONLY, parts)) await part(bench);
