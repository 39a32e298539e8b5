/** Moments in and out of a date field, in the device's own zone; and how long until then. Pure. */
import { running, span } from "../i18n/format";
import type { Words } from "../i18n/en";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** `2026-11-22T20:00`, as a `datetime-local` field holds it: the wall clock here, to the minute. */
export function toField(ms: number): string {
  const at = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, "0");
  const date = `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The moment of a field; `undefined` where it holds none. */
export function fromField(text: string): number | undefined {
  if (!/^\d{4,6}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text)) return undefined;
  const ms = new Date(text).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}

/** What is proposed at first: the next full hour that leaves some time to tell people. */
export function proposed(now: number): number {
  const hour = new Date(now + 30 * MINUTE);
  hour.setMinutes(0, 0, 0);
  return hour.getTime() + HOUR;
}

/** The earliest that the field offers: the next minute. */
export function earliest(now: number): string {
  return toField(now + MINUTE);
}

/** "in 42 min", and once the moment is there: "any moment now". */
export function until(starts: number, now: number, words: Words): string {
  return starts > now ? words.schedule.startsIn(span(starts - now, words)) : words.schedule.anyMoment;
}

/** In the last day, to the second: `1:02:03`. Further off, in words; once it is there: "any moment now". */
export function countdown(starts: number, now: number, words: Words): string {
  const left = starts - now;
  return left > 0 && left < 24 * HOUR ? running(left) : until(starts, now, words);
}

/** The device's zone by its own name, so that nobody is an hour off without seeing why. */
export function zone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
