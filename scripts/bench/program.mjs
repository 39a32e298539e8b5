// The program by itself: how soon it serves, what it holds while nobody comes, how large it is.
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import path from "node:path";
import { Server, load, out, weiquan } from "./rig.mjs";

export async function program({ rounds, tell }) {
  const [starts, resting] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const it = await Server.on("empty");
    const begin = performance.now();
    await it.run();
    const answer = await fetch(`${it.base}/api/v1/server`);
    if (!answer.ok) throw new Error(`not ready when it said so: ${answer.status}`);
    await answer.text();
    starts.push(performance.now() - begin);
    const { rss_bytes } = await load(["resting", "--server-pid", it.pid]);
    resting.push(rss_bytes / 1e6);
    await it.stop();
    console.error(`  round ${round + 1}: serves after ${starts.at(-1).toFixed(0)} ms, rests at ${resting.at(-1).toFixed(1)} MB`);
  }
  tell("whole.start_ms", starts, "make bench ONLY=program (from spawning the program on an empty folder to its first answer by HTTP)");
  tell("whole.idle_rss_mb", resting, "make bench ONLY=program (VmRSS, nobody there, after 10 s and once it stands still)");
  const stripped = path.join(out, "weiquan.stripped");
  execFileSync("strip", ["--strip-unneeded", "-o", stripped, weiquan]);
  const mb = (file) => statSync(file).size / 1e6;
  tell("whole.binary_mb", [mb(stripped)], "make bench ONLY=program (stripped, as the Debian package ships it)", { with_symbols_mb: Math.round(mb(weiquan)) });
}
