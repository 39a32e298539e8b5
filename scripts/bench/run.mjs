// make bench: starts the release server with shipped defaults, lets clients in by /ws, /whip and /whep, and reads
// what the server process cost from /proc. Ratios come from paired rounds in one run, medians with their range.
import { spawn, execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 10);
const only = (process.env.ONLY ?? "fanout,ack,egress").split(",");
const out = path.resolve("target/bench");
const weiquan = path.resolve("target/release/weiquan");
const loadtest = path.resolve("target/release/weiquan-loadtest");
const bun = path.resolve("scripts/bench/node_modules/@oven/bun-linux-x64/bin/bun");
const python = process.env.WEIQUAN_PYTHON ?? execFileSync("scripts/python.sh").toString().trim();
const report = [];
const running = new Set();

mkdirSync(out, { recursive: true });
const disk = execFileSync("stat", ["-f", "-c", "%T", out]).toString().trim();
if (disk === "tmpfs" || disk === "ramfs") {
  console.error(`${out} lies on ${disk}: commits there cost nothing, so the figures would mean nothing.`);
  process.exit(2);
}
console.error(`machine: ${os.cpus().length} cores, ${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(2)}, disk ${disk}`);

process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function tell(name, values, unit, aim, command, peer = null) {
  const good = values.filter((it) => Number.isFinite(it));
  const round = (it) => Number(it.toPrecision(4));
  const row = {
    name, value: good.length ? round(median(good)) : null, unit, aim,
    range: good.length ? [round(Math.min(...good)), round(Math.max(...good))] : null,
    peer, rounds: good.length, load: Number(os.loadavg()[0].toFixed(2)), command,
  };
  report.push(row);
  console.log(JSON.stringify(row));
  writeFileSync(path.join(out, "report.json"), JSON.stringify(report, null, 2) + "\n");
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// Server on the first core, generator on the second, where there are two: they must not share one.
const pin = (core, command, args) => (os.cpus().length > 1 ? ["taskset", ["-c", String(core), command, ...args]] : [command, args]);

function start(command, args, ready) {
  const [program, all] = pin(0, command, args);
  const child = spawn(program, all, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  child.on("exit", () => running.delete(child));
  return new Promise((done, fail) => {
    let text = "";
    child.stdout.on("data", (data) => {
      text += data;
      if (text.includes(ready)) done({ child, text });
    });
    child.on("exit", (code) => fail(new Error(`${command} ended with ${code}: ${text}`)));
  });
}

function end(child) {
  return new Promise((done) => {
    child.on("exit", done);
    child.kill("SIGTERM");
  });
}

function load(args) {
  const json = path.join(out, "last.json");
  rmSync(json, { force: true });
  const [program, all] = pin(1, loadtest, [...args, "--json", json]);
  return new Promise((done, fail) => {
    const child = spawn(program, all, { stdio: ["ignore", "ignore", "inherit"] });
    running.add(child);
    child.on("exit", (code) => {
      running.delete(child);
      try {
        const result = JSON.parse(readFileSync(json, "utf8"));
        if (result.verdict !== "PASS") console.error(`  ${result.verdict}: ${JSON.stringify(result)}`);
        done(result);
      } catch (error) {
        fail(new Error(`the load test ended with ${code}: ${error.message}`));
      }
    });
  });
}

async function post(url, body, token) {
  const headers = { "content-type": "application/json", origin: new URL(url).origin };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** A fresh server with an owner, rooms and tokens. Every override of a shipped default is printed. */
async function server(roomSlugs, tokenCount) {
  const data = path.join(out, "data");
  rmSync(data, { recursive: true, force: true });
  const [port, admin, publish, view] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const overrides = [`server.listen=127.0.0.1:${port}`, `server.admin=127.0.0.1:${admin}`, `server.data=${JSON.stringify(data)}`,
    `rtc.publish_port=${publish}`, `rtc.view_ports=[${view}]`, "log.level=warn"];
  const sets = overrides.flatMap((it) => ["--set", it]);
  console.error(`  weiquan serve ${overrides.map((it) => `--set ${it}`).join(" ")}`);
  const { child, text } = await start(weiquan, ["serve", ...sets], "Ctrl-C");
  const base = `http://127.0.0.1:${port}`;
  const code = text.match(/set-up#(\S+)/)[1];
  const owner = await post(`${base}/api/v1/set-up`, { code, name: "bench", password: "bench password", circle: "bench" });
  // One member may make 20 rooms in ten minutes, so many rooms have many makers.
  let maker = owner;
  for (const [n, slug] of roomSlugs.entries()) {
    if (n > 0 && n % 16 === 0) maker = await post(`${base}/api/v1/accounts`, { name: `maker ${n}`, password: "bench password" });
    await post(`${base}/api/v1/rooms`, { title: slug, guests: true, slug }, maker.token);
  }
  // Started again, so that memory is counted from a server that has not just hashed a password (19 MiB).
  await end(child);
  const again = await start(weiquan, ["serve", ...sets], "Ctrl-C");
  const tokens = path.join(out, "tokens");
  writeFileSync(tokens, execFileSync(weiquan, ["token", ...sets, "--count", String(tokenCount), "--minutes", "600"]));
  return { child: again.child, base, port, tokens, owner: owner.token, where: ["--server", `127.0.0.1:${port}`] };
}

async function fanout() {
  const command = `make bench ONLY=fanout (2,000 viewers, 1 room, 10 msg/s, ${seconds} s, server on core 0, generator on core 1)`;
  const plan = ["--viewers", "2000", "--writers", "1", "--rate", "10", "--text-bytes", "90", "--join-rate", "2000", "--seconds", String(seconds)];
  const [ours, theirs, ratios, memory, p99] = [[], [], [], [], []];
  for (let round = 0; round < rounds; round++) {
    const it = await server(["bench"], 2001);
    const mine = await load(["crowd", ...it.where, "--room", "bench", "--tokens", it.tokens, "--server-pid", String(it.child.pid), ...plan]);
    await end(it.child);
    const port = await freePort();
    const { child } = await start(bun, ["scripts/bench/relay.js", String(port)], "listening");
    const other = await load(["crowd", "--dialect", "relay", "--server", `127.0.0.1:${port}`, "--room", "bench", "--server-pid", String(child.pid), ...plan]);
    await end(child);
    ours.push(mine.cpu_us_per_delivery);
    theirs.push(other.cpu_us_per_delivery);
    ratios.push(mine.cpu_us_per_delivery / other.cpu_us_per_delivery);
    memory.push(mine.rss_bytes_per_viewer);
    p99.push(mine.delay_ms.p99);
    console.error(`  round ${round + 1}: ${mine.cpu_us_per_delivery.toFixed(2)} µs beside ${other.cpu_us_per_delivery.toFixed(2)} µs`);
  }
  tell("fanout.cpu_ratio_bun", ratios, "ratio", "<= 1.0", command, "bun 1.4.5");
  tell("fanout.cpu_us", ours, "us/delivery", null, command);
  tell("fanout.cpu_us_bun", theirs, "us/delivery", null, command, "bun 1.4.5");
  tell("fanout.rss_bytes_per_viewer", memory, "bytes", "<= 6144", command);
  tell("fanout.delay_p99_ms", p99, "ms", null, command);
}

async function acks() {
  const rooms = Array.from({ length: 64 }, (_, n) => `ack-${n + 1}`);
  const [many, one] = [[], []];
  const command = `make bench ONLY=ack (64 rooms, 64 writers, 16 in flight; then one writer at 50/s; ${seconds} s)`;
  for (let round = 0; round < rounds; round++) {
    const it = await server(rooms, 64);
    const common = ["crowd", ...it.where, "--tokens", it.tokens, "--viewers", "0", "--seconds", String(seconds)];
    const busy = await load([...common, "--room", "ack", "--rooms", "64", "--writers", "64", "--in-flight", "16"]);
    const lone = await load([...common, "--room", "ack-1", "--writers", "1", "--rate", "50"]);
    await end(it.child);
    many.push(busy.acked_per_s);
    one.push(lone.ack_ms.p99);
    console.error(`  round ${round + 1}: ${busy.acked_per_s.toFixed(0)} acks/s; one writer p99 ${lone.ack_ms.p99.toFixed(2)} ms`);
  }
  tell("ack.per_second", many, "1/s", ">= 10000", command);
  tell("ack.p99_ms_one_writer", one, "ms", "<= 20", command);
}

/** A server whose room "bench" FFmpeg publishes in: it sends the file's own packets, so every run has the same real stream. */
async function published(...flags) {
  const it = await server(["bench"], 1);
  const key = await post(`${it.base}/api/v1/rooms/bench/stream-keys`, { label: "bench" }, it.owner);
  const [program, args] = pin(1, python, ["tests/tools/whip_publish.py", "--token", key.key, ...flags, `${it.base}/whip`, "testdata/bunny.mp4"]);
  const publisher = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(publisher);
  await new Promise((done, fail) => {
    publisher.stdout.on("data", (data) => String(data).includes("connected") && done());
    publisher.on("exit", (code) => fail(new Error(`the publisher ended with ${code}`)));
  });
  const stop = async () => {
    publisher.removeAllListeners("exit");
    await end(publisher);
    await end(it.child);
  };
  return { it, stop };
}

function watch(it, viewers, rate, warmup, seconds) {
  return load(["viewers", ...it.where, "--room", "bench", "--viewers", String(viewers), "--join-rate", String(rate),
    "--warmup", String(warmup), "--seconds", String(seconds), "--server-pid", String(it.child.pid)]);
}

async function egress() {
  const viewers = Number(process.env.BENCH_VIEWERS ?? 300);
  const [cpu, memory, connect] = [[], [], []];
  const command = `make bench ONLY=egress (${viewers} WHEP viewers of testdata/bunny.mp4 by FFmpeg, 1.5 Mbit/s H264 + Opus, ${seconds} s)`;
  const joins = `make bench ONLY=egress (${viewers} WHEP joins, 100 a second, to its sound alone; less the packets of that time)`;
  for (let round = 0; round < rounds; round++) {
    const film = await published();
    const seen = await watch(film.it, viewers, 60, 2, seconds);
    await film.stop();
    // Sound alone is 50 small packets a second: joining is then nearly all there is to do.
    const sound = await published("--audio-only");
    const joined = await watch(sound.it, viewers, 100, 0.5, 3);
    await sound.stop();
    cpu.push(seen.cpu_us_per_packet);
    memory.push(seen.rss_kib_per_viewer);
    connect.push(joined.connect_cpu_ms);
    console.error(`  round ${round + 1}: ${seen.cpu_us_per_packet?.toFixed(2)} µs a packet, ${seen.rss_kib_per_viewer?.toFixed(1)} KiB a viewer, ${joined.connect_cpu_ms?.toFixed(2)} ms a join`);
  }
  tell("egress.cpu_us_per_packet", cpu, "us/packet", "<= 2.5", command);
  tell("egress.rss_kib_per_viewer", memory, "KiB", "<= 48", command);
  tell("egress.connect_cpu_ms", connect, "ms", "<= 1.0", joins);
}

if (only.includes("fanout")) await fanout();
if (only.includes("ack")) await acks();
if (only.includes("egress")) await egress();
