import { describe, expect, it } from "vitest";
import { BACKOFF_MAX_MS, backoffMs, closeMeans } from "../src/connection/backoff.js";
import type { ClientFrame, Me, Refusal, SocketFactory } from "../src/index.js";
import { OTHER, problem, refusal } from "./fake-server.js";
import { World } from "./world.js";

const joins = (world: World): unknown[] => world.server.heard.filter((it) => it.op === "join");

const refuseHello = (frame: ClientFrame): Refusal | null =>
  frame.op === "hello" ? refusal("rate_limited", "retry", 1_000) : null;

const closesAtOnce =
  (world: World): SocketFactory =>
  (_url, _protocol, events) => {
    world.clock.after(5, () => events.closed(1006));
    return { send: () => {}, close: () => {} };
  };

const saysNothing: SocketFactory = (_url, _protocol, events) => {
  queueMicrotask(() => events.open());
  return { send: () => {}, close: () => {} };
};

describe("the connection", () => {
  it("waits a random time that grows up to 15 s", () => {
    const most = (tries: number): number => backoffMs(tries, () => 0.999999);
    expect([0, 1, 2, 3].map(most)).toEqual([499, 999, 1999, 3999]);
    expect(most(9)).toBeLessThan(BACKOFF_MAX_MS);
    expect(most(1_000)).toBeGreaterThan(BACKOFF_MAX_MS - 100);
    expect(backoffMs(5, () => 0)).toBe(0);
  });

  it("reads close codes as rule C3 says", () => {
    expect([1006, 1001, 4001, 4008, 4009, 4499].map(closeMeans)).toEqual(Array(6).fill("reconnect"));
    expect([4500, 4501, 4502, 4503, 4504, 4777].map(closeMeans)).toEqual([
      "reauth",
      "bad_frame",
      "banned",
      "replaced",
      "version",
      "bad_frame",
    ]);
  });

  it("resumes all rooms by one message, from where each was", async () => {
    const world = new World();
    await world.inLobby();
    world.client.room("garden").join();
    world.server.say("lobby", "一");
    await world.clock.advance(20);
    world.server.cutAll();
    world.server.say("lobby", "二");
    world.server.say("garden", "花");
    const before = world.server.heard.length;
    await world.clock.advance(1_000);
    expect(world.texts).toEqual(["一", "二"]);
    expect(
      world.client
        .room("garden")
        .view.get()
        .messages.map((it) => it.text),
    ).toEqual(["花"]);
    expect(world.server.heard.slice(before)).toMatchObject([
      { op: "hello" },
      { op: "join", room: "lobby", since: { e: "e1", s: 1 } },
      { op: "join", room: "garden", since: { e: "e1", s: 0 } },
    ]);
  });

  it("says what it is doing while it comes back, and keeps what is shown", async () => {
    const world = new World();
    world.server.say("lobby", "一");
    await world.inLobby();
    const seen: string[] = [];
    world.client.status.subscribe((it) => seen.push(it.state));
    world.server.down = true;
    const lostAt = world.clock.unix();
    world.server.cutAll();
    await world.clock.advance(30_000);
    const status = world.client.status.get();
    expect(status).toMatchObject({ state: "reconnecting", since: expect.any(Number) });
    if (status.state === "reconnecting") {
      expect(status.since - lostAt).toBeLessThan(50);
      expect(status.tries).toBeGreaterThanOrEqual(4);
    }
    expect(world.view.live).toBe(false);
    expect(world.texts).toEqual(["一"]);
    world.server.down = false;
    await world.clock.advance(16_000);
    expect(new Set(seen)).toEqual(new Set(["online", "reconnecting"]));
    expect(world.client.status.get().state).toBe("online");
  });

  it("notices a dead line 10 s and 5 s later while somebody looks", async () => {
    const world = new World();
    await world.inLobby();
    const [line] = world.server.open;
    if (line) line.silent = true;
    await world.clock.advance(14_000);
    expect(world.server.lines).toHaveLength(1);
    await world.clock.advance(2_000);
    expect(world.server.lines).toHaveLength(2);
    expect(world.view.live).toBe(true);
  });

  it("does not ask early while nobody looks, and asks at once when somebody does", async () => {
    const world = new World();
    await world.inLobby();
    world.visible.set(false);
    const pings = (): number => world.server.heard.filter((it) => it.op === "ping").length;
    await world.clock.advance(55_000);
    expect(pings()).toBe(0);
    world.visible.set(true);
    await world.clock.advance(20);
    expect(pings()).toBe(1);
  });

  it("answers the server's ping", async () => {
    const world = new World();
    await world.inLobby();
    world.server.push({ op: "ping" });
    await world.clock.advance(20);
    expect(world.server.heard.at(-1)).toEqual({ op: "pong" });
  });

  it("is offline when the device is, and back at once when the network is", async () => {
    const world = new World();
    await world.inLobby();
    world.server.down = true;
    world.network.set(false);
    world.server.cutAll();
    await world.clock.advance(60_000);
    expect(world.client.status.get()).toEqual({ state: "offline" });
    world.server.down = false;
    world.network.set(true);
    await world.clock.advance(300);
    expect(world.client.status.get()).toEqual({ state: "online" });
  });

  it("comes back after a goaway at a moment in its range", async () => {
    const world = new World(3);
    await world.inLobby();
    world.server.push({ op: "goaway", after_ms: [4_000, 8_000] });
    await world.clock.advance(20);
    world.server.cutAll(4001);
    await world.clock.advance(3_800);
    expect(world.server.lines).toHaveLength(1);
    await world.clock.advance(4_300);
    expect(world.server.lines).toHaveLength(2);
    expect(world.view.live).toBe(true);
  });

  it("leaves nothing behind when it is closed, whatever was under way", async () => {
    for (const ms of [0, 3, 8, 100, 12_000]) {
      const world = new World();
      await world.client.beGuest();
      world.client.room("lobby").join();
      world.client.room("lobby").send("一");
      await world.clock.advance(ms);
      world.client.room("lobby").heart();
      const act = world.client
        .room("lobby")
        .unmute("m_2")
        .catch(() => "in vain");
      world.client.close();
      await world.clock.advance(30_000);
      expect([world.clock.waiting, world.server.open.length], `after ${ms} ms`).toEqual([0, 0]);
      expect(await act).toBe("in vain");
      expect(world.client.status.get()).toEqual({ state: "idle" });
    }
  });

  it("opens no second socket beside one that is opening", async () => {
    const world = new World();
    await world.client.beGuest();
    world.client.room("lobby").join();
    await world.clock.advance(2);
    for (let n = 0; n < 3; n++) {
      world.client.retry();
      await world.clock.advance(2);
    }
    await world.clock.advance(2_000);
    expect(world.server.open).toHaveLength(1);
    expect(world.view.live).toBe(true);
  });

  it("tries again where the browser does not even open a socket", async () => {
    const world = new World();
    const { socket } = world.server;
    let times = 0;
    world.dial = (...args) => {
      if (times++ < 2) throw new DOMException("blocked", "SecurityError");
      return socket(...args);
    };
    await world.client.beGuest();
    world.client.room("lobby").join();
    await world.clock.advance(5_000);
    expect(world.client.status.get().state).toBe("online");
  });

  it("opens its line ahead of a join, says nobody's name on it, and uses it", async () => {
    const world = new World();
    await world.client.beGuest();
    world.client.ahead("lobby");
    world.client.ahead("garden");
    await world.clock.advance(60_000);
    expect(world.server.heard.map((it) => it.op)).toEqual(["ping"]);
    expect(world.client.status.get()).toEqual({ state: "idle" });
    world.client.room("lobby").join();
    await world.clock.advance(2 * 5 + 1);
    expect(world.view.live).toBe(true);
    expect(world.server.heard.map((it) => it.op)).toEqual(["ping", "hello", "join"]);
    expect(world.server.lines.map((it) => it.url)).toEqual([expect.stringContaining("room=lobby")]);
  });

  it("takes a line that is still opening", async () => {
    const world = new World();
    await world.client.beGuest();
    world.client.ahead("lobby");
    world.client.room("lobby").join();
    await world.clock.advance(100);
    expect(world.view.live).toBe(true);
    expect(world.server.lines).toHaveLength(1);
  });

  it("opens no other where one was open in vain, before it is needed", async () => {
    for (const code of [4500, 4009, 1006]) {
      const world = new World();
      await world.client.beGuest();
      world.client.ahead("lobby");
      await world.clock.advance(1_000);
      world.server.cutAll(code);
      await world.clock.advance(60_000);
      expect(world.client.status.get(), String(code)).toEqual({ state: "idle" });
      expect(world.server.lines).toHaveLength(1);
      world.client.room("lobby").join();
      await world.clock.advance(100);
      expect(world.view.live, String(code)).toBe(true);
    }
  });

  it("does not trust a line over a sleep, and not for long where nothing is heard on it", async () => {
    const asleep = new World();
    await asleep.client.beGuest();
    asleep.client.ahead("lobby");
    await asleep.clock.advance(1_000);
    asleep.visible.set(false);
    asleep.visible.set(true);
    await asleep.clock.advance(20);
    expect(asleep.server.open).toHaveLength(0);

    const dead = new World();
    const { socket } = dead.server;
    dead.dial = saysNothing;
    await dead.client.beGuest();
    dead.client.ahead("lobby");
    await dead.clock.advance(1_000);
    dead.dial = socket;
    dead.client.room("lobby").join();
    await dead.clock.advance(3_200);
    expect(dead.view.live).toBe(true);
  });

  it("hears nothing of a socket that it left", async () => {
    const world = new World();
    await world.inLobby();
    const [old] = world.server.lines;
    world.server.push({ op: "goaway", after_ms: [100, 100] });
    await world.clock.advance(200);
    expect(world.view.live).toBe(true);
    old?.say({ op: "ev", a: 7, s: [1, 1], ev: [{ s: 1, t: 1, u: OTHER, k: "msg", b: { text: "gone" } }] });
    old?.say({ op: "out", a: 7, why: refusal("banned", "stop") });
    await world.clock.advance(2_000);
    expect(world.view).toMatchObject({ live: true, messages: [] });
    expect(world.server.lines).toHaveLength(2);
  });

  it.each([
    [4502, "banned"],
    [4503, "replaced"],
    [4504, "version"],
  ])("stays away after %i and says %s", async (code, says) => {
    const world = new World();
    await world.inLobby();
    world.server.cutAll(code);
    await world.clock.advance(120_000);
    expect(world.client.status.get()).toEqual({ state: "refused", code: says });
    expect(world.server.lines).toHaveLength(1);
    world.client.retry();
    await world.clock.advance(100);
    expect(world.client.status.get().state).toBe("online");
  });

  it("gets a new token when the old one is not taken, and gives up when no token is", async () => {
    const world = new World();
    await world.inLobby();
    world.server.tokens.clear();
    world.server.cutAll();
    await world.clock.advance(3_000);
    expect(world.client.status.get().state).toBe("online");
    world.server.refuse = (frame) => (frame.op === "hello" ? refusal("token_revoked", "reauth") : null);
    world.server.cutAll();
    await world.clock.advance(60_000);
    expect(world.client.status.get()).toEqual({ state: "refused", code: "token_revoked" });
    const lines = world.server.lines.length;
    await world.clock.advance(60_000);
    expect(world.server.lines).toHaveLength(lines);
  });

  it("is refused without an identity, and connects once there is one", async () => {
    const world = new World();
    world.client.room("lobby").join();
    await world.clock.advance(100);
    expect(world.client.status.get()).toEqual({ state: "refused", code: "token_missing" });
    expect(world.server.open).toHaveLength(0);
    await world.client.beGuest();
    await world.clock.advance(100);
    expect(world.view.live).toBe(true);
    expect(joins(world)).toHaveLength(1);
  });

  /** Somebody without an identity goes into the lobby as a guest. */
  async function entering(world: World): Promise<() => Promise<Me>> {
    expect(await world.client.me()).toBeNull();
    const guest = world.client.beSomebody("小明");
    guest.catch(() => {});
    world.client.room("lobby").join();
    return () => guest;
  }
  const made = (world: World): string[] => world.server.calls.filter((it) => it === "POST guests");

  it("makes the guest by the hello, and asks for nothing by HTTP", async () => {
    const world = new World();
    const guest = await entering(world);
    expect(world.server.lines, "opened at once").toHaveLength(1);
    await world.clock.advance(100);
    expect(await guest()).toMatchObject({ name: "小明", mark: "guest" });
    expect(world.view).toMatchObject({ live: true, me: { name: "小明" } });
    expect([world.server.lines.length, joins(world).length, made(world).length]).toEqual([1, 1, 0]);
    expect(await world.client.beSomebody("小红")).toMatchObject({ name: "小明" });
    // The token that came with the welcome is good for HTTP and for the next hello.
    world.server.cutAll();
    await world.clock.advance(3_000);
    expect(world.view.live).toBe(true);
    const hellos = world.server.heard.filter((it) => it.op === "hello");
    expect(hellos).toMatchObject([{ guest: { name: "小明" } }, { token: "t1" }]);
    expect(made(world)).toHaveLength(0);
    // And it is remembered: after a reload one is the same guest.
    const before = world.client.who.get();
    await world.reload();
    expect(world.client.who.get()).toEqual(before);
  });

  it.each<[string, (world: World) => void]>([
    ["a hello that is refused", (world) => (world.server.refuse = refuseHello)],
    ["a socket that closes at once", (world) => (world.dial = closesAtOnce(world))],
    ["a server that says nothing", (world) => (world.dial = saysNothing)],
  ])("makes the guest by HTTP after %s", async (_, breaks) => {
    const world = new World();
    breaks(world);
    const guest = await entering(world);
    await world.clock.advance(1_600);
    expect(await guest()).toMatchObject({ name: "小明", mark: "guest" });
    expect(made(world)).toHaveLength(1);
    world.dial = world.server.socket;
    world.server.refuse = () => null;
    await world.clock.advance(15_000);
    expect(world.view).toMatchObject({ live: true, me: { name: "小明" } });
  });

  it("says why a guest cannot be made in either way", async () => {
    const world = new World();
    world.server.refuse = refuseHello;
    world.server.rest = (call, body) =>
      call === "POST guests"
        ? { status: 429, body: problem("rate_limited", "retry", 429) }
        : world.server.guestsOnly(call, body);
    const guest = await entering(world);
    await world.clock.advance(100);
    await expect(guest()).rejects.toMatchObject({ code: "rate_limited" });
    await world.clock.advance(60_000);
    expect(world.client.who.get()).toBeNull();
    world.client.close();
    expect(world.clock.waiting).toBe(0);
  });

  it("says hello again as somebody else after a sign-in, and forgets whose it was", async () => {
    const world = new World();
    await world.inLobby();
    world.client.room("lobby").send("我是访客");
    await world.clock.advance(20);
    expect(world.view.messages[0]?.mine).toBe(true);
    const guests = world.server.rest;
    world.server.rest = (call, body, token) =>
      call === "POST sign-in"
        ? { status: 200, body: world.server.token({ id: "m_1", name: "阿明", mark: "member" }) }
        : guests(call, body, token);
    await world.client.signIn("阿明", "long enough");
    await world.clock.advance(100);
    expect(world.view.me?.name).toBe("阿明");
    expect(world.view.messages).toMatchObject([{ mine: false, text: "我是访客" }]);
    expect(world.server.lines).toHaveLength(2);
  });

  it("keeps at most 64 requests in flight and loses none", async () => {
    const world = new World();
    await world.inLobby();
    const acts = Array.from({ length: 150 }, (_, n) => world.client.room("lobby").mute(`m_${n}`, 1));
    const all = Promise.all(acts);
    await world.clock.advance(100);
    await all;
    expect(world.server.heard.filter((it) => it.op === "mute")).toHaveLength(150);
  });

  it("ignores what is no JSON and pushes of tomorrow", async () => {
    const world = new World();
    await world.inLobby();
    for (const line of world.server.open) line.say({ op: "confetti", a: 7 });
    world.server.say("lobby", "一");
    await world.clock.advance(20);
    expect(world.texts).toEqual(["一"]);
  });
});

describe("the identity", () => {
  it("is the same guest on the same device", async () => {
    const world = new World();
    const first = await world.client.beGuest("小明");
    await world.reload();
    expect(await world.client.me()).toEqual(first);
    expect(world.server.calls.filter((it) => it === "POST guests")).toHaveLength(2);
  });

  it("asks once however many ask, and answers nobody with null", async () => {
    const world = new World();
    const [a, b] = await Promise.all([world.client.me(), world.client.me()]);
    expect([a, b]).toEqual([null, null]);
    expect(world.server.calls).toEqual(["POST token"]);
    expect(await world.client.me()).toBeNull();
    expect(world.server.calls).toEqual(["POST token"]);
    // Another page of this device was signed in to meanwhile.
    world.server.rest = (call, body) => world.server.guestsOnly(call, body);
    await world.storage.set("who", JSON.stringify({ kind: "guest", name: "小明", me: {} }));
    expect(await world.client.me()).toMatchObject({ mark: "guest" });
  });

  it("renews a token before it expires", async () => {
    const world = new World();
    await world.client.beGuest();
    await world.clock.advance(539_000);
    world.server.rest = (call, body) =>
      call === "GET rooms" ? { status: 200, body: { rooms: [] } } : world.server.guestsOnly(call, body);
    await world.client.rooms();
    expect(world.server.calls.filter((it) => it === "POST guests")).toHaveLength(1);
    await world.clock.advance(2_000);
    await world.client.rooms();
    expect(world.server.calls.filter((it) => it === "POST guests")).toHaveLength(2);
  });

  it("tells the two failures apart", async () => {
    const world = new World();
    world.server.rest = () => ({ status: 429, body: problem("too_many_tries", "retry", 429) });
    await expect(world.client.signIn("a", "b")).rejects.toMatchObject({
      name: "Refused",
      code: "too_many_tries",
    });
    world.server.rest = () => ({ status: 502, body: "<html>" });
    await expect(world.client.server()).rejects.toMatchObject({ name: "Refused", code: "internal" });
    world.server.down = true;
    await expect(world.client.server()).rejects.toMatchObject({ name: "Unreachable" });
  });

  it("forgets who one was on sign-out, and the connection with it", async () => {
    const world = new World();
    await world.inLobby();
    await world.client.signOut(false);
    await world.clock.advance(100);
    expect(world.client.who.get()).toBeNull();
    expect(world.view).toMatchObject({ live: false, messages: [] });
    expect(world.client.status.get()).toEqual({ state: "refused", code: "token_missing" });
  });
});
