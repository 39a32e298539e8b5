// Media on good and bad lines: what a viewer costs, how many a core carries, how long the picture stands still where
// packets are lost, and what strangers get.
import { janus as beside } from "./janus.mjs";
import { layers, tcp } from "./layers.mjs";
import { Server, end, loadtest, start, trace } from "./rig.mjs";
import { busy, listening, onTheLine, perCore, seenAll, whole } from "./watched.mjs";

const FILM = `the recorded packets of ${trace} by WHIP in a loop: x264 185 packets/s at 1.54 Mbit/s, a keyframe each second; Opus 50 packets/s`;
const VIEWERS = Number(process.env.BENCH_VIEWERS ?? 300);
/** As many as a server lets in, over how many workers, and as many as come at once. */
const WORKERS = Number(process.env.BENCH_WORKERS ?? 2);
/** Of sound alone: from 1,000 at a worker on it leaves in pairs. */
const LISTENERS = Number(process.env.BENCH_LISTENERS ?? 2_000);
const [MANY, STORM] = [Number(process.env.BENCH_MANY ?? 1_000), Number(process.env.BENCH_STORM ?? 500)];
/** On a bad line each has a line of its own; a freeze is rare, so they watch for a while. */
const [LOSSY, LOSSY_SECONDS] = [Number(process.env.BENCH_LOSSY ?? 20), Number(process.env.BENCH_LOSSY_SECONDS ?? 60)];
const RACES = Number(process.env.BENCH_RACES ?? 1_000);
const [SOUND_KBPS, DELAY_MS] = [32, 40];
const LIKE_BROWSERS = "with NACK for picture and sound, RTX, reference times and a receiver report each second";

/** Rounds on a fresh server each, in whose room the trace is published. */
async function rounds(bench, { publish = [], workers = 1, sets = [] }, run, tell) {
  const runs = [];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench"], 1, { core: bench.serverCore, workers, sets });
    const publisher = await it.publish("bench", publish, bench.clientCore);
    runs.push(await run(it));
    await end(publisher);
    await it.stop();
    console.error(`  round ${round + 1}: ${tell(runs.at(-1))}`);
  }
  return runs;
}

const watch = (bench, it, viewers, args, name) =>
  bench.loaded(["viewers", ...it.where, "--room", "bench", "--server-pid", it.pid, "--viewers", String(viewers), ...args], name);

const short = (it, digits = 2) => (Number.isFinite(it) ? it.toFixed(digits) : "–");

/** What a packet, a viewer and a join cost. */
export async function cost(bench) {
  console.error(`media.cpu_us_per_packet: ${VIEWERS} viewers`);
  const seconds = String(bench.seconds);
  const films = await rounds(bench, {}, (it) => watch(bench, it, VIEWERS, ["--join-rate", "60", "--warmup", "2", "--seconds", seconds, "--memory"], "media-cost"),
    (it) => `${short(it.cpu_us_per_packet)} µs a packet, ${short(it.rss_kib_per_viewer, 1)} KiB a viewer`);
  // Sound alone is 50 small packets a second: joining is then nearly all there is to do.
  const sounds = await rounds(bench, { publish: ["--audio-only"] }, (it) => watch(bench, it, VIEWERS, ["--join-rate", "100", "--warmup", "0.5", "--seconds", "3"], "media-joins"),
    (it) => `${short(it.connect_cpu_ms)} ms a connection, ${short(it.join_cpu_ms)} ms a join`);
  const command = `make bench ONLY=media:cost (${VIEWERS} WHEP viewers of ${FILM}; ${LIKE_BROWSERS}; ${seconds} s)`;
  bench.tell("media.cpu_us_per_packet", films.map((it) => whole(it, (of) => of.cpu_us_per_packet)), command);
  bench.tell("media.rss_kib_per_viewer", films.map((it) => whole(it, (of) => of.rss_kib_per_viewer)), command);
  const joins = `make bench ONLY=media:cost (${VIEWERS} WHEP joins, 100 a second, to its sound alone; less the packets of that time`;
  bench.tell("media.connect_cpu_ms", sounds.map((it) => whole(it, (of) => of.connect_cpu_ms)), `${joins}; ICE and DTLS: what the media threads took)`);
  bench.tell("media.join_cpu_ms", sounds.map((it) => whole(it, (of) => of.join_cpu_ms)), `${joins}; the whole server, with the offer's request)`);
}

/** How many a core carries, with nothing missing. */
export async function viewers(bench) {
  console.error(`media.viewers_per_core: ${MANY} viewers`);
  const seconds = String(bench.seconds);
  const runs = await rounds(bench, { workers: WORKERS }, (it) => watch(bench, it, MANY, ["--join-rate", "60", "--warmup", "3", "--seconds", seconds], "media-viewers"),
    (it) => `${short(perCore(it), 0)} viewers a core, ${it.missing} missing, the generator ${short(busy(it) * 100, 0)} % busy`);
  bench.tell("media.viewers_per_core", runs.map((it) => whole(it, perCore)),
    `make bench ONLY=media:viewers (${MANY} WHEP viewers over ${WORKERS} workers on one core, of ${FILM}; ${LIKE_BROWSERS}; viewers over the cores that the server took in ${seconds} s, all packets there)`,
    { viewers: MANY, workers: WORKERS, missing: runs.map((it) => it.missing), generator_busy: runs.map(busy) });
}

/** The same of sound alone. No faster than one address may ask. */
export async function sound(bench) {
  console.error(`media.audio_viewers_per_core: ${LISTENERS} listeners`);
  const seconds = String(bench.seconds);
  const runs = await rounds(bench, { workers: WORKERS, sets: [`rtc.viewers=${LISTENERS}`], publish: ["--audio-only", "--sound-kbps", String(SOUND_KBPS)] },
    (it) => watch(bench, it, LISTENERS, ["--join-rate", "30", "--warmup", "3", "--seconds", seconds], "media-sound"),
    (it) => `${short(perCore(it), 0)} listeners a core, ${it.missing} missing, the generator ${short(busy(it) * 100, 0)} % busy`);
  bench.tell("media.audio_viewers_per_core", runs.map((it) => whole(it, perCore)),
    `make bench ONLY=media:sound (${LISTENERS} WHEP listeners over ${WORKERS} workers on one core, of sound alone, ${SOUND_KBPS} kbit/s in 50 packets/s, by WHIP in a loop; ${LIKE_BROWSERS}; listeners over the cores that the server took in ${seconds} s, all packets there)`,
    { viewers: LISTENERS, workers: WORKERS, missing: runs.map((it) => it.missing), generator_busy: runs.map(busy) });
}

/** Everybody at once. */
export async function storm(bench) {
  console.error(`media.join_storm_p99_ms: ${STORM} joins within a second`);
  const runs = await rounds(bench, {}, (it) => watch(bench, it, STORM, ["--join-rate", String(STORM), "--warmup", "3", "--seconds", "3"], "media-storm"),
    (it) => `first keyframe p50 ${short(it.first_keyframe_ms.p50, 0)} and p99 ${short(it.first_keyframe_ms.p99, 0)} ms of ${it.first_keyframe_ms.n}`);
  bench.tell("media.join_storm_p99_ms", runs.map((it) => seenAll(it, (of) => (of.first_keyframe_ms.n === STORM ? of.first_keyframe_ms.p99 : NaN))),
    `make bench ONLY=media:storm (${STORM} WHEP viewers come within 1 s to ${FILM}; from each one's offer to its first keyframe, their own half of ${STORM} handshakes on the generator's core with it)`,
    { p50: runs.map((it) => it.first_keyframe_ms.p50), first_frame_p99: runs.map((it) => it.first_frame_ms.p99) });
}

/** Viewers behind a line that loses so many percent both ways. */
async function lossy(bench, percent) {
  const conditions = ["--loss", `${percent}%`, "--delay", `${DELAY_MS}ms`];
  console.error(`media on a line that loses ${percent} % and takes ${DELAY_MS} ms, each way: ${LOSSY} viewers`);
  const runs = await rounds(bench, {}, async (it) => {
    const { child, text } = await start(loadtest, ["impair", "--udp", "--to", it.mediaPorts.view[0], ...conditions], "\n", bench.clientCore);
    const seen = await watch(bench, it, LOSSY, ["--join-rate", "20", "--warmup", "3", "--seconds", String(LOSSY_SECONDS), "--through", listening(text)], `media-loss-${percent}`);
    await end(child);
    return seen;
  }, (it) => `${short(it.picture.freezes_per_min)} freezes and ${short(it.picture.long_per_min)} pauses above 500 ms a viewer's minute, ${short(it.sound.kept_share * 100)} % of the sound kept`);
  const line = `weiquan-loadtest impair --udp ${conditions.join(" ")}, both ways`;
  return { runs, command: `make bench ONLY=media:loss (${LOSSY} WHEP viewers of ${FILM}, through ${line}; ${LIKE_BROWSERS}; ${LOSSY_SECONDS} s)` };
}

/** How often the picture stands still for more than half a second, and the sound that is kept. */
export async function loss(bench) {
  const freezes = (runs) => runs.map((it) => seenAll(it, (of) => of.picture.long_per_min));
  const five = await lossy(bench, 5);
  bench.tell("media.freezes_per_min_5pct", freezes(five.runs), five.command, onTheLine(five.runs));
  const ten = await lossy(bench, 10);
  bench.tell("media.freezes_per_min_10pct", freezes(ten.runs), ten.command, onTheLine(ten.runs));
  const twenty = await lossy(bench, 20);
  bench.tell("media.audio_kept_20pct", twenty.runs.map((it) => seenAll(it, (of) => of.sound.kept_share)), twenty.command, onTheLine(twenty.runs));
}

/** What comes for the datagrams of people who proved nothing, and whose handshake they spoil. */
export async function strangers(bench) {
  console.error(`media.amplification and media.hello_race_lost: ${RACES} races`);
  const runs = await rounds(bench, {}, (it) => {
    const { publish, view } = it.mediaPorts;
    const ports = [...publish, ...view].flatMap((port) => ["--to", port]);
    return bench.loaded(["strangers", ...it.where, "--room", "bench", ...ports, "--races", String(RACES)], "media-strangers");
  }, (it) => `${short(it.amplification.worst, 3)} bytes a byte, ${it.races.lost} of ${it.races.sessions} sessions lost`);
  const good = (of) => runs.map((it) => (it.amplification.overflowed === 0 ? of(it) : NaN));
  bench.tell("media.amplification", good((it) => it.amplification.worst),
    "make bench ONLY=media:strangers (2,000 datagrams of each kind to each media port from an address that proved nothing: STUN without name or proof, TURN, ClientHellos whole and in pieces, RTP, RTCP, junk; the most bytes back for a byte of one kind)",
    { by_kind: runs.at(-1)?.amplification.by_kind });
  bench.tell("media.hello_race_lost", runs.map((it) => (it.races.sessions === RACES ? it.races.lost : NaN)),
    `make bench ONLY=media:strangers (${RACES} WHEP sessions; before each viewer's first datagram a stranger says four ClientHellos, half of them with no cipher but the null one: by turns from another port, from another address and under the viewer's own; lost is who does not come to a picture)`,
    { by_stranger: runs.at(-1)?.races.by_stranger });
}

/** The same receivers through Janus, by turns with ours. */
const janus = (bench) => beside(bench, VIEWERS, async () => {
  const one = { ...bench, rounds: 1 };
  const [seen] = await rounds(one, {}, (it) => watch(one, it, VIEWERS, ["--join-rate", "20", "--warmup", "3", "--seconds", String(bench.seconds)], "media-beside-janus"),
    (it) => `${short(it.cpu_us_per_packet)} µs a packet`);
  return whole(seen, (it) => it.cpu_us_per_packet);
});

export const MEDIA = { cost, viewers, sound, storm, loss, layers, tcp, strangers, janus };
