//! What is found, held against a plain search in the text itself.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::terms;

fn query(text: &str) -> Query {
    Query::read(text).expect("it can be looked for")
}

fn finds(words: &str, text: &str) -> bool {
    query(words).fits(&normal(text))
}

/// An index by the book: whether a text's terms have those of every phrase in a row.
fn index_finds(words: &Query, text: &str) -> bool {
    rows_of(words, &terms(&normal(text)).collect::<Vec<_>>())
}

fn rows_of(words: &Query, of_text: &[&str]) -> bool {
    let is = |term: &Term<'_>, it: &str| match term.is_beginning {
        true => it.starts_with(term.text),
        false => it == term.text,
    };
    words.phrases().iter().all(|phrase| {
        let wanted = phrase.terms();
        let mut rows = of_text.windows(wanted.len());
        rows.any(|row| wanted.iter().zip(row).all(|(term, it)| is(term, it)))
    })
}

const COMMON: &str = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世什两次使身者被高已亲其进此话常与活正感见明问力理尔点文几定本公特做外孩相西果走将月十实向声车全信重三机工物气每并别真打太新比才便夫再书部水像眼等体却加电主界门利海受听表德少克代员许先口由死安写性马光白或住难望教命花结乐色更拉东神记处让母父应直播卡顿微圈";
const WORDS: [&str; 8] = ["hello", "live", "rust", "v1", "ok", "wq2026", "a", "hall"];
const MARKS: [&str; 6] = ["，", "。", "！", " ", "…", "🎉"];

/// A text as people write: runs, words and marks between them.
fn some_text(rng: &mut StdRng, common: &[char]) -> String {
    let mut text = String::new();
    for _ in 0..rng.random_range(1..6) {
        match rng.random_range(0..6) {
            0 => text.push_str(WORDS[rng.random_range(0..WORDS.len())]),
            _ => text.extend(
                (0..rng.random_range(1..9)).map(|_| common[rng.random_range(0..common.len())]),
            ),
        }
        if rng.random_ratio(2, 3) {
            text.push_str(MARKS[rng.random_range(0..MARKS.len())]);
        }
    }
    text
}

#[test]
fn of_one_two_and_four_characters_none_is_missed_and_none_is_false() {
    let common: Vec<char> = COMMON.chars().collect();
    for seed in seeds::of(2) {
        let mut rng = StdRng::seed_from_u64(seed);
        let texts: Vec<String> = (0..5_000).map(|_| some_text(&mut rng, &common)).collect();
        let normals: Vec<String> = texts.iter().map(|it| normal(it)).collect();
        let indexed: Vec<Vec<&str>> = normals.iter().map(|it| terms(it).collect()).collect();
        let mut hits = [0, 0, 0];
        for n in 0..60 {
            let length = [1, 2, 4][n % 3];
            // From a text, so that there is something to find, or at random.
            let from: Vec<char> = texts[rng.random_range(0..texts.len())].chars().collect();
            let runs: Vec<&[char]> = from
                .split(|it| it.is_ascii() || !it.is_alphanumeric())
                .filter(|it| it.len() >= length)
                .collect();
            let words: String = match runs.first() {
                Some(run) if n % 5 > 0 => run[..length].iter().collect(),
                _ => (0..length)
                    .map(|_| common[rng.random_range(0..common.len())])
                    .collect(),
            };
            let looked_for = query(&words);
            for (text, (normal, row)) in texts.iter().zip(normals.iter().zip(&indexed)) {
                let there = text.contains(&words);
                hits[n % 3] += usize::from(there);
                assert_eq!(
                    looked_for.fits(normal),
                    there,
                    "seed {seed}: {words} in {text}"
                );
                assert_eq!(
                    rows_of(&looked_for, row),
                    there,
                    "seed {seed}: {words} in {text}"
                );
            }
        }
        assert!(hits.iter().all(|it| *it > 10), "seed {seed}: {hits:?}");
    }
}

#[test]
fn the_terms_of_any_query_find_what_its_needles_do() {
    let common: Vec<char> = COMMON.chars().take(12).collect();
    for seed in seeds::of(300) {
        let mut rng = StdRng::seed_from_u64(seed);
        let texts: Vec<String> = (0..60).map(|_| some_text(&mut rng, &common)).collect();
        let from: Vec<char> = texts[0].chars().collect();
        let at = rng.random_range(0..from.len());
        let mut words: String = from[at..(at + rng.random_range(1..9)).min(from.len())]
            .iter()
            .collect();
        if rng.random_ratio(1, 3) {
            words = format!("\"{words}\"");
        }
        if rng.random_ratio(1, 3) {
            words.push_str(&some_text(&mut rng, &common));
        }
        let Ok(looked_for) = Query::read(&words) else {
            continue;
        };
        for text in &texts {
            let found = looked_for.fits(&normal(text));
            assert_eq!(
                index_finds(&looked_for, text),
                found,
                "seed {seed}: {words} in {text}"
            );
            if found && !looked_for.is_empty() {
                assert!(
                    !looked_for.places(text).is_empty(),
                    "seed {seed}: {words} in {text}"
                );
            }
        }
    }
}

#[test]
fn words_stand_anywhere_and_phrases_together() {
    for (words, text, expect) in [
        ("直播", "今晚直播", true),
        ("播", "今晚直播", true),
        ("直播", "直，播", false),
        ("微圈 直播", "直播在微圈", true),
        ("微圈 直播", "直播在这里", false),
        ("\"微圈直播\"", "微圈的直播", false),
        ("hel", "Hello world", true),
        ("llo", "Hello world", false),
        ("world hello", "Hello, world", true),
        ("\"hello world\"", "Hello, world", true),
        ("\"hello wor\"", "Hello, world", false),
        ("\"world hello\"", "Hello, world", false),
        ("“hello”", "hello!", true),
        ("加v信", "请加 V 信吧", true),
        ("v信", "加Ｖ信", true),
        ("書", "读书会", true),
        ("读書會", "讀书会", true),
        ("iphone15", "IPHONE15很好", true),
        ("rust很", "Rust很好", true),
        ("rust好", "Rust很好", false),
        ("ÀLA", "a la", false),
        ("ala", "àlà", true),
    ] {
        assert_eq!(finds(words, text), expect, "{words} in {text}");
        assert_eq!(
            index_finds(&query(words), text),
            expect,
            "{words} in {text}"
        );
    }
}

#[test]
fn what_is_found_is_shown_in_the_text_itself() {
    for (words, text, expect) in [
        ("直播", "今晚直播，直播间", &[(2, 4), (5, 7)][..]),
        ("臺灣", "在台湾", &[(1, 3)]),
        ("hello", "Ｈｅｌｌｏ you, hello-o", &[(0, 5), (11, 16)]),
        ("直播 播间", "直播间", &[(0, 3)]),
        ("加v信", "请加 V 信", &[(1, 6)]),
        ("cafe", "le cafe\u{301}!", &[(3, 8)]),
        ("二", "一", &[]),
        ("", "一", &[]),
    ] {
        assert_eq!(query(words).places(text), expect, "{words} in {text}");
    }
}

#[test]
fn what_nobody_looks_for_is_told_apart() {
    assert_eq!(Query::read(&"好".repeat(10_000)), Err(Unfit::TooLong));
    assert_eq!(Query::read("a b c d e f g h i"), Err(Unfit::TooMany));
    assert_eq!(query("a b c a b c a b c").phrases().len(), 3);
    for nothing in ["", "  ", "…！", "\"\"", "🎉", "\u{200b}"] {
        assert!(query(nothing).is_empty(), "{nothing}");
    }
}

#[test]
fn no_text_breaks_a_query() {
    for seed in seeds::of(2_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let text: String = (0..rng.random_range(0..60))
            .filter_map(|_| match rng.random_range(0..4) {
                0 => char::from_u32(rng.random_range(0x20..0x80)),
                1 => char::from_u32(rng.random_range(0x300..0x1200)),
                2 => char::from_u32(rng.random_range(0x3000..0xa000)),
                _ => char::from_u32(rng.random_range(0..0x11_0000)),
            })
            .collect();
        let length = text.chars().count();
        if let Ok(looked_for) = Query::read(&text) {
            let mut last = 0;
            for (from, to) in looked_for.places(&text) {
                assert!(
                    last <= from && from < to && to <= length,
                    "seed {seed}: {text:?}"
                );
                last = to;
            }
            let again = normal(&text);
            assert_eq!(normal(&again), again, "seed {seed}: {text:?}");
        }
    }
}
