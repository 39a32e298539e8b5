/** What the stand-in's check of the line finds. */
import { Cell, type CheckApi, type CheckFacts } from "@weiquan/client";
import { wishes } from "./wishes";

const facts: Record<typeof wishes.line, CheckFacts> = {
  good: {
    secure: true,
    socket: { ok: true, rttMs: 24 },
    media: { ok: true, rttMs: 26 },
    publish: { ok: true, rttMs: 27 },
    upload: { ok: true, kbps: 18_400 },
    plays: ["VP8", "VP9", "H264", "AV1", "opus"],
    sends: ["VP8", "VP9", "H264", "AV1", "opus"],
    sound: "after_tap",
    camera: { count: 1, permission: "granted" },
    microphone: { count: 2, permission: "prompt" },
    done: true,
  },
  tcp: {
    secure: true,
    socket: { ok: true, rttMs: 24 },
    media: { ok: true, rttMs: 31, by: "tcp" },
    publish: { ok: true, rttMs: 33, by: "tcp" },
    upload: { ok: true, kbps: 18_400 },
    plays: ["VP8", "VP9", "H264", "AV1", "opus"],
    sends: ["VP8", "VP9", "H264", "AV1", "opus"],
    sound: "after_tap",
    camera: { count: 1, permission: "granted" },
    microphone: { count: 1, permission: "granted" },
    done: true,
  },
  bad: {
    secure: false,
    socket: { ok: true, rttMs: 640 },
    media: { ok: false, why: "blocked" },
    publish: { ok: false, why: "blocked" },
    upload: { ok: true, kbps: 820 },
    plays: ["VP8", "opus"],
    sends: ["VP8", "opus"],
    sound: "at_once",
    camera: { count: 0, permission: "prompt" },
    microphone: { count: 1, permission: "denied" },
    done: true,
  },
  waiting: {
    secure: true,
    socket: { ok: true, rttMs: 24 },
    media: null,
    publish: null,
    upload: null,
    plays: ["VP8", "VP9", "H264", "AV1", "opus"],
    sends: ["VP8", "VP9", "H264", "AV1", "opus"],
    sound: null,
    camera: null,
    microphone: null,
    done: false,
  },
};

export const check = (): CheckApi => ({ facts: new Cell(facts[wishes.line]), run: async () => {}, stop: () => {} });
