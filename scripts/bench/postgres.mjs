// A PostgreSQL of our own, as Debian has it and with its defaults, in a folder that goes with it.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { freePort } from "../ports.mjs";

/** Debian's folder of the newest version's programs; nothing where there is none. */
export function programs() {
  try {
    const versions = readdirSync("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a));
    return versions.length ? `/usr/lib/postgresql/${versions[0]}/bin` : null;
  } catch {
    return null;
  }
}

export class Postgres {
  static async start() {
    const it = new Postgres();
    it.folder = mkdtempSync(path.join(os.tmpdir(), "weiquan-postgres-"));
    // It does not run as root.
    it.as = process.getuid() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
    chmodSync(it.folder, 0o755);
    if (it.as.length) execFileSync("chown", ["postgres", it.folder]);
    const port = await freePort();
    const data = path.join(it.folder, "data");
    it.run("initdb", "-D", data, "-U", "weiquan", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8");
    const [program, ...args] = [...it.as, path.join(programs(), "postgres"), "-D", data, "-k", it.folder, "-p", String(port), "-c", "listen_addresses=127.0.0.1"];
    it.child = spawn(program, args, { stdio: "ignore", cwd: it.folder });
    it.url = `postgres://weiquan@127.0.0.1:${port}/postgres?sslmode=disable`;
    for (let n = 0; ; n++) {
      try {
        it.run("pg_isready", "-h", "127.0.0.1", "-p", String(port));
        return it;
      } catch (error) {
        if (n === 100) throw error;
        await new Promise((done) => setTimeout(done, 100));
      }
    }
  }

  run(program, ...args) {
    const [first, ...rest] = [...this.as, path.join(programs(), program), ...args];
    return execFileSync(first, rest, { cwd: this.folder, stdio: ["ignore", "pipe", "inherit"] });
  }

  async stop() {
    const gone = new Promise((done) => this.child.on("exit", done));
    this.child.kill("SIGINT");
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
