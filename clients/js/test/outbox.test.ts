import "fake-indexeddb/auto";
import { describe, expect, it } from "vitest";
import { BrowserStorage, MemoryStorage } from "../src/index.js";
import { ClientIds, uuid } from "../src/uuid.js";
import { seeded } from "./clock.js";
import { refusal } from "./fake-server.js";
import { World } from "./world.js";

describe("the outbox", () => {
  it("keeps what is written offline, with a clock mark, and sends it in order", async () => {
    const world = new World();
    await world.inLobby();
    world.server.down = true;
    world.server.cutAll();
    await world.clock.advance(100);
    for (const text of ["一", "二", "三"]) world.client.room("lobby").send(text);
    expect(world.deliveries).toEqual(["waiting", "waiting", "waiting"]);
    world.server.down = false;
    await world.clock.advance(20_000);
    expect(world.deliveries).toEqual(["sent", "sent", "sent"]);
    expect(world.server.room("lobby").log.map((it) => it.k === "msg" && it.b.text)).toEqual([
      "一",
      "二",
      "三",
    ]);
    expect(await world.storage.keys("outbox/")).toEqual([]);
  });

  it("survives a reload", async () => {
    const world = new World();
    await world.inLobby();
    world.server.down = true;
    world.server.cutAll();
    await world.clock.advance(100);
    world.client.room("lobby").send("还在");
    await world.clock.advance(100);
    world.server.down = false;
    await world.reload();
    world.client.room("lobby").join();
    await world.clock.advance(100);
    expect(world.texts).toEqual(["还在"]);
    expect(world.deliveries).toEqual(["sent"]);
    expect(world.server.room("lobby").log).toHaveLength(1);
  });

  it("is said twice and done once when the page went away between the disk and the ack", async () => {
    const world = new World();
    await world.inLobby();
    world.client.room("lobby").send("一次");
    await world.clock.advance(6);
    expect(world.server.room("lobby").log).toHaveLength(1);
    await world.reload();
    world.client.room("lobby").join();
    await world.clock.advance(100);
    expect(world.server.room("lobby").log).toHaveLength(1);
    expect(world.texts).toEqual(["一次"]);
    expect(await world.storage.keys("outbox/")).toEqual([]);
  });

  it("keeps a refused message over a reload, with why", async () => {
    const world = new World();
    await world.inLobby();
    world.server.refuse = (frame) => (frame.op === "pub" ? refusal("muted", "none") : null);
    world.client.room("lobby").send("草稿");
    await world.clock.advance(100);
    await world.reload();
    world.client.room("lobby").join();
    await world.clock.advance(100);
    expect(world.view.messages).toMatchObject([
      { text: "草稿", delivery: { state: "refused", why: { code: "muted" } } },
    ]);
  });

  it("says nothing in somebody else's name", async () => {
    const world = new World();
    await world.inLobby();
    world.server.down = true;
    world.server.cutAll();
    await world.clock.advance(100);
    world.client.room("lobby").send("小明的话");
    await world.clock.advance(100);
    world.server.down = false;
    const token = world.server.token({ id: "m_9", name: "别人", mark: "member" });
    world.server.rest = () => ({ status: 200, body: token });
    await world.client.signIn("别人", "long enough");
    await world.clock.advance(20_000);
    expect(world.view.live).toBe(true);
    expect(world.texts).toEqual([]);
    expect(world.server.room("lobby").log).toEqual([]);
    expect(await world.storage.keys("outbox/")).toHaveLength(1);
  });

  it("does not take an edit over into another log", async () => {
    const world = new World();
    await world.inLobby();
    world.client.room("lobby").send("旧的");
    await world.clock.advance(20);
    world.server.down = true;
    world.server.cutAll();
    await world.clock.advance(20);
    world.client.room("lobby").edit(1, "改");
    const room = world.server.room("lobby");
    room.epoch = "e2";
    room.log = [];
    world.server.say("lobby", "别人的第一条");
    world.server.down = false;
    await world.clock.advance(20_000);
    expect(world.texts).toEqual(["别人的第一条"]);
    expect(world.server.heard.filter((it) => it.op === "edit")).toEqual([]);
  });
});

describe("client ids", () => {
  it("are UUIDv7 that carry the time", () => {
    expect(uuid(0x0123_4567_89ab, () => 0.999)).toMatch(
      /^01234567-89ab-7f[0-9a-f]{2}-bf[0-9a-f]{2}-[0-9a-f]{12}$/,
    );
  });

  it("grow within a millisecond and when the clock steps back", () => {
    const times = [5, 5, 5, 3, 9];
    const ids = new ClientIds(() => times.shift() ?? 9, seeded(1));
    const made = Array.from({ length: 7 }, () => ids.next());
    expect([...made].sort()).toEqual(made);
    expect(new Set(made).size).toBe(7);
  });
});

describe.each([
  ["memory", () => new MemoryStorage()],
  ["IndexedDB", () => new BrowserStorage(indexedDB, `test-${Math.random()}`)],
])("storage in %s", (_, make) => {
  it("keeps, lists and removes", async () => {
    const storage = make();
    expect(await storage.get("a")).toBeNull();
    await Promise.all([storage.set("o/2", "two"), storage.set("o/1", "one"), storage.set("p", "other")]);
    expect(await storage.keys("o/")).toEqual(["o/1", "o/2"]);
    await Promise.all([storage.set("o/1", "three"), storage.remove("o/2")]);
    expect(await storage.get("o/1")).toBe("three");
    expect(await storage.keys("o/")).toEqual(["o/1"]);
  });
});

it("knows at once what was read, until another page writes it", async () => {
  const name = `test-${Math.random()}`;
  const [page, other] = [new BrowserStorage(indexedDB, name), new BrowserStorage(indexedDB, name)];
  const told = new Promise((done) => new BroadcastChannel(name).addEventListener("message", done));
  await other.set("who", "一");
  await told;
  expect(await page.get("who")).toBe("一");
  let atOnce: string | null = null;
  void page.get("who").then((it) => (atOnce = it));
  await Promise.resolve();
  expect(atOnce).toBe("一");
  await other.set("who", "二");
  await expect.poll(() => page.get("who")).toBe("二");
  await other.remove("who");
  await expect.poll(() => page.get("who")).toBeNull();
});

it("works on in memory where the browser has no database", async () => {
  const broken = {
    open: () => {
      throw new DOMException("no", "SecurityError");
    },
  };
  const storage = new BrowserStorage(broken as unknown as IDBFactory);
  await storage.set("a", "1");
  expect(await storage.get("a")).toBe("1");
  expect(await storage.keys("")).toEqual(["a"]);
});
