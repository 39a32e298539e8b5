//! Sound that brings along what came before it (RED, RFC 2198): a packet of blocks, the last of which is
//! its own and the others its redundancy. Who lost the packet before hears it from this one. A packet is kept
//! as it came; who takes no redundancy is sent its own sound alone.

use crate::{Kept, LegIds};

/// Blocks of one packet, its own among them: Chromium makes two, and ten at its highest setting.
pub const RED_BLOCKS_MAX: usize = 10;
/// Bytes of the header of a block that came before; the own one has the first of them alone.
const BLOCK_HEADER_BYTES: usize = 4;
/// Another header follows.
const MORE: u8 = 0x80;

/// Where the own sound of a packet begins: behind all headers and the blocks before it, so never at 0.
/// `None` for what is not whole (RFC 2198 §3): a block of another payload type than `of`, one that is no
/// older than the packet or longer than it, more than [`RED_BLOCKS_MAX`], nothing of its own.
pub(crate) fn own_sound(payload: &[u8], of: u8) -> Option<u16> {
    let (mut at, mut before) = (0, 0);
    for _ in 0..RED_BLOCKS_MAX {
        let (first, rest) = payload.get(at..)?.split_first()?;
        if first & !MORE != of {
            return None;
        }
        if first & MORE == 0 {
            let own = at + 1 + before;
            return u16::try_from(own).ok().filter(|_| own < payload.len());
        }
        // 14 bits say how much older it is in ticks, 10 how long in bytes.
        let [high, middle, low, ..] = *rest else {
            return None;
        };
        let older = u16::from(high) << 6 | u16::from(middle) >> 2;
        if older == 0 {
            return None;
        }
        before += usize::from(middle & 3) << 8 | usize::from(low);
        at += BLOCK_HEADER_BYTES;
    }
    None
}

/// What a packet is called to a viewer. Without redundancy it is plain to everybody.
pub(crate) fn payload_type(ids: &LegIds, kept: &Kept) -> u8 {
    let redundant = ids.redundant.filter(|_| kept.own > 0);
    redundant.unwrap_or(ids.payload_type)
}

/// What of a packet a viewer is sent: all of it, or its own sound alone.
pub(crate) fn part_of<'a>(ids: &LegIds, kept: &'a Kept) -> &'a [u8] {
    match ids.redundant {
        Some(_) => kept.payload(),
        None => kept.plain(),
    }
}

/// How many bytes of padding follow that part.
pub(crate) fn padding(ids: &LegIds, kept: &Kept) -> u8 {
    match ids.redundant {
        Some(_) => kept.padding,
        None => kept.plain_padding,
    }
}

/// Writes a payload in the viewer's numbers.
pub(crate) fn write(ids: &LegIds, kept: &Kept, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(part_of(ids, kept));
    if ids.redundant.is_some() && kept.own > 0 {
        name_blocks(&mut out[start..], ids.payload_type);
    }
}

/// Calls the blocks of a packet that [`own_sound`] understood by another payload type.
fn name_blocks(payload: &mut [u8], payload_type: u8) {
    for header in payload.chunks_mut(BLOCK_HEADER_BYTES) {
        let more = header[0] & MORE;
        header[0] = more | payload_type;
        if more == 0 {
            return;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    const OPUS: u8 = 111;

    /// A payload of RED: blocks that came before, each with how many ticks, and the own sound.
    pub(crate) fn red(of: u8, before: &[(u16, &[u8])], own: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (older, block) in before {
            let header = u32::from(*older) << 10 | block.len() as u32;
            out.push(MORE | of);
            out.extend(&header.to_be_bytes()[1..]);
        }
        out.push(of);
        for (_, block) in before {
            out.extend(*block);
        }
        out.extend(own);
        out
    }

    #[test]
    fn the_own_sound_is_behind_what_came_before() {
        // As Chromium sends it: the packet before, 20 ms older.
        let packet = red(OPUS, &[(960, &[1; 80])], &[2; 70]);
        assert_eq!(packet[..5], [0xef, 0x0f, 0x00, 0x50, 0x6f]);
        assert_eq!(own_sound(&packet, OPUS), Some(85));
        // Its first packet has nothing to bring along.
        assert_eq!(own_sound(&red(OPUS, &[], &[2; 70]), OPUS), Some(1));
        // A block may be empty and as long as ten bits say, and 16,383 ticks older.
        let far = red(OPUS, &[(16_383, &[1; 1_023]), (1, &[])], &[2]);
        assert_eq!(own_sound(&far, OPUS), Some(4 + 4 + 1 + 1_023));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = red(OPUS, &[(960, &[1; 3])], &[2; 2]);
        for length in 0..whole.len() - 1 {
            assert_eq!(own_sound(&whole[..length], OPUS), None, "{length} bytes");
        }
        assert_eq!(own_sound(&whole, 110), None, "another codec's");
        let mut mixed = whole.clone();
        mixed[4] = 13;
        assert_eq!(own_sound(&mixed, OPUS), None, "its own is comfort noise");
        let same_time = red(OPUS, &[(0, &[1; 3])], &[2]);
        assert_eq!(own_sound(&same_time, OPUS), None);
        let nothing_new = red(OPUS, &[(960, &[1; 3])], &[]);
        assert_eq!(own_sound(&nothing_new, OPUS), None);
    }

    #[test]
    fn a_packet_has_ten_blocks_at_the_most() {
        let block: (u16, &[u8]) = (960, &[1]);
        let most = red(OPUS, &[block; RED_BLOCKS_MAX - 1], &[2]);
        assert_eq!(own_sound(&most, OPUS), Some(9 * 4 + 1 + 9));
        let more = red(OPUS, &[block; RED_BLOCKS_MAX], &[2]);
        assert_eq!(own_sound(&more, OPUS), None);
    }

    #[test]
    fn blocks_are_called_by_another_number_and_nothing_else_changes() {
        let before: &[(u16, &[u8])] = &[(1_920, &[0xff; 4]), (960, &[0xee; 5])];
        let mut packet = red(OPUS, before, &[0xdd; 6]);
        name_blocks(&mut packet, 96);
        assert_eq!(packet, red(96, before, &[0xdd; 6]));
        let mut alone = red(OPUS, &[], &[0xdd; 6]);
        name_blocks(&mut alone, 96);
        assert_eq!(alone, red(96, &[], &[0xdd; 6]));
    }

    #[test]
    fn no_bytes_make_it_panic_or_point_outside() {
        let mut whole = 0;
        for seed in seeds::of(20_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let blocks: Vec<(u16, Vec<u8>)> = (0..rng.random_range(0..12))
                .map(|_| {
                    let mut block = vec![0; rng.random_range(0..20)];
                    rng.fill_bytes(&mut block);
                    (rng.random_range(0..1 << 14), block)
                })
                .collect();
            let before: Vec<(u16, &[u8])> = blocks.iter().map(|it| (it.0, &it.1[..])).collect();
            let own = vec![7; rng.random_range(0..20)];
            let mut bytes = red(OPUS, &before, &own);
            let fits = before.len() < RED_BLOCKS_MAX && before.iter().all(|it| it.0 > 0);
            let wanted = (fits && !own.is_empty()).then_some((bytes.len() - own.len()) as u16);
            assert_eq!(own_sound(&bytes, OPUS), wanted, "seed {seed}");
            for _ in 0..rng.random_range(0..4) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            bytes.truncate(rng.random_range(0..=bytes.len()));
            if let Some(own) = own_sound(&bytes, OPUS) {
                whole += 1;
                assert!((1..bytes.len()).contains(&usize::from(own)), "seed {seed}");
                // Called by another number it is understood as before, up to that number.
                name_blocks(&mut bytes, 96);
                assert_eq!(own_sound(&bytes, 96), Some(own), "seed {seed}");
            }
        }
        assert!(whole > 1_000, "only {whole} were whole: this proves little");
    }
}
