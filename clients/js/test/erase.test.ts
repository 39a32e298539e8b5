/** Erasing an account, and how those are called who did. */
import { expect, it } from "vitest";
import { Refused, Weiquan, eraseAccount, type Topic } from "../src/index.js";
import { environment } from "../src/environment.js";
import { call } from "../src/rest.js";
import { problem } from "./fake-server.js";
import { World } from "./world.js";

const ann = { id: "m_ann", name: "小安", mark: "member" } as const;

async function signedIn(): Promise<World> {
  const world = new World();
  world.server.rest = (call) => {
    if (call === "POST sign-in") return { status: 200, body: world.server.token(ann) };
    return { status: 401, body: problem("token_revoked", "reauth", 401) };
  };
  await world.client.signIn("小安", "correct horse battery");
  return world;
}

it("ends the account, and forgets here who one was although the server knows nobody any more", async () => {
  const world = await signedIn();
  let heard: unknown;
  const { rest } = world.server;
  world.server.rest = (call, body, token) => {
    if (call !== "DELETE me") return rest(call, body, token);
    heard = { body, token: token !== null };
    return { status: 202, body: null };
  };
  await eraseAccount(world.client, "correct horse battery", "remove");
  expect(heard).toEqual({ body: { password: "correct horse battery", writings: "remove" }, token: true });
  expect(world.client.who.get()).toBeNull();
});

it("leaves one as one was where the server refuses", async () => {
  const world = await signedIn();
  const { rest } = world.server;
  world.server.rest = (call, body, token) =>
    call === "DELETE me"
      ? { status: 401, body: problem("sign_in_failed", "none", 401) }
      : rest(call, body, token);
  const erasing = eraseAccount(world.client, "a guess", "keep");
  await expect(erasing).rejects.toThrow(Refused);
  expect(world.client.who.get()).toEqual(ann);
});

it("calls those without a name as the app says, and touches no text", async () => {
  const author = { id: "m_gone", name: "", mark: "member" };
  const body = { author, text: 'say "name":"" twice', deep: [{ by: { ...author, id: "m_x" } }] };
  const fetch = (async () => new Response(JSON.stringify(body))) as typeof globalThis.fetch;
  let word = "已注销";
  const { server } = new World();
  const given = { base: "https://live.example.org", fetch, socket: server.socket };
  const env = environment({ ...given, nobody: () => word });
  const read = () => call<typeof body>(env, { method: "GET", path: "x" });
  expect(await read()).toEqual({
    author: { ...author, name: "已注销" },
    text: body.text,
    deep: [{ by: { ...author, id: "m_x", name: "已注销" } }],
  });
  // As it is said when it is read; a word with signs stays a word.
  word = '"Deleted" $& account';
  expect((await read()).author.name).toBe(word);
  const plain = environment(given);
  expect(await call(plain, { method: "GET", path: "x" })).toEqual(body);
});

it("reads so what comes over the socket too", async () => {
  const world = new World();
  world.client.close();
  world.client = new Weiquan({
    base: "https://live.example.org/",
    storage: world.storage,
    socket: (...args) => world.dial(...args),
    fetch: world.server.fetch,
    timers: world.clock,
    now: world.clock.unix,
    random: world.random,
    device: { visible: world.visible, network: world.network, path: world.path },
    nobody: () => "Deleted account",
  });
  world.server.say("lobby", "还在", { id: "m_gone", name: "", mark: "member" });
  await world.inLobby();
  const [message] = world.view.messages;
  expect(message?.author).toEqual({ id: "m_gone", name: "Deleted account", mark: "member" });
  expect(message?.text).toBe("还在");
});

it("calls them otherwise where they are on the screen already, and leaves all else as it is", async () => {
  const world = new World();
  await world.inLobby();
  const bob = { id: "m_bob", name: "小波", mark: "member" } as const;
  const { s } = world.server.say("lobby", "今晚几点？", ann);
  world.server.record("lobby", { u: bob, k: "msg", b: { text: "八点", re: s } });
  world.server.record("lobby", { u: ann, k: "mute", b: { who: bob, until_ms: 9, reason: "" } });
  world.server.record("lobby", { u: bob, k: "unmute", b: { who: ann } });
  await world.clock.advance(100);
  const others = world.view.messages[1];
  world.server.push({ op: "state", a: world.server.room("lobby").number, erased: { ...ann, name: "" } });
  await world.clock.advance(100);
  const [first, second] = world.view.messages;
  expect([first?.author, first?.text]).toEqual([{ ...ann, name: "" }, "今晚几点？"]);
  expect(second).toEqual({ ...others, re: { ...others?.re, author: { ...ann, name: "" } } });
  expect(JSON.stringify(world.view.notices)).not.toContain("小安");
  expect(JSON.stringify(world.view.notices)).toContain("小波");
});

it("calls who started the topic that is open otherwise", async () => {
  const world = new World();
  await world.inLobby();
  const a = world.server.room("lobby").number;
  const topic: Topic = {
    kind: "discussion",
    title: "周末骑车",
    by: ann,
    made_ms: 7,
    helper: { id: ann.id, name: ann.name },
  };
  world.server.push({ op: "state", a, topic });
  await world.clock.advance(100);
  expect(world.view.topic?.by).toEqual(ann);
  world.server.push({ op: "state", a, erased: { ...ann, name: "" } });
  await world.clock.advance(100);
  expect(world.view.topic).toEqual({ ...topic, by: { ...ann, name: "" }, helper: { id: ann.id, name: "" } });
});
