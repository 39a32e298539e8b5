// coturn on this machine: a relay for who gets through nowhere else, with a secret that the server knows too. Its certificate is
// its own, so browsers have to be told to take it.
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "../../scripts/ports.mjs";
import { V4, run } from "./network.mjs";

const SECRET = "a secret that two programs share";

export class Relay {
  /** Nothing listens yet: the server is told of it first. */
  static async prepare() {
    const it = new Relay();
    [it.plain, it.tls] = [await freePort(), await freePort()];
    // coturn reads it from its command line, and the server from a file.
    it.secret = path.join(tmpdir(), `weiquan-turn-${process.pid}`);
    writeFileSync(it.secret, `${SECRET}\n`);
    return it;
  }

  /** What the server is to be started with. */
  get settings() {
    const urls = [`turn:${V4}:${this.plain}?transport=udp`, `turn:${V4}:${this.plain}?transport=tcp`, `turns:${V4}:${this.tls}?transport=tcp`];
    return [`turn.secret_file=${this.secret}`, `turn.urls=${JSON.stringify(urls)}`];
  }

  /** Starts it; it ends with the world. */
  start(world) {
    const [key, cert] = [`${world.folder}/turn-key.pem`, `${world.folder}/turn-cert.pem`];
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=turn.test", "-addext", `subjectAltName=IP:${V4}`, "-keyout", key, "-out", cert);
    const coturn = world.run("turnserver", ["-n", "--no-cli", "--no-dtls", `--cert=${cert}`, `--pkey=${key}`, `--tls-listening-port=${this.tls}`,
      "--log-file=stdout", "--simple-log", "--use-auth-secret", `--static-auth-secret=${SECRET}`, "--realm=weiquan.test", `--listening-ip=${V4}`,
      `--relay-ip=${V4}`, `--listening-port=${this.plain}`, "--min-port=30000", "--max-port=30100", `--pidfile=${world.folder}/turn.pid`,
      `--userdb=${world.folder}/turn.db`]);
    coturn.stdout.resume();
  }

  /** What drops what goes to it, by each way. */
  get doors() {
    return { udp: `udp dport ${this.plain}`, tcp: `tcp dport ${this.plain}`, tls: `tcp dport ${this.tls}` };
  }

  end() {
    rmSync(this.secret, { force: true });
  }
}
