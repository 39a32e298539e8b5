// A desktop as a browser finds it: a session bus of D-Bus that is its own notification daemon, and nothing else. What a
// browser shows of itself outside its pages arrives here, and can be tapped here. Messages are those of the D-Bus
// specification 0.43 and of Desktop Notifications 1.3, as little of both as a browser asks for.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

const BUS = "org.freedesktop.DBus", NOTIFICATIONS = "org.freedesktop.Notifications", HERE = "/org/freedesktop/Notifications";
const CALL = 1, ANSWER = 2, ERROR = 3, SIGNAL = 4;
/** The daemon's name on the bus; a browser's is its number. */
const OWN = ":1.0";
const FIELDS = { 1: "path", 2: "interface", 3: "member", 4: "error", 5: "answers", 6: "to", 7: "from", 8: "signature" };
const TYPES = { path: "o", interface: "s", member: "s", error: "s", answers: "u", to: "s", from: "s", signature: "g" };
const aligned = (at, by) => Math.ceil(at / by) * by;

export class Desktop {
  static async open() {
    const it = new Desktop();
    it.folder = mkdtempSync(path.join(tmpdir(), "weiquan-desktop-"));
    it.shown = new Map();
    it.sockets = new Set();
    it.serial = it.guests = 0;
    it.bus = createServer((socket) => it.#takes(socket));
    await new Promise((done) => it.bus.listen(path.join(it.folder, "bus"), done));
    it.address = `unix:path=${path.join(it.folder, "bus")}`;
    return it;
  }

  /** As a person taps a notification. */
  tap(id) {
    const { socket } = this.shown.get(id);
    const signal = { kind: SIGNAL, path: HERE, interface: NOTIFICATIONS, from: OWN };
    this.#send(socket, { ...signal, member: "ActionInvoked", signature: "us", body: [id, "default"] });
    this.#send(socket, { ...signal, member: "NotificationClosed", signature: "uu", body: [id, 2] });
    this.shown.delete(id);
  }

  close() {
    for (const it of this.sockets) it.destroy();
    this.bus.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #takes(socket) {
    this.sockets.add(socket);
    socket.on("error", () => {}).on("close", () => this.sockets.delete(socket));
    const name = `:1.${++this.guests}`;
    let got = Buffer.alloc(0), begun = false;
    socket.on("data", (data) => {
      got = Buffer.concat([got, data]);
      for (let end; !begun && (end = got.indexOf("\r\n")) >= 0; got = got.subarray(end + 2)) {
        const line = got.subarray(0, end).toString().replace(/^\0/, "");
        if (line.startsWith("AUTH EXTERNAL")) socket.write(`OK ${"0".repeat(31)}1\r\n`);
        else if (line === "BEGIN") begun = true;
        else socket.write(line.startsWith("AUTH") ? "REJECTED EXTERNAL\r\n" : "ERROR\r\n");
      }
      for (let call; begun && (call = read(got)); got = got.subarray(call.bytes)) if (call.kind === CALL) this.#answers(socket, name, call);
    });
  }

  #answers(socket, name, call) {
    const answer = (signature, ...body) => this.#send(socket, { kind: ANSWER, answers: call.serial, to: name, from: call.to ?? BUS, signature, body });
    const ours = (it) => it === NOTIFICATIONS || it === BUS;
    switch (call.member) {
      case "Hello":
        return answer("s", name);
      case "AddMatch":
      case "RemoveMatch":
        return answer("");
      case "NameHasOwner":
        return answer("b", ours(call.body[0]));
      case "StartServiceByName":
        if (ours(call.body[0])) return answer("u", 2);
        break;
      case "GetNameOwner":
        if (ours(call.body[0])) return answer("s", call.body[0] === BUS ? BUS : OWN);
        break;
      case "ListNames":
      case "ListActivatableNames":
        return answer("as", [BUS, NOTIFICATIONS]);
      case "GetCapabilities":
        return answer("as", ["actions", "body", "persistence"]);
      case "GetServerInformation":
        return answer("ssss", "desktop", "weiquan", "1", "1.3");
      case "CloseNotification":
        this.shown.delete(call.body[0]);
        return answer("");
      case "Notify": {
        const [, replaces, , title, body, actions] = call.body;
        const id = replaces || this.serial + 1;
        this.shown.set(id, { id, title, body, actions, socket });
        return answer("u", id);
      }
    }
    const error = { kind: ERROR, error: `${BUS}.Error.ServiceUnknown`, signature: "s", body: ["nobody is here"] };
    this.#send(socket, { ...error, answers: call.serial, to: name, from: BUS });
  }

  #send(socket, message) {
    socket.write(written({ serial: ++this.serial, from: OWN, ...message }));
  }
}

/** The first message of what came, or nothing where it is not whole. */
function read(data) {
  if (data.length < 16) return undefined;
  const fields = data.readUInt32LE(12), begins = aligned(16 + fields, 8), bytes = begins + data.readUInt32LE(4);
  if (data.length < bytes) return undefined;
  const message = { kind: data[1], serial: data.readUInt32LE(8), bytes };
  for (let at = 16; at < 16 + fields; ) {
    const letter = String.fromCharCode(data[at + 2]);
    const value = take(data, letter, at + 4);
    message[FIELDS[data[at]]] = value.is;
    at = aligned(value.end, 8);
  }
  message.body = [];
  let end = begins;
  // What follows the strings, numbers and lists of strings at the beginning is for nobody here.
  for (const [letter] of (message.signature ?? "").matchAll(/as|[sogubi]|./g)) {
    if (!/as|[sogubi]/.test(letter)) break;
    const value = take(data, letter, end, begins);
    message.body.push(value.is);
    end = value.end;
  }
  return message;
}

/** A value at `at`, or behind what aligns it; where it ends. */
function take(data, letter, at) {
  if (letter === "g") return { is: data.toString("utf8", at + 1, at + 1 + data[at]), end: at + 2 + data[at] };
  at = aligned(at, 4);
  const n = data.readUInt32LE(at);
  if ("ubi".includes(letter)) return { is: n, end: at + 4 };
  if (letter !== "as") return { is: data.toString("utf8", at + 4, at + 4 + n), end: at + 5 + n };
  const is = [];
  let end = at + 4;
  while (end < at + 4 + n) {
    const value = take(data, "s", end);
    is.push(value.is);
    end = value.end;
  }
  return { is, end };
}

function written({ kind, serial, signature, body = [], ...fields }) {
  const head = new Writing(), rest = new Writing();
  for (const [n, letter] of [...(signature ?? "").matchAll(/as|./g)].map(([it]) => it).entries()) rest.put(letter, body[n]);
  if (signature) fields.signature = signature;
  for (const [number, name] of Object.entries(FIELDS)) {
    if (fields[name] === undefined) continue;
    head.align(8).bytes(Number(number), 1, TYPES[name].charCodeAt(0), 0).put(TYPES[name], fields[name]);
  }
  const first = Buffer.alloc(16);
  first.set([0x6c, kind, 1, 1]); // little-endian, nobody answers, version 1
  for (const [at, n] of [[4, rest.size], [8, serial], [12, head.size]]) first.writeUInt32LE(n, at);
  return Buffer.concat([first, head.align(8).whole(), rest.whole()]);
}

class Writing {
  size = 0;
  #parts = [];

  bytes(...all) {
    this.#parts.push(Buffer.from(all));
    this.size += all.length;
    return this;
  }

  align(by) {
    return this.bytes(...Array(aligned(this.size, by) - this.size).fill(0));
  }

  put(letter, value) {
    if (letter === "g") return this.bytes(value.length, ...Buffer.from(value), 0);
    this.align(4);
    const number = (n) => this.bytes(...[0, 8, 16, 24].map((by) => (n >>> by) & 255));
    if ("ub".includes(letter)) return number(Number(value));
    if (letter !== "as") return number(Buffer.byteLength(value)).bytes(...Buffer.from(value), 0);
    const all = new Writing();
    for (const it of value) all.put("s", it);
    return number(all.size).bytes(...all.whole());
  }

  whole() {
    return Buffer.concat(this.#parts);
  }
}
