// Whether what a server holds stays as it is. Pure: it is given samples and says what is wrong.

/** Growth of the values per hour, by the line that lies closest to all of them. `at` in seconds. */
export function perHour(samples) {
  const n = samples.length;
  const mean = (of) => samples.reduce((sum, it) => sum + of(it), 0) / n;
  const [at, value] = [mean((it) => it.at), mean((it) => it.value)];
  const over = samples.reduce((sum, it) => sum + (it.at - at) ** 2, 0);
  return over === 0 ? 0 : (samples.reduce((sum, it) => sum + (it.at - at) * (it.value - value), 0) / over) * 3_600;
}

/** Memory may creep by so much in an hour, of what it is: a histogram fills, a B-tree splits. */
export const CREEP = 0.03;

/**
 * What is not flat. `steady`: samples of the time in which the same crowd was there, with `at` (s), `rss` (bytes), `fds`, `tasks`,
 * `connections`. `before` and `after`: the same of the empty server, warm and at the end.
 */
export function notFlat(steady, before, after) {
  const found = [];
  const rss = steady.map((it) => ({ at: it.at, value: it.rss }));
  const [grown, size] = [perHour(rss), rss.reduce((sum, it) => sum + it.value, 0) / rss.length];
  if (grown > size * CREEP) found.push(`memory grows by ${mib(grown)} an hour, of ${mib(size)}`);
  for (const what of ["fds", "tasks"]) {
    const hourly = perHour(steady.map((it) => ({ at: it.at, value: it[what] })));
    const usual = steady.reduce((sum, it) => sum + it[what], 0) / steady.length;
    if (hourly > Math.max(usual * CREEP, 2)) found.push(`${what} grow by ${hourly.toFixed(1)} an hour, of ${usual.toFixed(0)}`);
    // A worker, a reader or a log's file more is no leak; one for each of thousands is.
    if (after[what] > before[what] + 8) found.push(`${after[what]} ${what} when all have left, and ${before[what]} before they came`);
  }
  if (after.connections !== 0) found.push(`${after.connections} connections when all have left`);
  return found;
}

export const mib = (bytes) => `${(bytes / 1_048_576).toFixed(1)} MiB`;
