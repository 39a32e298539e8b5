import { describe, expect, it } from "vitest";
import type { Person } from "../src/index.js";
import { OTHER, problem, refusal } from "./fake-server.js";
import { World } from "./world.js";

const person = (id: string): Person => ({ id, name: id, mark: "member" });
const names = (world: World): string[] | undefined => world.view.roster?.map((it) => it.name);
const asked = (world: World): number => world.server.heard.filter((it) => it.op === "roster").length;

describe("who is here", () => {
  it("is asked for anew after a gap, because what came and went may be lost in it", async () => {
    const world = new World();
    await world.inLobby();
    world.server.people = [person("ann"), person("ben")];
    world.server.push({ op: "gap", a: 7, from: 1, to: 5 });
    await world.clock.advance(20);
    expect(names(world)).toEqual(["ann", "ben"]);
    expect(world.view.count).toBe(2);
    expect(asked(world)).toBe(1);
    // Records that were lost on a line that is not lagging cost no list.
    world.server.push({ op: "roster", a: 7, in: [OTHER] });
    await world.clock.advance(20);
    expect(asked(world)).toBe(1);
    expect(names(world)).toEqual(["ann", "ben", "小红"]);
  });

  it("is asked for once at a time, and once more where it went stale meanwhile", async () => {
    const world = new World();
    await world.inLobby();
    for (let n = 0; n < 5; n++) world.server.push({ op: "gap", a: 7, from: n, to: n });
    world.server.people = [person("ann")];
    await world.clock.advance(50);
    expect(asked(world)).toBe(2);
    expect(names(world)).toEqual(["ann"]);
  });

  it("stays as it was where the list is refused, and is asked for again after the next gap", async () => {
    const world = new World();
    await world.inLobby();
    world.server.refuse = (frame) => (frame.op === "roster" ? refusal("busy", "retry") : null);
    world.server.push({ op: "gap", a: 7, from: 1, to: 1 });
    await world.clock.advance(20);
    expect(names(world)).toEqual(["小明"]);
    world.server.refuse = () => null;
    world.server.people = [person("ben")];
    world.server.push({ op: "gap", a: 7, from: 2, to: 2 });
    await world.clock.advance(20);
    expect(names(world)).toEqual(["ben"]);
  });

  it("is not asked for in a room above the roster's size, and is once it has shrunk", async () => {
    const world = new World();
    await world.inLobby();
    world.server.push({ op: "state", a: 7, count: 5_000 });
    world.server.push({ op: "gap", a: 7, from: 1, to: 5 });
    await world.clock.advance(20);
    expect(world.view.roster).toBeNull();
    expect(asked(world)).toBe(0);
    world.server.people = [person("ann")];
    world.server.push({ op: "state", a: 7, count: 150 });
    await world.clock.advance(20);
    expect(asked(world)).toBe(1);
    expect(names(world)).toEqual(["ann"]);
  });

  it("is asked for page by page where there are many, and by name", async () => {
    const world = new World();
    await world.inLobby();
    const room = world.client.room("lobby");
    world.server.people = Array.from({ length: 500 }, (_, n) => person(`m_${String(n).padStart(3, "0")}`));
    const ask = async (page?: Parameters<typeof room.who>[0]) => {
      const answer = room.who(page);
      await world.clock.advance(20);
      return answer;
    };
    const first = await ask();
    expect([first.here.length, first.next]).toEqual([200, "m_199"]);
    const then = await ask({ after: "m_199", n: 400 });
    expect([then.here.length, then.next]).toEqual([300, undefined]);
    expect((await ask({ q: "499" })).here).toEqual([person("m_499")]);
  });
});

describe("roles", () => {
  it("are heard while connected: what one may do, and what one is", async () => {
    const world = new World();
    await world.inLobby();
    world.server.push({ op: "rights", a: 7, can: ["watch", "mute"], mark: "moderator" });
    await world.clock.advance(20);
    expect(world.view.mark).toBe("moderator");
    expect(world.view.me).toMatchObject({ name: "小明", mark: "moderator" });
    expect(world.view.can.has("mute")).toBe(true);
    world.server.push({ op: "rights", a: 7, can: ["watch"], mark: "guest" });
    await world.clock.advance(20);
    expect(world.view.mark).toBe("guest");
    expect(world.view.can.has("mute")).toBe(false);
  });

  it("are listed and given by the API, with refusals in their own code", async () => {
    const world = new World();
    await world.client.beGuest("圈主");
    const ann = { id: "m_ann", name: "Ann", mark: "member" as const, joined_ms: 5 };
    const given: unknown[] = [];
    world.server.rest = (call, body) => {
      if (call.startsWith("PUT")) given.push([call, body]);
      if (call === "PUT members/m_owner/role") {
        return { status: 409, body: problem("role_fixed", "none", 409) };
      }
      if (call.startsWith("PUT")) return { status: 200, body: { ...ann, mark: "moderator" } };
      return { status: 200, body: { members: [ann], next: null, count: 1 } };
    };
    expect(await world.client.members()).toMatchObject({ members: [ann], count: 1 });
    await world.client.members({ q: "安 &", role: "moderator", after: "m_1", n: 20 });
    await world.client.members({ q: "" });
    expect(world.server.calls.slice(-3)).toEqual([
      "GET members",
      "GET members?q=%E5%AE%89+%26&role=moderator&after=m_1&n=20",
      "GET members",
    ]);
    expect((await world.client.setRole("m_ann", "moderator")).mark).toBe("moderator");
    await expect(world.client.setRole("m_owner", "member")).rejects.toMatchObject({ code: "role_fixed" });
    expect(given[0]).toEqual(["PUT members/m_ann/role", { role: "moderator" }]);
  });
});

describe("a broadcast", () => {
  it("is announced by the API for a room that one is not in", async () => {
    const world = new World();
    await world.client.beGuest("主持");
    const said: unknown[] = [];
    world.server.rest = (call, body) => {
      said.push([call, body]);
      return { status: 200, body: { id: "b", phase: "scheduled", title: "夜谈", host: OTHER, starts_ms: 9 } };
    };
    const made = await world.client.broadcast("tea", "schedule", "夜谈", 9);
    expect(made.phase).toBe("scheduled");
    await world.client.broadcast("tea", "archive");
    expect(said).toEqual([
      ["POST rooms/tea/broadcast", { act: "schedule", title: "夜谈", starts_ms: 9 }],
      ["POST rooms/tea/broadcast", { act: "archive", title: null }],
    ]);
  });
});
