//! What finding promises, by example and by chance.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;

fn hits(words: &[&str], text: &str) -> bool {
    let finder = Finder::new(words.iter().map(|it| (*it, ())));
    finder.find(&fold(text)).next().is_some()
}

#[test]
fn o1_inserted_characters_never_hide_a_chinese_word() {
    let odd: Vec<char> = " \u{3000}~.-_*·。，!🎉✨\u{200b}\u{200d}\u{feff}\u{301}\n|/\\()[]"
        .chars()
        .collect();
    for seed in seeds::of(2_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let word = ["加微信", "兼职刷单", "代開發票"][rng.random_range(0..3)];
        let mut text = String::from("大家好 hello，");
        for char in word.chars() {
            text.push(char);
            for _ in 0..rng.random_range(0..4) {
                text.push(odd[rng.random_range(0..odd.len())]);
            }
        }
        text.push_str("今晚见");
        assert!(
            hits(&["加微信", "兼職刷單", "代开发票"], &text),
            "seed {seed}: {text}"
        );
    }
}

#[test]
fn o1_a_word_of_letters_is_found_as_a_whole_word_only() {
    for text in [
        "ass",
        "an ASS.",
        "a-s-s",
        "a s s",
        "àss",
        "аss",
        "ａｓｓ",
        "你ass啊",
        "ass1",
    ] {
        assert!(hits(&["ass"], text), "{text}");
    }
    for text in [
        "assassin",
        "pass",
        "as such",
        "class action",
        "massé",
        "gas sale",
        "Passau",
    ] {
        assert!(!hits(&["ass"], text), "{text}");
    }
    assert!(hits(&["buy now"], "Buy  now!"));
    assert!(hits(&["buy now"], "buynow"));
    assert!(!hits(&["wechat"], "shall we chat a little?"));
    assert!(hits(&["加v信"], "加 V 信"));
}

#[test]
fn o1_ordinary_talk_is_not_hit() {
    let words = [
        "加微信",
        "加我微信",
        "刷单",
        "ass",
        "vx",
        "wechat",
        "casino",
        "赌场",
        "代购",
    ];
    let talk = "弱关系 = 桥，这个比喻好记。\n第一次来，讲得真清楚\n微微一笑，信步走来\n刷牙，单人房\n\
        I moved here last year and every job I found came through someone I barely knew.\n\
        The assassin passed the class; we chat daily. 加班到十点，微博上的信息太多\n赌气出场";
    for line in talk.lines() {
        assert!(!hits(&words, line), "{line}");
    }
}

#[test]
fn overlapping_words_are_all_found_in_one_walk() {
    let words = ["微信", "加微信", "信", "微"];
    let finder = Finder::new(words.iter().enumerate().map(|(n, it)| (*it, n)));
    let mut found: Vec<usize> = finder.find(&fold("请加微 信")).collect();
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3]);
    let nothing = Finder::new([("…", 0), ("", 1)]);
    assert_eq!(
        nothing.find(&fold("…好")).count(),
        0,
        "a word of marks is nowhere"
    );
}

#[test]
fn what_is_found_is_what_a_plain_search_finds() {
    let letters = ['a', 'b', '微', '信'];
    for seed in seeds::of(1_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut some = |n: usize| -> String {
            (0..rng.random_range(1..=n))
                .map(|_| letters[rng.random_range(0..4)])
                .collect()
        };
        let words: Vec<String> = (0..6).map(|_| some(4)).collect();
        let text = some(30);
        let finder = Finder::new(words.iter().enumerate().map(|(n, it)| (it.as_str(), n)));
        let mut found: Vec<usize> = finder.find(&fold(&text)).collect();
        let chars: Vec<char> = text.chars().collect();
        let border = |at: usize| {
            at == 0 || at == chars.len() || is_unspaced(chars[at - 1]) || is_unspaced(chars[at])
        };
        let mut plain: Vec<usize> = Vec::new();
        for (n, word) in words.iter().enumerate() {
            let word: Vec<char> = word.chars().collect();
            for (at, window) in chars.windows(word.len()).enumerate() {
                if window == word && border(at) && border(at + word.len()) {
                    plain.push(n);
                }
            }
        }
        found.sort_unstable();
        plain.sort_unstable();
        assert_eq!(found, plain, "seed {seed}: {words:?} in {text}");
    }
}

#[test]
fn o2_links_are_found_however_they_are_dressed() {
    for (text, expect) in [
        ("https://example.org/a?b", &["example.org"][..]),
        ("看 hxxp://evil.example/x", &["evil.example"]),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", &["example.com"]),
        ("example。com 便宜", &["example.com"]),
        ("example[.]com and spam (dot) top", &["example.com"]),
        ("buy at shop dot example dot com", &["shop.example.com"]),
        ("加群 t.me/abc", &["t.me"]),
        ("www.weibo.cn，好看", &["www.weibo.cn"]),
        ("http://10.0.0.1/", &["10.0.0.1"]),
        ("a@mail.example.com", &["mail.example.com"]),
        ("好的。com", &[]),
        ("读 README.md 和 main.rs，版本 1.2.3", &[]),
        ("call.me when it ends.in the night", &[]),
        ("今晚几点？8.30吧。好", &[]),
        ("etc. e.g. i.e. …", &[]),
    ] {
        assert_eq!(links::hosts(text), expect, "{text}");
    }
}

#[test]
fn o2_a_domain_allows_what_is_below_it_and_nothing_beside_it() {
    let domains = ["example.org".to_owned()];
    for (host, expect) in [
        ("example.org", true),
        ("a.example.org", true),
        ("notexample.org", false),
        ("example.org.evil.top", false),
    ] {
        assert_eq!(links::is_within(host, &domains), expect, "{host}");
    }
    for (text, expect) in [
        ("Example.org", Some("example.org")),
        (" https://www.example.org/path ", Some("example.org")),
        ("example", None),
        ("a b.c", None),
        ("", None),
    ] {
        assert_eq!(links::domain(text).as_deref(), expect, "{text}");
    }
}
