// A server at a name of its own, over HTTPS, with a certificate that it ordered itself from a real authority (Pebble) on
// loopback; and what browsers and programs need to find and to trust it.
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "node:tls";
import { WebSocket } from "ws";
import { freePort } from "../../scripts/ports.mjs";
import { World } from "./world.mjs";

export const NAME = "live.test";

/** Asks over TLS; the name need not be known to this machine. Resolves to `{status, text}`. */
function ask({ port, name, ca, method = "GET", url, headers = {}, body }) {
  return new Promise((done, fail) => {
    const request = https.request({ host: "127.0.0.1", port, servername: name, ca, method, path: url, headers: { host: `${name}:${port}`, ...headers } });
    request.on("error", fail).on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (it) => (text += it)).on("end", () => done({ status: answer.statusCode, text }));
    });
    request.end(body);
  });
}

/** Waits until asking works. */
async function soon(what, tries = 300) {
  for (let n = 1; ; n++) {
    try {
      return await what();
    } catch (error) {
      if (n === tries) throw error;
      await new Promise((again) => setTimeout(again, 100));
    }
  }
}

/** Pebble and its name server, for which every name is this machine; it looks for answers on `checked`. */
class Authority {
  static async start(world, checked) {
    const it = new Authority();
    it.folder = mkdtempSync(path.join(tmpdir(), "weiquan-authority-"));
    const file = (name) => path.join(it.folder, name);
    const [directory, management, names, control] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", file("key.pem"), "-out", file("ca.pem")], { stdio: "ignore" });
    writeFileSync(file("pebble.json"), JSON.stringify({ pebble: {
      listenAddress: `127.0.0.1:${directory}`, managementListenAddress: `127.0.0.1:${management}`,
      certificate: file("ca.pem"), privateKey: file("key.pem"), httpPort: 1, tlsPort: checked, certificateValidityPeriod: 86_400,
    } }));
    process.env.PEBBLE_VA_NOSLEEP = "1";
    world.run("pebble-challtestsrv", ["-dns01", `127.0.0.1:${names}`, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
      "-management", `127.0.0.1:${control}`, "-http01", "", "-https01", "", "-tlsalpn01", ""]).stdout.resume();
    world.run("pebble", ["-config", file("pebble.json"), "-dnsserver", `127.0.0.1:${names}`]).stdout.resume();
    const own = readFileSync(file("ca.pem"), "utf8");
    it.root = (await soon(() => ask({ port: management, name: "localhost", ca: own, url: "/roots/0" }))).text;
    it.settings = ["tls.mode=acme", `tls.domains=["${NAME}"]`, "tls.contact=me@live.test", `tls.directory=https://localhost:${directory}/dir`,
      `tls.directory_ca=${file("ca.pem")}`];
    return it;
  }
}

/** As `World`, over HTTPS at `NAME`. */
export class SecureWorld extends World {
  async boot() {
    this.base = `https://${NAME}:${this.ports[0]}`;
    this.authority ??= await Authority.start(this, this.ports[0]);
    this.more = [...this.authority.settings, `server.public_url=${this.base}`];
    await super.boot();
    // Browsers are told this one key, and the chain is checked here: nobody is told to look away.
    this.pin = await soon(() => this.certificate());
  }

  /** The certificate as a careful client sees it: it must chain up to the authority. Resolves to the hash of its key. */
  certificate() {
    return new Promise((done, fail) => {
      const socket = connect({ host: "127.0.0.1", port: this.ports[0], servername: NAME, ca: this.authority.root }, () => {
        const key = new X509Certificate(socket.getPeerX509Certificate().raw).publicKey.export({ type: "spki", format: "der" });
        socket.end();
        done(createHash("sha256").update(key).digest("base64"));
      });
      socket.on("error", fail);
    });
  }

  post(url, body, token) {
    return this.send("POST", url, body, token);
  }

  put(url, body, token) {
    return this.send("PUT", url, body, token);
  }

  async send(method, url, body, token) {
    const headers = { "content-type": "application/json", origin: this.base };
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await ask({ port: this.ports[0], name: NAME, ca: this.authority.root, method, url, headers, body: JSON.stringify(body) });
    if (answer.status >= 300) throw new Error(`${url}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text);
  }

  /** An address of the API, as JSON, as `token` may see it. */
  async get(url, token) {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    return JSON.parse((await ask({ port: this.ports[0], name: NAME, ca: this.authority.root, url, headers })).text);
  }

  socket() {
    const lookup = (_name, { all }, done) => (all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4));
    return new WebSocket(`wss://${NAME}:${this.ports[0]}/ws`, "weiquan.v1.json", { lookup, ca: this.authority.root });
  }

  /** The port on loopback by which a program gets in that knows neither the name nor the authority. */
  async door() {
    const ca = path.join(this.authority.folder, "root.pem");
    writeFileSync(ca, this.authority.root);
    const child = this.run(process.execPath, [path.join(import.meta.dirname, "door.mjs"), NAME, String(this.ports[0]), ca]);
    return Number((await this.until(child, "open")).match(/door (\d+)/)[1]);
  }

  /** FFmpeg asks by address; it checks no certificate unless told to. */
  get whip() {
    return `https://127.0.0.1:${this.ports[0]}/whip`;
  }

  flags() {
    return [`--host-resolver-rules=MAP ${NAME} 127.0.0.1`, `--ignore-certificate-errors-spki-list=${this.pin}`];
  }

  async end() {
    await super.end();
    rmSync(this.authority.folder, { recursive: true, force: true });
  }
}
