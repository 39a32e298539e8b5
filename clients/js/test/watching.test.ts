import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StageState, WatcherApi, WatchView } from "../src/index.js";
import { FakeStream } from "./fake-peer.js";
import { refusal } from "./fake-server.js";
import { ANSWERED, AWAY, HERE, Studio } from "./studio.js";
import { World } from "./world.js";

beforeEach(() => vi.stubGlobal("MediaStream", FakeStream));
afterEach(() => void vi.unstubAllGlobals());

describe("watching", () => {
  async function watching(
    stage: StageState,
  ): Promise<{ studio: Studio; watcher: WatcherApi; view: () => WatchView }> {
    const studio = new Studio();
    await studio.enter(stage);
    const watcher = studio.world.client.room("lobby").watch();
    return { studio, watcher, view: () => watcher.view.get() };
  }

  it("has its offer ready when the room is joined", async () => {
    const studio = new Studio();
    studio.world.server.stage = HERE;
    const watcher = studio.world.client.room("lobby").watch();
    await studio.world.clock.advance(20);
    expect(studio.peers).toHaveLength(1);
    expect(studio.last.local).toContain("stereo=1");
    await studio.enter(HERE);
    expect(studio.peers).toHaveLength(1);
    expect(studio.offers).toMatchObject([{ role: "view", sdp: studio.last.local }]);
    // The stream is there before the connection is, so that it can be put on show.
    expect(watcher.view.get()).toMatchObject({ phase: "connecting" });
    expect(watcher.view.get().stream?.getVideoTracks()).toHaveLength(1);
    await studio.connected();
    expect(watcher.view.get().phase).toBe("playing");
  });

  /** Somebody whose finger is on a card that names the room's number: connected, and not in the room yet. */
  async function near(): Promise<{ studio: Studio; watcher: WatcherApi; ops: () => string[] }> {
    const studio = new Studio();
    const { client, server, clock } = studio.world;
    server.stage = HERE;
    server.media = () => ({ peer: `p${studio.offers.length}`, sdp: `answer${ANSWERED}` });
    await client.beGuest();
    client.room("lobby").near(7);
    const watcher = client.room("lobby").watch();
    await clock.advance(50);
    return { studio, watcher, ops: () => server.heard.map((it) => it.op) };
  }

  it("offers right behind the join where the room's number is known", async () => {
    const { studio, watcher, ops } = await near();
    expect([ops(), studio.peers.length]).toEqual([["hello"], 1]);
    studio.world.client.room("lobby").join();
    await studio.world.clock.advance(5);
    expect(ops(), "before the join is answered").toEqual(["hello", "join", "offer"]);
    await studio.world.clock.advance(50);
    expect(studio.offers).toMatchObject([{ a: 7, role: "view", sdp: studio.last.local }]);
    await studio.connected();
    expect(watcher.view.get().phase).toBe("playing");
    expect([studio.offers.length, studio.peers.length]).toEqual([1, 1]);
  });

  it("tries the relay that the newest welcome told of, and soon where the first offer knew of none", async () => {
    const turn = { urls: ["turn:turn.example.org"], username: "1700000000:m_1", credential: "proof" };
    const { studio } = await near();
    expect(studio.last.iceServers).toEqual([]);
    const early = new Studio();
    early.world.server.turn = turn;
    early.world.client.room("lobby").watch();
    await early.world.clock.advance(1);
    expect(
      early.peers.map((it) => it.iceServers),
      "before anybody told of it",
    ).toEqual([[]]);
    await early.enter(HERE);
    await early.world.clock.advance(6_000);
    expect(early.peers.length).toBeGreaterThan(1);
    expect(early.last.iceServers).toEqual([turn]);
    await early.connected();
    // A relay that is known from the start is tried with everything else, in the usual time.
    const late = new Studio();
    late.world.server.turn = turn;
    await late.enter(HERE);
    late.world.client.room("lobby").watch();
    await late.world.clock.advance(6_000);
    expect(late.peers.map((it) => it.iceServers)).toEqual([[turn]]);
  });

  it("offers again where that brought nothing, and lets go what nobody wants any more", async () => {
    const refused = await near();
    let times = 0;
    refused.studio.world.server.refuse = (frame) =>
      frame.op === "offer" && times++ === 0 ? refusal("not_joined", "resync") : null;
    refused.studio.world.client.room("lobby").join();
    await refused.studio.world.clock.advance(50);
    expect(refused.studio.offers).toHaveLength(2);
    await refused.studio.connected();
    expect(refused.watcher.view.get().phase).toBe("playing");

    const cut = await near();
    cut.studio.world.client.room("lobby").join();
    await cut.studio.world.clock.advance(6);
    cut.studio.world.server.cutAll();
    await cut.studio.world.clock.advance(2_000);
    await cut.studio.connected();
    expect(cut.watcher.view.get().phase).toBe("playing");

    const left = await near();
    left.studio.world.client.room("lobby").join();
    await left.studio.world.clock.advance(6);
    left.watcher.stop();
    await left.studio.world.clock.advance(50);
    expect([left.studio.closes, left.studio.last.closed]).toEqual([["p1"], true]);
  });

  it("hears that its peer ended before the room was joined", async () => {
    const { studio } = await near();
    studio.world.client.room("lobby").join();
    await studio.world.clock.advance(8);
    studio.world.server.push({ op: "closed", peer: "p1", why: "failed" });
    await studio.world.clock.advance(2_000);
    expect(studio.offers.length).toBeGreaterThan(1);
  });

  it("lets what it made ready go where nothing is on, where the network changes and where it stops", async () => {
    const ready = async (): Promise<{ studio: Studio; watcher: WatcherApi }> => {
      const studio = new Studio();
      const watcher = studio.world.client.room("lobby").watch();
      await studio.world.clock.advance(20);
      expect(studio.last.closed).toBe(false);
      return { studio, watcher };
    };
    const quiet = await ready();
    await quiet.studio.enter(AWAY);
    await quiet.studio.world.clock.advance(10_000);
    expect(quiet.studio.last.closed).toBe(true);
    await quiet.studio.stage(HERE);
    await quiet.studio.connected();
    expect(quiet.watcher.view.get().phase).toBe("playing");
    const moved = await ready();
    moved.studio.world.path.set(1);
    expect(moved.studio.last.closed).toBe(true);
    const stopped = await ready();
    stopped.watcher.stop();
    expect(stopped.studio.last.closed).toBe(true);
  });

  it("waits while nothing is published, then plays", async () => {
    const { studio, view } = await watching(AWAY);
    await studio.world.clock.advance(5_000);
    expect(view().phase).toBe("waiting");
    expect(studio.offers).toHaveLength(0);
    await studio.stage(HERE);
    await studio.connected();
    expect(view()).toMatchObject({ phase: "playing" });
    expect(view().stream?.getVideoTracks()).toHaveLength(1);
    expect(studio.offers).toMatchObject([{ a: 7, role: "view", sdp: expect.stringContaining("stereo=1") }]);
    expect(studio.last.local).toBe(studio.offers[0]?.sdp);
    expect(studio.last.remote).toBe(`answer to view${ANSWERED}`);
  });

  it("asks when media flows, not when its publisher is only connected", async () => {
    const { studio } = await watching({ here: true, video: false, audio: false });
    await studio.world.clock.advance(3_000);
    expect(studio.offers).toHaveLength(0);
    studio.world.server.refuse = (frame) =>
      frame.op === "offer" ? refusal("nothing_published", "retry", 60_000) : null;
    await studio.stage(HERE);
    studio.world.server.refuse = () => null;
    await studio.stage(AWAY);
    await studio.stage(HERE);
    expect(studio.offers).toHaveLength(2);
  });

  it("keeps its connection while the host reconnects", async () => {
    const { studio, view } = await watching(HERE);
    await studio.connected();
    await studio.stage(AWAY);
    expect(view().phase).toBe("waiting");
    await studio.stage(HERE);
    expect(view().phase).toBe("playing");
    expect(studio.offers).toHaveLength(1);
  });

  it("takes a fresh connection when the old one fails and cannot be mended, and closes that", async () => {
    const { studio, view } = await watching(HERE);
    await studio.connected();
    const [first] = studio.peers;
    const shown = view().stream;
    studio.world.server.refuse = (frame) => (frame.op === "restart" ? refusal("no_such_peer", "none") : null);
    first?.become("failed");
    await studio.world.clock.advance(20);
    expect(view()).toMatchObject({ phase: "connecting", stream: shown });
    await studio.world.clock.advance(1_000);
    await studio.connected();
    expect(view().phase).toBe("playing");
    expect(view().stream).not.toBe(shown);
    expect(first?.closed).toBe(true);
    expect(studio.closes).toEqual(["p1"]);
  });

  it("restarts ICE under the picture when the path breaks (B12)", async () => {
    const { studio, view } = await watching(HERE);
    await studio.connected();
    const shown = view().stream;
    studio.last.become("disconnected");
    await studio.world.clock.advance(20);
    expect(studio.said("restart")).toMatchObject([{ peer: "p1" }]);
    const [{ sdp } = { sdp: "" }] = studio.said("restart");
    expect(sdp.split("\r\n")).toEqual([
      "a=ice-ufrag:mine2",
      "a=ice-pwd:secret2",
      "m=video 9 UDP/TLS/RTP/SAVPF 0",
      "a=mid:0",
      "",
    ]);
    expect(studio.last.remote).toContain("a=ice-ufrag:ours2\r\na=ice-pwd:word2\r\na=rtpmap:111 opus");
    expect(view().phase).toBe("playing");
    await studio.world.clock.advance(3_500);
    expect(view()).toMatchObject({ phase: "connecting", stream: shown });
    studio.last.become("connected");
    expect(view()).toMatchObject({ phase: "playing", stream: shown });
    await studio.world.clock.advance(10_000);
    expect(studio.offers).toHaveLength(1);
  });

  it("restarts ICE at once where the device says that it changed networks (B12)", async () => {
    const { studio } = await watching(HERE);
    studio.world.path.set(1);
    await studio.connected();
    expect(studio.said("restart")).toHaveLength(0);
    studio.world.path.set(2);
    await studio.world.clock.advance(20);
    expect(studio.said("restart")).toHaveLength(1);
    await studio.world.clock.advance(10_000);
    expect(studio.offers).toHaveLength(1);
  });

  it("keeps its peer over a cut of everything, and mends it when the server is back (B10, B12)", async () => {
    const { studio, view } = await watching(HERE);
    await studio.connected();
    const shown = view().stream;
    for (const line of studio.world.server.open) line.silent = true;
    studio.world.server.down = true;
    studio.last.become("disconnected");
    await studio.world.clock.advance(9_000);
    expect(view()).toMatchObject({ phase: "connecting", stream: shown });
    studio.world.server.down = false;
    studio.world.server.stage = HERE;
    await studio.world.clock.advance(8_000);
    expect(studio.said("resume")).toMatchObject([{ peer: "p1" }]);
    expect(studio.said("restart")).toHaveLength(1);
    studio.last.become("connected");
    expect(view()).toMatchObject({ phase: "playing", stream: shown });
    expect(studio.offers).toHaveLength(1);
  });

  // The sound of a broadcast may be there a moment before its picture: who asks in between is answered
  // without one, and sent back to ask again (PROTOCOL B6).
  it("offers again when the server says that what is published has changed (B6)", async () => {
    const { studio, view } = await watching({ here: true, video: false, audio: true });
    await studio.world.clock.advance(20);
    studio.world.server.push({ op: "closed", peer: "p1", why: "replaced" });
    await studio.stage(HERE);
    await studio.world.clock.advance(1_000);
    await studio.connected();
    expect(view().phase).toBe("playing");
    expect(studio.offers).toHaveLength(2);
    expect(studio.closes).toEqual([]);
  });

  it("stands in the line while every place is taken, and is there when its turn comes (B5)", async () => {
    const { studio, watcher, view } = await watching(AWAY);
    let place: number | null = 3;
    studio.world.server.refuse = (frame) =>
      frame.op === "offer" && place !== null ? { ...refusal("room_full", "retry", 5_000), place } : null;
    await studio.stage(HERE);
    expect(view()).toEqual({ phase: "queued", place: 3, stats: null });
    const seen: string[] = [];
    watcher.view.subscribe(({ phase }) => void seen.push(phase));
    // However long it takes, it asks as often as it was told: else the place is lost.
    for (const next of [3, 2, 2, 1]) {
      place = next;
      await studio.world.clock.advance(5_050);
      expect(view().place).toBe(next);
    }
    expect(studio.offers).toHaveLength(5);
    expect(new Set(seen), "asking again is not seen").toEqual(new Set(["queued"]));
    place = null;
    await studio.world.clock.advance(5_050);
    await studio.connected();
    expect(view().phase).toBe("playing");
    expect(view().place).toBeUndefined();
  });

  it("forgives a short disconnection, not a long one", async () => {
    const { studio } = await watching(HERE);
    await studio.connected();
    studio.last.become("disconnected");
    await studio.world.clock.advance(2_000);
    studio.last.become("connected");
    await studio.world.clock.advance(3_000);
    expect(studio.peers).toHaveLength(1);
    studio.last.become("disconnected");
    await studio.world.clock.advance(6_000);
    expect(studio.peers).toHaveLength(2);
  });

  describe("while nobody looks (B11)", () => {
    it("asks for the sound alone, and for the picture again at the first look", async () => {
      const { studio } = await watching(HERE);
      await studio.connected();
      const { clock, visible } = studio.world;
      visible.set(false);
      await clock.advance(9_000);
      visible.set(true);
      visible.set(false);
      await clock.advance(9_900);
      expect(studio.said("show")).toHaveLength(0);
      await clock.advance(200);
      expect(studio.said("show")).toMatchObject([{ peer: "p1", video: false }]);
      // Where there is no sound nothing comes at all, and that is as it should be.
      studio.last.flowing = false;
      await clock.advance(30_000);
      expect(studio.peers).toHaveLength(1);
      studio.last.flowing = true;
      visible.set(true);
      await clock.advance(20);
      expect(studio.said("show")).toMatchObject([{ video: false }, { peer: "p1", video: true }]);
      await clock.advance(30_000);
      expect(studio.said("show")).toHaveLength(2);
    });

    it("counts a picture in a window of its own as seen", async () => {
      const { studio, watcher } = await watching(HERE);
      await studio.connected();
      watcher.seenElsewhere(true);
      studio.world.visible.set(false);
      await studio.world.clock.advance(20_000);
      expect(studio.said("show")).toHaveLength(0);
      watcher.seenElsewhere(false);
      await studio.world.clock.advance(10_100);
      expect(studio.said("show")).toMatchObject([{ video: false }]);
    });

    it("tells each new peer, and again where another connection took it over", async () => {
      const { studio, view } = await watching(HERE);
      await studio.connected();
      studio.world.visible.set(false);
      await studio.world.clock.advance(10_100);
      await chatIsBack(studio, view);
      expect(studio.said("show").map((it) => it.video)).toEqual([false, false]);
      studio.world.server.push({ op: "closed", peer: "p1", why: "replaced" });
      await studio.world.clock.advance(1_000);
      await studio.connected();
      await studio.world.clock.advance(20);
      expect(studio.said("show").at(-1)).toMatchObject({ peer: "p2", video: false });
    });

    it("says how high the picture is shown, once, and to each new peer (B15)", async () => {
      const { studio, watcher } = await watching(HERE);
      watcher.showHeight(360);
      expect(studio.said("show")).toHaveLength(0);
      await studio.connected();
      await studio.world.clock.advance(20);
      expect(studio.said("show")).toMatchObject([{ peer: "p1", video: true, height: 360 }]);
      watcher.showHeight(360);
      watcher.showHeight(720);
      await studio.world.clock.advance(20);
      expect(studio.said("show").map((it) => it.height)).toEqual([360, 720]);
      studio.world.server.push({ op: "closed", peer: "p1", why: "replaced" });
      await studio.world.clock.advance(1_000);
      await studio.connected();
      await studio.world.clock.advance(20);
      expect(studio.said("show").at(-1)).toMatchObject({ peer: "p2", video: true, height: 720 });
    });

    it("says that the picture is held back while the line carries the sound alone (B16)", async () => {
      const { studio, view } = await watching(HERE);
      await studio.connected();
      expect(view().held).toBeUndefined();
      const told = async (peer: string, held: boolean): Promise<boolean | undefined> => {
        studio.world.server.push({ op: "picture", peer, held });
        await studio.world.clock.advance(20);
        return view().held;
      };
      expect(await told("p1", true)).toBe(true);
      expect(view().phase).toBe("playing");
      expect(await told("p9", false)).toBe(true);
      expect(await told("p1", false)).toBeUndefined();
    });

    it("has nothing to hold where only the sound was asked for", async () => {
      const studio = new Studio();
      await studio.enter(HERE);
      studio.world.client.room("lobby").watch({ video: false });
      await studio.connected();
      studio.world.visible.set(false);
      await studio.world.clock.advance(20_000);
      expect(studio.said("show")).toHaveLength(0);
    });
  });

  it("waits for the connection to the server, then connects at once", async () => {
    const { studio, view } = await watching(HERE);
    await studio.connected();
    studio.world.server.down = true;
    studio.world.server.cutAll();
    studio.last.become("failed");
    await studio.world.clock.advance(20_000);
    expect(studio.peers).toHaveLength(1);
    expect(view().phase).toBe("connecting");
    studio.world.server.down = false;
    studio.world.server.stage = HERE;
    await studio.world.clock.advance(16_000);
    await studio.connected();
    expect(view().phase).toBe("playing");
  });

  async function chatIsBack(studio: Studio, view: () => WatchView): Promise<void> {
    studio.world.server.down = true;
    studio.world.server.cutAll();
    await studio.world.clock.advance(4_000);
    expect(view().phase).toBe("playing");
    expect(studio.peers).toHaveLength(1);
    studio.world.server.down = false;
    studio.world.server.stage = HERE;
    studio.world.client.retry();
    await studio.world.clock.advance(1_000);
  }

  it("plays on while the connection to the server is gone, and keeps its peer (B10)", async () => {
    const { studio, view } = await watching(HERE);
    await studio.connected();
    await chatIsBack(studio, view);
    expect(studio.said("resume")).toMatchObject([{ peer: "p1" }]);
    expect(studio.said("restart")).toHaveLength(0);
    expect(studio.peers).toHaveLength(1);
    expect(view().phase).toBe("playing");
    studio.world.server.push({ op: "closed", peer: "p1", why: "ended" });
    await studio.world.clock.advance(20);
    expect(view().phase).toBe("connecting");
  });

  it("takes a fresh connection where the server let the peer go meanwhile (B10)", async () => {
    const { studio, view } = await watching(HERE);
    await studio.connected();
    studio.world.server.refuse = (frame) => (frame.op === "resume" ? refusal("no_such_peer", "none") : null);
    await chatIsBack(studio, view);
    await studio.connected();
    expect(studio.peers).toHaveLength(2);
    expect(studio.peers[0]?.closed).toBe(true);
    expect(view().phase).toBe("playing");
  });

  it("notices that no media comes any more", async () => {
    const { studio } = await watching(HERE);
    await studio.connected();
    await studio.world.clock.advance(8_000);
    expect(studio.peers).toHaveLength(1);
    studio.last.flowing = false;
    await studio.world.clock.advance(6_500);
    expect(studio.said("restart")).toHaveLength(1);
    expect(studio.peers).toHaveLength(1);
    await studio.world.clock.advance(3_000);
    expect(studio.peers).toHaveLength(2);
  });

  it("says when the codec is not known here, and tries again with the next broadcast", async () => {
    const { studio, view } = await watching(AWAY);
    studio.world.server.refuse = (frame) =>
      frame.op === "offer" ? refusal("codec_unsupported", "none") : null;
    await studio.stage(HERE);
    await studio.world.clock.advance(60_000);
    expect(view()).toMatchObject({ phase: "failed", why: "codec_unsupported" });
    expect(studio.offers).toHaveLength(1);
    studio.world.server.refuse = () => null;
    await studio.stage(AWAY);
    await studio.stage(HERE);
    await studio.connected();
    expect(view().phase).toBe("playing");
  });

  it("waits as long as the server asks where nothing is published yet", async () => {
    const { studio, view } = await watching(AWAY);
    studio.world.server.refuse = (frame) =>
      frame.op === "offer" ? refusal("nothing_published", "retry", 2_000) : null;
    await studio.stage(HERE);
    expect(view().phase).toBe("waiting");
    await studio.world.clock.advance(1_900);
    expect(studio.offers).toHaveLength(1);
    await studio.world.clock.advance(200);
    expect(studio.offers).toHaveLength(2);
  });

  it("asks again for a kind that came later", async () => {
    const { studio } = await watching({ here: true, video: false, audio: true });
    await studio.world.clock.advance(20);
    const video = studio.last.transceivers.find((it) => it.receiver.track.kind === "video");
    if (video) video.currentDirection = "inactive";
    await studio.connected();
    await studio.stage(HERE);
    expect(studio.peers).toHaveLength(2);
  });

  it("lets go when the broadcast is over, and when it is stopped", async () => {
    const { studio, watcher, view } = await watching(HERE);
    await studio.connected();
    studio.broadcast("ended");
    await studio.stage(AWAY);
    expect(view()).toEqual({ phase: "waiting", stats: null });
    expect(studio.last.closed).toBe(true);
    await studio.stage(HERE);
    await studio.connected();
    watcher.stop();
    await studio.world.clock.advance(20);
    expect(studio.peers.every((it) => it.closed)).toBe(true);
    expect(studio.closes).toEqual(["p1", "p2"]);
    expect(view()).toEqual({ phase: "idle", stats: null });
  });

  it("fails in words where there is no WebRTC", async () => {
    const world = new World();
    await world.inLobby();
    const watcher = world.client.room("lobby").watch();
    world.server.push({ op: "state", a: 7, stage: HERE });
    await world.clock.advance(20);
    expect(watcher.view.get()).toMatchObject({ phase: "failed", why: "unsupported_here" });
  });
});
