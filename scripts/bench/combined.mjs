// The combined minute: chat and media at once, on a release server with shipped defaults, and every delivery checked.
// With --kill the server is killed (SIGKILL) in the middle and started again on the same folder and ports.
import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

const usage = `usage: node scripts/bench/combined.mjs [--kill] [--viewers 2000] [--watchers 100] [--writers 10] [--rate 50] [--seconds 60]

  --kill       kill -9 the server in the middle, start it again, and expect everything to go on
  --viewers    viewers of the chat, by /ws; each checks every delivery
  --watchers   viewers of the looping trace, by WHEP; each checks every packet
  --writers    connections that speak, at --rate messages a second in all, at fixed times (open model)
  --seconds    how long is counted

Build first: cargo build --release --workspace --locked (elsewhere? BENCH_BIN names the folder of the programs).
Exit codes: 0 nothing was lost, doubled, out of order or skipped; 1 something was; 2 it could not be run.
The whole report is target/bench/combined.json (combined-kill.json with --kill).`;

function options() {
  const number = (name, text) => {
    const value = Number(text);
    if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} is a number above 0, not ${text}`);
    return value;
  };
  const { values } = parseArgs({ options: {
    help: { type: "boolean" }, kill: { type: "boolean", default: false }, viewers: { type: "string", default: "2000" },
    watchers: { type: "string", default: "100" }, writers: { type: "string", default: "10" },
    rate: { type: "string", default: "50" }, seconds: { type: "string", default: "60" },
  } });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const numbers = ["viewers", "watchers", "writers", "rate", "seconds"].map((name) => [name, number(name, values[name])]);
  return { kill: values.kill, ...Object.fromEntries(numbers) };
}

/** Hears the crowd's progress: when it begins to speak and when it has said everything. */
function milestones() {
  const moments = {};
  const waiting = {};
  const reached = (name) => new Promise((done) => { waiting[name] = done; });
  const promises = { spoke: reached("spoke"), said: reached("said") };
  const told = (line) => {
    console.error(`  chat  ${line.trim()}`);
    for (const [name, words] of [["spoke", "viewers have joined in"], ["said", "all said"]]) {
      if (line.includes(words) && !moments[name]) {
        moments[name] = Date.now();
        waiting[name]();
      }
    }
  };
  return { told, moments, ...promises };
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Everything that must be zero, and is not. */
function violations(plan, crowd, watchers, run) {
  const found = [];
  const zero = (what, n) => n !== 0 && found.push(`${what}: ${n}`);
  for (const what of ["lost", "double", "disorder", "holes", "gaps", "forgotten", "closed"]) zero(`chat ${what}`, crowd[what]);
  for (const what of ["not_kept", "twice", "missing", "viewers_differ"]) zero(`history ${what}`, crowd.history[what]);
  zero("sent and never acknowledged", crowd.sent - crowd.acked);
  zero("acknowledged, but not looked for", crowd.acked - crowd.history.acknowledged);
  for (const what of ["missing", "forged", "silent"]) zero(`media packets ${what}`, watchers[what]);
  zero("media viewers failed", watchers.failed.length);
  const cuts = plan.kill ? 1 : 0;
  zero(`chat lines cut beside ${cuts} of each viewer`, crowd.cuts - cuts * plan.viewers);
  zero(`media lines cut beside ${cuts} of each viewer`, watchers.cuts - cuts * plan.watchers);
  if (crowd.delivered < plan.viewers * plan.rate * plan.seconds * 0.99) found.push(`only ${crowd.delivered} deliveries`);
  if (run.phase !== "live") found.push(`the broadcast is ${run.phase}, not live`);
  if (!run.publishing) found.push("the publisher gave up");
  if (!run.covered) found.push("the viewers of the media did not watch during the whole minute of the chat");
  return found;
}

function say(plan, crowd, watchers, run, found) {
  const n = (it) => it.toLocaleString("en");
  const kill = plan.kill ? `, kill -9 in the middle (${run.down_ms} ms until it served again)` : "";
  console.log(`combined  ${n(plan.viewers)} viewers at ${plan.rate} msg/s beside ${n(plan.watchers)} WHEP viewers, ${plan.seconds} s${kill}`);
  console.log(`chat      ${n(crowd.acked)} of ${n(crowd.sent)} messages acknowledged, ${n(crowd.delivered)} deliveries: ${crowd.lost} lost, ${crowd.double} double, ` +
    `${crowd.disorder} out of order, ${crowd.holes + crowd.gaps} gaps`);
  console.log(`history   ${n(crowd.history.records)} records: ${crowd.history.not_kept} acknowledged and not kept, ${crowd.history.twice} twice, ` +
    `${crowd.history.missing} missing; ${crowd.history.viewers_differ} viewers saw something else`);
  console.log(`media     ${n(watchers.packets)} packets: ${watchers.missing} missing, ${watchers.forged} not authentic, ${watchers.silent} viewers without; ` +
    `${JSON.stringify(watchers.negotiated.srtp_ciphers)}`);
  console.log(`delay     chat p50 ${crowd.delay_ms.p50} ms, p99 ${crowd.delay_ms.p99} ms; ack p99 ${crowd.ack_ms.p99} ms; media's longest pause ${watchers.pause_ms.max} ms`);
  if (plan.kill) {
    console.log(`resumed   ${n(crowd.cuts)} viewers and ${crowd.writer_cuts} writers (away p50 ${crowd.away_ms.p50} ms, max ${crowd.away_ms.max} ms); ` +
      `${crowd.acks_of_before_a_cut} acks named what was said before; picture dark p50 ${watchers.dark_ms.p50} ms, max ${watchers.dark_ms.max} ms`);
  }
  if (crowd.late * 10 > crowd.sent) console.log(`note      ${crowd.late} sends left late: the machine was too busy for these delays to mean much`);
  for (const what of found) console.log(`WRONG     ${what}`);
  console.log(found.length ? "FAIL" : "PASS");
}

async function combined(plan) {
  const { Server, end, load, out } = await import("./rig.mjs");
  const killAndRestart = async (server) => {
    const killed = Date.now();
    await end(server.child, "SIGKILL");
    await server.run();
    const ms = Date.now() - killed;
    console.error(`  kill -9 of the server; it serves again after ${ms} ms`);
    return ms;
  };
  const begin = Date.now();
  const server = await Server.start(["hall"], plan.viewers + plan.writers, { folder: "combined" });
  const again = plan.kill ? ["--through-restarts"] : [];
  const publisher = await server.publish("hall", again);
  const hall = [...server.where, "--room", "hall"];
  // They come first and stay longer, so that both minutes are one.
  const longer = plan.seconds + Math.max(30, plan.viewers / 50);
  const watching = load(["viewers", ...hall, "--viewers", String(plan.watchers), "--warmup", "4", "--seconds", String(longer), ...again],
    { told: (line) => console.error(`  media ${line.trim()}`) }).then((result) => ({ result, ended: Date.now() }));
  await sleep(4_000 + plan.watchers * 20);
  const watched = Date.now();
  const chat = milestones();
  const talking = load(["crowd", ...hall, "--tokens", server.tokens, "--viewers", String(plan.viewers), "--writers", String(plan.writers),
    "--rate", String(plan.rate), "--seconds", String(plan.seconds), "--check-history", ...again], { told: chat.told });
  let down = null;
  if (plan.kill) {
    await Promise.race([chat.spoke, talking]);
    await sleep(plan.seconds * 500 + 2_000);
    down = await killAndRestart(server);
  }
  const crowd = await talking;
  const { result: watchers, ended } = await watching;
  const publishing = publisher.exitCode === null && publisher.signalCode === null;
  const run = { down_ms: down, publishing, phase: await server.phase("hall"), covered: watched <= chat.moments.spoke && chat.moments.said <= ended };
  await end(publisher);
  await server.stop();
  const found = violations(plan, crowd, watchers, run);
  say(plan, crowd, watchers, run, found);
  const file = path.join(out, plan.kill ? "combined-kill.json" : "combined.json");
  const machine = { cores: os.cpus().length, cpu: os.cpus()[0].model, load: os.loadavg()[0] };
  writeFileSync(file, JSON.stringify({ verdict: found.length ? "FAIL" : "PASS", violations: found, plan, run, machine, seconds: (Date.now() - begin) / 1000, crowd, watchers }, null, 2) + "\n");
  return found.length ? 1 : 0;
}

try {
  // What still runs then is ended by the rig.
  process.exit(await combined(options()));
} catch (error) {
  console.error(`combined: ${error.message}`);
  process.exit(2);
}
