//! Datagrams in a TCP connection (RFC 4571): two bytes of length, and the datagram.

/// Bytes of a datagram that a peer sends in one. WebRTC assumes a path of at most 1,500; the length
/// has room for 65,535, which nobody may make us keep.
pub(crate) const FRAME_BYTES_MAX: usize = 1_500;
/// Bytes that say how long a datagram is.
const LENGTH_BYTES: usize = 2;

/// A frame is longer than any peer's: the connection carries something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfit;

/// What has arrived and is not a whole datagram yet. Keeps nothing while there is nothing to keep.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// Of these, what was taken already.
    taken: usize,
}

impl Frames {
    /// Adds what came, however it was cut.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole datagram; empty ones are passed over. None: the rest has yet to come.
    pub(crate) fn pop(&mut self) -> Result<Option<Vec<u8>>, Unfit> {
        loop {
            let waiting = &self.bytes[self.taken..];
            let Some((length, rest)) = waiting.split_first_chunk::<LENGTH_BYTES>() else {
                break;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            if length > FRAME_BYTES_MAX {
                return Err(Unfit);
            }
            let Some(datagram) = rest.get(..length) else {
                break;
            };
            let datagram = datagram.to_vec();
            self.taken += LENGTH_BYTES + length;
            if length > 0 {
                return Ok(Some(datagram));
            }
        }
        // Less than one frame is left; a connection that is silent costs no buffer.
        self.bytes = self.bytes.split_off(self.taken);
        self.taken = 0;
        Ok(None)
    }
}

/// Writes datagrams that lie one behind the other, of these sizes, as frames.
pub(crate) fn write(datagrams: &[u8], sizes: &[usize], out: &mut Vec<u8>) {
    let mut rest = datagrams;
    for size in sizes {
        let (datagram, behind) = rest.split_at(*size);
        let length = u16::try_from(*size).expect("a datagram of ours is shorter than a path");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(datagram);
        rest = behind;
    }
}

/// Where the frame ends in which the first `written` bytes of these frames end, and how many frames
/// that is.
pub(crate) fn end_of_frame(sizes: &[usize], written: usize) -> (usize, usize) {
    let mut end = 0;
    for (count, size) in sizes.iter().enumerate() {
        if end >= written {
            return (end, count);
        }
        end += LENGTH_BYTES + size;
    }
    (end, sizes.len())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn all(frames: &mut Frames) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| frames.pop().unwrap()).collect()
    }

    #[test]
    fn no_cut_changes_a_datagram() {
        for seed in seeds::of(500) {
            let mut rng = StdRng::seed_from_u64(seed);
            let sizes: Vec<usize> = (0..rng.random_range(1..8))
                .map(|_| rng.random_range(0..=FRAME_BYTES_MAX))
                .collect();
            let bytes: Vec<u8> = (0..sizes.iter().sum()).map(|at| at as u8).collect();
            let mut stream = Vec::new();
            write(&bytes, &sizes, &mut stream);
            let mut frames = Frames::default();
            let mut heard = Vec::new();
            let mut rest = stream.as_slice();
            while !rest.is_empty() {
                let part = rng.random_range(1..=rest.len().min(2_000));
                frames.push(&rest[..part]);
                heard.extend(all(&mut frames));
                rest = &rest[part..];
            }
            let full = sizes.iter().filter(|it| **it > 0).count();
            assert_eq!((heard.len(), heard.concat()), (full, bytes), "seed {seed}");
            assert_eq!(frames.bytes.capacity(), 0, "seed {seed}");
        }
    }

    #[test]
    fn byte_by_byte_is_as_good_as_at_once() {
        let mut frames = Frames::default();
        let mut heard = Vec::new();
        for byte in [0, 3, 1, 2, 3, 0, 0, 0, 1, 9] {
            frames.push(&[byte]);
            heard.extend(all(&mut frames));
        }
        assert_eq!(heard, [vec![1, 2, 3], vec![9]]);
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_length_alone() {
        let mut frames = Frames::default();
        frames.push(&(FRAME_BYTES_MAX as u16).to_be_bytes());
        assert_eq!(frames.pop(), Ok(None));
        let mut frames = Frames::default();
        frames.push(b"GET / HTTP/1.1\r\n");
        assert_eq!(frames.pop(), Err(Unfit));
    }

    #[test]
    fn a_cut_frame_is_found() {
        let sizes = [10, 20, 30];
        assert_eq!(end_of_frame(&sizes, 0), (0, 0));
        assert_eq!(end_of_frame(&sizes, 1), (12, 1));
        assert_eq!(end_of_frame(&sizes, 12), (12, 1));
        assert_eq!(end_of_frame(&sizes, 13), (34, 2));
        assert_eq!(end_of_frame(&sizes, 66), (66, 3));
    }
}
