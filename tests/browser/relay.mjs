// coturn on this machine: a relay for who gets through nowhere else, with a secret that the server knows too. By TLS it has a name
// too, that only this machine knows, and a certificate by an authority of its own, so browsers have to be told of both: Firefox
// leaves a relay by TLS out where it has no name, or a certificate that it does not know. Chromium asks a DNS server for the name,
// which nobody is in a network of its own, and comes by the address meanwhile.
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "../../scripts/ports.mjs";
import { V4, run } from "./network.mjs";

export const RELAY_NAME = "turn.test";
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

  /** A certificate by openssl: `rest` says of what. */
  #issue(key, certificate, ...rest) {
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-keyout", key, "-out", certificate, ...rest);
  }

  /** Where it is reached. */
  get urls() {
    const plain = ["udp", "tcp"].map((it) => `turn:${V4}:${this.plain}?transport=${it}`);
    return [...plain, ...[RELAY_NAME, V4].map((it) => `turns:${it}:${this.tls}?transport=tcp`)];
  }

  /** What the server is to be started with. */
  get settings() {
    return [`turn.secret_file=${this.secret}`, `turn.urls=${JSON.stringify(this.urls)}`];
  }

  /** Starts it; it ends with the world. */
  start(world) {
    const [key, cert] = [`${world.folder}/turn-key.pem`, `${world.folder}/turn-cert.pem`];
    const authorityKey = `${world.folder}/turn-authority-key.pem`;
    this.authority = `${world.folder}/turn-authority.pem`;
    this.#issue(authorityKey, this.authority, "-subj", "/CN=an authority of relays", "-addext", "basicConstraints=critical,CA:TRUE");
    this.#issue(key, cert, "-CA", this.authority, "-CAkey", authorityKey, "-subj", `/CN=${RELAY_NAME}`,
      "-addext", `subjectAltName=DNS:${RELAY_NAME},IP:${V4}`, "-addext", "basicConstraints=critical,CA:FALSE");
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
