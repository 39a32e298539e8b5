/**
 * A server of a few hundred lines: one log a room, joins and resumes by the rules of the protocol,
 * and faults on purpose. Frames cross a line with a delay, so that a cut loses what is on its way.
 */
import { deflateRawSync } from "node:zlib";
import type { Socket, SocketEvents, SocketFactory } from "../src/api.js";
import type {
  Act,
  AckKind,
  Answered,
  ClientFrame,
  Code,
  GuestWish,
  Joined,
  Person,
  Push,
  RecordFrame,
  Refusal,
  StageState,
  Token,
  Turn,
} from "../src/index.js";
import { DICTIONARY_1 } from "../src/deflate/dictionary.js";
import { DICTIONARY } from "../src/limits.js";
import type { HandClock } from "./clock.js";

const LINE_MS = 5;
const CLOSES_WITHIN_MS = 1_000;
const RESUME_MAX = 40;
const PAGE_MAX = 200;
const SNAPSHOT = 10;

export interface Faults {
  /** Each is a chance, 0 to 1. */
  loseEv: number;
  doubleEv: number;
  namedGap: number;
  busy: number;
  cutOnPub: number;
}

/** A server that breaks a rule: what a test must notice. */
export type Planted = "client_id_forgotten" | "resume_off_by_one" | "ack_before_disk" | "order_differs";

export const NO_FAULTS: Faults = { loseEv: 0, doubleEv: 0, namedGap: 0, busy: 0, cutOnPub: 0 };

interface Room {
  number: number;
  epoch: string;
  log: RecordFrame[];
  byCid: Map<string, { s: number; t: number }>;
}

export class FakeServer {
  faults: Faults = NO_FAULTS;
  planted: Planted | null = null;
  /** Refuses every new socket, as a server that is down does. */
  down = false;
  /** What its welcome says of a relay. */
  turn: Turn | null = null;
  /** The dictionary that it deflates behind; `null` for a server that does not know of it. */
  dictionary: number | null = DICTIONARY;
  /** What becomes of a deflated message on its way. */
  damage: (message: Uint8Array) => Uint8Array = (it) => it;
  readonly lines: Line[] = [];
  /** Every frame heard, in order. */
  readonly heard: ClientFrame[] = [];
  /** Answers instead of the server: a refusal for frames that match. */
  refuse: (frame: ClientFrame) => Refusal | null = () => null;
  /** Answers to offers. */
  media: (frame: Extract<ClientFrame, { op: "offer" }>) => Answered = () => ({ peer: "p", sdp: "v=0" });
  /** What a join says of the stage. */
  stage: StageState = { here: false, video: false, audio: false };
  /** Who is here, as the whole list says. */
  people: Person[] = [];
  /** REST calls, `METHOD path?query`. */
  readonly calls: string[] = [];
  rest: (call: string, body: unknown, token: string | null) => { status: number; body: unknown };
  tokens = new Map<string, Person>();
  readonly #rooms = new Map<string, Room>();
  readonly #clock: HandClock;
  readonly #random: () => number;
  #made = 0;

  constructor(clock: HandClock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
    this.rest = (call, body) => this.guestsOnly(call, body);
  }

  readonly socket: SocketFactory = (url, protocol, events) => {
    const line = new Line(this, this.#clock, events, url, protocol);
    this.lines.push(line);
    return line;
  };

  readonly fetch: typeof fetch = async (input, init) => {
    const { pathname, search } = new URL(String(input));
    const path = pathname.replace("/api/v1/", "") + search;
    const call = `${init?.method ?? "GET"} ${path}`;
    this.calls.push(call);
    if (this.down) throw new TypeError("no network");
    const sent = typeof init?.body === "string" ? (JSON.parse(init.body) as unknown) : null;
    const bearer = new Headers(init?.headers).get("authorization")?.replace("Bearer ", "") ?? null;
    const { status, body } = this.rest(call, sent, bearer);
    return new Response(body === null ? null : JSON.stringify(body), { status });
  };

  /** The default: a guest a device, and nobody is signed in. */
  guestsOnly(call: string, body: unknown): { status: number; body: unknown } {
    if (call !== "POST guests") return { status: 401, body: problem("token_missing", "reauth", 401) };
    return { status: 200, body: this.guest(body as GuestWish) };
  }

  guest({ device, name }: GuestWish): Token {
    return this.token({ id: `g_${device.slice(0, 8)}`, name: name ?? "Guest", mark: "guest" });
  }

  token(me: Person): Token {
    const token = `t${++this.#made}`;
    this.tokens.set(token, me);
    return { token, expires_ms: this.#clock.unix() + 600_000, me };
  }

  room(slug: string): Room {
    let room = this.#rooms.get(slug);
    if (room === undefined) {
      room = { number: this.#rooms.size + 7, epoch: "e1", log: [], byCid: new Map() };
      this.#rooms.set(slug, room);
    }
    return room;
  }

  get open(): Line[] {
    return this.lines.filter((it) => it.isOpen);
  }

  /** Somebody else says something. */
  say(slug: string, text: string, by: Person = OTHER): RecordFrame {
    return this.record(slug, { u: by, k: "msg", b: { text } });
  }

  record(slug: string, it: DistributeOmit<RecordFrame, "s" | "t">): RecordFrame {
    const room = this.room(slug);
    const record: RecordFrame = { s: room.log.length + 1, t: this.#clock.unix(), ...it };
    room.log.push(record);
    for (const line of this.open) if (line.rooms.has(room.number)) this.#announce(line, room, record);
    return record;
  }

  push(push: Push): void {
    for (const line of this.open) line.say(push);
  }

  cutAll(code = 1006): void {
    for (const line of this.open) line.cut(code);
  }

  hear(line: Line, frame: ClientFrame): void {
    this.heard.push(frame);
    if ("i" in frame) {
      const why = this.refuse(frame);
      if (why) return line.say({ i: frame.i, err: why });
    }
    const doubt = frame.op === "pub" && this.#random() < this.faults.cutOnPub;
    // Before or after it is on disk: the client cannot tell.
    if (doubt && this.#random() < 0.5) return line.cut(1006);
    this.#obey(line, frame);
    if (doubt) line.cut(1006);
  }

  #obey(line: Line, frame: ClientFrame): void {
    switch (frame.op) {
      case "hello": {
        const made = frame.guest && this.guest(frame.guest);
        const me = made?.me ?? this.tokens.get(frame.token ?? "");
        if (!me) return line.refuse(frame.i, "token_invalid", "reauth", 4500);
        line.me = me;
        const deflates = frame.z !== undefined && frame.z === this.dictionary;
        const z = deflates ? { z: frame.z } : {};
        const token = made && { token: made };
        const turn = this.turn && { turn: this.turn };
        const welcome = {
          connection: "c",
          me,
          now_ms: this.#clock.unix(),
          ping_s: 25,
          ...z,
          ...token,
          ...turn,
        };
        line.say({ i: frame.i, ok: welcome });
        line.deflates = deflates;
        return;
      }
      case "join":
        return this.#join(line, frame.i, frame.room, frame.since);
      case "leave":
        line.rooms.delete(frame.a);
        return line.say({ i: frame.i, ok: {} });
      case "pub":
      case "edit":
      case "delete":
        return this.#write(line, frame);
      case "history": {
        const room = this.#numbered(frame.a);
        const upTo = Math.min((frame.before ?? Infinity) - 1, room.log.length);
        const from = Math.max(0, upTo - Math.min(frame.n, PAGE_MAX));
        const page = room.log.slice(from, upTo).map((it) => latest(room, it));
        return line.say({ i: frame.i, ok: { page, end: from === 0 } });
      }
      case "roster":
        return line.say({ i: frame.i, ok: { roster: this.people, count: this.people.length } });
      case "who": {
        const { q = "", after = "", n } = frame;
        const here = this.people.filter((it) => it.id > after && it.name.includes(q)).slice(0, n);
        const next = here.at(-1)?.id;
        const goesOn = next !== undefined && this.people.some((it) => it.id > next);
        return line.say({ i: frame.i, ok: goesOn ? { here, next } : { here } });
      }
      case "questions":
        return line.say({ i: frame.i, ok: { page: [], end: true } });
      case "restart":
        return line.say({ i: frame.i, ok: { sdp: "a=ice-ufrag:ours2\r\na=ice-pwd:word2\r\n" } });
      case "offer":
        return line.say({ i: frame.i, ok: this.media(frame) });
      case "ping":
        return line.say({ op: "pong" });
      default:
        if ("i" in frame) line.say({ i: frame.i, ok: {} });
    }
  }

  #join(line: Line, i: number, slug: string, since?: { e: string; s: number }): void {
    const room = this.room(slug);
    const head = room.log.length;
    line.rooms.add(room.number);
    const known = since !== undefined && since.e === room.epoch && since.s <= head;
    const missed = known ? head - since.s : 0;
    const resumed = !known ? "fresh" : missed > RESUME_MAX ? "gap" : "full";
    const skip = this.planted === "resume_off_by_one" && missed > 0 ? 1 : 0;
    const from = resumed === "full" ? (since?.s ?? 0) + skip : Math.max(0, head - SNAPSHOT);
    const all = room.log.slice(from).map((it) => latest(room, it));
    // A long resume comes in two parts, as the rule J3 says.
    const more = resumed === "full" && all.length > RESUME_MAX / 2;
    const ev = more ? all.slice(0, RESUME_MAX / 2) : all;
    const joined: Joined = {
      a: room.number,
      room: slug,
      title: "大厅",
      e: room.epoch,
      s: head,
      resumed,
      ...(resumed === "gap" && since ? { gap: [since.s + 1, from] as [number, number] } : {}),
      ev: skip && ev[0] ? [{ ...ev[0], s: ev[0].s - skip }, ...ev.slice(1)] : ev,
      more,
      state: { count: 1, slow_mode_ms: 0, stage: this.stage },
      roster: line.me ? [line.me] : [],
      can: ["watch", "talk", "react", "edit", "delete"],
      mark: line.me?.mark ?? "guest",
    };
    line.say({ i, ok: joined });
    const rest = all.slice(ev.length);
    const [first] = rest;
    if (first) line.say({ op: "ev", a: room.number, s: [first.s, head], ev: rest });
  }

  #write(line: Line, frame: Extract<ClientFrame, { op: "pub" | "edit" | "delete" }>): void {
    const room = this.#numbered(frame.a);
    if (!line.rooms.has(frame.a) || !line.me) return line.refuse(frame.i, "not_joined", "resync");
    const first = this.planted === "client_id_forgotten" ? undefined : room.byCid.get(frame.cid);
    const ack = (at: { s: number; t: number }, v: AckKind): void =>
      line.say({ i: frame.i, ok: { ...at, v } });
    if (first) return ack(first, "dup");
    if (this.#random() < this.faults.busy) return line.refuse(frame.i, "busy", "retry");
    const slug = [...this.#rooms].find(([, it]) => it === room)?.[0] ?? "";
    const at = { s: room.log.length + 1, t: this.#clock.unix() };
    if (this.planted === "ack_before_disk" && this.#random() < 0.2) return ack(at, "new");
    room.byCid.set(frame.cid, at);
    // The announce may overtake the ack, and the other way round.
    const ackFirst = this.#random() < 0.5;
    if (ackFirst) ack(at, "new");
    const re = frame.op === "pub" && frame.re !== undefined ? { re: frame.re } : {};
    if (frame.op === "pub") this.record(slug, { u: line.me, k: "msg", b: { text: frame.text, ...re } });
    else if (frame.op === "edit")
      this.record(slug, { u: line.me, k: "edit", b: { of: frame.of, text: frame.text } });
    else this.record(slug, { u: line.me, k: "delete", b: { of: frame.of } });
    if (!ackFirst) ack(at, "new");
  }

  #announce(line: Line, room: Room, record: RecordFrame): void {
    const { s } = record;
    if (this.#random() < this.faults.namedGap) return line.say({ op: "gap", a: room.number, from: s, to: s });
    if (this.#random() < this.faults.loseEv) return;
    const wrong = this.planted === "order_differs" && this.#random() < 0.2 && s > 1;
    const shown = wrong ? { ...record, s: s - 1 } : record;
    const ev: Push = { op: "ev", a: room.number, s: [s, s], ev: [shown] };
    line.say(ev);
    if (this.#random() < this.faults.doubleEv) line.say(ev);
  }

  #numbered(a: number): Room {
    const room = [...this.#rooms.values()].find((it) => it.number === a);
    if (!room) throw new Error(`no room ${a}`);
    return room;
  }
}

type DistributeOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export const OTHER: Person = { id: "m_other", name: "小红", mark: "member" };

/** The form that snapshots and pages show (R6). */
export function latest(room: { log: RecordFrame[] }, record: RecordFrame): RecordFrame {
  if (record.k !== "msg") return record;
  let { text, edits = 0, deleted = false } = record.b;
  for (const it of room.log) {
    if (it.k === "edit" && it.b.of === record.s && !deleted) [text, edits] = [it.b.text, edits + 1];
    if (it.k === "delete" && it.b.of === record.s) [text, deleted] = ["", true];
  }
  return { ...record, b: { ...record.b, text, edits, deleted } };
}

export function refusal(code: Code, act: Act, ms?: number): Refusal {
  return { code, act, say: code, ...(ms === undefined ? {} : { ms }) };
}

export function problem(code: Code, act: Act, status: number): unknown {
  return { type: "about:blank", title: code, status, detail: code, code, act };
}

/** One socket, both ends. */
export class Line implements Socket {
  isOpen = false;
  me: Person | null = null;
  /** Frames that the server says are kept back: a line that is dead without anybody having said so. */
  silent = false;
  readonly rooms = new Set<number>();
  /** Long frames leave it deflated. */
  deflates = false;
  /** Messages that did. */
  deflated = 0;
  readonly url: string;
  readonly protocol: string;
  readonly #server: FakeServer;
  readonly #clock: HandClock;
  readonly #events: SocketEvents;
  #ended = false;
  #leaving = false;

  constructor(server: FakeServer, clock: HandClock, events: SocketEvents, url: string, protocol: string) {
    this.#server = server;
    this.#clock = clock;
    this.#events = events;
    this.url = url;
    this.protocol = protocol;
    clock.after(LINE_MS, () => {
      if (server.down) return this.cut(1006);
      this.isOpen = !this.#ended && !this.#leaving;
      if (this.isOpen) events.open();
    });
  }

  send(text: string): void {
    if (!this.isOpen || this.silent) return;
    this.#clock.after(LINE_MS, () => {
      const frames = JSON.parse(text) as ClientFrame | ClientFrame[];
      for (const frame of [frames].flat()) if (this.isOpen) this.#server.hear(this, frame);
    });
  }

  /** The client closes. This socket is a bad one: for a while it still delivers what it has. */
  close(): void {
    this.#leaving = true;
    this.isOpen = false;
    this.#clock.after(CLOSES_WITHIN_MS, () => this.#end(1000));
  }

  say(frame: object): void {
    const text = JSON.stringify(frame);
    const small = this.deflates && Buffer.byteLength(text) >= 128 ? this.#deflate(text) : null;
    this.#clock.after(LINE_MS, () => {
      if (this.#ended || this.silent) return;
      if (small === null) this.#events.text(text);
      else this.#events.binary(small);
    });
  }

  #deflate(text: string): Uint8Array {
    this.deflated++;
    return this.#server.damage(deflateRawSync(text, { dictionary: Buffer.from(DICTIONARY_1) }));
  }

  refuse(i: number, code: Code, act: Act, close?: number): void {
    this.say({ i, err: refusal(code, act) });
    if (close !== undefined) this.#clock.after(LINE_MS, () => this.cut(close));
  }

  /** The line breaks: nothing on its way arrives. */
  cut(code: number): void {
    this.isOpen = false;
    this.#end(code);
  }

  #end(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#clock.after(0, () => this.#events.closed(code));
  }
}
