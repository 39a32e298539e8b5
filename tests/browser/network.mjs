// The network that alone.sh makes, and what of it may be dropped.
import { execFileSync } from "node:child_process";

/** Of alone.sh, and one of ours beside it, once `withV6` was called. */
export const V4 = "198.51.100.1", V6 = "fd00:5::1";

export const run = (program, ...args) => execFileSync(program, args, { stdio: ["ignore", "pipe", "inherit"] });

export const withV6 = () => run("ip", "address", "add", `${V6}/64`, "dev", "outside", "nodad");

/** Drops packets that fit any of the rules while it runs what is given. */
export async function without(rules, body) {
  run("nft", "add table inet network");
  run("nft", "add chain inet network in { type filter hook input priority 0; }");
  for (const rule of rules) run("nft", `add rule inet network in ${rule} drop`);
  try {
    return await body();
  } finally {
    run("nft", "delete table inet network");
  }
}
