/** Topics: what a room's state says of one, pages from the middle of its log, and the lists beside the room. */
import { expect, it } from "vitest";
import { type Joined, type RecordFrame, type Topic, Topics, splitTopic } from "../src/index.js";
import { apply } from "../src/room/apply.js";
import { emptyRoom, type RoomEvent, type RoomState } from "../src/room/state.js";
import { viewOf } from "../src/room/view.js";
import { problem } from "./fake-server.js";
import { World } from "./world.js";

const ann = { id: "m_ann", name: "小安", mark: "member" } as const;
const topic: Topic = { kind: "question", title: "几点集合", by: ann, made_ms: 1 };

const msg = (s: number): RecordFrame => ({ s, t: s, u: ann, k: "msg", b: { text: `${s}` } });
const span = (from: number, to: number): RecordFrame[] =>
  Array.from({ length: to - from + 1 }, (_, n) => msg(from + n));

function joined(ev: RecordFrame[]): RoomState {
  const answer: Joined = {
    a: 7,
    room: "t1",
    title: "几点集合",
    e: "e",
    s: ev.at(-1)?.s ?? 0,
    resumed: "fresh",
    ev,
    more: false,
    state: { count: 1, topic },
    can: ["watch"],
    mark: "member",
  };
  return apply(emptyRoom("t1"), { kind: "joined", joined: answer, me: ann, skew: 0 });
}

const spot = (from: number, to: number): RoomEvent => ({
  kind: "spot",
  to,
  records: span(from, to),
  end: from === 1,
});
const gaps = (state: RoomState): number[][] => viewOf(state).gaps.map((it) => [it.from, it.to, it.count]);
const seqs = (state: RoomState): (number | null)[] => viewOf(state).messages.map((it) => it.seq);

it("says what the topic is, and follows it", () => {
  let state = joined([{ s: 1, t: 1, u: ann, k: "topic", b: topic }, msg(2)]);
  expect(viewOf(state).topic).toEqual(topic);
  expect(viewOf(state).notices).toMatchObject([{ kind: "topic", seq: 1, topic }]);
  const next: Topic = { ...topic, status: "answered", accepted: 3 };
  state = apply(state, { kind: "push", push: { op: "state", a: 7, topic: next } });
  expect(viewOf(state).topic).toEqual(next);
  state = apply(state, { kind: "push", push: { op: "state", a: 7, count: 2 } });
  expect(viewOf(state).topic).toEqual(next);
});

it("says of what moved where it is, whether it was there before or not", () => {
  const to = { room: "t9", title: "带什么" };
  const split: RecordFrame = {
    s: 5,
    t: 5,
    u: ann,
    k: "split",
    b: {
      to,
      moved: [
        [3, 2],
        [4, 3],
      ],
    },
  };
  const state = joined([
    msg(2),
    msg(3),
    { ...msg(4), k: "msg", b: { text: "4", re: 3, card: { kind: "link", url: "https://example.org" } } },
  ]);
  const push = { op: "ev", a: 7, s: [5, 5], ev: [split] } as const;
  const view = viewOf(apply(state, { kind: "push", push: { ...push, s: [5, 5], ev: [split] } }));
  expect(view.messages).toMatchObject([
    { seq: 2, text: "2", deleted: false },
    { seq: 3, text: "", deleted: true, moved: { to, s: 2 } },
    { seq: 4, text: "", deleted: true, card: null, re: { seq: 3, deleted: true }, moved: { to, s: 3 } },
  ]);
  expect(view.notices).toMatchObject([{ kind: "split", seq: 5, to, n: 2 }]);
  const moved: RecordFrame = { s: 3, t: 3, u: ann, k: "moved", b: { to, s: 2, re: 2 } };
  expect(viewOf(joined([msg(2), moved])).messages).toMatchObject([
    { seq: 2 },
    { seq: 3, author: ann, text: "", deleted: true, re: { seq: 2, text: "2" }, moved: { to, s: 2 } },
  ]);
});

it("shows a page from the middle between two gaps, without a hole or a double", () => {
  const state = joined(span(900, 950));
  const begun = apply(state, spot(1, 52));
  expect(gaps(begun)).toEqual([[53, 899, 847]]);
  expect(viewOf(begun).atStart).toBe(true);
  const split = apply(begun, spot(401, 500));
  expect(gaps(split)).toEqual([
    [53, 400, 348],
    [501, 899, 399],
  ]);
  expect(new Set(seqs(split)).size).toBe(52 + 100 + 51);
  // One that reaches over both ends leaves what is really not there.
  const over = apply(split, spot(451, 550));
  expect(gaps(over)).toEqual([
    [53, 400, 348],
    [551, 899, 349],
  ]);
  const all = [spot(53, 400), spot(551, 899)].reduce(apply, over);
  expect(gaps(all)).toEqual([]);
  expect(seqs(all)).toEqual(Array.from({ length: 950 }, (_, n) => n + 1));
});

it("loads a page around a message once", async () => {
  const world = new World();
  for (let n = 1; n <= 400; n++) world.server.say("lobby", `${n}`);
  await world.inLobby();
  const room = world.client.room("lobby");
  const read = room.at(200);
  await world.clock.advance(20);
  await read;
  expect(world.view.messages.some((it) => it.seq === 200)).toBe(true);
  const asked = world.server.heard.length;
  await room.at(200);
  expect(world.server.heard).toHaveLength(asked);
});

it("asks for topics, places and boards as the server reads it", async () => {
  const world = new World();
  const bodies: unknown[] = [];
  world.server.rest = (call, body) => {
    if (body !== null) bodies.push(body);
    if (call.startsWith("GET topics?")) return { status: 200, body: { topics: [], next: null } };
    if (call === "GET tags") return { status: 200, body: { tags: [{ tag: "周末", topics: 2 }] } };
    if (call.endsWith("asked")) return { status: 200, body: { asked: [] } };
    if (call.includes("boards")) return { status: 200, body: { boards: [] } };
    if (call.endsWith("reading")) return { status: 403, body: problem("not_permitted", "stop", 403) };
    return { status: 200, body: {} };
  };
  const topics = new Topics(world.client);
  await topics.topics({ tag: "周末", featured: true, news: false, board: "", n: 6 });
  await topics.topics();
  await topics.topics({ hot: true, unanswered: false });
  await topics.topic("t1");
  await topics.startTopic({
    cid: topics.newId(),
    kind: "offer",
    title: "借书",
    text: "有三本",
    guests: true,
  });
  await topics.setFollowing("t1", "muted");
  await topics.unread();
  expect(await topics.tags()).toEqual([{ tag: "周末", topics: 2 }]);
  await topics.boards();
  await topics.putBoard("help", { title: "求助", rank: 0 });
  await topics.removeBoard("a/b");
  await topics.followBoard("help", true);
  await topics.mergeTopic("t1", "t2");
  await topics.partTopic("t1");
  const wish = { cid: topics.newId(), seqs: [3, 5], title: "带什么" };
  await splitTopic(world.client, "t/1", wish);
  expect(await topics.asked("hall")).toEqual([]);
  await expect(topics.setReading("t1", 9)).rejects.toMatchObject({ refusal: { code: "not_permitted" } });
  expect(world.server.calls).toEqual([
    "GET topics?tag=%E5%91%A8%E6%9C%AB&n=6&featured=true",
    "GET topics",
    "GET topics?hot=true",
    "GET topics/t1",
    "POST topics",
    "PUT topics/t1/following",
    "GET unread",
    "GET tags",
    "GET boards",
    "PUT boards/help",
    "DELETE boards/a%2Fb",
    "PUT boards/help/following",
    "PUT topics/t1/into",
    "DELETE topics/t1/into",
    "POST topics/t%2F1/split",
    "GET rooms/hall/asked",
    "PUT topics/t1/reading",
  ]);
  expect(bodies).toEqual([
    expect.objectContaining({ kind: "offer", title: "借书", cid: expect.stringMatching(/^[0-9a-f-]{36}$/) }),
    { following: "muted" },
    { title: "求助", rank: 0 },
    { following: true },
    { into: "t2" },
    wish,
    { seq: 9 },
  ]);
});

it("starts a topic of messages, and reads what they say in as few pages as there are", async () => {
  const world = new World();
  const calls: string[] = [];
  const bodies: unknown[] = [];
  const bob = { id: "m_bob", name: "小波", mark: "member" } as const;
  const gone: RecordFrame = { s: 7, t: 7, u: bob, k: "msg", b: { text: "", deleted: true } };
  world.server.rest = (call, body) => {
    calls.push(call);
    if (body !== null) bodies.push(body);
    if (call.includes("after=4&n=200"))
      return { status: 200, body: { page: [...span(5, 6), gone], end: false } };
    if (call.includes("/history")) return { status: 200, body: { page: [msg(900)], end: true } };
    return { status: 200, body: {} };
  };
  const topics = new Topics(world.client);
  const quotes = await topics.quotes("lobby", [900, 5, 7, 5]);
  expect(calls).toEqual(["GET rooms/lobby/history?after=4&n=200", "GET rooms/lobby/history?after=899&n=1"]);
  const author = { id: ann.id, name: ann.name };
  expect(quotes).toEqual([
    { seq: 5, at_ms: 5, author, text: "5" },
    { seq: 7, author: { id: bob.id, name: bob.name }, text: "", deleted: true },
    { seq: 900, at_ms: 900, author, text: "900" },
  ]);
  expect(await topics.quotes("lobby", [])).toEqual([]);
  const from = { room: "lobby", seqs: [5, 900] };
  await topics.startTopic({ cid: topics.newId(), title: "几点集合", text: "", guests: true, from });
  expect(bodies).toMatchObject([{ text: "", from }]);
});
