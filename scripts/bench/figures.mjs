// Every figure of the bench: its name, its unit and its aim; and the report, one JSON object a line.
import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** By name: the unit, and what the figure shall be ("<= 10", ">= 10") where there is an aim. */
export const FIGURES = {
  "fanout.cpu_ratio_bun": ["ratio", "<= 1.0"],
  "fanout.cpu_us": ["us/delivery", null],
  "fanout.cpu_us_bun": ["us/delivery", null],
  "fanout.rss_bytes_per_viewer": ["bytes", "<= 6144"],
  "fanout.rss_bytes_per_viewer_bun": ["bytes", null],
  "fanout.delay_p99_ms": ["ms", null],
  "ack.per_second": ["1/s", ">= 10000"],
  "ack.p99_ms_one_writer": ["ms", "<= 20"],
  "egress.cpu_us_per_packet": ["us/packet", "<= 2.5"],
  "egress.cpu_ratio_kernel": ["ratio", null],
  "egress.cpu_us_per_packet_kernel": ["us/packet", null],
  "egress.rss_kib_per_viewer": ["KiB", "<= 48"],
  "egress.connect_cpu_ms": ["ms", "<= 1.0"],
  "media.cpu_us_per_packet": ["us/packet", "<= 2.2"],
  "media.rss_kib_per_viewer": ["KiB", "<= 32"],
  "media.connect_cpu_ms": ["ms", "<= 0.7"],
  "media.join_cpu_ms": ["ms", null],
  "media.viewers_per_core": ["viewers", ">= 2000"],
  "media.audio_viewers_per_core": ["viewers", ">= 5000"],
  "media.cpu_ratio_janus": ["ratio", "<= 0.25"],
  "media.join_storm_p99_ms": ["ms", "<= 1500"],
  "media.freezes_per_min_5pct": ["1/min", "<= 0"],
  "media.freezes_per_min_10pct": ["1/min", "<= 2"],
  "media.audio_kept_20pct": ["share", ">= 0.95"],
  "media.layer_down_s": ["s", "<= 3"],
  "media.layer_up_s": ["s", "<= 10"],
  "media.tcp_first_frame_ms": ["ms", "<= 3000"],
  "media.amplification": ["ratio", "<= 1.0"],
  "media.hello_race_lost": ["sessions", "<= 0"],
  "whole.fanout_tls_cpu_ratio_bun": ["ratio", "<= 0.95"],
  "whole.fanout_tls_cpu_us": ["us/delivery", null],
  "whole.fanout_tls_cpu_us_bun": ["us/delivery", null],
  "whole.rss_bytes_per_viewer_tls": ["bytes", "<= 10000"],
  "whole.tls_handshake_cpu_us": ["us", "<= 150"],
  "whole.tls_handshake_cpu_us_bun": ["us", null],
  "whole.first_frame_ms": ["ms", "<= 150"],
  "whole.first_frame_ms_rested": ["ms", "<= 150"],
  "whole.presented_fps_ratio": ["ratio", ">= 0.95"],
  "whole.glass_to_glass_ratio": ["ratio", "<= 1.3"],
  "whole.glass_to_glass_ms": ["ms", null],
  "whole.glass_to_glass_ms_direct": ["ms", null],
  "whole.app_kb": ["KiB", "<= 120"],
  "whole.start_ms": ["ms", "<= 300"],
  "whole.idle_rss_mb": ["MB", "<= 40"],
  "whole.binary_mb": ["MB", "<= 40"],
  "crowd.cpu_ratio_bun_10k": ["ratio", "<= 0.90"],
  "crowd.cpu_ratio_bun_2k": ["ratio", "<= 0.95"],
  "crowd.cpu_ratio_bun_small_rooms": ["ratio", "<= 1.10"],
  "crowd.cpu_ratio_bun_50ps": ["ratio", "<= 0.6"],
  "crowd.p99_ratio_bun_50ps": ["ratio", "<= 1.7"],
  "crowd.small_room_p99_ms": ["ms", "<= 15"],
  "crowd.small_room_p99_ratio_bun": ["ratio", "<= 0.25"],
  "crowd.rss_bytes_per_viewer": ["bytes", "<= 4096"],
  "crowd.join_p99_ms": ["ms", "<= 2000"],
  "crowd.room_loads": ["loads", "<= 1"],
  "crowd.resume_99_s": ["s", "<= 10"],
  "crowd.ack_per_second": ["1/s", ">= 15000"],
  "crowd.ack_per_second_postgres": ["1/s", null],
  "crowd.ack_p99_ms_half_load": ["ms", "<= 20"],
  "crowd.ack_p99_ms_half_aim": ["ms", "<= 20"],
  "crowd.ready_after_crash_s": ["s", "<= 2"],
  "crowd.stalled_kib": ["KiB", "<= 128"],
  "crowd.presence_bytes_per_s": ["bytes/s", "<= 200"],
  "crowd.generator_sockets": ["sockets", ">= 15000"],
  "crowd.k6_p99_diff_ms": ["ms", "<= 2"],
  "crowd.k6_p99_diff_ms_few": ["ms", null],
  "topics.page_p99_ms": ["ms", "<= 50"],
  "topics.page_p99_ms_postgres": ["ms", "<= 50"],
  "topics.nothing_p99_ms": ["ms", null],
  "topics.nothing_p99_ms_postgres": ["ms", null],
  "topics.list_p99_ms": ["ms", "<= 20"],
  "topics.list_p99_ms_postgres": ["ms", "<= 20"],
  "topics.unread_p99_ms": ["ms", "<= 5"],
  "topics.unread_p99_ms_postgres": ["ms", "<= 5"],
  "topics.search_p99_ms": ["ms", "<= 20"],
  "topics.search_p99_ms_postgres": ["ms", "<= 20"],
  "topics.search_recall": ["ratio", ">= 1"],
  "topics.search_recall_postgres": ["ratio", ">= 1"],
  "topics.html_rps_per_core": ["1/s", ">= 3000"],
  "topics.html_rps_per_core_postgres": ["1/s", ">= 3000"],
  "topics.fanout_ratio": ["ratio", "<= 1.15"],
  "topics.search_store_p99_ms": ["ms", null],
  "topics.search_store_p50_ms": ["ms", null],
  "topics.search_store_postgres_p99_ms": ["ms", "<= 20"],
  "topics.search_store_postgres_p50_ms": ["ms", null],
};

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const round = (it) => Number(it.toPrecision(4));

/** What stands beside a ratio: what each of the two came to, by the median of the rounds. */
export const sides = (ours, theirs, unit) => ({ sides: { ours: round(median(ours)), theirs: round(median(theirs)), unit } });

/** A line of the report: the median of the rounds that gave a figure, and their range. */
export function row(name, values, command, more = {}) {
  const [unit, aim] = FIGURES[name];
  const good = values.filter((it) => Number.isFinite(it));
  return {
    name, value: good.length ? round(median(good)) : null, unit, aim,
    range: good.length ? [round(Math.min(...good)), round(Math.max(...good))] : null,
    peer: null, rounds: good.length, load: Number(os.loadavg()[0].toFixed(2)), command, ...more,
  };
}

/** Prints each figure as it is known, and keeps all of them in `report.json`. */
export class Report {
  #rows = [];
  #file;

  constructor(folder) {
    this.#file = path.join(folder, "report.json");
  }

  tell(name, values, command, more) {
    const told = row(name, values, command, more);
    this.#rows.push(told);
    console.log(JSON.stringify(told));
    writeFileSync(this.#file, JSON.stringify(this.#rows, null, 2) + "\n");
  }
}
