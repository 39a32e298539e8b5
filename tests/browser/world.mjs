// What every browser test starts from: the program on free ports, an owner, a room, publishers, pages.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";
import { freePort } from "../../scripts/ports.mjs";

export const root = path.resolve(import.meta.dirname, "../..");
const binary = process.env.WEIQUAN_BIN ?? path.join(root, "target/debug/weiquan");
export const python = process.env.WEIQUAN_PYTHON ?? "python3";
export const password = "correct horse battery";

/** Looks until something holds that nothing tells of by itself; how long that took, in ms. */
export async function until(what, holds, within = 20_000) {
  const since = performance.now();
  while (performance.now() < since + within) {
    if (await holds()) return performance.now() - since;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`it did not come to ${what}`);
}

/** A selector of the button with these words. */
export const button = (text) => `::-p-xpath(//button[contains(., "${text}")])`;

export async function fill(page, selector, text) {
  const field = await page.waitForSelector(selector);
  await field.click();
  await field.type(text);
}

/** A server with an owner (signed in by token) on an empty folder. */
export class World {
  /** `more`: settings besides. */
  static async start({ listen = "127.0.0.1", more = [] } = {}) {
    const world = new this();
    world.listen = listen;
    world.more = more;
    world.folder = mkdtempSync(path.join(tmpdir(), "weiquan-"));
    world.ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    world.base = `http://127.0.0.1:${world.ports[0]}`;
    world.children = new Set();
    world.browsers = [];
    await world.boot();
    return world;
  }

  async boot() {
    const [port, admin, publish, view] = this.ports;
    const sets = [`server.listen=${this.listen}:${port}`, `server.admin=127.0.0.1:${admin}`, `rtc.publish_port=${publish}`,
      `rtc.view_ports=[${view}]`, "log.level=warn", ...this.more];
    this.sets = sets;
    this.server = this.run(binary, ["serve", "--data", this.folder, ...sets.flatMap((it) => ["--set", it])]);
    const text = await this.until(this.server, "Ctrl-C");
    this.code ??= text.match(/set-up#(\S+)/)?.[1];
  }

  run(program, args) {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.children.add(child);
    child.on("exit", () => this.children.delete(child));
    return child;
  }

  /** Waits until a child has said something. */
  until(child, word) {
    return new Promise((done, fail) => {
      let text = "";
      child.stdout.on("data", (data) => {
        text += data;
        if (text.includes(word)) done(text);
      });
      child.on("exit", (code) => fail(new Error(`${child.spawnfile} ended with ${code}: ${text}`)));
    });
  }

  async kill(signal = "SIGKILL") {
    const gone = new Promise((done) => this.server.on("exit", done));
    this.server.kill(signal);
    await gone;
  }

  async post(url, body, token) {
    const headers = { "content-type": "application/json", origin: this.base };
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await fetch(this.base + url, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** An address of the API, as JSON, as `token` may see it. */
  async get(url, token) {
    const answer = await fetch(this.base + url, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    return answer.json();
  }

  /** The port of the load generator. */
  async door() {
    return this.ports[0];
  }

  /** Everything that the log of a room tells, from the first record on. */
  async history(slug) {
    const all = [];
    for (let end = false; !end; ) {
      const answer = await this.get(`/api/v1/rooms/${slug}/history?n=200&after=${all.at(-1)?.s ?? 0}`, this.owner);
      all.push(...answer.page);
      end = answer.end;
    }
    return all;
  }

  /** The owner by the printed link, and a room where guests may be. */
  async setUp(slug = "night", title = "《大连接》共读第三夜") {
    const owner = await this.post("/api/v1/set-up", { code: this.code, name: "林小满", password, circle: "读书会" });
    this.owner = owner.token;
    await this.post("/api/v1/rooms", { title, guests: true, slug }, this.owner);
    return slug;
  }

  /** The owner's page in a studio, with the camera of a browser that has one, on air. */
  async onAir(slug) {
    const page = await this.page(await this.browser({ camera: true }));
    await page.goto(`${this.base}/sign-in?then=/r/${slug}/studio`);
    await fill(page, 'input[autocomplete="username"]', "林小满");
    await fill(page, 'input[type="password"]', password);
    await page.keyboard.press("Enter");
    await (await page.waitForSelector(button("Camera"))).click();
    await (await page.waitForSelector('[data-act="start"]:not([disabled])')).click();
    await page.waitForSelector('[data-act="end"]', { timeout: 20_000 });
    return page;
  }

  /** The owner's page in a room and a guest's on a phone, each in a browser of its own. */
  async inRoom(slug) {
    const host = await this.page(await this.browser());
    await host.goto(`${this.base}/sign-in?then=/r/${slug}`);
    await fill(host, 'input[autocomplete="username"]', "林小满");
    await fill(host, 'input[type="password"]', password);
    await host.keyboard.press("Enter");
    await host.waitForSelector(".chat textarea");
    const viewer = await this.page(await this.browser(), { width: 390, height: 780 });
    await viewer.goto(`${this.base}/r/${slug}`);
    await viewer.waitForSelector(".chat textarea");
    return { host, viewer };
  }

  async streamKey(slug) {
    return (await this.post(`/api/v1/rooms/${slug}/stream-keys`, { label: "test" }, this.owner)).key;
  }

  /** Tokens of so many people who have no account, one a line. */
  async tokens(n) {
    const child = this.run(binary, ["token", "--data", this.folder, "--count", String(n), ...this.sets.flatMap((it) => ["--set", it])]);
    let text = "";
    for await (const it of child.stdout) text += it;
    return text;
  }

  /** Where encoders publish. */
  get whip() {
    return `${this.base}/whip`;
  }

  /** FFmpeg, through its WHIP muxer, with a real film in a loop; resolves once it is connected, with what it said. */
  async ffmpeg(key, ...flags) {
    const child = this.run(python, [path.join(root, "tests/tools/whip_publish.py"), "--token", key, ...flags,
      this.whip, path.join(root, "testdata/bunny.mp4")]);
    child.said = (await this.until(child, "connected")).trim();
    return child;
  }

  socket() {
    return new WebSocket(`ws://127.0.0.1:${this.ports[0]}/ws`, "weiquan.v1.json");
  }

  /** A member on a socket of their own, who says things, and counts what is acknowledged, what not, and what they hear. */
  async writer(slug, token = this.owner) {
    const socket = this.socket();
    const waiting = new Map(), acknowledged = [], refused = [], heard = [], listening = new Set();
    let i = 2, a, settle;
    await new Promise((done, fail) => {
      socket.onerror = () => fail(new Error("the writer cannot connect"));
      socket.onopen = () => socket.send(JSON.stringify([
        { op: "hello", i: 1, token, device: "writer" }, { op: "join", i: 2, room: slug }]));
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.i === 2 && frame.ok) done((a = frame.ok.a));
        if (frame.op === "ping") socket.send('{"op":"pong"}');
        if (frame.op === "ev") heard.push(...frame.ev);
        if (waiting.has(frame.i)) frame.ok ? acknowledged.push(waiting.get(frame.i)) : refused.push(frame.err);
        waiting.delete(frame.i);
        if (waiting.size === 0) settle?.(acknowledged.length);
        for (const look of listening) look();
      };
    });
    const send = (op, wish) => {
      waiting.set(++i, wish.text);
      socket.send(JSON.stringify({ op, i, a, cid: crypto.randomUUID(), ...wish }));
    };
    /** Waits until this holds of what they know. */
    const when = (fact) => new Promise((done) => {
      const look = () => fact() && (listening.delete(look), done());
      listening.add(look);
      look();
    });
    return {
      acknowledged,
      heard,
      refused,
      /** Waits until they hear this. */
      hears: (text) => when(() => heard.some((it) => it.k === "msg" && it.b.text === text)),
      when,
      say: (text, to = []) => send("pub", { text, to }),
      send,
      settled: () => (waiting.size === 0 ? acknowledged.length : new Promise((done) => (settle = done))),
    };
  }

  /** What a browser is told besides. */
  flags() {
    return [];
  }

  /** A fresh browser: nobody is signed in, nothing is stored. */
  async browser({ camera = false, env = {} } = {}) {
    const profile = mkdtempSync(path.join(tmpdir(), "weiquan-browser-"));
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
      "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns", "--window-size=1360,800", ...this.flags()];
    if (camera) args.push("--use-fake-device-for-media-stream=fps=25", "--use-fake-ui-for-media-stream");
    const browser = await puppeteer.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, userDataDir: profile,
      ignoreDefaultArgs: ["--mute-audio"], args, env: { ...process.env, ...env },
    });
    this.browsers.push({ browser, profile });
    return browser;
  }

  /** A page that keeps its peer connections in reach, so that a test can read their statistics. */
  async page(browser, { width = 1360, height = 800, language = "en", context } = {}) {
    const page = await (context ?? (await browser.createBrowserContext())).newPage();
    await page.setViewport({ width, height });
    await page.evaluateOnNewDocument((language) => {
      Object.defineProperty(navigator, "languages", { get: () => [language] });
      Object.defineProperty(navigator, "language", { get: () => language });
      const Original = window.RTCPeerConnection;
      window.peers = [];
      window.RTCPeerConnection = class extends Original {
        constructor(...all) {
          super(...all);
          window.peers.push(this);
        }
      };
    }, language);
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(String(error)));
    return page;
  }

  async end() {
    for (const { browser, profile } of this.browsers) {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    }
    for (const child of this.children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * Runs in the page: counts presented frames of the first video from its first frame on. The first is timed from the last
 * tap before it, by the browser's own clock of taps; without one from the page's beginning.
 */
export function countFrames() {
  const state = (window.frames_seen = { first: null, count: 0, from: null, until: null, since: performance.now() });
  window.addEventListener("click", (tap) => state.first ?? (state.since = tap.timeStamp), true);
  const watch = () => {
    const video = document.querySelector("video");
    if (!video) return requestAnimationFrame(watch);
    const each = (now) => {
      state.first ??= now - state.since;
      state.count += 1;
      state.last = now;
      if (!state.from && now - state.since - state.first >= 2000) state.from = { at: now, count: state.count };
      if (!state.until && now - state.since - state.first >= 12000) state.until = { at: now, count: state.count };
      video.requestVideoFrameCallback(each);
    };
    video.requestVideoFrameCallback(each);
  };
  watch();
}

/** Runs in the page: what the viewer's peer connection says of itself. */
export async function statistics() {
  const peer = window.peers.filter((it) => it.connectionState === "connected").at(-1);
  if (!peer) return null;
  const seen = {};
  for (const stat of (await peer.getStats()).values()) {
    if (stat.type === "inbound-rtp") seen[stat.kind] = { ...stat };
    if (stat.type === "outbound-rtp") seen[`out-${stat.kind}`] = { ...stat };
    if (stat.type === "transport") seen.transport = { ...stat };
  }
  const video = document.querySelector("video");
  seen.frames = video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
  return seen;
}

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
