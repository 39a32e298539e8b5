import type { Phase, RoomCard, RoomView, WatchStats, WatchView } from "@weiquan/client";
import { describe, expect, it, vi } from "vitest";
import { cover } from "../src/home/cover";
import { shelves } from "../src/home/rooms";
import { faceOf, isFinal, qualityOf, wantsMedia, type Face } from "../src/room/stage";
import { decibels, soundOf, sourceFailure } from "../src/studio/checks";
import { arrivalSays } from "../src/studio/arrival";
import { en } from "../src/i18n/en";
import { publishCommand } from "../src/studio/ffmpeg";

vi.stubGlobal("location", { pathname: "/" });
const { ownPath, paths, routeOf } = await import("../src/app/router.svelte");

describe("addresses", () => {
  it.each([
    ["/", { page: "home" }], ["/r/lobby", { page: "room", slug: "lobby" }], ["/r/lobby/studio", { page: "studio", slug: "lobby" }],
    ["/set-up", { page: "set-up" }], ["/r/", { page: "not-found" }], ["/r/Big", { page: "not-found" }], ["/r/-a", { page: "not-found" }],
    ["/r/a/b", { page: "not-found" }], ["/r/a/studio/x", { page: "not-found" }], ["/sign-in/x", { page: "not-found" }],
  ])("%s", (path, route) => expect(routeOf(path)).toEqual(route));

  it("goes back only to its own pages after signing in", () => {
    expect(ownPath("/r/lobby")).toBe("/r/lobby");
    for (const evil of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:1", "", null]) expect(ownPath(evil)).toBe("/");
    expect(paths.signIn("/r/lobby")).toBe("/sign-in?then=%2Fr%2Flobby");
  });
});

describe("the stage", () => {
  const view = (phase: Phase | null, here = true): Pick<RoomView, "phase" | "broadcast" | "stage"> => ({
    phase: "joined",
    broadcast: phase && { id: "b", phase, title: "", host: { id: "m", name: "n", mark: "host" } },
    stage: { here, video: here, audio: here },
  });
  const cases: [Phase | null, boolean, WatchView["phase"] | undefined, Face][] = [
    [null, false, undefined, "idle"], ["scheduled", false, undefined, "scheduled"], ["open", false, "waiting", "open"],
    ["open", true, "playing", "playing"], ["live", true, undefined, "connecting"], ["live", true, "playing", "playing"],
    ["live", true, "waiting", "waiting"], ["live", true, "queued", "queued"], ["live", false, "queued", "host_gone"], ["live", false, "playing", "host_gone"], ["live", true, "failed", "failed"],
    ["paused", false, "waiting", "paused"], ["ended", false, undefined, "ended"], ["archived", false, undefined, "idle"],
  ];
  it.each(cases)("%s, here %s, watching %s shows %s", (phase, here, watch, face) => {
    expect(faceOf(view(phase, here), watch && { phase: watch })).toBe(face);
  });

  it("asks for media from the warm-up to the end", () => {
    const phases: Phase[] = ["scheduled", "open", "live", "paused", "ended", "archived"];
    expect(phases.filter((phase) => wantsMedia(view(phase)))).toEqual(["open", "live", "paused"]);
    expect(wantsMedia(view(null))).toBe(false);
    expect(wantsMedia({ ...view(null), phase: "joining" }), "not told yet").toBe(true);
    expect(wantsMedia({ ...view("live"), phase: "joining" }), "joined again").toBe(true);
    expect(wantsMedia({ ...view("live"), phase: "out" })).toBe(false);
  });

  it("offers another try only where one can help", () => {
    expect([isFinal("codec_unsupported"), isFinal("unsupported_here"), isFinal("timeout"), isFinal(undefined)]).toEqual([true, true, false, false]);
  });

  it("puts the line into words", () => {
    const stats: WatchStats = {
      kbps: 1500, fps: 25, width: 1280, height: 720, loss: 0, lost: 0, received: 150, rttMs: 40, delayMs: 90, frames: 1, freezes: 0, frozenMs: 0, audioLevel: 0,
      videoCodec: "", srtpCipher: "",
    };
    expect(qualityOf(null)).toBe("measuring");
    expect(qualityOf(stats)).toBe("good");
    expect(qualityOf({ ...stats, loss: 0.03 })).toBe("fair");
    expect(qualityOf({ ...stats, rttMs: 900 })).toBe("poor");
  });
});

describe("the home page", () => {
  const card = (slug: string, phase: Phase | null, count = 0, starts_ms?: number): RoomCard => ({
    slug, a: 7, title: slug, guests: true, made_by: { id: "m", name: "n", mark: "member" }, count,
    broadcast: phase && { id: "b", phase, title: "", host: { id: "m", name: "n", mark: "host" }, ...(starts_ms ? { starts_ms } : {}) },
  });

  it("puts who is live first, the soonest next, and every room somewhere once", () => {
    const cards = [
      card("a", null), card("b", "live", 3), card("c", "scheduled", 0, 2000), card("d", "open"), card("e", "live", 9),
      card("f", "scheduled", 0, 1000), card("g", "ended"), card("h", "paused", 5), card("i", "archived"),
    ];
    const { live, coming, rooms } = shelves(cards);
    expect(live.map((it) => it.slug)).toEqual(["e", "h", "b"]);
    expect(coming.map((it) => it.slug)).toEqual(["d", "f", "c"]);
    expect(rooms.map((it) => it.slug)).toEqual(["a", "g", "i"]);
  });

  it("draws the same cover for the same slug, and not the same for all", () => {
    expect(cover("lobby")).toEqual(cover("lobby"));
    expect(new Set(["a", "b", "c", "d", "e", "f", "g", "h"].map((slug) => JSON.stringify(cover(slug)))).size).toBe(8);
    expect(cover("")).toBeDefined();
  });
});

describe("the studio", () => {
  it("knows silence from a missing microphone", () => {
    expect([soundOf(false, 1), soundOf(true, 0.05), soundOf(true, 0.6)]).toEqual(["none", "quiet", "fine"]);
    expect(decibels(0.7)).toBe(-18);
  });

  it("says what to do by the browser's error", () => {
    const error = (name: string): DOMException => new DOMException("", name);
    expect(sourceFailure(error("NotAllowedError"), "camera")).toBe("denied");
    expect(sourceFailure(error("NotAllowedError"), "screen")).toBe("cancelled");
    expect(sourceFailure(error("NotFoundError"), "camera")).toBe("notFound");
    expect(sourceFailure(error("NotReadableError"), "camera")).toBe("inUse");
    expect(sourceFailure(new TypeError("x"), "file")).toBe("fileUnfit");
  });

  it("gives FFmpeg a keyframe each second and no B-frames", () => {
    const command = publishCommand("https://live.example.com/whip", "KEY");
    for (const part of ["-bf 0", "-r 30 -g 30", "-c:a libopus", "-f whip", "-authorization KEY", "https://live.example.com/whip"]) {
      expect(command).toContain(part);
    }
  });
});

describe("what the server says of an encoder", () => {
  const health = { level: "poor", says: [], video_kbps: 2400, audio_kbps: 96, fps: 25, loss_permille: 41, keyframe_ms: 10_040, advised_kbps: 1600 } as const;
  const says = (...codes: string[]): string[] =>
    arrivalSays({ ...health, says: codes as never }, en.studio.arrival, (share) => `${(share * 100).toFixed(1)} %`);
  it("has numbers in it that a host can set", () => {
    expect(says("loss_high")).toEqual(["Your uplink loses 4.1 %: lower the encoder to 1600 kbit/s."]);
    expect(says("keyframes_rare")[0]).toMatch(/every 10 s only: set 1–2 s/);
    expect(says("b_frames")[0]).toMatch(/turn them off/);
  });
  it("is one good sentence where there is nothing to say, and passes over nothing it does not know", () => {
    expect(says()).toEqual([en.studio.arrival.good]);
    expect(says("of_tomorrow")).toEqual([en.studio.arrival.unknown]);
  });
});
