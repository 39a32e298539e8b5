/** What the facts of a check mean for somebody who watches, or goes live. Pure. */
import type { CheckedDevice, CheckedWay, CheckFacts } from "@weiquan/client";

export type Level = "good" | "fair" | "bad";
export type As = "viewer" | "host";
export type Name = "secure" | "socket" | "media" | "publish" | "upload" | "plays" | "sends" | "sound" | "camera" | "microphone";

/** One line of the page; without a level it is still being looked at. `minor`: no reason to worry. */
export interface Line {
  name: Name;
  level: Level | null;
  minor?: boolean;
}

const RTT_FAIR_MS = 300;
const RTT_BAD_MS = 1_500;
/** A 720p picture with room to breathe; and the least that still is one. */
export const UPLOAD_GOOD_KBPS = 3_000;
export const UPLOAD_FAIR_KBPS = 1_000;

const NAMES: Record<As, readonly Name[]> = {
  viewer: ["socket", "media", "plays", "sound"],
  // Who goes live sends, by a port of its own.
  host: ["secure", "socket", "publish", "upload", "sends", "camera", "microphone"],
};

export function linesOf(facts: CheckFacts, as: As): Line[] {
  return NAMES[as].map((name) => lineOf(facts, name));
}

/** The worst of what matters, once everything is known. */
export function verdictOf(lines: readonly Line[]): Level | null {
  const levels = lines.filter((it) => !it.minor || it.level === null).map((it) => it.level);
  if (levels.includes(null)) return null;
  return levels.includes("bad") ? "bad" : levels.includes("fair") ? "fair" : "good";
}

function lineOf(facts: CheckFacts, name: Name): Line {
  switch (name) {
    case "secure":
      return { name, level: facts.secure ? "good" : "bad" };
    case "socket":
    case "media":
    case "publish":
      return { name, level: wayLevel(facts[name]) };
    case "upload":
      return { name, level: uploadLevel(facts.upload) };
    case "plays":
      return { name, level: facts.plays && (hasAll(facts.plays) ? (has(facts.plays, "H264") ? "good" : "fair") : "bad") };
    case "sends":
      return { name, level: facts.sends && (hasAll(facts.sends) ? "good" : "bad") };
    case "sound":
      // Nearly every browser wants a tap: worth knowing, nothing to mend.
      return { name, level: facts.sound && (facts.sound === "at_once" ? "good" : "fair"), minor: true };
    case "camera":
    case "microphone":
      return { name, level: deviceLevel(facts[name]) };
  }
}

function wayLevel(way: CheckedWay | null): Level | null {
  if (way === null) return null;
  if (!way.ok || way.rttMs >= RTT_BAD_MS) return "bad";
  // What is lost by TCP holds up all behind it.
  if (way.by === "tcp") return "fair";
  return way.rttMs >= RTT_FAIR_MS ? "fair" : "good";
}

function uploadLevel(upload: CheckFacts["upload"]): Level | null {
  if (upload === null) return null;
  if (!upload.ok) return "fair";
  return upload.kbps >= UPLOAD_GOOD_KBPS ? "good" : upload.kbps >= UPLOAD_FAIR_KBPS ? "fair" : "bad";
}

/** A picture of a kind that travels here, and Opus. Encoders send H.264; browsers VP8 or H.264. */
function hasAll(names: readonly string[]): boolean {
  return has(names, "opus") && (has(names, "H264") || has(names, "VP8"));
}

export function has(names: readonly string[], codec: string): boolean {
  return names.some((it) => it.toLowerCase() === codec.toLowerCase());
}

function deviceLevel(device: CheckedDevice | null): Level | null {
  if (device === null) return null;
  return device.count === 0 || device.permission === "denied" ? "fair" : "good";
}
