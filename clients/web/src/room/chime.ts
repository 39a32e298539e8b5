/**
 * Two soft notes: upwards when a broadcast begins, downwards when it ends. Made here, so nothing is loaded.
 * Only for a page that was touched before, as every browser asks of sound.
 */
import type { Phase } from "@weiquan/client";

const BEGIN = [523.25, 783.99] as const;
const END = [783.99, 523.25] as const;
const NOTE_S = 0.18;
const LOUD = 0.12;

/** What a step of the broadcast sounds like, to somebody who saw the one before. */
export function chimeOf(before: Phase | undefined, now: Phase | undefined): readonly number[] | undefined {
  if (before === undefined || before === now) return undefined;
  if (now === "live" && (before === "open" || before === "scheduled")) return BEGIN;
  if (now === "ended" && (before === "live" || before === "paused")) return END;
  return undefined;
}

export function chime(notes: readonly number[]): void {
  if (navigator.userActivation?.hasBeenActive !== true || typeof AudioContext !== "function") return;
  const context = new AudioContext();
  notes.forEach((pitch, n) => {
    const note = new OscillatorNode(context, { frequency: pitch, type: "sine" });
    const volume = new GainNode(context, { gain: 0 });
    const from = context.currentTime + n * NOTE_S;
    volume.gain.linearRampToValueAtTime(LOUD, from + 0.02);
    volume.gain.setValueAtTime(LOUD, from + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, from + NOTE_S * 2);
    note.connect(volume).connect(context.destination);
    note.start(from);
    note.stop(from + NOTE_S * 2);
    // The page keeps no sound device open for the next one.
    if (n === notes.length - 1) note.onended = () => void context.close();
  });
}
