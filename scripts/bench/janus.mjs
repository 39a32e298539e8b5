// The same receivers and the same packets through Janus's streaming plugin: what a packet costs there, and beside it here.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../ports.mjs";
import { sides } from "./figures.mjs";
import { end, loadtest, out, start, trace } from "./rig.mjs";

const MOUNTPOINT = 1;
const STARTS_WITHIN_MS = 30_000;
/** The offer names addresses, and Janus gathers none on loopback. */
const NEEDS = "Janus is measured where it is installed (Debian: apt-get install janus) and the machine has an address besides loopback";

/** Where Debian's package puts its parts, or nothing where it is not installed. */
function parts() {
  try {
    const files = execFileSync("dpkg", ["-L", "janus"]).toString().split("\n");
    const plugin = files.find((it) => it.endsWith("/plugins/libjanus_streaming.so"));
    return plugin && path.dirname(path.dirname(plugin));
  } catch {
    return undefined;
  }
}

/** Its configuration: one event loop, which costs it least here, ICE-lite as ours is, and nothing but what is needed. */
export function configuration({ root, folder, http, picture, sound }) {
  return {
    "janus.jcfg": `general: { configs_folder = "${folder}", plugins_folder = "${root}/plugins", transports_folder = "${root}/transports",
  events_folder = "${root}/events", loggers_folder = "${root}/loggers", debug_level = 2, session_timeout = 0, event_loops = 1, admin_secret = "unused" }
nat: { ice_lite = true }
plugins: { disable = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so" }
transports: { disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_websockets.so" }
`,
    "janus.transport.http.jcfg": `general: { json = "compact", base_path = "/janus", http = true, port = ${http}, ip = "127.0.0.1", https = false }
admin: { admin_http = false, admin_https = false }
`,
    "janus.plugin.streaming.jcfg": `bench: { type = "rtp", id = ${MOUNTPOINT}, description = "bench", media = (
  { type = "video", mid = "v", label = "picture", port = ${picture}, pt = 108, codec = "h264", fmtp = "packetization-mode=1;profile-level-id=42e01f" },
  { type = "audio", mid = "a", label = "sound", port = ${sound}, pt = 111, codec = "opus" } ) }
`,
  };
}

/** What an address says once it answers. */
async function answering(url) {
  const deadline = Date.now() + STARTS_WITHIN_MS;
  for (;;) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return answer.json();
    if (Date.now() > deadline) throw new Error(`Janus does not answer at ${url}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** A Janus with one mountpoint, into which the trace is sent. */
async function started(root, core, publisherCore) {
  const [http, picture, sound] = await Promise.all([freePort(), freePort(), freePort()]);
  const folder = path.join(out, "janus");
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(configuration({ root, folder, http, picture, sound }))) writeFileSync(path.join(folder, name), text);
  const { child } = await start("janus", ["-F", folder, "-o"], "Janus version", core);
  const { version_string: version } = await answering(`http://127.0.0.1:${http}/janus/info`);
  const publisher = await start(loadtest, ["publish", "--plain", `127.0.0.1:${picture}`, `127.0.0.1:${sound}`, "--trace", trace], "publishing", publisherCore);
  return { child, version, publisher: publisher.child, where: ["--server", `127.0.0.1:${http}`, "--janus", String(MOUNTPOINT)] };
}

/** `ours` runs one round of our own server and answers what a packet cost. */
export async function janus(bench, viewers, ours) {
  const root = parts();
  if (!root) {
    console.error(`media.cpu_ratio_janus: no figure. ${NEEDS}`);
    return;
  }
  console.error(`media.cpu_ratio_janus: ${viewers} viewers`);
  const [own, theirs] = [[], []];
  let version = "";
  for (let round = 0; round < bench.rounds; round++) {
    own.push(await ours());
    const it = await started(root, bench.serverCore, bench.clientCore);
    const seen = await bench.loaded(["viewers", ...it.where, "--server-pid", String(it.child.pid), "--viewers", String(viewers), "--join-rate", "20", "--warmup", "3",
      "--seconds", String(bench.seconds)], "media-janus");
    await end(it.publisher);
    // Asked to end, it sometimes waits for ever (1.1.2); nothing of it is kept.
    await end(it.child, "SIGKILL");
    version = it.version;
    theirs.push(seen.failed.length === 0 && seen.missing === 0 && seen.forged === 0 ? seen.cpu_us_per_packet : NaN);
    console.error(`  round ${round + 1}: ${own.at(-1)?.toFixed(2)} µs a packet, Janus ${theirs.at(-1)?.toFixed(2)} µs, ${seen.missing} missing there`);
  }
  bench.tell("media.cpu_ratio_janus", own.map((it, n) => it / theirs[n]),
    `make bench ONLY=media:janus (${viewers} viewers of the packets of ${trace}, the same receivers with NACK and reports, by turns; Janus by its streaming plugin from plain RTP, one event loop, ICE-lite; ${bench.seconds} s)`,
    { peer: `Janus ${version}`.trim(), ...sides(own, theirs, "us/packet") });
}
