//! Which pictures a viewer could show, and when: told from packets alone, nothing is decoded.
//!
//! A frame is complete when all its packets are there: they share a timestamp, their numbers follow each
//! other, the last one carries the marker. It is shown once it is complete and everything since the last
//! keyframe has been shown; a complete keyframe needs nothing before it, so it is shown at once and what
//! is older never will be. Whoever lost a frame for good has a still picture until the next keyframe, and
//! asks for one. No decoder. What is seen is told twice: of pictures that are shown at once, and of those
//! that are held back for a round trip ([`Held`]), as browsers do it where packets are lost.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    freezes::{Freezes, Seen},
    held::Held,
};
use crate::media::sdp::Part;

/// Packets that wait for others; what is older than so many is given up for lost.
const WAITING_MAX: usize = 4_096;
/// Between two wishes for a keyframe; as long as a browser waits for one before it asks again.
const WISH_EVERY: Duration = Duration::from_millis(200);

/// A packet, by what its header and payload say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// What its payload says, where somebody looked.
    pub(super) part: Option<Part>,
}

/// What one viewer sees of one track.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The packet that is shown next; none before the first keyframe.
    next: Option<u64>,
    waiting: BTreeMap<u64, Piece>,
    /// The last packet that is lost for good: before it has been passed, only a keyframe helps.
    lost: Option<u64>,
    wished: Option<Instant>,
    /// When the first picture was shown.
    pub(super) first: Option<Instant>,
    /// How long a player holds pictures back: a round trip, once one is known.
    pub(super) hold: Duration,
    freezes: Freezes,
    held: Held,
    held_freezes: Freezes,
}

impl Screen {
    /// Whether it has to know what is in this packet: nothing before it says whether its frame is a
    /// keyframe.
    pub(super) fn asks_for_part(&self, index: u64, timestamp: u32) -> bool {
        let before = self.waiting.get(&index.wrapping_sub(1));
        before.is_none_or(|it| it.timestamp != timestamp || it.part == Some(Part::Beside))
    }

    /// A packet, original or repeated. `index` counts on beyond 16 bits.
    pub(super) fn take(&mut self, index: u64, piece: Piece, now: Instant) {
        if self.next.is_some_and(|next| index < next) {
            return;
        }
        if self.next.is_none() {
            // A joiner's keyframe may be on its way: it is waited for before it is asked for.
            self.wished.get_or_insert(now);
        }
        let newest = self.waiting.last_key_value().is_none_or(|it| *it.0 < index);
        self.waiting.entry(index).or_insert(piece);
        if self.waiting.len() > WAITING_MAX
            && let Some((oldest, _)) = self.waiting.pop_first()
        {
            self.lost(oldest);
        }
        // The packets of a frame come one by one: before its last there is nothing new to show.
        if piece.marker || !newest {
            self.show(now);
        }
    }

    /// This packet will not come any more.
    pub(super) fn lost(&mut self, index: u64) {
        self.lost = self.lost.max(Some(index));
    }

    /// Whether to ask for a keyframe now.
    pub(super) fn wishes(&mut self, now: Instant) -> bool {
        let waits = match self.next {
            Some(next) => self.lost.is_some_and(|it| it >= next),
            None => !self.waiting.is_empty(),
        };
        let due = (self.wished).is_none_or(|it| now.saturating_duration_since(it) >= WISH_EVERY);
        if waits && due {
            self.wished = Some(now);
        }
        waits && due
    }

    /// Whether what is seen counts from now on.
    pub(super) fn counts(&mut self, counts: bool, now: Instant) {
        for freezes in [&mut self.freezes, &mut self.held_freezes] {
            if counts {
                freezes.begin(now);
            } else {
                freezes.end(now);
            }
        }
    }

    pub(super) fn seen(&self) -> &Seen {
        self.freezes.seen()
    }

    /// Of a player that holds pictures back.
    pub(super) fn seen_held(&self) -> &Seen {
        self.held_freezes.seen()
    }

    fn show(&mut self, now: Instant) {
        while let Some((first, last)) = self.following().or_else(|| self.keyframe()) {
            if let Some(piece) = self.waiting.get(&first) {
                let then = self.held.show(piece.timestamp, now, self.hold);
                self.held_freezes.show(then);
            }
            self.waiting = self.waiting.split_off(&(last + 1));
            self.next = Some(last + 1);
            self.first.get_or_insert(now);
            self.freezes.show(now);
        }
    }

    /// The frame that comes next, if it is complete.
    fn following(&self) -> Option<(u64, u64)> {
        let first = self.next?;
        Some((first, self.end_of(first)?))
    }

    /// A keyframe that is complete, whatever is missing before it; the newest of several.
    fn keyframe(&self) -> Option<(u64, u64)> {
        let mut opening = (self.waiting.iter().rev()).filter(|it| it.1.part == Some(Part::Opens));
        opening.find_map(|(index, _)| Some((*index, self.end_of(*index)?)))
    }

    /// The last packet of the frame that this one is of, if all from here to there have come.
    fn end_of(&self, first: u64) -> Option<u64> {
        let timestamp = self.waiting.get(&first)?.timestamp;
        let mut last = first;
        for (index, (at, piece)) in (first..).zip(self.waiting.range(first..)) {
            if *at != index {
                return None;
            }
            if piece.timestamp != timestamp {
                return Some(last);
            }
            last = index;
            if piece.marker {
                return Some(last);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

    use super::*;

    /// A film: a keyframe of four packets each ten frames, two packets in the others.
    fn film(frames: u32) -> Vec<(u64, Piece)> {
        let mut index = 70_000;
        let mut film = Vec::new();
        for frame in 0..frames {
            let key = frame % 10 == 0;
            let packets = if key { 4 } else { 2 };
            for n in 0..packets {
                let opens = key && n == 0;
                let part = if opens { Part::Opens } else { Part::Slice };
                let piece = Piece {
                    timestamp: frame * 3_600,
                    marker: n + 1 == packets,
                    part: Some(part),
                };
                film.push((index, piece));
                index += 1;
            }
        }
        film
    }

    /// A screen that counts, and its clock.
    fn screen() -> (Screen, Instant) {
        let (mut screen, now) = (Screen::default(), Instant::now());
        screen.counts(true, now);
        (screen, now)
    }

    fn shown(packets: &[(u64, Piece)]) -> u64 {
        let (mut screen, now) = screen();
        for (index, piece) in packets {
            screen.take(*index, *piece, now);
        }
        screen.seen().frames
    }

    #[test]
    fn frames_are_shown_with_their_last_packet() {
        let (mut screen, now) = screen();
        let mut frames = Vec::new();
        for (index, piece) in film(3) {
            screen.take(index, piece, now);
            frames.push(screen.seen().frames);
        }
        assert_eq!(frames, [0, 0, 0, 1, 1, 2, 2, 3]);
        assert!(screen.waiting.is_empty());
    }

    #[test]
    fn what_begins_in_the_middle_waits_for_a_keyframe_and_asks_for_it() {
        let (mut screen, now) = screen();
        for (index, piece) in &film(11)[4..22] {
            screen.take(*index, *piece, now);
        }
        assert_eq!(screen.seen().frames, 0);
        assert!(!screen.wishes(now), "it may be on its way");
        let later = now + WISH_EVERY;
        assert!(screen.wishes(later));
        assert!(!screen.wishes(later + WISH_EVERY / 2), "asked just now");
        assert!(screen.wishes(later + WISH_EVERY));
        for (index, piece) in &film(11)[22..] {
            screen.take(*index, *piece, now);
        }
        assert_eq!(screen.seen().frames, 1);
        assert_eq!(screen.first, Some(now));
        assert!(!screen.wishes(now + WISH_EVERY * 9));
    }

    #[test]
    fn a_repeat_shows_what_waited_for_it() {
        let film = film(5);
        let (mut screen, now) = screen();
        for (index, piece) in film.iter().filter(|it| it.0 != 70_004) {
            screen.take(*index, *piece, now);
        }
        assert_eq!(screen.seen().frames, 1);
        screen.take(film[4].0, film[4].1, now + Duration::from_millis(80));
        assert_eq!(screen.seen().frames, 5);
        screen.take(film[4].0, film[4].1, now);
        assert_eq!(screen.seen().frames, 5, "it came twice");
    }

    #[test]
    fn a_repeat_that_comes_within_the_hold_is_no_pause_to_who_holds_back() {
        let mut film = film(60);
        let (mut screen, begin) = screen();
        screen.hold = Duration::from_millis(200);
        let at = |(index, piece): &(u64, Piece)| {
            let late = if *index == 70_070 { 200 } else { 0 };
            Duration::from_millis(u64::from(piece.timestamp) / 90 + late)
        };
        film.sort_by_key(at);
        for it in &film {
            screen.take(it.0, it.1, begin + at(it));
        }
        screen.counts(false, begin + Duration::from_millis(2_500));
        assert_eq!((screen.seen().freezes, screen.seen().frames), (1, 60));
        assert_eq!(screen.seen_held().freezes, 0);
        assert_eq!(screen.seen_held().frames, 60);
    }

    #[test]
    fn what_is_lost_for_good_stands_still_until_a_keyframe() {
        let film = film(12);
        let (mut screen, now) = screen();
        for (index, piece) in film.iter().filter(|it| it.0 != 70_004).take(20) {
            screen.take(*index, *piece, now);
        }
        let later = now + WISH_EVERY;
        assert!(!screen.wishes(later), "it may still come");
        screen.lost(70_000);
        assert!(!screen.wishes(later), "it was shown");
        screen.lost(70_004);
        assert!(screen.wishes(later));
        for (index, piece) in &film[20..] {
            screen.take(*index, *piece, now);
        }
        // The first, the second keyframe and the one after it.
        assert_eq!(screen.seen().frames, 3);
        assert!(!screen.wishes(later + WISH_EVERY));
    }

    #[test]
    fn what_comes_after_it_was_given_up_is_shown_all_the_same() {
        let film = film(5);
        let (mut screen, now) = screen();
        for (index, piece) in film.iter().filter(|it| it.0 != 70_004) {
            screen.take(*index, *piece, now);
        }
        screen.lost(70_004);
        screen.take(film[4].0, film[4].1, now);
        assert_eq!(screen.seen().frames, 5);
        assert!(!screen.wishes(now + WISH_EVERY), "nothing is missing");
    }

    #[test]
    fn a_keyframe_without_its_beginning_is_not_one() {
        let film = film(11);
        let without = |lost: u64| -> Vec<_> {
            let rest = film.iter().filter(|it| it.0 != lost && it.0 != 70_005);
            rest.copied().collect()
        };
        // Frame 1 misses its second packet; of the next keyframe the first is missing, or nothing is.
        assert_eq!(shown(&without(70_022)), 1);
        assert_eq!(shown(&without(70_005)), 2);
    }

    #[test]
    fn a_keyframe_may_begin_behind_what_stands_beside_it() {
        // SEI stands first, then the first slice.
        let mut film = film(11);
        for (index, piece) in &mut film {
            piece.part = match index {
                70_000 | 70_022 => Some(Part::Beside),
                70_001 | 70_023 => Some(Part::Opens),
                _ => piece.part,
            };
        }
        assert_eq!(shown(&film), 11);
        film.retain(|it| it.0 != 70_005);
        assert_eq!(shown(&film), 2);
        film.retain(|it| it.0 != 70_022);
        assert_eq!(shown(&film), 2, "without SEI it is a picture all the same");
        film.retain(|it| it.0 != 70_023);
        assert_eq!(shown(&film), 1);
    }

    #[test]
    fn a_frame_ends_where_another_begins_if_its_marker_is_not_set() {
        let mut film = film(3);
        for (_, piece) in &mut film[..6] {
            piece.marker = false;
        }
        assert_eq!(shown(&film), 3);
    }

    #[test]
    fn payloads_are_looked_at_until_a_frame_is_known() {
        let mut film = film(2);
        film[0].1.part = Some(Part::Beside);
        let (mut screen, now) = screen();
        let asks = |screen: &Screen, at: usize| {
            let (index, piece) = film[at];
            screen.asks_for_part(index, piece.timestamp)
        };
        assert!(asks(&screen, 0));
        screen.take(film[0].0, film[0].1, now);
        assert!(asks(&screen, 1), "what came so far says nothing");
        screen.take(film[1].0, film[1].1, now);
        assert!(!asks(&screen, 2));
        assert!(asks(&screen, 3), "the one before it is missing");
        assert!(asks(&screen, 4), "another frame");
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut screen, now) = screen();
        let film = film(4_000);
        for (index, piece) in film.iter().filter(|it| it.0 != 70_004) {
            let piece = Piece {
                part: piece.part.filter(|_| *index < 70_004),
                ..*piece
            };
            screen.take(*index, piece, now);
        }
        assert_eq!(screen.waiting.len(), WAITING_MAX);
        assert!(screen.wishes(now + WISH_EVERY));
    }

    /// Whatever is lost, comes twice or in another order: no frame is shown twice or before its time, and
    /// where all came in the end, all are shown that came after the first keyframe.
    #[test]
    fn any_order_with_all_packets_shows_a_whole_film() {
        for seed in seeds::of(500) {
            let mut rng = StdRng::seed_from_u64(seed);
            let film = film(rng.random_range(1..60));
            let frames = film.iter().filter(|it| it.1.marker).count() as u64;
            // Parts are shuffled that are shorter than the way to the next keyframe.
            let mut order = film.clone();
            for part in order.chunks_mut(rng.random_range(1..12)) {
                part.shuffle(&mut rng);
            }
            for _ in 0..rng.random_range(0..20) {
                let at = rng.random_range(0..order.len());
                order.insert(rng.random_range(at + 1..=order.len()), order[at]);
            }
            let most = shown(&order);
            // A keyframe that overtakes what is before it hides the rest of that: here four frames at most.
            let hidden = 4 * frames.div_ceil(10);
            assert!(
                (frames.saturating_sub(hidden)..=frames).contains(&most),
                "seed {seed}"
            );
            order.sort_by_key(|it| it.0);
            assert_eq!(shown(&order), frames, "seed {seed}");
            let share = rng.random_range(0.0..0.5);
            order.retain(|_| !rng.random_bool(share));
            assert!(shown(&order) <= frames, "seed {seed}");
        }
    }
}
