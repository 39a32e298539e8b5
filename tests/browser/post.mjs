// A push service of our own, as a browser's vendor has one: it takes pushes by HTTPS, holds them to RFC 8030 and RFC 8292,
// and opens them with the keys of the browser (RFC 8291), which a real one does not have.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";

export class PushService {
  static async open() {
    const it = new PushService();
    it.folder = mkdtempSync(path.join(tmpdir(), "weiquan-push-"));
    it.ca = path.join(it.folder, "ca.pem");
    const key = path.join(it.folder, "key.pem");
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
      "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", it.ca], { stdio: "ignore" });
    it.browser = createECDH("prime256v1");
    it.browser.generateKeys();
    it.auth = randomBytes(16);
    it.came = [];
    it.server = https.createServer({ key: readFileSync(key), cert: readFileSync(it.ca) }, (request, response) => it.#takes(request, response));
    await new Promise((done) => it.server.listen(0, "127.0.0.1", done));
    it.origin = `https://localhost:${it.server.address().port}`;
    return it;
  }

  /** As a browser's `PushSubscription` says it. */
  get subscription() {
    const keys = { p256dh: this.browser.getPublicKey("base64url"), auth: this.auth.toString("base64url") };
    return { endpoint: `${this.origin}/for/chen`, expirationTime: null, keys };
  }

  /** Waits for the next push; resolves to its words. */
  async next() {
    if (this.came.length === 0) await new Promise((done) => (this.wake = done));
    const it = this.came.shift();
    if (it instanceof Error) throw it;
    return it;
  }

  async #takes(request, response) {
    let it;
    try {
      it = await this.#opens(request);
    } catch (error) {
      it = error;
    }
    response.writeHead(it instanceof Error ? 400 : 201).end();
    this.came.push(it);
    this.wake?.();
  }

  async #opens(request) {
    const parts = [];
    for await (const it of request) parts.push(it);
    const { headers } = request;
    assert.deepEqual([request.method, request.url, headers["content-encoding"]], ["POST", "/for/chen", "aes128gcm"]);
    assert.ok(Number(headers.ttl) > 0 && /^(normal|high)$/.test(headers.urgency) && /^[\w-]{1,32}$/.test(headers.topic), JSON.stringify(headers));
    const [, token, key] = headers.authorization.match(/^vapid t=([\w.-]+), ?k=([\w-]+)$/);
    const [head, claims, signature] = token.split(".");
    const point = Buffer.from(key, "base64url");
    const jwk = { kty: "EC", crv: "P-256", x: point.subarray(1, 33).toString("base64url"), y: point.subarray(33).toString("base64url") };
    const signer = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
    assert.ok(verify("sha256", Buffer.from(`${head}.${claims}`), signer, Buffer.from(signature, "base64url")), "signed by the key that it names");
    const { aud, exp } = JSON.parse(Buffer.from(claims, "base64url"));
    assert.equal(aud, this.origin);
    assert.ok(exp * 1_000 > Date.now() && exp * 1_000 <= Date.now() + 86_400_000, "good for a day at most");
    return { words: this.#opened(Buffer.concat(parts)), key, topic: headers.topic };
  }

  /** One record of RFC 8188 by the keys of RFC 8291. */
  #opened(sealed) {
    const salt = sealed.subarray(0, 16), theirs = sealed.subarray(21, 21 + sealed[20]), record = sealed.subarray(21 + sealed[20]);
    const derived = (salt, secret, info, n) => Buffer.from(hkdfSync("sha256", secret, salt, info, n));
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), this.browser.getPublicKey(), theirs]);
    const secret = derived(this.auth, this.browser.computeSecret(theirs), info, 32);
    const key = derived(salt, secret, "Content-Encoding: aes128gcm\0", 16), nonce = derived(salt, secret, "Content-Encoding: nonce\0", 12);
    const opening = createDecipheriv("aes-128-gcm", key, nonce).setAuthTag(record.subarray(-16));
    const plain = Buffer.concat([opening.update(record.subarray(0, -16)), opening.final()]);
    const end = plain.findLastIndex((it) => it !== 0);
    assert.equal(plain[end], 2, "the last record");
    return plain.toString("utf8", 0, end);
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
