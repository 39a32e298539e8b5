//! The payload descriptor of VP8 (RFC 7741 §4.2), as far as a change of layer has to mend it: picture
//! ids and the numbers of base pictures run on, although each layer counts for itself.

use crate::Size;

/// Where the two numbers lie in a payload, and what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    picture: Option<Picture>,
    /// TL0PICIDX: its place and value.
    base: Option<(usize, u8)>,
    /// Where the payload of the codec begins.
    header: usize,
    begins: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Picture {
    at: usize,
    /// 15 bits, else 7.
    long: bool,
    id: u16,
}

/// What is added to the numbers of a layer so that they run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    picture: u16,
    base: u8,
}

#[cfg(test)]
impl Numbers {
    /// Whether these are the numbers of the picture after `before`. What is neither that nor the same
    /// picture is a mistake.
    pub(crate) fn follows(&self, before: &Self) -> bool {
        let (Some(was), Some(is)) = (before.picture, self.picture) else {
            panic!("no picture id in {self:?}");
        };
        let (Some((_, base_was)), Some((_, base_is))) = (before.base, self.base) else {
            panic!("no base picture in {self:?}");
        };
        let ids = if is.long { 0x8000 } else { 0x80 };
        let steps = (is.id + ids - was.id) % ids;
        assert!(steps <= 1, "{before:?} {self:?}");
        assert_eq!(
            u16::from(base_is.wrapping_sub(base_was)),
            steps,
            "{before:?} {self:?}"
        );
        steps == 1
    }
}

/// `None` for what is not VP8.
pub(crate) fn read(payload: &[u8]) -> Option<Numbers> {
    let descriptor = *payload.first()?;
    let mut numbers = Numbers {
        begins: descriptor & 0x10 != 0 && descriptor & 0x07 == 0,
        ..Numbers::default()
    };
    let mut at = 1;
    if descriptor & 0x80 != 0 {
        let extension = *payload.get(at)?;
        at += 1;
        if extension & 0x80 != 0 {
            let first = *payload.get(at)?;
            let long = first & 0x80 != 0;
            let id = match long {
                true => u16::from_be_bytes([first & 0x7f, *payload.get(at + 1)?]),
                false => u16::from(first),
            };
            numbers.picture = Some(Picture { at, long, id });
            at += if long { 2 } else { 1 };
        }
        if extension & 0x40 != 0 {
            numbers.base = Some((at, *payload.get(at)?));
            at += 1;
        }
        if extension & 0x30 != 0 {
            at += 1;
        }
    }
    numbers.header = at;
    Some(numbers)
}

/// The size that a keyframe says (RFC 6386 §9.1).
pub(crate) fn size(payload: &[u8]) -> Option<Size> {
    let numbers = read(payload).filter(|it| it.begins)?;
    let header = payload.get(numbers.header..numbers.header + 10)?;
    let is_keyframe = header[0] & 1 == 0 && header[3..6] == [0x9d, 0x01, 0x2a];
    let pixels = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]) & 0x3fff;
    let (width, height) = (pixels(6), pixels(8));
    (is_keyframe && width > 0 && height > 0).then_some(Size { width, height })
}

impl Shift {
    /// The shift with which `next`, a keyframe, follows `last`, which was shown with `self`.
    pub(crate) fn after(self, last: &Numbers, next: &Numbers) -> Self {
        let picture = match (last.picture, next.picture) {
            (Some(last), Some(next)) => last
                .id
                .wrapping_add(self.picture)
                .wrapping_add(1)
                .wrapping_sub(next.id),
            _ => 0,
        };
        let base = match (last.base, next.base) {
            (Some((_, last)), Some((_, next))) => last
                .wrapping_add(self.base)
                .wrapping_add(1)
                .wrapping_sub(next),
            _ => 0,
        };
        Self { picture, base }
    }

    /// Shifts the numbers of a payload, in the form that they have.
    pub(crate) fn apply(self, payload: &mut [u8]) {
        if self == Self::default() {
            return;
        }
        let Some(numbers) = read(payload) else {
            return;
        };
        if let Some(Picture { at, long, id }) = numbers.picture {
            let id = id.wrapping_add(self.picture);
            if long {
                let [high, low] = (id | 0x8000).to_be_bytes();
                payload[at] = high;
                payload[at + 1] = low;
            } else {
                payload[at] = id as u8 & 0x7f;
            }
        }
        if let Some((at, base)) = numbers.base {
            payload[at] = base.wrapping_add(self.base);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn long(id: u16, base: u8) -> Vec<u8> {
        let [high, low] = (id | 0x8000).to_be_bytes();
        vec![0x90, 0xe0, high, low, base, 0x20, 0x10]
    }

    fn short(id: u8) -> Vec<u8> {
        vec![0x90, 0x80, id, 0x10]
    }

    #[test]
    fn numbers_run_on_over_a_change_and_over_their_ends() {
        let (last, mut next) = (long(0x7fff, 255), long(300, 7));
        let shift = Shift::default().after(&read(&last).unwrap(), &read(&next).unwrap());
        shift.apply(&mut next);
        assert_eq!(next, long(0, 0));
        let mut later = long(301, 8);
        shift.apply(&mut later);
        assert_eq!(later, long(1, 1));
        // Back again: what was shown last is `later`.
        let mut back = long(40, 90);
        let again = shift.after(&read(&long(301, 8)).unwrap(), &read(&back).unwrap());
        again.apply(&mut back);
        assert_eq!(back, long(2, 2));
    }

    #[test]
    fn the_short_form_stays_short() {
        let mut next = short(5);
        let shift = Shift::default().after(&read(&short(127)).unwrap(), &read(&next).unwrap());
        shift.apply(&mut next);
        assert_eq!(next, short(0));
    }

    #[test]
    fn a_layer_without_numbers_gets_none() {
        let mut bare = vec![0x10, 0x10, 1, 2];
        let shift = Shift::default().after(&read(&long(9, 9)).unwrap(), &read(&bare).unwrap());
        shift.apply(&mut bare);
        assert_eq!(bare, [0x10, 0x10, 1, 2]);
    }

    #[test]
    fn a_keyframe_says_its_size() {
        let mut key = vec![0x90, 0x80, 5];
        key.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x41]);
        let (width, height) = (640, 360);
        assert_eq!(size(&key), Some(Size { width, height }));
        key[3] = 0x11;
        assert_eq!(size(&key), None);
    }

    #[test]
    fn no_payload_makes_it_panic() {
        for seed in seeds::of(20_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = vec![0; rng.random_range(0..16)];
            rng.fill_bytes(&mut bytes);
            let length = bytes.len();
            Shift {
                picture: 9,
                base: 9,
            }
            .apply(&mut bytes);
            assert_eq!(bytes.len(), length, "seed {seed}");
            let _ = size(&bytes);
        }
    }
}
