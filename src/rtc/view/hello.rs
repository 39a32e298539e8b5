//! What is looked at of a viewer's handshake before the DTLS library sees it: which SRTP profile its
//! ClientHello asks for.
//!
//! An endpoint of the library has its profiles before it hears anybody, and among those that both
//! know it takes the one that the client names first, which in browsers is HMAC-SHA1 (1.1 µs for a
//! packet of 1,200 bytes, where GCM takes 0.25). So there is an endpoint for each profile, and this
//! says which of them a viewer talks to. What comes twice or in another order changes nothing.

use bytes::BytesMut;

use crate::{
    fragments::{Budget, Fragment, Pieces},
    repeats::Repeats,
};

/// Bytes of a ClientHello that are put together. Chromium's has 1,413, half of which is a key share
/// against quantum computers; larger ones are dropped.
const HELLO_BYTES_MAX: usize = 8 * 1024;
const CLIENT_HELLO: u8 = 1;
/// RFC 5764 §4.1.1.
const USE_SRTP: u16 = 14;
const AES128_CM_HMAC_SHA1_80: u16 = 0x0001;
const AEAD_AES_128_GCM: u16 = 0x0007;

/// How a viewer's media is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// AEAD_AES_128_GCM, whoever can.
    Gcm,
    /// AES128_CM_HMAC_SHA1_80, which every client of WebRTC has.
    Sha1,
}

/// What of a datagram goes on to the library.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// The ClientHello is not whole yet, or this is not one; or it repeats what was answered.
    Nothing,
    /// It is not what a handshake is made of, or too much of it.
    Unfit,
    /// The ClientHello has become whole: in one record, to the endpoint of this profile.
    Hello(Profile, BytesMut),
    /// It goes on as it came.
    Through(Profile),
}

/// One viewer's handshake, so far.
#[derive(Debug, Default)]
pub(super) struct Guard {
    budget: Budget,
    profile: Option<Profile>,
    /// There while a ClientHello is being put together.
    hello: Option<Box<Pieces>>,
    repeats: Repeats,
}

impl Guard {
    /// The profile that the ClientHello asked for, once it was whole.
    pub(super) fn profile(&self) -> Option<Profile> {
        self.profile
    }

    pub(super) fn pass(&mut self, datagram: &[u8]) -> Passed {
        let Some(fragments) = self.budget.spend(datagram) else {
            return Passed::Unfit;
        };
        if let Some(profile) = self.profile {
            return if self.repeats.has_only(&fragments) {
                Passed::Nothing
            } else {
                Passed::Through(profile)
            };
        }
        // The first message of a handshake; the library answers it with a question, and what comes
        // after that goes on as it came.
        let hello = |it: &&Fragment<'_>| it.kind == CLIENT_HELLO && it.sequence == 0;
        for fragment in fragments.iter().filter(hello) {
            if fragment.length > HELLO_BYTES_MAX {
                return Passed::Unfit;
            }
            if !self.hello.get_or_insert_default().take(fragment) {
                continue;
            }
            let body = self.hello.take().unwrap_or_default().into_body();
            let profile = asked(&body);
            self.profile = Some(profile);
            return Passed::Hello(profile, fragment.whole(&body));
        }
        Passed::Nothing
    }
}

/// The better one that a ClientHello offers. Whoever offers neither is told so by the endpoint that
/// everybody else is with.
fn asked(hello: &[u8]) -> Profile {
    let offered = srtp_profiles(hello).unwrap_or_default();
    let offers = |profile: u16| {
        offered
            .chunks_exact(2)
            .any(|it| it == profile.to_be_bytes())
    };
    match (offers(AEAD_AES_128_GCM), offers(AES128_CM_HMAC_SHA1_80)) {
        (false, true) => Profile::Sha1,
        _ => Profile::Gcm,
    }
}

/// The list in the `use_srtp` extension (RFC 5764 §4.1.1) of a ClientHello (RFC 6347 §4.2.1).
fn srtp_profiles(hello: &[u8]) -> Option<&[u8]> {
    let mut rest = hello.get(2 + 32..)?;
    let _session = counted(&mut rest, 1)?;
    let _cookie = counted(&mut rest, 1)?;
    let _ciphers = counted(&mut rest, 2)?;
    let _compressions = counted(&mut rest, 1)?;
    let mut extensions = counted(&mut rest, 2)?;
    while let Some((kind, after)) = extensions.split_at_checked(2) {
        extensions = after;
        let mut extension = counted(&mut extensions, 2)?;
        if kind == USE_SRTP.to_be_bytes() {
            return counted(&mut extension, 2);
        }
    }
    None
}

/// Bytes behind their count, which has one byte or two.
fn counted<'a>(rest: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let (count, after) = rest.split_at_checked(width)?;
    let count = count
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (bytes, after) = after.split_at_checked(count)?;
    *rest = after;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

    use bytes::BufMut as _;

    use super::*;
    use crate::fragments::{
        FRAGMENTS_MAX, HANDSHAKE_HEADER, RECORD_HEADER, tests::record as record_of,
    };

    /// A ClientHello of a client that offers these profiles, and `padding` bytes of something else.
    fn hello(profiles: &[u16], padding: usize) -> Vec<u8> {
        let mut extensions = BytesMut::new();
        extensions.put_u16(0xfe0d);
        extensions.put_u16(padding as u16);
        extensions.put_bytes(7, padding);
        extensions.put_u16(USE_SRTP);
        extensions.put_u16(2 * profiles.len() as u16 + 3);
        extensions.put_u16(2 * profiles.len() as u16);
        for profile in profiles {
            extensions.put_u16(*profile);
        }
        extensions.put_u8(0);
        extensions.put_slice(&[0, 23, 0, 0]);
        let mut out = BytesMut::new();
        out.put_slice(&[0xfe, 0xfd]);
        out.put_bytes(9, 32);
        out.put_slice(&[0, 0]);
        out.put_slice(&[0, 4, 0xc0, 0x2b, 0xc0, 0x2f]);
        out.put_slice(&[1, 0]);
        out.put_u16(extensions.len() as u16);
        out.put_slice(&extensions);
        out.to_vec()
    }

    /// A part of a ClientHello as a record of its own.
    fn record(number: u64, message: &[u8], part: std::ops::Range<usize>) -> Vec<u8> {
        let whole = (CLIENT_HELLO, message.len(), 0);
        record_of(number, whole, part.start, &message[part])
    }

    fn whole(profiles: &[u16]) -> Passed {
        let hello = hello(profiles, 10);
        Guard::default().pass(&record(0, &hello, 0..hello.len()))
    }

    #[test]
    fn the_better_profile_that_is_offered_is_taken() {
        let cases: [(&[u16], Profile); 6] = [
            // Chromium's order.
            (&[1, 8, 7], Profile::Gcm),
            (&[7], Profile::Gcm),
            (&[1], Profile::Sha1),
            // GStreamer's.
            (&[1, 2], Profile::Sha1),
            // These two are with the endpoint that says no.
            (&[8], Profile::Gcm),
            (&[], Profile::Gcm),
        ];
        for (offered, wanted) in cases {
            let Passed::Hello(profile, _) = whole(offered) else {
                panic!("{offered:?} is a whole hello");
            };
            assert_eq!(profile, wanted, "{offered:?}");
        }
    }

    #[test]
    fn a_hello_without_srtp_or_cut_off_asks_for_nothing() {
        let hello = hello(&[1], 0);
        for length in 0..hello.len() - 7 {
            assert_eq!(asked(&hello[..length]), Profile::Gcm, "{length} bytes");
        }
        assert_eq!(asked(&hello), Profile::Sha1);
    }

    #[test]
    fn fragments_become_the_hello_that_they_are_of() {
        let hello = hello(&[1], 1_300);
        let mut guard = Guard::default();
        let (first, second) = (
            record(0, &hello, 0..1_200),
            record(1, &hello, 1_200..hello.len()),
        );
        assert_eq!(guard.pass(&second), Passed::Nothing);
        assert_eq!(guard.pass(&second), Passed::Nothing);
        assert_eq!(guard.profile(), None);
        let Passed::Hello(profile, bytes) = guard.pass(&first) else {
            panic!("it is whole");
        };
        assert_eq!(profile, Profile::Sha1);
        assert_eq!(bytes, record(0, &hello, 0..hello.len()));
        assert!(guard.hello.is_none(), "what was put together is given back");
        // What is repeated goes on as it came: the library knows what to do with it.
        assert_eq!(guard.pass(&first), Passed::Through(Profile::Sha1));
        assert_eq!(
            guard.pass(&[20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1]),
            Passed::Through(Profile::Sha1)
        );
    }

    #[test]
    fn what_is_not_a_hello_opens_nothing() {
        let mut guard = Guard::default();
        let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];
        assert_eq!(guard.pass(&alert), Passed::Nothing);
        let hello = hello(&[7], 0);
        let encrypted = {
            let mut record = record(0, &hello, 0..hello.len());
            record[4] = 1;
            record
        };
        assert_eq!(guard.pass(&encrypted), Passed::Nothing);
        let second = record_of(0, (CLIENT_HELLO, hello.len(), 1), 0, &hello);
        assert_eq!(guard.pass(&second), Passed::Nothing);
        let key = record_of(0, (16, hello.len(), 0), 0, &hello);
        assert_eq!(guard.pass(&key), Passed::Nothing);
    }

    #[test]
    fn a_hello_has_a_largest_size() {
        let most = record_of(0, (CLIENT_HELLO, HELLO_BYTES_MAX, 0), 0, &[0; 100]);
        let more = record_of(0, (CLIENT_HELLO, HELLO_BYTES_MAX + 1, 0), 0, &[0; 100]);
        assert_eq!(Guard::default().pass(&most), Passed::Nothing);
        assert_eq!(Guard::default().pass(&more), Passed::Unfit);
    }

    #[test]
    fn a_handshake_in_too_many_fragments_is_unfit() {
        let hello = hello(&[7], 0);
        let again = record(0, &hello, 0..hello.len());
        let mut guard = Guard::default();
        assert!(matches!(guard.pass(&again), Passed::Hello(..)));
        for _ in 1..FRAGMENTS_MAX {
            assert_eq!(guard.pass(&again), Passed::Through(Profile::Gcm));
        }
        assert_eq!(guard.pass(&again), Passed::Unfit);
        let crumbs: Vec<u8> = (0..=u64::from(FRAGMENTS_MAX))
            .flat_map(|number| record(number, &hello, 1..2))
            .collect();
        assert_eq!(Guard::default().pass(&crumbs), Passed::Unfit);
    }

    #[test]
    fn no_number_and_no_order_of_fragments_changes_the_hello() {
        for seed in seeds::of(500) {
            let mut rng = StdRng::seed_from_u64(seed);
            let profile = if rng.random_bool(0.5) {
                Profile::Gcm
            } else {
                Profile::Sha1
            };
            let offered: &[u16] = if profile == Profile::Gcm {
                &[1, 8, 7]
            } else {
                &[1, 2]
            };
            let hello = hello(offered, rng.random_range(0..3_000));
            let mut cuts: Vec<usize> = (0..rng.random_range(0..20))
                .map(|_| rng.random_range(1..hello.len()))
                .collect();
            cuts.extend([0, hello.len()]);
            cuts.sort_unstable();
            cuts.dedup();
            let mut parts: Vec<Vec<u8>> = (0..)
                .zip(cuts.windows(2))
                .map(|(number, cut)| record(number, &hello, cut[0]..cut[1]))
                .collect();
            for _ in 0..rng.random_range(0..5) {
                parts.push(parts[rng.random_range(0..parts.len())].clone());
            }
            parts.shuffle(&mut rng);
            let mut guard = Guard::default();
            let mut found = None;
            for datagram in parts.chunks(rng.random_range(1..4)) {
                if let Passed::Hello(chosen, bytes) = guard.pass(&datagram.concat()) {
                    assert_eq!(found.replace(chosen), None, "it becomes whole once");
                    assert_eq!(bytes[RECORD_HEADER + HANDSHAKE_HEADER..], hello);
                }
            }
            assert_eq!(found, Some(profile));
        }
    }

    #[test]
    fn no_mutated_hello_breaks_the_guard_or_its_bounds() {
        for seed in seeds::of(4_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let hello = hello(&[1, 8, 7], rng.random_range(0..2_000));
            let cut = rng.random_range(1..hello.len());
            let mut guard = Guard::default();
            let parts = [
                record(0, &hello, 0..cut),
                record(1, &hello, cut..hello.len()),
            ];
            for part in [&parts[0], &parts[1], &parts[0]] {
                let mut datagram = part.clone();
                for _ in 0..rng.random_range(0..4) {
                    let at = match rng.random_bool(0.7) {
                        true => rng.random_range(0..30.min(datagram.len())),
                        false => rng.random_range(0..datagram.len()),
                    };
                    datagram[at] = rng.random();
                }
                if rng.random_bool(0.1) {
                    rng.fill_bytes(&mut datagram[..]);
                }
                datagram.truncate(rng.random_range(1..=datagram.len()));
                // Whatever it is, what goes on is no longer than a hello may be and parses like one.
                if let Passed::Hello(_, bytes) = guard.pass(&datagram) {
                    assert!(bytes.len() <= RECORD_HEADER + HANDSHAKE_HEADER + HELLO_BYTES_MAX);
                    let fragments = Budget::default().spend(&bytes);
                    assert_eq!(fragments.map(|it| it.len()), Some(1));
                }
                let held = guard.hello.as_ref().map_or(0, |it| it.held());
                assert!(held <= HELLO_BYTES_MAX);
            }
        }
    }
}
