/** Why a search was not answered, as far as it matters to whoever searches. Pure. */
import type { Refusal } from "@weiquan/client";
import { refusalIn } from "../app/app.svelte";

export type Trouble =
  /** It goes on by itself at this moment of the device's clock. */
  | { kind: "wait"; until: number }
  | { kind: "long" }
  | { kind: "marks" }
  /** The room that it is narrowed to is not for whoever searches, or is none. */
  | { kind: "room"; code: string; say: string }
  /** Nobody answered. */
  | { kind: "away" }
  | { kind: "failed"; code: string; say: string };

/** Where the server says no time. */
const WAIT_MS = 10_000;

export function troubleOf(error: unknown, now: number): Trouble {
  const refusal: Partial<Refusal> | undefined = refusalIn(error);
  if (!refusal) return { kind: "away" };
  const { code = "internal", say = "" } = refusal;
  switch (code) {
    case "rate_limited":
      return { kind: "wait", until: now + (waitIn(error) ?? WAIT_MS) };
    case "too_long":
      return { kind: "long" };
    case "empty":
      return { kind: "marks" };
    case "not_found":
    case "guests_not_allowed":
    case "banned":
    case "kicked":
      return { kind: "room", code, say };
    default:
      return { kind: "failed", code, say };
  }
}

function waitIn(error: unknown): number | undefined {
  const { refusal } = error as { refusal?: Partial<Refusal> };
  return refusal?.ms;
}
