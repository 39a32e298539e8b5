//! Texts that are nothing but words: most of what people say. They need no parser.

use protocol::{
    Doc,
    doc::{Block, Inline},
};

use crate::chars::{is_cjk, is_invisible};

/// The doc of a text in which nothing can be a mark, an address or a tag; `None` where anything might.
pub(crate) fn doc(text: &str) -> Option<Doc> {
    if text.is_empty() || text.ends_with(' ') {
        return None;
    }
    let mut before = ' ';
    for it in text.chars() {
        if !is_of_words(it) || (it == ' ' && before == ' ') {
            return None;
        }
        before = it;
    }
    let words = vec![Inline::Text(text.to_owned())];
    Some(Doc {
        b: vec![Block::P { i: words }],
    })
}

/// A letter, a digit, or a sign that means nothing to Markdown: no `.`, `:` or `@`, which addresses have, no `)`,
/// which a list may begin with.
fn is_of_words(it: char) -> bool {
    match it {
        ' ' | ',' | '?' | ';' => true,
        '，' | '。' | '！' | '？' | '；' | '：' | '、' | '（' | '）' | '“' | '”' | '《' | '》'
        | '…' => true,
        it if it.is_ascii() => it.is_ascii_alphanumeric(),
        // The block of unified ideographs: all of it are letters, which a look into Unicode's tables is slow to say.
        '\u{4e00}'..='\u{9fff}' => true,
        it => is_cjk(it) && it.is_alphanumeric() && !is_invisible(it),
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};

    use super::{doc, is_cjk, is_invisible};
    use crate::{source, tree};

    #[test]
    fn words_are_what_the_parser_makes_of_them() {
        let bits = [
            "今晚",
            "八点",
            "，",
            "。",
            "？",
            "“好”",
            "（一）",
            " ",
            " ",
            "ok",
            "http",
            "7",
            "1",
            ",",
            ";",
            "…",
            "한국",
            "あ",
            "#",
            "*",
            ".",
            "\n",
            "http://a.b",
            "\u{3000}",
            "\u{3164}",
            "\u{200b}",
            "~",
            "\t",
            "　",
            ")",
        ];
        let mut plain = 0;
        for seed in seeds::of(4_000) {
            let mut random = SmallRng::seed_from_u64(seed);
            // The marks come last: some texts have none.
            let of = if random.random() { 18 } else { bits.len() };
            let text: String = (0..random.random_range(1..12))
                .filter_map(|_| bits[..of].choose(&mut random).copied())
                .collect();
            let Some(words) = doc(&text) else { continue };
            let parsed = tree::doc(&source::prepared(&text));
            assert_eq!(words, parsed, "seed {seed}: {text:?}");
            plain += 1;
        }
        assert!(plain > 500, "only {plain} were words");
    }

    #[test]
    fn ideographs_are_letters_without_a_look_into_the_tables() {
        for it in '\u{4e00}'..='\u{9fff}' {
            assert!(
                it.is_alphanumeric() && is_cjk(it) && !is_invisible(it),
                "{it:?}"
            );
        }
    }

    #[test]
    fn what_might_be_more_than_words_is_parsed() {
        for text in [
            "",
            " 好",
            "好 ",
            "好  的",
            "一\n二",
            "a.b",
            "a:b",
            "a@b",
            "1)",
            "- 一",
            "#好",
            "*好*",
            "<b>",
            "&amp;",
            "`x`",
            "\\*",
            "_a_",
            "[a]",
            "a|b",
            "~~a~~",
            "\u{202e}好",
            "好\u{200b}",
            "\u{3164}",
        ] {
            assert_eq!(doc(text), None, "{text:?}");
        }
        assert!(doc("今晚八点，在哪里？room 7").is_some());
    }
}
