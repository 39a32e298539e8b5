import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { healthOf, type HealthWish } from "../src/media/health.js";
import { loudness } from "../src/media/level.js";
import { h264First, startAt, wantDescriptor, wantStereo } from "../src/media/sdp.js";
import { type Entry, type Measured, NOTHING, watchStats } from "../src/media/stats.js";
import type { PublisherApi, PublishView } from "../src/index.js";
import { FakeStream, type FakeTrack, sourceOf } from "./fake-peer.js";
import { AWAY, Studio } from "./studio.js";

beforeEach(() => vi.stubGlobal("MediaStream", FakeStream));
afterEach(() => void vi.unstubAllGlobals());

describe("publishing", () => {
  async function publishing(
    ...kinds: string[]
  ): Promise<{ studio: Studio; publisher: PublisherApi; view: () => PublishView }> {
    const studio = new Studio();
    await studio.enter(AWAY);
    const publisher = studio.world.client
      .room("lobby")
      .publish(sourceOf(...kinds), { kind: "screen", videoKbps: 1_500 });
    return { studio, publisher, view: () => publisher.view.get() };
  }

  it("offers the kinds there are and holds the encoder to its limits", async () => {
    const { studio, view } = await publishing("video", "audio");
    await studio.connected();
    expect(view().phase).toBe("live");
    expect(studio.offers[0]?.sdp.match(/m=\w+/g)).toEqual(["m=video", "m=audio"]);
    expect(studio.last.remote).toContain("stereo=1");
    const [video, audio] = studio.last.getSenders();
    expect(video?.track?.contentHint).toBe("detail");
    expect(video?.parameters).toMatchObject({
      encodings: [{ maxBitrate: 1_500_000, maxFramerate: 30 }],
      degradationPreference: "maintain-resolution",
    });
    expect(audio?.parameters.encodings).toEqual([{ maxBitrate: 96_000 }]);
  });

  it("sends a camera in three sizes from Chromium, and a screen in its place in one (B15)", async () => {
    const camera = sourceOf("video");
    const [track] = camera.getVideoTracks() as unknown as FakeTrack[];
    if (track) track.height = 720;
    vi.stubGlobal("navigator", { userAgentData: {} });
    const studio = new Studio();
    await studio.enter(AWAY);
    const publisher = studio.world.client.room("lobby").publish(camera, { videoKbps: 2_000, fps: 25 });
    await studio.connected();
    const [video] = studio.last.getSenders();
    const limits = (): unknown =>
      video?.parameters.encodings.map((it) => [it.rid, it.scaleResolutionDownBy, it.maxBitrate, it.active]);
    expect(limits()).toEqual([
      ["q", 4, 160_000, true],
      ["h", 2, 500_000, true],
      ["f", 1, 2_000_000, true],
    ]);
    await publisher.replaceSource(sourceOf("video"), { kind: "screen" });
    expect(video?.parameters.encodings.map((it) => it.active)).toEqual([false, false, true]);
    publisher.stop();
  });

  it("offers sound only where there is only sound", async () => {
    const { studio } = await publishing("audio");
    await studio.connected();
    expect(studio.offers[0]?.sdp).not.toContain("m=video");
  });

  it("replaces a source in place, and connects anew where the kinds differ", async () => {
    const { studio, publisher } = await publishing("video", "audio");
    await studio.connected();
    const next = sourceOf("video", "audio");
    await publisher.replaceSource(next, { kind: "camera" });
    expect(studio.peers).toHaveLength(1);
    expect(studio.last.getSenders()[0]?.track).toBe(next.getVideoTracks()[0]);
    await publisher.replaceSource(sourceOf("audio"));
    await studio.world.clock.advance(20);
    expect(studio.peers).toHaveLength(2);
  });

  it("comes back after a cut, and stops for good when somebody else took the stage", async () => {
    const { studio, view } = await publishing("video");
    await studio.connected();
    studio.last.become("failed");
    expect(view().phase).toBe("reconnecting");
    await studio.world.clock.advance(1_000);
    await studio.connected();
    expect(view().phase).toBe("live");
    studio.world.server.push({ op: "closed", peer: "p2", why: "replaced" });
    await studio.world.clock.advance(30_000);
    expect(view()).toMatchObject({ phase: "failed", why: "replaced" });
    expect(studio.peers).toHaveLength(2);
  });

  it("tells the server when it stops, and leaves the source alone", async () => {
    const { studio, publisher, view } = await publishing("video");
    await studio.connected();
    publisher.stop();
    await studio.world.clock.advance(20);
    expect(studio.closes).toEqual(["p1"]);
    expect(view()).toEqual({ phase: "stopped", health: null });
  });
});

describe("numbers", () => {
  const report = (...entries: Entry[]): Map<string, Entry> =>
    new Map(entries.map((it) => [String(it["id"]), it]));

  it("turns two reports into what a person reads", () => {
    const video = {
      id: "v",
      type: "inbound-rtp",
      kind: "video",
      codecId: "c",
      frameWidth: 1280,
      frameHeight: 720,
    };
    const before = report({
      ...video,
      bytesReceived: 0,
      packetsReceived: 0,
      packetsLost: 0,
      framesDecoded: 0,
      jitterBufferDelay: 0,
      jitterBufferEmittedCount: 0,
    });
    const after = report(
      {
        ...video,
        bytesReceived: 187_500,
        packetsReceived: 198,
        packetsLost: 2,
        framesDecoded: 25,
        jitterBufferDelay: 2.5,
        jitterBufferEmittedCount: 25,
        freezeCount: 1,
        totalFreezesDuration: 0.25,
      },
      { id: "c", type: "codec", mimeType: "video/H264" },
      { id: "t", type: "transport", srtpCipher: "SRTP_AEAD_AES_128_GCM", selectedCandidatePairId: "p" },
      { id: "p", type: "candidate-pair", currentRoundTripTime: 0.04 },
    );
    expect(watchStats({ at: 0, report: before }, { at: 1_000, report: after })).toEqual({
      kbps: 1500,
      fps: 25,
      width: 1280,
      height: 720,
      loss: 0.01,
      lost: 2,
      received: 198,
      rttMs: 40,
      delayMs: 100,
      frames: 25,
      freezes: 1,
      frozenMs: 250,
      audioLevel: 0,
      videoCodec: "H264",
      srtpCipher: "SRTP_AEAD_AES_128_GCM",
    });
    expect(watchStats(NOTHING, NOTHING)).toMatchObject({ kbps: 0, fps: 0, loss: 0, delayMs: 0 });
  });

  const wish: HealthWish = {
    kind: "camera",
    videoKbps: 2_500,
    audioKbps: 96,
    fps: 30,
    video: true,
    audio: true,
  };
  const sending = (more: Entry = {}, heard: Entry = {}, pair: Entry = {}): Measured => ({
    at: 1_000,
    report: report(
      { id: "v", type: "outbound-rtp", kind: "video", bytesSent: 300_000, framesEncoded: 30, ...more },
      { id: "a", type: "outbound-rtp", kind: "audio", bytesSent: 12_000 },
      { id: "s", type: "media-source", kind: "video", framesPerSecond: 30 },
      { id: "r", type: "remote-inbound-rtp", kind: "video", fractionLost: 0, roundTripTime: 0.03, ...heard },
      { id: "t", type: "transport", selectedCandidatePairId: "p" },
      { id: "p", type: "candidate-pair", availableOutgoingBitrate: 4_000_000, ...pair },
    ),
  });
  const start: Measured = {
    at: 0,
    report: report(
      { id: "v", type: "outbound-rtp", kind: "video", bytesSent: 0, framesEncoded: 0 },
      { id: "a", type: "outbound-rtp", kind: "audio", bytesSent: 0 },
    ),
  };

  it.each([
    ["good", "good", sending()],
    ["poor", "loss_high", sending({}, { fractionLost: 0.2 })],
    ["fair", "loss_high", sending({}, { fractionLost: 0.05 })],
    ["fair", "uplink_low", sending({}, {}, { availableOutgoingBitrate: 600_000 })],
    ["fair", "cpu_limited", sending({ qualityLimitationReason: "cpu" })],
    ["good", "good", sending({ qualityLimitationReason: "bandwidth" })],
    ["fair", "bandwidth_limited", sending({ qualityLimitationReason: "bandwidth", bytesSent: 100_000 })],
    ["fair", "frames_low", sending({ framesEncoded: 12 })],
    ["poor", "no_picture", sending({ framesEncoded: 0 })],
    ["fair", "rtt_high", sending({}, { roundTripTime: 0.5 })],
  ])("says %s: %s", (level, says, after) => {
    const health = healthOf(start, after, 60_000, wish);
    expect([health.level, health.says[0]]).toEqual([level, says]);
  });

  it("has the largest layer that is sent speak for a picture in layers", () => {
    const layers = (small: number, large: number): Measured => {
      const { report: rest } = sending({ framesEncoded: small, frameHeight: 180, bytesSent: small * 10_000 });
      const large_ = { id: "f", type: "outbound-rtp", kind: "video", frameHeight: 720, framesEncoded: large };
      return { at: 1_000, report: new Map([...rest, ["f", { ...large_, bytesSent: large * 10_000 }]]) };
    };
    const before: Measured = { ...layers(0, 0), at: 0 };
    expect(healthOf(before, layers(30, 25), 60_000, wish)).toMatchObject({
      fps: 25,
      height: 720,
      videoKbps: 4_400,
    });
    expect(healthOf(before, layers(30, 0), 60_000, wish)).toMatchObject({
      fps: 30,
      height: 180,
      videoKbps: 2_400,
    });
  });

  it("says nothing bad in the first seconds", () => {
    expect(healthOf(start, sending({ framesEncoded: 0 }), 2_000, wish)).toMatchObject({
      level: "good",
      says: ["starting"],
    });
  });

  it("measures loudness as the ear does", () => {
    expect(loudness(new Float32Array(64))).toBe(0);
    expect(loudness(new Float32Array(64).fill(1))).toBe(1);
    expect(loudness(new Float32Array(64).fill(0.0316))).toBeCloseTo(0.5, 2);
  });
});

describe("SDP", () => {
  it("asks for stereo once, for Opus only", () => {
    const sdp =
      "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\n";
    const once = wantStereo(sdp);
    expect(once).toBe(sdp.replace("useinbandfec=1", "useinbandfec=1;stereo=1"));
    expect(wantStereo(once)).toBe(once);
  });

  it("lets the encoder begin at a good rate", () => {
    const sdp =
      "a=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\na=fmtp:97 apt=96\r\n";
    expect(startAt(sdp, 1250)).toBe(sdp.replace("mode=1", "mode=1;x-google-start-bitrate=1250"));
  });

  it("puts H264 first and leaves the rest", () => {
    const codecs = ["video/VP8", "video/rtx", "video/H264", "video/AV1"].map((mimeType) => ({ mimeType }));
    expect(h264First(codecs).map((it) => it.mimeType)).toEqual([
      "video/H264",
      "video/VP8",
      "video/rtx",
      "video/AV1",
    ]);
  });

  it("asks for the descriptor of pictures, and of no browser that cannot be asked", () => {
    const uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
    const known = ["urn:3gpp:video-orientation", uri].map((it) => ({ uri: it, direction: "stopped" }));
    const asked: unknown[] = [];
    const getHeaderExtensionsToNegotiate = () => known.map((it) => ({ ...it }));
    const setHeaderExtensionsToNegotiate = (all: unknown) => asked.push(all);
    wantDescriptor({ getHeaderExtensionsToNegotiate, setHeaderExtensionsToNegotiate });
    expect(asked).toEqual([[known[0], { uri, direction: "sendrecv" }]]);
    expect(() => wantDescriptor({})).not.toThrow();
  });
});
