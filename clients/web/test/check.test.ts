/** What the facts of a check mean, and in which words. */
import type { CheckFacts } from "@weiquan/client";
import { describe, expect, it } from "vitest";
import { type As, type Level, linesOf, type Name, verdictOf } from "../src/check/verdicts";
import { sayOf } from "../src/check/words";
import { en } from "../src/i18n/en";

const GOOD: CheckFacts = {
  secure: true,
  socket: { ok: true, rttMs: 24 },
  media: { ok: true, rttMs: 26 },
  publish: { ok: true, rttMs: 27 },
  upload: { ok: true, kbps: 18_400 },
  plays: ["VP8", "H264", "opus"],
  sends: ["VP8", "H264", "opus"],
  sound: "at_once",
  camera: { count: 1, permission: "granted" },
  microphone: { count: 1, permission: "granted" },
  done: true,
};

function check(as: As, change: Partial<CheckFacts>, name: Name, level: Level | null, verdict: Level | null, say: string): void {
  const facts = { ...GOOD, ...change };
  const lines = linesOf(facts, as);
  const line = lines.find((it) => it.name === name);
  expect(line?.level, name).toBe(level);
  expect(verdictOf(lines), `${name}: the verdict`).toBe(verdict);
  expect(line && sayOf(line, facts, en.check)).toContain(say);
}

describe("a viewer", () => {
  it("is told green when everything is", () => check("viewer", {}, "socket", "good", "good", "24 ms"));
  it("waits for what is not known yet", () => check("viewer", { media: null }, "media", null, null, "Checking"));
  it("is not warned of the tap that most browsers want", () =>
    check("viewer", { sound: "after_tap" }, "sound", "fair", "good", "after a tap"));
  it("is told that UDP does not get through", () =>
    check("viewer", { media: { ok: false, why: "blocked" } }, "media", "bad", "bad", "UDP"));
  it("is told that the picture comes by TCP where UDP is blocked", () => {
    const media = { ok: true, rttMs: 41, by: "tcp" } as const;
    check("viewer", { media }, "media", "fair", "fair", "by TCP: it works");
    check("viewer", { media }, "media", "fair", "fair", "41 ms");
    check("viewer", { media: { ...media, rttMs: 1_600 } }, "media", "bad", "bad", "by TCP");
  });
  it("is told that the browser has no WebRTC", () =>
    check("viewer", { media: { ok: false, why: "none" } }, "media", "bad", "bad", "no WebRTC"));
  it("is told that the server is away", () =>
    check("viewer", { media: { ok: false, why: "unreachable" } }, "media", "bad", "bad", "did not answer"));
  it("is told of a long way", () => check("viewer", { socket: { ok: true, rttMs: 640 } }, "socket", "fair", "fair", "640 ms"));
  it("is told of a socket that something blocks", () =>
    check("viewer", { socket: { ok: false, why: "blocked" } }, "socket", "bad", "bad", "blocks it"));
  it("is told of a format that is missing", () => {
    check("viewer", { plays: ["VP8", "opus"] }, "plays", "fair", "fair", "No H.264");
    check("viewer", { plays: ["H264"] }, "plays", "bad", "bad", "none of the formats");
  });
  it("is not asked for what only a host needs", () =>
    check(
      "viewer",
      { secure: false, upload: { ok: true, kbps: 1 }, publish: { ok: false, why: "blocked" } },
      "plays", "good", "good", "H.264 · VP8 · Opus",
    ));
});

describe("a host", () => {
  it("is told green when everything is", () => check("host", {}, "upload", "good", "good", "18 Mbit/s by TCP"));
  it("is told that the port for going live is closed, where watching works", () =>
    check("host", { publish: { ok: false, why: "blocked" } }, "publish", "bad", "bad", "rtc.publish_port"));
  it("is told that UDP does not get through at all", () => {
    const blocked = { ok: false, why: "blocked" } as const;
    check("host", { media: blocked, publish: blocked }, "publish", "bad", "bad", "UDP does not get through");
  });
  it("goes live where only the way for viewers is closed", () =>
    check("host", { media: { ok: false, why: "blocked" } }, "publish", "good", "good", "27 ms"));
  it("goes live by TCP where UDP is blocked", () =>
    check("host", { publish: { ok: true, rttMs: 41, by: "tcp" } }, "publish", "fair", "fair", "by TCP"));
  it("needs a secure page", () => check("host", { secure: false }, "secure", "bad", "bad", "https"));
  it("is told what the upload is good for", () => {
    check("host", { upload: { ok: true, kbps: 1_500 } }, "upload", "fair", "fair", "1.5 Mbit/s");
    check("host", { upload: { ok: true, kbps: 400 } }, "upload", "bad", "bad", "0.4 Mbit/s");
    check("host", { upload: { ok: false, why: "busy" } }, "upload", "fair", "fair", "Not measured");
  });
  it("may send VP8 alone, but not nothing", () => {
    check("host", { sends: ["VP8", "opus"] }, "sends", "good", "good", "VP8 · Opus");
    check("host", { sends: [] }, "sends", "bad", "bad", "none of the formats");
  });
  it("is told of devices that are not there, or not allowed", () => {
    check("host", { camera: { count: 0, permission: "prompt" } }, "camera", "fair", "fair", "OBS");
    check("host", { microphone: { count: 0, permission: "unknown" } }, "microphone", "fair", "fair", "not be heard");
    check("host", { microphone: { count: 1, permission: "denied" } }, "microphone", "fair", "fair", "Blocked");
    check("host", { camera: { count: 1, permission: "prompt" } }, "camera", "good", "good", "will ask");
  });
});
