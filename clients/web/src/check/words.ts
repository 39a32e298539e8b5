/** A line of the check in words. */
import type { CheckedDevice, CheckFacts } from "@weiquan/client";
import type { Words } from "../i18n/en";
import { has, UPLOAD_FAIR_KBPS, UPLOAD_GOOD_KBPS, type Line } from "./verdicts";

export function sayOf({ name, level }: Line, facts: CheckFacts, words: Words["check"]): string {
  if (level === null) return words.running;
  switch (name) {
    case "secure":
      return level === "good" ? words.secureGood : words.secureBad;
    case "socket":
    case "media":
    case "publish":
      return wayWords(name, facts, level, words);
    case "upload":
      return uploadWords(facts.upload, words);
    case "plays":
      return level === "bad" ? words.playsBad : level === "fair" ? words.playsFair : formats(facts.plays);
    case "sends":
      return level === "bad" ? words.sendsBad : formats(facts.sends);
    case "sound":
      return level === "good" ? words.soundAtOnce : words.soundAfterTap;
    case "camera":
      return deviceWords(facts.camera, words.cameraNone, words);
    case "microphone":
      return deviceWords(facts.microphone, words.microphoneNone, words);
  }
}

function wayWords(name: "socket" | "media" | "publish", facts: CheckFacts, level: Line["level"], words: Words["check"]): string {
  const way = facts[name];
  if (way?.ok) {
    const ms = String(Math.max(1, Math.round(way.rttMs)));
    if (way.by === "tcp") return words.mediaByTcp(ms);
    return level === "good" ? words.roundTrip(ms) : words.roundTripSlow(ms);
  }
  if (way?.why === "none") return words.mediaNone;
  if (way?.why === "unreachable") return words.unreachable;
  if (name === "socket") return words.socketBlocked;
  // Where UDP gets through to the other port, it is this one that is closed.
  return name === "publish" && facts.media?.ok ? words.publishBlocked : words.mediaBlocked;
}

function uploadWords(upload: CheckFacts["upload"], words: Words["check"]): string {
  if (!upload?.ok) return words.uploadUnknown;
  const speed = (upload.kbps / 1000).toFixed(upload.kbps < 10_000 ? 1 : 0);
  if (upload.kbps >= UPLOAD_GOOD_KBPS) return words.uploadGood(speed);
  return upload.kbps >= UPLOAD_FAIR_KBPS ? words.uploadFair(speed) : words.uploadBad(speed);
}

/** The known ones by their everyday names, in this order. */
function formats(names: readonly string[] | null): string {
  const known = { H264: "H.264", VP8: "VP8", VP9: "VP9", AV1: "AV1", opus: "Opus" };
  const found = Object.entries(known).filter(([name]) => names !== null && has(names, name));
  return found.map(([, shown]) => shown).join(" · ");
}

function deviceWords(device: CheckedDevice | null, none: string, words: Words["check"]): string {
  if (device?.permission === "denied") return words.deviceDenied;
  if (!device?.count) return none;
  return device.permission === "granted" ? words.deviceGranted : words.devicePrompt;
}
