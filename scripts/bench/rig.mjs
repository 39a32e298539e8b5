// What both the bench and the combined minute need: a release server of our own on a real disk, with shipped defaults
// but for its ports and folder (each override is printed), a stream key, and the load test as a child.
import { spawn, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../ports.mjs";

// BENCH_BIN: where the two release programs lie, if cargo was told to build elsewhere.
const programs = path.resolve(process.env.BENCH_BIN ?? "target/release");
export const weiquan = path.join(programs, "weiquan");
export const loadtest = path.join(programs, "weiquan-loadtest");
export const out = path.resolve("target/bench");
export const trace = "testdata/trace.bin";
/** The peer of the fan-out. */
export const bun = path.resolve("scripts/bench/node_modules/@oven/bun-linux-x64/bin/bun");
const running = new Set();

for (const program of [weiquan, loadtest]) {
  if (!existsSync(program)) {
    console.error(`${program} is not there: cargo build --release --workspace --locked`);
    process.exit(2);
  }
}
mkdirSync(out, { recursive: true });
const disk = execFileSync("stat", ["-f", "-c", "%T", out]).toString().trim();
if (disk === "tmpfs" || disk === "ramfs") {
  console.error(`${out} lies on ${disk}: commits there cost nothing, so the figures would mean nothing.`);
  process.exit(2);
}
console.error(`machine: ${os.cpus().length} cores, ${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(2)}, disk ${disk}`);

process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
// Told to go, it takes with it what it started.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

// Server on the first core, generator on the second, where there are two: a measurement must not share one.
const pinned = (core, command, args) =>
  core === null || os.cpus().length < 2 ? [command, args] : ["taskset", ["-c", String(core), command, ...args]];

/** Starts a program and waits until it says that it is ready. */
export function start(command, args, ready, core = null) {
  const [program, all] = pinned(core, command, args);
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

/** Runs a program to its end, which must be a good one. */
export function finish(command, args, { core = null, env = {} } = {}) {
  const [program, all] = pinned(core, command, args);
  const child = spawn(program, all, { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env } });
  running.add(child);
  return new Promise((done, fail) => {
    child.on("exit", (code) => {
      running.delete(child);
      if (code === 0) done();
      else fail(new Error(`${path.basename(command)} ended with ${code}`));
    });
  });
}

/** Ends a program and waits for it; told to go, it may say goodbye. */
export function end(child, signal = "SIGTERM") {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    child.on("exit", done);
    child.kill(signal);
  });
}

/**
 * Waits until the kernel has forgotten the connections of the run before. They wait for a minute, and what ends their wait is
 * charged to whoever runs on that core just then: to the next server.
 */
export async function settled() {
  const waiting = () => Number(readFileSync("/proc/net/sockstat", "utf8").match(/ tw (\d+)/)[1]);
  while (waiting() > 100) await new Promise((done) => setTimeout(done, 500));
}

/** Runs the load test and answers its JSON; `told` hears each line of its progress. */
export function load(args, { core = null, told = null, name = args[0] } = {}) {
  const json = path.join(out, `last-${name}.json`);
  rmSync(json, { force: true });
  const [program, all] = pinned(core, loadtest, [...args, "--json", json]);
  return new Promise((done, fail) => {
    const child = spawn(program, all, { stdio: ["ignore", "ignore", told ? "pipe" : "inherit"] });
    running.add(child);
    if (told) createInterface({ input: child.stderr }).on("line", told);
    child.on("exit", (code) => {
      running.delete(child);
      try {
        const result = JSON.parse(readFileSync(json, "utf8"));
        if (result.verdict !== "PASS" && !told) console.error(`  ${result.verdict}: ${JSON.stringify(result)}`);
        done(result);
      } catch (error) {
        fail(new Error(`weiquan-loadtest ${args[0]} ended with ${code}: ${error.message}`));
      }
    });
  });
}

/** A certificate for this machine (ECDSA P-256) and its key, which server and peer both show. */
export function certificate() {
  execFileSync(loadtest, ["certificate", out]);
  return { ca: path.join(out, "certificate.pem"), key: path.join(out, "key.pem") };
}

/** `from`: the address that a proxy on this machine would tell. */
export async function ask(url, token, body, from) {
  const headers = { "content-type": "application/json", origin: new URL(url).origin, ...(from && { "x-forwarded-for": from }) };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(url, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** A server with an owner, rooms and tokens, freshly started. Every override of a shipped default is printed. */
export class Server {
  /** Not run yet, on a folder of its own below target/bench that is empty. */
  static async on(folder, core = null, workers = 1) {
    const it = new Server();
    it.core = core;
    const data = path.join(out, folder);
    rmSync(data, { recursive: true, force: true });
    const [port, admin, publish, ...view] = await Promise.all(Array.from({ length: 3 + workers }, () => freePort()));
    it.sets = [];
    it.set(`server.listen=127.0.0.1:${port}`, `server.admin=127.0.0.1:${admin}`, `server.data=${JSON.stringify(data)}`,
      `rtc.publish_port=${publish}`, `rtc.view_ports=[${view.join(",")}]`, "log.level=warn",
      // A generator's writer is many people: the rate of one is not theirs.
      "rooms.talk_per_second=0", "rooms.readable_per_second=0");
    it.base = `http://127.0.0.1:${port}`;
    it.where = ["--server", `127.0.0.1:${port}`];
    return it;
  }

  /** Overrides defaults from the next run on, and says so. */
  set(...overrides) {
    this.sets.push(...overrides.flatMap((it) => ["--set", it]));
    console.error(`  weiquan serve ${overrides.map((it) => `--set ${it}`).join(" ")}`);
  }

  /** With an owner, rooms and tokens; over TLS from then on, where a certificate is given. `workers`: ports that viewers receive from. */
  static async start(roomSlugs, tokenCount, { folder = "data", core = null, tls = null, database = null, workers = 1, sets = [] } = {}) {
    const it = await Server.on(folder, core, workers);
    if (sets.length > 0) it.set(...sets);
    if (database) it.set(`store.url=${JSON.stringify(database)}`);
    const text = await it.run();
    const code = text.match(/set-up#(\S+)/)[1];
    const owner = await ask(`${it.base}/api/v1/set-up`, null, { code, name: "bench", password: "bench password", circle: "bench" });
    it.owner = owner.token;
    // One member may make 20 rooms in ten minutes, and one address a few accounts: so many rooms have many makers.
    let maker = owner;
    for (const [n, slug] of roomSlugs.entries()) {
      const account = { name: `maker ${n}`, password: "bench password" };
      if (n > 0 && n % 16 === 0) maker = await ask(`${it.base}/api/v1/accounts`, null, account, `198.51.100.${n >> 4}`);
      await ask(`${it.base}/api/v1/rooms`, maker.token, { title: slug, guests: true, slug });
    }
    // Started again, so that what is measured did not just make accounts and rooms.
    await end(it.child);
    if (tls) {
      it.set("tls.mode=files", `tls.certificate=${JSON.stringify(tls.ca)}`, `tls.key=${JSON.stringify(tls.key)}`);
      it.where.push("--tls-ca", tls.ca);
    }
    await it.run();
    it.tokens = path.join(out, `${folder}.tokens`);
    writeFileSync(it.tokens, execFileSync(weiquan, ["token", ...it.sets, "--count", String(tokenCount), "--minutes", "600"], { maxBuffer: 1 << 28 }));
    return it;
  }

  /** Starts the program on the same folder and ports; answers what it said. */
  async run() {
    const { child, text } = await start(weiquan, ["serve", ...this.sets], "Ctrl-C", this.core);
    this.child = child;
    return text;
  }

  get pid() {
    return String(this.child.pid);
  }

  /** The tokens in parts of so many, each in a file of its own, for generators that run at once. */
  tokensOf(...counts) {
    const lines = readFileSync(this.tokens, "utf8").trim().split("\n");
    return counts.map((count, n) => {
      const file = `${this.tokens}-${n}`;
      writeFileSync(file, lines.splice(0, count).join("\n"));
      return file;
    });
  }

  /** Where encoders send to, and where viewers receive from. */
  get mediaPorts() {
    const ports = (key) => this.sets.findLast((it) => it.startsWith(`${key}=`)).match(/\d+/g).map((it) => `127.0.0.1:${it}`);
    return { publish: ports("rtc.publish_port"), view: ports("rtc.view_ports") };
  }

  get admin() {
    return this.sets.find((it) => it.startsWith("server.admin=")).slice("server.admin=".length);
  }

  /** The sum of a metric over its labels. */
  async counter(name) {
    const text = await (await fetch(`http://${this.admin}/metrics`)).text();
    const lines = text.split("\n").filter((it) => it.startsWith(`${name} `) || it.startsWith(`${name}{`));
    return lines.reduce((sum, it) => sum + Number(it.split(" ").at(-1)), 0);
  }

  /** Waits until a metric is as high. */
  async until(name, least) {
    while ((await this.counter(name)) < least) await new Promise((done) => setTimeout(done, 200));
  }

  /** Waits until it takes work. */
  async ready() {
    while (!(await fetch(`http://${this.admin}/readyz`).then((it) => it.ok, () => false))) await new Promise((done) => setTimeout(done, 5));
  }

  /** The phase of a room's broadcast, or nothing. */
  async phase(slug) {
    const { rooms } = await ask(`${this.base}/api/v1/rooms`, this.owner);
    return rooms.find((it) => it.slug === slug)?.broadcast?.phase;
  }

  /** Publishes the recorded trace by WHIP with a stream key of the room, and waits until it is live. */
  async publish(room, flags = [], core = null) {
    const { key } = await ask(`${this.base}/api/v1/rooms/${room}/stream-keys`, this.owner, { label: "bench" });
    const args = ["publish", ...this.where, "--key", key, "--trace", trace, ...flags];
    const { child } = await start(loadtest, args, "publishing", core);
    await this.live(room);
    return child;
  }

  /** Waits until a room is live. */
  async live(room) {
    const deadline = Date.now() + 20_000;
    while ((await this.phase(room)) !== "live") {
      if (Date.now() > deadline) throw new Error(`${room} did not go live within 20 s`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  stop() {
    return end(this.child);
  }
}
