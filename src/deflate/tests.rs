//! What goes out comes in again, and nothing else does.

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::*;

/// A frame of `n` records, as a room announces them.
fn frame(random: &mut SmallRng, n: u64) -> String {
    let records: Vec<String> = (1..=n)
        .map(|s| {
            let text: String = (0..random.random_range(1..30))
                .map(|_| random.random_range('一'..='龥'))
                .collect();
            let id: u64 = random.random();
            format!(
                r#"{{"s":{s},"t":1795000000{id:03},"u":{{"id":"m_{id:016x}","name":"小明","mark":"member"}},"k":"msg","b":{{"text":"{text}"}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"op":"ev","a":7,"s":[1,{n}],"ev":[{}]}}"#,
        records.join(",")
    )
}

#[test]
fn a_frame_is_what_it_was_and_smaller() {
    let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
    for seed in seeds::of(50) {
        let mut random = SmallRng::seed_from_u64(seed);
        for n in [1, 2, 10, 50, 200] {
            let text = frame(&mut random, n);
            let small = deflater
                .deflate(text.as_bytes())
                .expect("it is long enough");
            assert!(small.len() * 4 < text.len() * 3, "seed {seed}, {n} records");
            assert_eq!(inflater.inflate(small), Ok(text.as_bytes()), "seed {seed}");
        }
    }
}

#[test]
fn what_gains_nothing_goes_as_it_is() {
    let mut deflater = Deflater::new();
    let short = "a".repeat(limits::DEFLATED_BYTES_MIN - 1);
    assert_eq!(deflater.deflate(short.as_bytes()), None);
    let enough = "a".repeat(limits::DEFLATED_BYTES_MIN);
    assert!(deflater.deflate(enough.as_bytes()).is_some());
    let longest = vec![b'a'; limits::INFLATED_BYTES_MAX];
    assert!(deflater.deflate(&longest).is_some());
    let longer = vec![b'a'; limits::INFLATED_BYTES_MAX + 1];
    assert_eq!(deflater.deflate(&longer), None);
    let mut random = SmallRng::seed_from_u64(7);
    let noise: Vec<u8> = (0..10_000).map(|_| random.random()).collect();
    assert_eq!(
        deflater.deflate(&noise),
        None,
        "chance cannot be made smaller"
    );
    let text = frame(&mut random, 3);
    assert!(deflater.deflate(text.as_bytes()).is_some(), "it works on");
}

#[test]
fn a_bomb_is_refused_and_the_longest_text_is_not() {
    let mut inflater = Inflater::new();
    let bomb = |bytes: usize| {
        let mut state = Deflate::new(9, false, WINDOW_BITS);
        state.set_dictionary(DICTIONARY).expect("a fresh state");
        let mut out = vec![0; bytes / 500 + 1_024];
        let status = state.compress(&vec![b'0'; bytes], &mut out, DeflateFlush::Finish);
        assert_eq!(status, Ok(Status::StreamEnd));
        out.truncate(usize::try_from(state.total_out()).expect("small"));
        out
    };
    let longest = inflater.inflate(&bomb(limits::INFLATED_BYTES_MAX));
    assert_eq!(longest.map(<[u8]>::len), Ok(limits::INFLATED_BYTES_MAX));
    for bytes in [limits::INFLATED_BYTES_MAX + 1, 64 * 1024 * 1024] {
        assert_eq!(
            inflater.inflate(&bomb(bytes)),
            Err(Unfit::TooLarge),
            "{bytes}"
        );
    }
}

#[test]
fn what_is_cut_or_changed_or_goes_on_is_broken() {
    let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
    let mut random = SmallRng::seed_from_u64(1);
    let text = frame(&mut random, 5);
    let small = deflater.deflate(text.as_bytes()).expect("long").to_vec();
    for length in 0..small.len() {
        assert_eq!(
            inflater.inflate(&small[..length]),
            Err(Unfit::Broken),
            "{length}"
        );
    }
    let mut longer = small.clone();
    longer.push(0);
    assert_eq!(inflater.inflate(&longer), Err(Unfit::Broken));
    assert_eq!(inflater.inflate(&[]), Err(Unfit::Broken));
}

/// Whatever comes is a text or an error, and the next message is read as ever.
#[test]
fn no_bytes_are_more_than_a_text_or_an_error() {
    let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
    for seed in seeds::of(2_000) {
        let mut random = SmallRng::seed_from_u64(seed);
        let text = frame(&mut random, 1 + seed % 9);
        let small = deflater
            .deflate(text.as_bytes())
            .expect("it is long enough")
            .to_vec();
        let mut changed = small.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..changed.len());
            changed[at] = random.random();
        }
        changed.truncate(random.random_range(0..2 * changed.len()));
        if let Ok(read) = inflater.inflate(&changed) {
            assert!(read.len() <= limits::INFLATED_BYTES_MAX, "seed {seed}");
        }
        assert_eq!(inflater.inflate(&small), Ok(text.as_bytes()), "seed {seed}");
    }
}

/// By another dictionary the text is another one: that is why the dictionary has a number.
#[test]
fn another_dictionary_makes_another_text() {
    let text = frame(&mut SmallRng::seed_from_u64(3), 2);
    let mut state = Deflate::new(LEVEL, false, WINDOW_BITS);
    let mut other = DICTIONARY.to_vec();
    other.reverse();
    state.set_dictionary(&other).expect("a fresh state");
    let mut out = vec![0; text.len()];
    let status = state.compress(text.as_bytes(), &mut out, DeflateFlush::Finish);
    assert_eq!(status, Ok(Status::StreamEnd));
    out.truncate(usize::try_from(state.total_out()).expect("small"));
    assert_ne!(Inflater::new().inflate(&out), Ok(text.as_bytes()));
}

/// A dictionary that changes under the same number makes every client of before read nonsense.
#[test]
fn dictionary_1_never_changes() {
    assert_eq!(limits::DICTIONARY, 1);
    assert_eq!(adler32(DICTIONARY), ADLER_OF_1);
    assert!(std::str::from_utf8(DICTIONARY).is_ok());
}

const ADLER_OF_1: u32 = 0x05a4_c98d;

/// RFC 1950, chapter 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}
