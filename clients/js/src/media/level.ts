/** How loud a source is, 0 to 1, for the studio's meter. Browser only. */
import { Cell, type Readable } from "../readable.js";

/** The picture of a meter does not get better above this. */
const EVERY_MS = 66;

export interface LevelMeter {
  readonly level: Readable<number>;
  stop(): void;
}

/** Measures without being heard. A source without sound measures 0. */
export function meter(stream: MediaStream): LevelMeter {
  const level = new Cell(0);
  if (stream.getAudioTracks().length === 0) return { level, stop: () => {} };
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    level.set(loudness(samples));
  }, EVERY_MS);
  return {
    level,
    stop() {
      clearInterval(timer);
      source.disconnect();
      void context.close();
    },
  };
}

/** −60 dB is silence, 0 dB is full: the ear hears in steps of ratio, so the meter shows them. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const it of samples) sum += it * it;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  const decibels = 20 * Math.log10(Math.max(rms, 1e-6));
  return Math.min(1, Math.max(0, 1 + decibels / 60));
}
