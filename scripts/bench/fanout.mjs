// A room of 2,000 beside Bun, in the clear and over TLS: the same frames to the same client, in pairs. And what only TLS
// costs: a handshake, and the memory of 10,000 who listen.
import { freePort } from "../ports.mjs";
import { sides } from "./figures.mjs";
import { Server, bun, certificate, end, settled, start } from "./rig.mjs";

export const PEER = { peer: "bun 1.4.5" };

/** Both servers in turn, once a round: what the crowd found at ours and at theirs. */
export async function beside(bench, plan, { secure = null, rooms = ["bench"], tokens = 2001 } = {}) {
  const pairs = [];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(rooms, tokens, { core: bench.serverCore, tls: secure });
    await settled();
    const mine = await bench.loaded(["crowd", ...it.where, "--tokens", it.tokens, "--server-pid", it.pid, ...plan]);
    await it.stop();
    await settled();
    const theirs = await besideBun(secure, bench, (there) => bench.loaded(["crowd", "--dialect", "relay", ...there, ...plan]));
    if (mine.verdict === "FAIL" || theirs.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
    pairs.push({ mine, theirs, ratio: mine.cpu_us_per_delivery / theirs.cpu_us_per_delivery });
    const bytes = (it) => (it.rss_bytes_per_viewer == null ? "" : `, ${it.rss_bytes_per_viewer.toFixed(0)} bytes a viewer`);
    const said = (it) => `${it.cpu_us_per_delivery.toFixed(2)} µs${bytes(it)}`;
    console.error(`  round ${round + 1}: ${said(mine)} beside ${said(theirs)}`);
  }
  return { pairs, of: (whose, name) => pairs.map((it) => it[whose][name]), ratios: pairs.map((it) => it.ratio) };
}

/** Runs something against a fresh relay of Bun's; it is told where that is. */
export async function besideBun(secure, { serverCore }, run) {
  const port = await freePort();
  const shown = secure ? [secure.ca, secure.key] : [];
  const { child } = await start(bun, ["scripts/bench/relay.js", String(port), ...shown], "listening", serverCore);
  const trusted = secure ? ["--tls-ca", secure.ca] : [];
  const found = await run(["--server", `127.0.0.1:${port}`, ...trusted, "--server-pid", String(child.pid)]);
  await end(child);
  return found;
}

const crowd = (seconds) => ["--room", "bench", "--viewers", "2000", "--writers", "1", "--rate", "10", "--text-bytes", "90",
  "--join-rate", "2000", "--seconds", String(seconds)];

export async function fanout(bench) {
  const { seconds, tell } = bench;
  const command = `make bench ONLY=fanout (2,000 viewers, 1 room, 10 msg/s, ${seconds} s, server on core 0, generator on core 1)`;
  const resident = `${command}; VmRSS of the server, settled and empty to settled and joined`;
  const { pairs, of, ratios } = await beside(bench, [...crowd(seconds), "--memory"]);
  tell("fanout.cpu_ratio_bun", ratios, command, { ...PEER, ...sides(of("mine", "cpu_us_per_delivery"), of("theirs", "cpu_us_per_delivery"), "us/delivery") });
  tell("fanout.cpu_us", of("mine", "cpu_us_per_delivery"), command);
  tell("fanout.cpu_us_bun", of("theirs", "cpu_us_per_delivery"), command, PEER);
  tell("fanout.rss_bytes_per_viewer", of("mine", "rss_bytes_per_viewer"), resident);
  tell("fanout.rss_bytes_per_viewer_bun", of("theirs", "rss_bytes_per_viewer"), resident, PEER);
  tell("fanout.delay_p99_ms", pairs.map((it) => it.mine.delay_ms.p99), command);
}

export async function tls(bench) {
  const secure = certificate();
  await fanoutOverTls(bench, secure);
  await handshakes(bench, secure);
  await memory(bench, secure);
}

async function fanoutOverTls(bench, secure) {
  const { seconds, tell } = bench;
  const command = `make bench ONLY=tls (as fanout, over TLS on both sides with one P-256 certificate; ${seconds} s)`;
  const { of, ratios } = await beside(bench, crowd(seconds), { secure });
  tell("whole.fanout_tls_cpu_ratio_bun", ratios, command, { ...PEER, ...sides(of("mine", "cpu_us_per_delivery"), of("theirs", "cpu_us_per_delivery"), "us/delivery") });
  tell("whole.fanout_tls_cpu_us", of("mine", "cpu_us_per_delivery"), command);
  tell("whole.fanout_tls_cpu_us_bun", of("theirs", "cpu_us_per_delivery"), command, PEER);
}

async function handshakes(bench, secure) {
  const command = "make bench ONLY=tls (4,000 lines, 8 at once, each accepted, shaken in full and closed, nothing asked for; P-256)";
  const [ours, theirs, agreed] = [[], [], { ours: {}, theirs: {} }];
  const plan = ["handshakes", "--count", "4000", "--at-once", "8"];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench"], 1, { core: bench.serverCore, tls: secure });
    const mine = await bench.loaded([...plan, ...it.where, "--server-pid", it.pid]);
    await it.stop();
    const other = await besideBun(secure, bench, (there) => bench.loaded([...plan, ...there]));
    ours.push(mine.cpu_us_per_handshake);
    theirs.push(other.cpu_us_per_handshake);
    Object.assign(agreed.ours, mine.agreed);
    Object.assign(agreed.theirs, other.agreed);
    console.error(`  round ${round + 1}: ${ours.at(-1).toFixed(1)} µs a handshake beside ${theirs.at(-1).toFixed(1)} µs`);
  }
  bench.tell("whole.tls_handshake_cpu_us", ours, command, { agreed: agreed.ours });
  bench.tell("whole.tls_handshake_cpu_us_bun", theirs, command, { ...PEER, agreed: agreed.theirs });
}

async function memory(bench, secure) {
  const command = "make bench ONLY=tls (10,000 viewers over TLS; VmRSS of the server, settled and empty to settled and joined)";
  const each = [];
  const plan = ["--room", "bench", "--viewers", "10000", "--writers", "1", "--rate", "1", "--join-rate", "1000", "--seconds", "3", "--memory"];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench"], 10_001, { core: bench.serverCore, tls: secure });
    const found = await bench.loaded(["crowd", ...it.where, "--tokens", it.tokens, "--server-pid", it.pid, ...plan]);
    await it.stop();
    if (found.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
    each.push(found.rss_bytes_per_viewer);
    console.error(`  round ${round + 1}: ${each.at(-1).toFixed(0)} bytes a viewer`);
  }
  bench.tell("whole.rss_bytes_per_viewer_tls", each, command);
}
