/** The vectors of `docs/vectors`: every client makes the same of the same frames. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { backoffMs, closeMeans } from "../src/connection/backoff.js";
import { inflate } from "../src/deflate/inflate.js";
import type { ClientFrame, Joined, Page, Refusal, RoomView, SocketEvents } from "../src/index.js";
import { DICTIONARY } from "../src/limits.js";
import { settled } from "./clock.js";
import { World } from "./world.js";

interface Case {
  name: string;
  steps: Step[];
}
type Step =
  | { join: { since: { e: string; s: number } | null; answer: Joined } }
  | { hear: unknown }
  | { page: { before: number; answer: Page } }
  | { cut: number }
  | { expect: Record<string, unknown> };

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../docs/vectors/${name}`, import.meta.url), "utf8")) as T;
}

/** A line whose other end says what the vector says. */
class Script {
  readonly world = new World();
  events: SocketEvents | null = null;
  joins: Extract<ClientFrame, { op: "join" }>[] = [];
  pages: Extract<ClientFrame, { op: "history" }>[] = [];

  constructor() {
    this.world.dial = (_url, _protocol, events) => {
      this.events = events;
      this.joins = [];
      this.pages = [];
      void settled().then(() => events.open());
      return { send: (text) => this.#heard(text), close: () => {} };
    };
  }

  get room() {
    return this.world.client.room("lobby");
  }

  say(message: unknown): Promise<void> {
    this.events?.text(JSON.stringify(message));
    return settled();
  }

  #heard(text: string): void {
    for (const frame of [JSON.parse(text) as ClientFrame | ClientFrame[]].flat()) {
      if (frame.op === "hello") {
        const me = this.world.client.who.get();
        void this.say({
          i: frame.i,
          ok: { connection: "c", me, now_ms: this.world.clock.unix(), ping_s: 25 },
        });
      }
      if (frame.op === "join") this.joins.push(frame);
      if (frame.op === "history") this.pages.push(frame);
    }
  }

  async take(step: Step, place: string): Promise<void> {
    if ("join" in step) await this.#join(step.join.since, step.join.answer, place);
    else if ("hear" in step) await this.say(step.hear);
    else if ("page" in step) await this.#page(step.page.before, step.page.answer, place);
    else if ("cut" in step) {
      this.events?.closed(step.cut);
      await settled();
    } else this.#expect(step.expect, place);
  }

  async #join(since: unknown, answer: Joined, place: string): Promise<void> {
    // It comes back by itself, at the latest after the longest wait.
    for (let ms = 0; this.joins.length === 0 && ms < 20_000; ms += 500) await this.world.clock.advance(500);
    const join = this.joins.shift();
    expect(join?.since ?? null, `${place}: since`).toEqual(since);
    await this.say({ i: join?.i, ok: answer });
  }

  async #page(before: number, answer: Page, place: string): Promise<void> {
    if (!this.pages.some((it) => it.before === before)) {
      const gap = this.room.view.get().gaps.find((it) => it.to + 1 === before);
      void (gap ? this.room.fetchGap(gap) : this.room.older());
    }
    const at = this.pages.findIndex((it) => it.before === before);
    expect(at, `${place}: nobody asked for the history before ${before}`).not.toBe(-1);
    const [asked] = this.pages.splice(at, 1);
    await this.say({ i: asked?.i, ok: answer });
  }

  #expect(fields: Record<string, unknown>, place: string): void {
    const view = this.room.view.get();
    for (const [name, expected] of Object.entries(fields)) {
      expect(this.#seen(name, view), `${place}: ${name}`).toEqual(expected);
    }
  }

  #seen(name: string, view: RoomView): unknown {
    switch (name) {
      case "messages":
        return view.messages.map((it) => ({
          s: it.seq,
          text: it.text,
          ...(it.re ? { re: it.re.seq } : {}),
          ...(it.edited ? { edited: true } : {}),
          ...(it.deleted ? { deleted: true } : {}),
          ...(it.moved ? { moved: { room: it.moved.to.room, s: it.moved.s } } : {}),
        }));
      case "gaps":
        return view.gaps.map((it) => [it.from, it.to]);
      case "asks":
        return this.pages[0]?.before ?? null;
      case "inside":
        return view.live;
      case "people":
        return view.roster?.map((it) => it.name) ?? null;
      case "can":
        return [...view.can].sort();
      case "muted":
        return view.mutedUntil !== null;
      case "phase":
        return view.broadcast?.phase ?? null;
      case "slow_mode_ms":
        return view.slowModeMs;
      case "title":
      case "count":
      case "stage":
      case "mark":
        return view[name];
      default:
        throw new Error(`nobody knows what ${name} is`);
    }
  }
}

describe("rooms", () => {
  const { cases } = read<{ cases: Case[] }>("rooms.json");
  it.each(cases.map((it) => [it.name, it] as const))("%s", async (name, { steps }) => {
    const script = new Script();
    await script.world.client.beGuest("小明");
    script.room.join();
    for (const [n, step] of steps.entries()) await script.take(step, `${name}, step ${n}`);
    script.world.client.close();
  });
});

describe("refusals", () => {
  type Then = "tell" | "say_again" | "new_token" | "join";
  const { cases } = read<{ cases: { refusal: Refusal; then: Then; after_ms?: number }[] }>("refusals.json");

  it.each(cases.map((it) => [it.refusal.code, it.refusal.act, it] as const))(
    "%s, %s",
    async (_code, _act, { refusal, then, after_ms }) => {
      const world = new World();
      await world.inLobby();
      let refusals = 1;
      world.server.refuse = (frame) => (frame.op === "pub" && refusals-- > 0 ? refusal : null);
      const heard = (op: ClientFrame["op"]): ClientFrame[] => world.server.heard.filter((it) => it.op === op);
      world.client.room("lobby").send("今晚几点？");
      await world.clock.advance(50);
      if (then === "say_again") {
        await world.clock.advance((after_ms ?? 0) - 60);
        expect(heard("pub"), "not before its time").toHaveLength(1);
      }
      await world.clock.advance(20_000);
      const again = then === "tell" ? 1 : 2;
      expect(heard("pub")).toHaveLength(again);
      expect(new Set(heard("pub").map((it) => "cid" in it && it.cid)).size, "the same client id").toBe(1);
      expect(world.deliveries).toEqual([then === "tell" ? "refused" : "sent"]);
      const hellos = heard("hello").map((it) => "token" in it && it.token);
      expect(new Set(hellos).size, "tokens").toBe(then === "new_token" ? 2 : 1);
      expect(heard("join").length > 1, "joined anew").toBe(then === "join" || then === "new_token");
      world.client.close();
    },
  );
});

it("knows what a close asks for", () => {
  const { cases } = read<{ cases: { code: number; then: string }[] }>("closes.json");
  const words: Record<string, string> = { reconnect: "reconnect", reauth: "new_token" };
  for (const { code, then } of cases) expect(words[closeMeans(code)] ?? "stop", String(code)).toBe(then);
});

it("waits within the bounds, and uses them all", () => {
  type Wait = { failures: number; least_ms: number; most_ms: number };
  for (const { failures, least_ms, most_ms } of read<{ cases: Wait[] }>("waits.json").cases) {
    expect(
      [0, 1].map((chance) => backoffMs(failures, () => chance)),
      `after ${failures}`,
    ).toEqual([least_ms, most_ms]);
  }
});

it("says what it wants in the frames that a server reads", async () => {
  const world = new World();
  await world.inLobby();
  const room = world.client.room("lobby");
  room.send("今晚几点？");
  room.send("八点", 1088);
  room.ask("几点抽奖？");
  room.edit(1088, "九点");
  room.remove(1088);
  // The first goes at once, those of the next moment together.
  for (let n = 0; n < 4; n++) room.heart();
  await Promise.all([
    room.roster(),
    room.who({ n: 50 }),
    room.who({ q: "小明", after: "m_li", n: 50 }),
    room.mute("m_ming", 60_000, "刷屏"),
    room.unmute("m_ming"),
    room.ban("m_ming"),
    room.ban("m_ming", 3_600_000, "广告"),
    room.unban("m_ming"),
    room.slowMode(5_000),
    room.coHost("m_ming", true),
    room.slowMode(0, 5),
    room.kick("m_ming", "冷静一下"),
    room.undelete(1088),
    room.hold(1088),
    room.review(1090, "refuse", "广告"),
    room.setRules({ refuse: ["代开发票"], hold: ["加微信"], links: "hold", domains: ["example.org"] }),
    room.mode("members"),
    room.mode("host", 600_000),
    room.pin(1088),
    room.pin("九点抽三本签名书"),
    room.pin(null),
    room.question(1088, "pick"),
    room.questions(),
    room.broadcast("open", "周五"),
    room.broadcast("schedule", "周五", 1_795_000_000_000),
    room.broadcast("end"),
    room.topic({ do: "title", title: "去哪儿爬山" }),
    room.topic({ do: "accept", of: 1088 }),
    room.topic({ do: "accept" }),
    room.topic({ do: "status", to: "declined", reason: "人手不够" }),
    room.topic({ do: "lock", on: true }),
    world.clock.advance(5_000),
  ]);
  const minute = { watched_ms: 60_000, stalled_ms: 400, stalls: 2, height: 720, received: 9_000, lost: 12 };
  room.watched({ ...minute, first_frame_ms: 310, behind_ms: 180 });
  room.watched({ watched_ms: 12_000, stalled_ms: 0, stalls: 0, height: 0, received: 600, lost: 0 });
  const bare = (frame: object): object => ({ ...frame, i: 0, cid: "" });
  const heard = world.server.heard.map(bare);
  const { read: frames } = read<{ read: ClientFrame[] }>("says.json");
  const spoken = new Set([
    "leave",
    "pub",
    "edit",
    "delete",
    "burst",
    "roster",
    "who",
    "mute",
    "unmute",
    "ban",
    "unban",
  ]);
  for (const op of [
    "kick",
    "undelete",
    "hold",
    "set_rules",
    "slow_mode",
    "co_host",
    "mode",
    "pin",
    "question",
    "questions",
    "broadcast",
    "topic",
    "watched",
    "ping",
  ])
    spoken.add(op);
  room.leave();
  await world.clock.advance(20_000);
  heard.push(...world.server.heard.slice(heard.length).map(bare));
  for (const frame of frames.filter((it) => spoken.has(it.op))) expect(heard).toContainEqual(bare(frame));
  const grammar = readFileSync(new URL("../src/protocol/ClientFrame.ts", import.meta.url), "utf8");
  const ops = new Set([...grammar.matchAll(/"op": "(\w+)"/g)].map((it) => it[1]));
  expect(new Set(frames.map((it) => it.op)), "every op has an example").toEqual(ops);
  world.client.close();
});

describe("a deflated message", () => {
  const { cases, dictionary } = read<{
    dictionary: number;
    cases: { name: string; message: string; text?: string | null; length?: number }[];
  }>("deflated.json");
  it.each(cases)("$name", ({ message, text, length }) => {
    expect(dictionary).toBe(DICTIONARY);
    const it = inflate(new Uint8Array(Buffer.from(message, "base64")));
    if (length === undefined) expect(it).toBe(text);
    else expect(it).toHaveLength(length);
  });
});
