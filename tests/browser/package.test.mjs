// The SDK as it is published: packed, installed into an empty project, type-checked, run in Node and in Chromium.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { freePort } from "../../scripts/ports.mjs";
import { root, World } from "./world.mjs";

const sdk = path.join(root, "clients/js");
let world, slug, project, packed;

const npm = (cwd, ...args) => execFileSync("npm", [...args, "--silent", "--no-audit", "--no-fund"], { cwd, encoding: "utf8" });

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  project = mkdtempSync(path.join(tmpdir(), "weiquan-package-"));
  writeFileSync(path.join(project, "package.json"), '{ "name": "stranger", "private": true, "type": "module" }');
  // `make test` has built it.
  const [{ filename, files }] = JSON.parse(npm(sdk, "pack", "--json", "--ignore-scripts", "--pack-destination", project));
  packed = files.map((it) => it.path);
  // Its one dependency is in npm's cache, from where the SDK itself was built.
  npm(project, "install", "--prefer-offline", `./${filename}`);
  // What the README tells a user of Node 20 to install; here it comes from this folder, without a network.
  symlinkSync(path.join(import.meta.dirname, "node_modules/ws"), path.join(project, "node_modules/ws"));
});
after(async () => {
  await world?.end();
  if (project) rmSync(project, { recursive: true, force: true });
});

/** A file of the package, as the project has it. */
const installed = (name) => path.join(project, "node_modules/@weiquan/client", name);

test("the package holds what it promises and nothing else", () => {
  for (const name of ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "package.json", "dist/index.js", "dist/index.d.ts",
    "examples/echo.mjs", "examples/page.html"]) assert.ok(packed.includes(name), `${name} is missing`);
  const foreign = packed.filter((it) => !/^(dist|examples)\/|^(README\.md|LICENSE-\w+|package\.json)$/.test(it));
  assert.deepEqual(foreign, []);
  for (const name of ["LICENSE-APACHE", "LICENSE-MIT"])
    assert.equal(readFileSync(installed(name), "utf8"), readFileSync(path.join(root, name), "utf8"));
  const { dependencies, private: hidden } = JSON.parse(readFileSync(installed("package.json"), "utf8"));
  assert.deepEqual([Object.keys(dependencies), hidden], [["fflate"], undefined]);
});

test("a stranger's project type-checks, by both ways of finding modules", () => {
  writeFileSync(path.join(project, "main.ts"), `
    import { Weiquan, Refused, type RoomView, type SocketFactory, type Push } from "@weiquan/client";
    const socket: SocketFactory = (_url, _protocol, events) => ({ send: () => events.open(), close: (code: number) => events.closed(code) });
    const weiquan = new Weiquan({ base: "https://live.example.org", socket, token: async () => "t" });
    const unsubscribe: () => void = weiquan.room("lobby").view.subscribe((view: RoomView) => console.log(view.messages[0]?.author.name));
    const push: Push = { op: "gap", a: 7, from: 1, to: 2 };
    // @ts-expect-error a room is named by a text
    weiquan.room(7);
    export { Refused, unsubscribe, push };
  `);
  for (const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    const compilerOptions = { noEmit: true, strict: true, target: "es2022", module, moduleResolution, types: [],
      lib: ["es2023", "dom", "dom.iterable"] };
    writeFileSync(path.join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
    const { status, stdout } = spawnSync(path.join(sdk, "node_modules/.bin/tsc"), [], { cwd: project, encoding: "utf8" });
    assert.equal(status, 0, stdout);
  }
});

for (const [kind, flags] of [["Node's own socket", ["--experimental-websocket"]], ["the socket of `ws`", ["--no-experimental-websocket"]]]) {
  test(`the example bot answers through ${kind}, also after the server was killed`, { timeout: 60_000 }, async () => {
    cpSync(installed("examples/echo.mjs"), path.join(project, "echo.mjs"));
    cpSync(installed("examples/socket.mjs"), path.join(project, "socket.mjs"));
    const bot = spawn("node", [...flags, "echo.mjs", world.base, slug], { cwd: project, stdio: ["ignore", "pipe", "inherit"] });
    try {
      await world.until(bot, "as 回声");
      await echoed("第一句");
      await world.kill();
      await world.boot();
      await echoed("重启之后");
    } finally {
      const gone = new Promise((done) => bot.on("exit", (code, signal) => done(code ?? signal)));
      bot.kill("SIGTERM");
      assert.equal(await gone, 0, "it ends by itself once it was told to");
    }
  });
}

/** Somebody says it, and sees the bot's answer; long messages come deflated. */
async function echoed(text) {
  const { Weiquan } = await import(installed("dist/index.js"));
  const { openSocket } = await import(path.join(project, "socket.mjs"));
  let deflated = 0;
  const socket = (url, protocol, events) =>
    openSocket(url, protocol, { ...events, binary: (data) => (deflated++, events.binary(data)) });
  const weiquan = new Weiquan({ base: world.base, token: async () => world.owner, socket, compress: true });
  const room = weiquan.room(slug);
  const answered = new Promise((done) => {
    room.view.subscribe(({ messages }) => {
      const asked = messages.find((it) => it.text === `echo ${text}` && it.seq !== null);
      if (asked && messages.some((it) => it.re?.seq === asked.seq && it.text === text && it.author.name === "回声")) done();
    });
  });
  room.join();
  await weiquan.me();
  room.send(`echo ${text}`);
  await answered;
  assert.ok(deflated > 0, "nothing came deflated");
  weiquan.close();
}

test("the example page shows the room and says something in Chromium, without a build", { timeout: 60_000 }, async () => {
  for (const name of ["page.html", "serve.mjs"]) cpSync(installed(`examples/${name}`), path.join(project, name));
  const port = await freePort();
  const front = spawn("node", ["serve.mjs", world.base, String(port)], { cwd: project, stdio: ["ignore", "pipe", "inherit"] });
  try {
    await world.until(front, "page.html");
    const page = await world.page(await world.browser());
    await page.goto(`http://127.0.0.1:${port}/page.html?room=${slug}`);
    await page.waitForFunction(() => document.querySelector("h1").textContent.includes("大连接"), { timeout: 20_000 });
    await page.type("input", "从一页纸里说话");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => [...document.querySelectorAll("li")]
      .some((it) => it.textContent.includes("从一页纸里说话") && it.style.opacity === ""), { timeout: 20_000 });
    assert.deepEqual(page.problems, []);
  } finally {
    front.kill("SIGTERM");
  }
});
