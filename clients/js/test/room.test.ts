import { describe, expect, it } from "vitest";
import { refusal } from "./fake-server.js";
import { World } from "./world.js";

describe("a room", () => {
  it("shows the snapshot, then what is said", async () => {
    const world = new World();
    world.server.say("lobby", "早");
    await world.inLobby();
    world.server.say("lobby", "晚上好");
    await world.clock.advance(20);
    expect(world.texts).toEqual(["早", "晚上好"]);
    expect(world.view).toMatchObject({ phase: "joined", live: true, newestSeq: 2, title: "大厅", count: 1 });
    expect(world.client.status.get()).toEqual({ state: "online" });
    expect(world.server.lines[0]).toMatchObject({
      url: "wss://live.example.org/ws?room=lobby",
      protocol: "weiquan.v1.json",
    });
  });

  it("shows one's own message at once, grey, then sent, under one key", async () => {
    const world = new World();
    await world.inLobby();
    const key = world.client.room("lobby").send("今晚几点？");
    expect(world.deliveries).toEqual(["pending"]);
    await world.clock.advance(20);
    expect(world.view.messages).toMatchObject([
      { key, seq: 1, mine: true, text: "今晚几点？", delivery: { state: "sent" } },
    ]);
  });

  it("never shows a message twice, whichever of ack and record comes first", async () => {
    for (let seed = 0; seed < 12; seed++) {
      const world = new World(seed);
      await world.inLobby();
      const room = world.client.room("lobby");
      const counts = new Set<number>();
      room.view.subscribe((it) => counts.add(it.messages.length));
      room.send("一样");
      room.send("一样");
      await world.clock.advance(50);
      expect(Math.max(...counts), `seed ${seed}`).toBe(2);
      expect(world.deliveries).toEqual(["sent", "sent"]);
    }
  });

  it("keeps the text of a refused message, says why, and says it again by the same id", async () => {
    const world = new World();
    await world.inLobby();
    world.server.refuse = (frame) => (frame.op === "pub" ? refusal("slow_mode", "retry", 3500) : null);
    const key = world.client.room("lobby").send("快");
    await world.clock.advance(20);
    const [message] = world.view.messages;
    expect(message).toMatchObject({
      key,
      text: "快",
      delivery: { state: "refused", why: { code: "slow_mode" } },
    });
    expect(world.view.sendAt).toBeGreaterThan(world.clock.unix() + 3_000);
    world.server.refuse = () => null;
    world.client.room("lobby").resend(key);
    await world.clock.advance(20);
    expect(world.deliveries).toEqual(["sent"]);
    const said = world.server.heard.filter((it) => it.op === "pub");
    expect(said.map((it) => it.cid)).toEqual([key, key]);
  });

  it("mends a hiccup of the server without a word", async () => {
    const world = new World();
    await world.inLobby();
    let times = 0;
    world.server.refuse = (frame) =>
      frame.op === "pub" && times++ < 3 ? refusal("storage_unavailable", "retry", 200) : null;
    world.client.room("lobby").send("会到的");
    await world.clock.advance(2_000);
    expect(world.deliveries).toEqual(["sent"]);
    expect(times).toBe(4);
  });

  it("gives a refused draft back", async () => {
    const world = new World();
    await world.inLobby();
    world.server.refuse = (frame) => (frame.op === "pub" ? refusal("muted", "none") : null);
    const key = world.client.room("lobby").send("留着");
    await world.clock.advance(20);
    expect(world.client.room("lobby").discard(key)).toBe("留着");
    expect(world.view.messages).toEqual([]);
    expect(await world.storage.keys("outbox/")).toEqual([]);
  });

  it("shows an edit at once, and what is true when it was refused", async () => {
    const world = new World();
    await world.inLobby();
    const room = world.client.room("lobby");
    room.send("错别子");
    await world.clock.advance(20);
    room.edit(1, "错别字");
    expect(world.view.messages).toMatchObject([
      { text: "错别字", edited: true, change: { kind: "edit", delivery: { state: "pending" } } },
    ]);
    await world.clock.advance(20);
    expect(world.view.messages).toMatchObject([{ text: "错别字", edited: true, change: null }]);
    world.server.refuse = (frame) => (frame.op === "delete" ? refusal("not_permitted", "none") : null);
    const key = room.remove(1);
    await world.clock.advance(20);
    expect(world.view.messages).toMatchObject([
      { text: "错别字", deleted: false, change: { key, kind: "delete", delivery: { state: "refused" } } },
    ]);
  });

  it("quotes the message replied to, in its latest form", async () => {
    const world = new World();
    world.server.say("lobby", "几点？");
    await world.inLobby();
    world.client.room("lobby").send("八点", 1);
    await world.clock.advance(20);
    expect(world.view.messages[1]?.re).toMatchObject({ seq: 1, text: "几点？", author: { name: "小红" } });
    world.server.record("lobby", {
      u: { id: "m_other", name: "小红", mark: "member" },
      k: "delete",
      b: { of: 1 },
    });
    await world.clock.advance(20);
    expect(world.view.messages[1]?.re).toMatchObject({ seq: 1, text: "", deleted: true });
  });

  it("reads back to the start, a page at a time", async () => {
    const world = new World();
    for (let n = 1; n <= 150; n++) world.server.say("lobby", `${n}`);
    await world.inLobby();
    expect(world.texts).toHaveLength(10);
    const room = world.client.room("lobby");
    const [first, second] = [room.older(), room.older()];
    expect(world.view.loadingOlder).toBe(true);
    await world.clock.advance(20);
    await Promise.all([first, second]);
    expect(world.texts).toHaveLength(110);
    const rest = room.older();
    await world.clock.advance(20);
    await rest;
    expect(world.texts).toEqual(Array.from({ length: 150 }, (_, n) => `${n + 1}`));
    expect(world.view.atStart).toBe(true);
    await room.older();
  });

  it("leaves, and comes back without having missed anything", async () => {
    const world = new World();
    await world.inLobby();
    world.server.say("lobby", "一");
    await world.clock.advance(20);
    world.client.room("lobby").leave();
    await world.clock.advance(20);
    world.server.say("lobby", "二");
    await world.clock.advance(20);
    expect(world.texts).toEqual(["一"]);
    world.client.room("lobby").join();
    await world.clock.advance(20);
    expect(world.texts).toEqual(["一", "二"]);
    expect(world.server.heard.filter((it) => it.op === "join")).toHaveLength(2);
  });

  it("is out when the server says so, and does not come back by itself", async () => {
    const world = new World();
    await world.inLobby();
    world.server.push({ op: "out", a: 7, why: refusal("banned", "stop") });
    await world.clock.advance(20);
    expect(world.view).toMatchObject({ phase: "out", live: false, why: { code: "banned" } });
    world.server.cutAll();
    await world.clock.advance(20_000);
    expect(world.server.heard.filter((it) => it.op === "join")).toHaveLength(1);
  });

  it("has its connection ready before it joins, and nobody hears of it", async () => {
    const world = new World();
    await world.client.beGuest();
    const room = world.client.room("lobby");
    room.near();
    await world.clock.advance(50);
    expect(world.server.heard.map((it) => it.op)).toEqual(["hello"]);
    room.join();
    await world.clock.advance(50);
    expect(world.server.heard.map((it) => it.op).slice(0, 2)).toEqual(["hello", "join"]);
    expect(world.server.lines).toHaveLength(1);
    expect(world.server.lines[0]?.url).toContain("room=lobby");
  });

  it("says who took one's message down", async () => {
    const world = new World();
    await world.inLobby();
    world.client.room("lobby").send("加我微信");
    await world.clock.advance(50);
    const mo = { id: "m_mo", name: "莫言", mark: "moderator" as const };
    world.server.record("lobby", { u: mo, k: "delete", b: { of: 1 } });
    await world.clock.advance(50);
    expect(world.view.messages).toMatchObject([{ mine: true, deleted: true, text: "", takenBy: mo }]);
  });

  it("waits and joins again where the server asks for that", async () => {
    const world = new World();
    let full = true;
    world.server.refuse = (frame) =>
      frame.op === "join" && full ? refusal("room_full", "retry", 4_000) : null;
    await world.inLobby();
    expect(world.view).toMatchObject({ phase: "refused", why: { code: "room_full" } });
    full = false;
    await world.clock.advance(4_100);
    expect(world.view.phase).toBe("joined");
  });

  it("follows state, roster and rights", async () => {
    const world = new World();
    await world.inLobby();
    const her = { id: "m_other", name: "小红", mark: "member" as const };
    world.server.push({ op: "state", a: 7, count: 2, stage: { here: true, video: true, audio: true } });
    world.server.push({ op: "roster", a: 7, in: [her] });
    world.server.push({
      op: "rights",
      a: 7,
      can: ["watch"],
      mark: "member",
      muted_until_ms: world.clock.unix() + 60_000,
    });
    await world.clock.advance(20);
    expect(world.view).toMatchObject({ count: 2, stage: { here: true }, mutedUntil: expect.any(Number) });
    expect(world.view.roster?.map((it) => it.name)).toEqual(["小明", "小红"]);
    expect([...world.view.can]).toEqual(["watch"]);
    world.server.push({ op: "roster", a: 7, out: ["m_other"] });
    await world.clock.advance(20);
    expect(world.view.roster?.map((it) => it.name)).toEqual(["小明"]);
  });

  it("lets moderation be said as a promise, and refuses in words", async () => {
    const world = new World();
    await world.inLobby();
    const done = world.client.room("lobby").mute("m_other", 60_000, "spam");
    await world.clock.advance(20);
    await expect(done).resolves.toBeUndefined();
    world.server.refuse = (frame) => (frame.op === "ban" ? refusal("not_permitted", "none") : null);
    const refused = expect(world.client.room("lobby").ban("m_other")).rejects.toMatchObject({
      code: "not_permitted",
    });
    await world.clock.advance(20);
    await refused;
  });

  it("coalesces hearts and does not count one's own twice", async () => {
    const world = new World();
    await world.inLobby();
    const room = world.client.room("lobby");
    let shown = 0;
    room.bursts.subscribe(({ counts }) => (shown += counts["❤"] ?? 0));
    for (let n = 0; n < 10; n++) {
      room.heart();
      await world.clock.advance(100);
    }
    await world.clock.advance(600);
    const frames = world.server.heard.filter((it) => it.op === "burst");
    expect(frames.length).toBeLessThanOrEqual(3);
    expect(frames.reduce((sum, it) => sum + it.n, 0)).toBe(10);
    expect(shown).toBe(10);
    world.server.push({ op: "burst", a: 7, b: { "❤": 13 } });
    await world.clock.advance(20);
    expect(shown).toBe(13);
  });

  it("says how one watched only while one is in the room", async () => {
    const world = new World();
    const room = world.client.room("lobby");
    const how = { watched_ms: 60_000, stalled_ms: 0, stalls: 0, height: 720, received: 9_000, lost: 3 };
    room.watched(how);
    await world.inLobby();
    room.watched({ ...how, behind_ms: 180 });
    await world.clock.advance(20);
    const said = world.server.heard.filter((it) => it.op === "watched");
    expect(said).toEqual([{ op: "watched", a: 7, ...how, behind_ms: 180 }]);
  });
});
