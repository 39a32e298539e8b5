//! Who watches, by the plainest reckoning: names and time. What a record says of it is never more than
//! that, however often the power failed, and never less than what the disk was told.

use std::collections::BTreeSet;

use protocol::{MemberId, server::Phase};

use super::world::World;
use crate::{Record, RecordBody};

/// Of one broadcast, while it was live.
#[derive(Default)]
pub(super) struct Watched {
    came: BTreeSet<MemberId>,
    time_ms: u64,
}

impl World {
    /// These are here: whoever is while it is live watches, but for the host.
    pub(super) fn watches(&mut self, room: usize, members: impl IntoIterator<Item = MemberId>) {
        let place = &mut self.places[room];
        let live = |it: &&crate::Broadcast| it.phase == Phase::Live;
        let Some(it) = place.decided.broadcast.as_ref().filter(live) else {
            return;
        };
        let watched = place.watched.entry(it.id.clone()).or_default();
        let viewers = members.into_iter().filter(|member| *member != it.host.id);
        watched.came.extend(viewers);
    }

    /// So much time goes by with everybody who is here.
    pub(super) fn watch(&mut self, ms: u64) {
        for room in 0..self.places.len() {
            let here: Vec<MemberId> = self.places[room].here.keys().cloned().collect();
            self.watches(room, here);
            let place = &mut self.places[room];
            let Some(it) = &place.decided.broadcast else {
                continue;
            };
            let host_is_here = place.here.contains_key(&it.host.id);
            let viewers = place.here.len() as u64 - u64::from(host_is_here);
            if let Some(watched) = place.watched.get_mut(&it.id)
                && it.phase == Phase::Live
            {
                watched.time_ms += ms * viewers;
            }
        }
    }

    /// A record of a broadcast is about to be decided.
    pub(super) fn check_turnout(&mut self, room: usize, record: &Record) {
        let RecordBody::Broadcast(it) = &record.body else {
            return;
        };
        let place = &mut self.places[room];
        let watched = place.watched.entry(it.id.clone()).or_default();
        let told = &it.turnout;
        assert!(
            told.people as usize <= watched.came.len(),
            "each viewer counts once: {} of {:?}",
            told.people,
            watched.came
        );
        assert!(told.peak <= told.people, "{} at once", told.peak);
        assert!(
            told.watched_ms <= watched.time_ms,
            "nobody watched for longer: {} of {} ms",
            told.watched_ms,
            watched.time_ms
        );
        if told.people > 0 {
            self.seen.note("watched");
        }
        let Some(kept) = place.disk.measured().filter(|kept| kept.of == it.id) else {
            return;
        };
        let kept = &kept.turnout;
        let is_more = told.people >= kept.people
            && told.peak >= kept.peak
            && told.watched_ms >= kept.watched_ms;
        assert!(
            is_more,
            "what the disk was told is lost: {kept:?}, {told:?}"
        );
    }
}
