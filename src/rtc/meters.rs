//! Counters that are there from the start, at zero: a rate has a beginning then, and a dashboard shows
//! that nothing happens where nothing happens.

const COUNTED: [&str; 8] = [
    "weiquan_media_packets_out_total",
    "weiquan_media_bytes_out_total",
    "weiquan_media_blocked_total",
    "weiquan_media_packets_again_total",
    "weiquan_media_packets_probing_total",
    "weiquan_media_packets_unfit_total",
    "weiquan_media_ice_restarts_total",
    "weiquan_publish_datagrams_unsent_total",
];

pub(crate) fn begin() {
    for name in COUNTED {
        metrics::counter!(name).increment(0);
    }
    metrics::counter!("weiquan_media_frames_dropped_total", "where" => "egress_inbox").increment(0);
    for port in ["publish", "view"] {
        metrics::gauge!("weiquan_media_pipes", "port" => port).increment(0);
        for why in crate::pipes::ENDS {
            metrics::counter!("weiquan_media_pipes_closed_total", "port" => port, "why" => why)
                .increment(0);
        }
    }
    metrics::gauge!("weiquan_publishers").increment(0);
    metrics::gauge!("weiquan_media_waiting").increment(0);
}
