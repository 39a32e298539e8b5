/** Numbers, times and spans in the reader's language. Pure: the moment is always an argument. */
import type { Words } from "./en";
import type { Language } from "./languages";

const numbers = new Map<string, Intl.NumberFormat>();

/** 2,148, and from ten thousand on short: 1.2万, 12K. */
export function count(n: number, language: Language): string {
  const short = n >= 10_000;
  const key = `${language} ${short}`;
  let format = numbers.get(key);
  if (!format) {
    format = new Intl.NumberFormat(
      language,
      short ? { notation: "compact", maximumFractionDigits: 1 } : { maximumFractionDigits: 0 },
    );
    numbers.set(key, format);
  }
  return format.format(n);
}

const times = new Map<string, Intl.DateTimeFormat>();

function dateFormat(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let format = times.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(language, options);
    times.set(key, format);
  }
  return format;
}

/** 20:05, always with 24 hours: short, and the same everywhere. */
export function clock(ms: number, language: Language): string {
  return dateFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);
}

export function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

/** Whether a line of a list is the first one of its day. */
export function beginsDay(ms: number, before: number | undefined): boolean {
  return before === undefined || !sameDay(ms, before);
}

/** "Today", "Yesterday", or the date. */
export function day(ms: number, now: number, words: Words, language: Language): string {
  if (sameDay(ms, now)) return words.chat.today;
  if (sameDay(ms, now - 86_400_000)) return words.chat.yesterday;
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return dateFormat(language, {
    ...(sameYear ? {} : { year: "numeric" as const }),
    month: "short",
    day: "numeric",
  }).format(ms);
}

/** The time alone today, with its date on any other day. */
export function moment(ms: number, now: number, words: Words, language: Language): string {
  return sameDay(ms, now) ? clock(ms, language) : `${day(ms, now, words, language)} ${clock(ms, language)}`;
}

/** A span in its largest fitting unit: 12 s, 42 min, 3 h, 2 days. Never "0 s". */
export function span(ms: number, words: Words): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds < 60) return words.common.seconds(seconds);
  if (seconds < 3600) return words.common.minutes(Math.floor(seconds / 60));
  if (seconds < 86_400) return words.common.hours(Math.floor(seconds / 3600));
  return words.common.days(Math.floor(seconds / 86_400));
}

/** 1:02:03 or 2:03, for a clock that runs. */
export function running(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const head = seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}` : `${Math.floor(seconds / 60)}`;
  return `${head}:${two(seconds % 60)}`;
}

/** 0.4 s of delay, with one decimal; never none at all. */
export function delay(ms: number, words: Words): string {
  return words.common.seconds(Math.max(1, Math.round(ms / 100)) / 10);
}

/** 1.5 Mbit/s, 96 kbit/s. */
export function rate(kbps: number): string {
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

export function percent(share: number, language: Language): string {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(share);
}
