//! Sound alone goes in pairs where very many listen. Each system call costs as much as all the rest that is done
//! for a packet of sound, and two packets leave in one. The first of a pair is 20 ms late by that and a browser then
//! keeps some 65 ms more in hand, which nobody is made to wait for where there is a picture or few listen.
//!
//! What waits has not been handed to the track: to viewers it has not come yet.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use protocol::RoomNumber;

use super::fed::Frame;

/// Nothing waits longer, and where packets come further apart (longer ones, or silence that is not sent)
/// nothing waits at all. Browsers and FFmpeg send one each 20 ms.
const WAITS_MAX: Duration = Duration::from_millis(25);

/// What waits, by room.
#[derive(Debug, Default)]
pub(super) struct Pairs(BTreeMap<RoomNumber, Paced>);

#[derive(Debug)]
struct Paced {
    arrived: Instant,
    waits: Option<Frame>,
}

impl Pairs {
    /// Sound comes of a room where it goes in pairs or not: what is to be shown now, if anything.
    pub(super) fn take(&mut self, room: RoomNumber, sound: Frame, in_pairs: bool) -> Option<Frame> {
        if !in_pairs {
            let first = self.release(room);
            return Some(joined(first, sound));
        }
        let Some(paced) = self.0.get_mut(&room) else {
            let arrived = sound.arrived;
            let waits = None;
            self.0.insert(room, Paced { arrived, waits });
            return Some(sound);
        };
        let gap = sound.arrived.saturating_duration_since(paced.arrived);
        paced.arrived = sound.arrived;
        let first = paced.waits.take();
        if first.is_none() && gap <= WAITS_MAX {
            paced.waits = Some(sound);
            return None;
        }
        Some(joined(first, sound))
    }

    /// What waits of a room, which waits no longer.
    pub(super) fn release(&mut self, room: RoomNumber) -> Option<Frame> {
        self.0.remove(&room)?.waits
    }

    /// When the first of all is to be shown, whether or not a second has come.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let waiting = self.0.values().filter_map(|it| it.waits.as_ref());
        waiting.map(|it| it.since + WAITS_MAX).min()
    }

    /// One that is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<(RoomNumber, Frame)> {
        let is_due = |it: &mut Frame| it.since + WAITS_MAX <= now;
        let mut rooms = self.0.iter_mut();
        rooms.find_map(|(room, it)| Some((*room, it.waits.take_if(is_due)?)))
    }
}

fn joined(first: Option<Frame>, mut second: Frame) -> Frame {
    if let Some(mut first) = first.filter(|it| it.publication == second.publication) {
        first.packets.append(&mut second.packets);
        second.packets = first.packets;
        second.since = first.since;
    }
    second
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use media::{Kind, Layer, PublicationId};

    use super::*;

    const ROOM: RoomNumber = 7;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn sound(start: Instant, ms: u64) -> Frame {
        Frame {
            publication: PublicationId(1),
            kind: Kind::Audio,
            layer: Layer::ONLY,
            packets: vec![Bytes::from(ms.to_string())],
            since: start + at(ms),
            arrived: start + at(ms),
        }
    }

    /// What leaves, and when it came.
    fn left(it: Option<Frame>) -> Option<Vec<String>> {
        let packets = it?.packets.into_iter();
        Some(
            packets
                .map(|it| String::from_utf8(it.to_vec()).unwrap())
                .collect(),
        )
    }

    #[test]
    fn two_leave_together_once_it_is_known_how_often_they_come() {
        let (start, mut pairs) = (clock::now(), Pairs::default());
        let mut take = |ms| left(pairs.take(ROOM, sound(start, ms), true));
        assert_eq!(take(0), Some(vec!["0".into()]));
        assert_eq!(take(20), None);
        assert_eq!(take(41), Some(vec!["20".into(), "41".into()]));
        assert_eq!(take(60), None);
        assert_eq!(take(80), Some(vec!["60".into(), "80".into()]));
    }

    #[test]
    fn who_are_few_wait_for_nothing_and_get_what_waited_when_they_were_many() {
        let (start, mut pairs) = (clock::now(), Pairs::default());
        pairs.take(ROOM, sound(start, 0), true);
        assert_eq!(left(pairs.take(ROOM, sound(start, 20), true)), None);
        let both = pairs.take(ROOM, sound(start, 40), false);
        assert_eq!(left(both), Some(vec!["20".into(), "40".into()]));
        let one = pairs.take(ROOM, sound(start, 60), false);
        assert_eq!(left(one), Some(vec!["60".into()]));
        assert_eq!(pairs.due_at(), None);
    }

    #[test]
    fn long_packets_do_not_wait() {
        let (start, mut pairs) = (clock::now(), Pairs::default());
        for ms in (0..600).step_by(60) {
            assert!(
                pairs.take(ROOM, sound(start, ms), true).is_some(),
                "{ms} ms"
            );
        }
    }

    #[test]
    fn nothing_waits_for_a_second_that_does_not_come() {
        let (start, mut pairs) = (clock::now(), Pairs::default());
        pairs.take(ROOM, sound(start, 0), true);
        pairs.take(ROOM, sound(start, 20), true);
        assert_eq!(pairs.due_at(), Some(start + at(45)));
        assert_eq!(pairs.due(start + at(44)), None);
        let (room, one) = pairs.due(start + at(45)).unwrap();
        assert_eq!((room, left(Some(one))), (ROOM, Some(vec!["20".into()])));
        assert_eq!(pairs.due_at(), None);
        // The next one comes late, so nothing is known of how often they come.
        assert!(pairs.take(ROOM, sound(start, 60), true).is_some());
    }

    #[test]
    fn another_publishers_sound_is_not_joined() {
        let (start, mut pairs) = (clock::now(), Pairs::default());
        pairs.take(ROOM, sound(start, 0), true);
        pairs.take(ROOM, sound(start, 20), true);
        let other = Frame {
            publication: PublicationId(2),
            ..sound(start, 40)
        };
        assert_eq!(pairs.take(ROOM, other.clone(), true), Some(other));
    }
}
