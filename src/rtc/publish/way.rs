//! How long a publisher's packets are on their way: half of the round trip of its ICE checks.

use std::time::{Duration, Instant};

use webrtc::peer_connection::{PeerConnection, StatsSelector};

/// A check that took longer tells of a busy start, not of the way.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

/// Nothing before a check of ours was answered. We are ICE-lite, so that is one check, or a few, at the
/// beginning: the quicker of their mean and the last is taken.
pub(super) async fn way_of(connection: &dyn PeerConnection, now: Instant) -> Option<Duration> {
    let stats = connection.get_stats(now, StatsSelector::None).await;
    let round_trips = stats.candidate_pairs().filter_map(|pair| {
        let answers = pair.responses_received;
        let mean = pair.total_round_trip_time / answers as f64;
        (answers > 0).then(|| mean.min(pair.current_round_trip_time))
    });
    half(round_trips.reduce(f64::min)?)
}

/// Half of a round trip in seconds, if it can be one.
fn half(round_trip: f64) -> Option<Duration> {
    let round_trip = Duration::try_from_secs_f64(round_trip).ok()?;
    (!round_trip.is_zero() && round_trip <= ROUND_TRIP_MAX).then(|| round_trip / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_half_of_a_round_trip_that_can_be_one() {
        assert_eq!(half(0.03), Some(Duration::from_millis(15)));
        for none in [0.0, 1.2, -0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(half(none), None, "{none}");
        }
    }
}
