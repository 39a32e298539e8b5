//! What folding promises, by example and by chance.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;

fn folded(text: &str) -> String {
    plainly(&fold(text))
}

#[test]
fn dress_makes_no_difference() {
    for (text, expect) in [
        ("ＷｅＣｈａｔ", "wechat"),
        ("加~微.信", "加微信"),
        ("加 微\u{200b}信！", "加微信"),
        ("臺灣的書", "台湾的书"),
        ("ｶﾞ", "カ"),
        ("раураӏ", "paypal"),
        ("ｐ á ỳ", "pay"),
        ("①②③", "123"),
        ("𝓦𝓮𝓒𝓱𝓪𝓽", "wechat"),
        ("w🎉e🎉c", "wec"),
        ("…！？", ""),
    ] {
        assert_eq!(folded(text), expect, "{text}");
    }
}

#[test]
fn folding_what_is_folded_changes_nothing() {
    for seed in seeds::of(2_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let text: String = (0..rng.random_range(0..40))
            .filter_map(|_| match rng.random_range(0..4) {
                0 => char::from_u32(rng.random_range(0x20..0x250)),
                1 => char::from_u32(rng.random_range(0x370..0x530)),
                2 => char::from_u32(rng.random_range(0x4e00..0xa000)),
                _ => char::from_u32(rng.random_range(0..0x11_0000)),
            })
            .collect();
        let once = folded(&text);
        assert_eq!(folded(&once), once, "seed {seed}: {text:?}");
    }
}
