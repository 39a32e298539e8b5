/** Tokens that somebody else makes: bots, and people whom another site vouches for. */
import { expect, it } from "vitest";
import { type Me, Weiquan } from "../src/index.js";
import { World } from "./world.js";

const BOT: Me = { id: "x_bot", name: "回声", mark: "member" };

function world(tokens: () => Promise<string>): World {
  const it = new World();
  it.server.rest = (call, _body, token) => {
    const me = token === null ? undefined : it.server.tokens.get(token);
    return call === "GET me" && me
      ? { status: 200, body: me }
      : { status: 401, body: { code: "token_invalid", act: "reauth", detail: "no such token", status: 401 } };
  };
  it.client = new Weiquan({
    base: "https://live.example.org",
    token: tokens,
    storage: it.storage,
    socket: (...args) => it.server.socket(...args),
    fetch: it.server.fetch,
    timers: it.clock,
    now: it.clock.unix,
    random: it.random,
    device: { visible: it.visible, network: it.network },
  });
  return it;
}

it("is the person of the token, without a sign-in, and keeps nothing of it on the device", async () => {
  const it = world(async () => "given");
  it.server.tokens.set("given", BOT);
  it.client.room("lobby").join();
  await it.clock.advance(100);
  expect(it.view.live).toBe(true);
  expect(it.view.me).toEqual(BOT);
  it.client.room("lobby").send("在的");
  await it.clock.advance(100);
  expect(it.deliveries).toEqual(["sent"]);
  expect(await it.storage.get("who")).toBeNull();
});

it("asks for another token when the server did not take the last one", async () => {
  let made = 0;
  const it = world(async () => `given-${++made}`);
  it.server.tokens.set("given-1", BOT);
  it.client.room("lobby").join();
  await it.clock.advance(100);
  expect(it.view.live).toBe(true);
  it.server.tokens.delete("given-1");
  it.server.tokens.set("given-2", BOT);
  it.server.cutAll(4500);
  await it.clock.advance(5_000);
  expect(it.view.live).toBe(true);
  expect(made).toBe(2);
});

it("says why it stays away when no token is taken", async () => {
  const it = world(async () => "wrong");
  it.client.room("lobby").join();
  await it.clock.advance(5_000);
  expect(it.client.status.get()).toEqual({ state: "refused", code: "token_invalid" });
});

it("tells at once that it needs a socket where there is none", () => {
  const own = globalThis.WebSocket;
  Object.assign(globalThis, { WebSocket: undefined });
  try {
    expect(() => new Weiquan({ base: "https://live.example.org" })).toThrow("give `socket`");
  } finally {
    Object.assign(globalThis, { WebSocket: own });
  }
});
