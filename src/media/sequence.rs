//! One line of numbers that outlives publishers: a 16-bit sequence number of whoever is publishing
//! becomes a place that never repeats, never goes back when the publisher changes, and has no hole
//! where a packet was only padding. Real loss keeps its hole, so that a late packet finds its place
//! and a viewer asks for it again.

use std::collections::VecDeque;

/// Padding that a late packet may reach back across. Publishers send a handful in a row, and a
/// packet that is later than 64 of them is useless.
const SHIFTS_MAX: usize = 64;

/// Where a publisher's numbers begin here: leaves space below for packets older than the first.
const FIRST: u64 = 1 << 32;

#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The highest number of this publisher so far, extended to 64 bits.
    highest: Option<u64>,
    /// From which of the publisher's numbers on it counts from which place.
    shifts: VecDeque<Shift>,
}

#[derive(Clone, Copy, Debug)]
struct Shift {
    from: u64,
    place: u64,
}

impl Line {
    /// Forgets the publisher. The next packet begins at whatever place it is given.
    pub(crate) fn cut(&mut self) {
        self.highest = None;
        self.shifts.clear();
    }

    /// The place of a packet; the first packet after a cut is placed at `next`. `None` when it is
    /// older than anything known.
    pub(crate) fn place(&mut self, sequence: u16, next: u64) -> Option<u64> {
        let number = self.extend(sequence);
        if self.shifts.is_empty() {
            self.shifts.push_back(Shift {
                from: number,
                place: next,
            });
        }
        self.find(number)
    }

    /// A packet that was only padding: what follows it takes its place.
    pub(crate) fn skip(&mut self, sequence: u16) {
        let before = self.highest;
        let number = self.extend(sequence);
        let Some(place) = self.find(number) else {
            return;
        };
        if before.is_some_and(|highest| number <= highest) {
            return;
        }
        if self.shifts.len() == SHIFTS_MAX {
            self.shifts.pop_front();
        }
        self.shifts.push_back(Shift {
            from: number + 1,
            place,
        });
    }

    fn find(&self, number: u64) -> Option<u64> {
        let shift = self
            .shifts
            .iter()
            .rev()
            .find(|shift| shift.from <= number)?;
        Some(shift.place + (number - shift.from))
    }

    /// The number whose low 16 bits are `sequence` and that is nearest to the highest one.
    fn extend(&mut self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            let first = FIRST + u64::from(sequence);
            self.highest = Some(first);
            return first;
        };
        // The cast to i16 is the distance on the circle of 65,536 numbers.
        let distance = sequence.wrapping_sub(highest as u16) as i16;
        let number = highest.saturating_add_signed(i64::from(distance));
        self.highest = Some(highest.max(number));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_over_the_wrap() {
        let mut line = Line::default();
        let places: Vec<_> = [65_534, 65_535, 0, 1]
            .map(|seq| line.place(seq, 100).unwrap())
            .to_vec();
        assert_eq!(places, [100, 101, 102, 103]);
    }

    #[test]
    fn loss_keeps_its_hole_and_a_late_packet_finds_it() {
        let mut line = Line::default();
        assert_eq!(line.place(10, 0), Some(0));
        assert_eq!(line.place(13, 0), Some(3));
        assert_eq!(line.place(11, 0), Some(1));
        assert_eq!(line.place(14, 0), Some(4));
    }

    #[test]
    fn padding_leaves_no_hole_and_late_packets_keep_their_side_of_it() {
        let mut line = Line::default();
        assert_eq!(line.place(10, 0), Some(0));
        line.skip(12);
        line.skip(13);
        assert_eq!(line.place(14, 0), Some(2));
        assert_eq!(line.place(11, 0), Some(1));
        line.skip(12); // said twice
        assert_eq!(line.place(15, 0), Some(3));
    }

    #[test]
    fn a_cut_goes_on_where_it_is_told() {
        let mut line = Line::default();
        assert_eq!(line.place(10, 0), Some(0));
        line.cut();
        assert_eq!(line.place(40_000, 7), Some(7));
        assert_eq!(line.place(40_001, 7), Some(8));
    }

    #[test]
    fn what_is_older_than_the_first_has_no_place() {
        let mut line = Line::default();
        assert_eq!(line.place(10, 5), Some(5));
        assert_eq!(line.place(9, 5), None);
    }

    #[test]
    fn padding_before_the_first_packet_is_nothing() {
        let mut line = Line::default();
        line.skip(9);
        assert_eq!(line.place(10, 5), Some(5));
    }
}
