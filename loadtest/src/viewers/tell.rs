//! A run of viewers as a page and as JSON.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Costs, Plan, Tally,
    freezes::Seen,
    peer::{PICTURE, SOUND},
};
use crate::report::{self, Verdict};

/// What the numbers of a picture mean.
const COUNTS: &str = "freezes as in webrtc-stats, of pictures shown as soon as they are complete: a pause of at least 3 times the mean of the last 30 and 150 ms above it; \
    long: above 500 ms; what stands still at the end counts; held_a_round_trip: the same where each picture is held back for a round trip, as browsers do it after a loss";

/// What the costs are per packet and per viewer.
struct Figures {
    cpu_us_per_packet: Option<f64>,
    /// A join with all that belongs to it, from the offer's request to the keys. The packets that were sent meanwhile are
    /// taken off, at the price of the counted part.
    join_cpu_ms: Option<f64>,
    /// Of that what the media threads did: ICE and DTLS.
    connect_cpu_ms: Option<f64>,
    rss_kib_per_viewer: Option<f64>,
}

impl Figures {
    fn of(plan: &Plan, total: &Tally, costs: &Costs) -> Self {
        let viewers = plan.viewers.max(1) as f64;
        let per_packet_s = |cpu_s: Option<f64>| {
            cpu_s
                .filter(|_| total.counted > 0)
                .map(|it| it / total.counted as f64)
        };
        let a_join_ms = |join_cpu_s: Option<f64>, cpu_s| {
            let (all, per_packet_s) = join_cpu_s.zip(per_packet_s(cpu_s))?;
            Some((all - per_packet_s * total.early as f64) * 1e3 / viewers)
        };
        Self {
            cpu_us_per_packet: per_packet_s(costs.cpu_s).map(|it| it * 1e6),
            join_cpu_ms: a_join_ms(costs.join_cpu_s, costs.cpu_s),
            connect_cpu_ms: a_join_ms(costs.media_join_cpu_s, costs.media_cpu_s),
            rss_kib_per_viewer: (costs.memory).map(|it| it.bytes_each(plan.viewers) / 1024.0),
        }
    }
}

pub(super) fn tell(
    plan: &Plan,
    total: &Tally,
    failed: &[String],
    costs: &Costs,
) -> Result<Verdict> {
    let figures = Figures::of(plan, total, costs);
    let verdict = if failed.is_empty() && total.whole(plan.through.is_some()) {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    say(plan, total, failed, costs, &figures);
    println!("{}", verdict.word());
    report::write_json(
        plan.json.as_deref(),
        &json!({
            "verdict": verdict.word(), "viewers": plan.viewers, "seconds": plan.seconds, "by": by(plan),
            "first_packet_ms": report::quantiles_ms(&total.first_packet_us),
            "first_keyframe_ms": report::quantiles_ms(&total.first_keyframe_us),
            "first_frame_ms": report::quantiles_ms(&total.first_frame_us),
            "picture": picture(total), "sound": fates(total, SOUND),
            "round_trip_ms": report::quantiles_ms(&total.way_us), "remb_kbps": plan.remb,
            "packets": total.packets, "packets_per_s": total.counted as f64 / plan.seconds,
            "pause_ms": report::quantiles_ms(&total.pause_us),
            "verified": total.verified, "forged": total.forged,
            "missing": total.missing + total.missing_sound, "missing_sound": total.missing_sound, "repaired": total.repaired,
            "silent": total.silent, "failed": failed,
            "cuts": total.cuts, "dark_ms": report::quantiles_ms(&total.dark_us),
            // Read from the viewers' own handshakes and answers, and from what came.
            "negotiated": {
                "srtp_ciphers": total.ciphers, "nack_agreed": total.nack_agreed, "sound_nack_agreed": total.sound_nack_agreed,
                "nack_probes": total.probes, "nack_probes_answered": total.probes_answered,
                "viewers_with_sender_reports": total.reported,
            },
            "nacked": total.nacked, "retransmitted": total.retransmitted,
            "sender_reports": total.sender_reports,
            "server_cpu_s": costs.cpu_s, "cpu_us_per_packet": figures.cpu_us_per_packet,
            "join_cpu_ms": figures.join_cpu_ms, "connect_cpu_ms": figures.connect_cpu_ms,
            "rss_kib_per_viewer": figures.rss_kib_per_viewer,
            "rss": costs.memory.map(|it| json!({
                "counts": "growth of VmRSS of the whole server process, settled and published (after a few viewers came and left) to settled and all watching, over the viewers",
                "empty_bytes": it.empty_bytes, "joined_bytes": it.joined_bytes,
            })),
            "own_cpu_s": costs.own_cpu_s, "held_up_ms": costs.held_up.as_secs_f64() * 1e3,
        }),
    )?;
    Ok(verdict)
}

/// What media went by.
const fn by(plan: &Plan) -> &'static str {
    match plan.tcp {
        true => "tcp",
        false => "udp",
    }
}

/// Of the counted part: how the picture was seen.
fn picture(total: &Tally) -> Value {
    let mut told = seen(&total.seen);
    let more = [
        ("counts", json!(COUNTS)),
        ("held_a_round_trip", seen(&total.seen_held)),
        ("packets", fates(total, PICTURE)),
        ("keyframes_asked", json!(total.wishes)),
        ("resent_share", json!(again_share(total))),
    ];
    for (name, value) in more {
        told[name] = value;
    }
    told
}

fn seen(seen: &Seen) -> Value {
    json!({
        "frames": seen.frames, "freezes": seen.freezes, "long": seen.long,
        "freezes_per_min": seen.per_minute(seen.freezes), "long_per_min": seen.per_minute(seen.long),
        "frozen_share": seen.frozen_share(), "viewer_minutes": seen.counted.as_secs_f64() / 60.0,
    })
}

/// Of the counted part: what became of a track's packets.
fn fates(total: &Tally, track: usize) -> Value {
    let fates = &total.fates[track];
    json!({
        "sent": fates.sent, "lost": fates.lost, "recovered": fates.recovered, "given_up": fates.given_up,
        "kept_share": fates.kept_share(),
    })
}

/// The share of what came in the counted part that came again.
fn again_share(total: &Tally) -> Option<f64> {
    (total.counted > 0).then(|| total.counted_again as f64 / total.counted as f64)
}

fn say_seen(total: &Tally) {
    let (seen, held) = (&total.seen, &total.seen_held);
    let minute = |n: u64| {
        seen.per_minute(n)
            .map_or("–".into(), |it| format!("{it:.2}"))
    };
    let percent = |it: Option<f64>| it.map_or("–".into(), |it| format!("{:.2} %", it * 100.0));
    println!(
        "picture {} frames, {} freezes ({} a viewer's minute), {} pauses above 500 ms ({}), {} of the time still; held back for a round trip {} and {}; {} keyframes asked for",
        seen.frames,
        seen.freezes,
        minute(seen.freezes),
        seen.long,
        minute(seen.long),
        percent(seen.frozen_share()),
        held.freezes,
        held.long,
        total.wishes,
    );
    let [picture, sound] = &total.fates;
    println!(
        "lost    {} of {} packets of the picture, {} recovered ({} of all came again); {} of {} of the sound, {} recovered in time: {} of it kept",
        picture.lost,
        picture.sent,
        picture.recovered,
        percent(again_share(total)),
        sound.lost,
        sound.sent,
        sound.recovered,
        percent(sound.kept_share()),
    );
}

fn say(plan: &Plan, total: &Tally, failed: &[String], costs: &Costs, figures: &Figures) {
    let seconds = plan.seconds;
    println!(
        "viewers {} by WHEP, media by {}, {seconds:.0} s",
        plan.viewers,
        by(plan)
    );
    println!("first   packet {}", report::line_ms(&total.first_packet_us));
    println!(
        "        keyframe {}",
        report::line_ms(&total.first_keyframe_us)
    );
    println!("        frame {}", report::line_ms(&total.first_frame_us));
    println!(
        "agreed  {}; NACK by {}; {} of {} asked for repeats came; sender reports of all tracks at {}",
        total.ciphers(),
        total.nack_agreed,
        total.probes_answered,
        total.probes,
        total.reported,
    );
    println!(
        "heard   {} packets ({:.0}/s), {} verified, longest pause {}",
        total.packets,
        total.counted as f64 / seconds,
        total.verified,
        report::line_ms(&total.pause_us),
    );
    say_seen(total);
    if plan.through_restarts {
        println!(
            "cuts    {}; dark {}",
            total.cuts,
            report::line_ms(&total.dark_us)
        );
    }
    println!(
        "proof   {} missing ({} of sound), {} repaired, {} asked again, {} came again, {} not authentic, {} silent, {} failed",
        total.missing + total.missing_sound,
        total.missing_sound,
        total.repaired,
        total.nacked,
        total.retransmitted,
        total.forged,
        total.silent,
        failed.len()
    );
    for why in failed.iter().take(3) {
        println!("        {why}");
    }
    if let Some(spent) = costs.cpu_s {
        let per =
            (figures.cpu_us_per_packet).map_or("–".into(), |it| format!("{it:.2} µs a packet"));
        println!(
            "server  {spent:.2} s of CPU ({:.0} % of a core), {per}",
            spent / seconds * 100.0
        );
    }
    if let Some(kib) = figures.rss_kib_per_viewer {
        println!("memory  {kib:.1} KiB a viewer (resident, settled)");
    }
    println!(
        "own     {:.0} % of a core, held up for {:.0} ms at most",
        costs.own_cpu_s / seconds * 100.0,
        costs.held_up.as_secs_f64() * 1e3
    );
}
