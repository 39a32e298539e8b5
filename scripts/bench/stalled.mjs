// What one viewer can cost the others: who takes nothing, and ten thousand who come at once.
import { median } from "./figures.mjs";
import { Server } from "./rig.mjs";

/** Who takes everything, and who takes nothing. */
const [FAST, STALLED] = [900, 100];
const [RATE, TEXT_BYTES] = [50, 2_000];
/** The stall's 15 s, what fills before them, and what hears of the end. */
const TALK_S = 21;
const [COMING, WITHIN_S] = [10_000, 5];

const crowd = (it, plan) => ["crowd", ...it.where, "--tokens", it.tokens, "--server-pid", it.pid, "--room", "bench", "--writers", "1", ...plan];

/** A viewer who stalls: what the kernel holds at the server's end, and what the server itself does. */
export async function stalled(bench) {
  console.error(`crowd.stalled_kib: ${FAST} viewers and ${STALLED} that take nothing`);
  const run = async (stalled) => {
    const it = await Server.start(["bench"], FAST + STALLED + 1, { core: bench.serverCore });
    const found = await bench.loaded(crowd(it, ["--viewers", String(FAST), "--stalled", String(stalled), "--rate", String(RATE), "--text-bytes", String(TEXT_BYTES),
      "--join-rate", "500", "--warmup", "2", "--seconds", String(TALK_S), "--memory"]), "stalled");
    await it.stop();
    if (found.verdict === "FAIL") throw new Error("a delivery was wrong, or who stalled was not closed: no figure");
    return found;
  };
  const [all, kernel, user, closed, after] = [[], [], [], {}, []];
  for (let round = 0; round < bench.rounds; round++) {
    const without = await run(0);
    const found = await run(STALLED);
    const { held, closed: codes, heard_after_s } = found.stalled;
    if (!held) throw new Error("not everybody's queue stood: no figure");
    kernel.push(held.kernel_bytes_each / 1024);
    user.push((found.rss_grown.bytes - without.rss_grown.bytes) / STALLED / 1024);
    all.push(kernel.at(-1) + user.at(-1));
    for (const [code, n] of Object.entries(codes)) closed[code] = (closed[code] ?? 0) + n;
    after.push(...(heard_after_s ?? []));
    console.error(`  round ${round + 1}: ${kernel.at(-1).toFixed(1)} KiB in the kernel and ${user.at(-1).toFixed(1)} KiB in the server; closed: ${JSON.stringify(codes)}`);
  }
  const command = `make bench ONLY=crowd:stalled (${FAST} viewers at ${RATE} msg/s of ${TEXT_BYTES} bytes, and ${STALLED} that read nothing with receive buffers of 64 KiB. ` +
    "Kernel: r, t, w and f of skmem (ss -tm) at the server's end, the mean over the stalled when it was most. " +
    "Server: growth of VmRSS from all joined and settled to 14.5 s after the first word, less that of the same run without them)";
  const middle = (of) => Number(median(of).toFixed(1));
  const [first, last] = [Math.min(...after), Math.max(...after)].map((it) => Number(it.toFixed(1)));
  bench.tell("crowd.stalled_kib", all, command, { kernel_kib: middle(kernel), server_kib: middle(user), closed, heard_after_s: [first, last] });
}

/** What a viewer hears because ten thousand others come. */
export async function presence(bench) {
  console.error(`crowd.presence_bytes_per_s: ${COMING} joins in ${WITHIN_S} s`);
  const each = [];
  for (let round = 0; round < bench.rounds; round++) {
    const it = await Server.start(["bench"], COMING + 1, { core: bench.serverCore });
    const found = await bench.loaded(crowd(it, ["--viewers", String(COMING), "--join-rate", String(COMING / WITHIN_S), "--presence", "--rate", "1", "--seconds", "3"]), "presence");
    await it.stop();
    if (found.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
    each.push(found.heard_while_joining.bytes_per_viewer_s);
    console.error(`  round ${round + 1}: ${each.at(-1).toFixed(0)} bytes a second`);
  }
  bench.tell("crowd.presence_bytes_per_s", each, `make bench ONLY=crowd:presence (${COMING} joins in ${WITHIN_S} s to one room, nobody speaking; bytes of all frames but the answers, ` +
    "for each second that a viewer is in, from the first join to 2 s after the last)");
}
