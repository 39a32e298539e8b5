//! However it is written, little comes of it, and soon.

use std::time::{Duration, Instant};

use protocol::limits;

use super::{tests_of_attacks::safe, *};

/// Each is as long as Markdown may be.
fn bombs() -> Vec<(&'static str, String)> {
    let n = limits::MARKDOWN_CHARS_MAX;
    let of = |unit: &str| unit.repeat(n / unit.chars().count());
    let cut = |text: String| text.chars().take(n).collect::<String>();
    let steps = (1..)
        .map(|it| format!("{}- a\n", "  ".repeat(it)))
        .take(140)
        .collect();
    let mut all = vec![
        ("stairs of lists", cut(steps)),
        (
            "stairs of quotes",
            cut((1..200)
                .map(|it| format!("{} a\n", ">".repeat(it)))
                .collect()),
        ),
        (
            "cells that are filled up",
            cut(format!(
                "{}\n{}\n{}",
                "|a".repeat(2_000),
                "|-".repeat(2_000),
                "|\n".repeat(6_000)
            )),
        ),
        (
            "a reference that is used often",
            cut(format!(
                "[a]: /{}\n\n{}",
                "b".repeat(2_000),
                "[a] ".repeat(4_500)
            )),
        ),
        (
            "definitions",
            cut((0..2_000).map(|it| format!("[{it}]: /a\n")).collect()),
        ),
        (
            "ticks of every length",
            cut((1..200).map(|it| format!("a{}", "`".repeat(it))).collect()),
        ),
        ("fences", of("```\na\n")),
    ];
    for unit in [
        ">",
        "> ",
        ">\n",
        "- ",
        "* ",
        "1. ",
        "- a\n",
        "[",
        "]",
        "![",
        "[](",
        "[a](",
        "](",
        "![a](/b",
        "*",
        "**",
        "_",
        "~~",
        "*a",
        "*a_",
        "*a **b",
        "**字。",
        "a**b",
        "`",
        "`a",
        "<",
        "<a",
        "<!--",
        "<?",
        "<![CDATA[",
        "<a href=\"",
        "&",
        "&#",
        "\\",
        "#",
        "#a",
        "#a ",
        "#a-",
        "# a\n",
        "|",
        "|a",
        "|\n",
        "|-",
        "a|b\n-|-\n",
        "http://",
        "http://.",
        "http://a@",
        "https://a_",
        "https://a.example ",
        "h",
        "\u{202e}",
        "\u{2066}\u{2069}",
        "\t",
        "\n",
        " \n",
        "a\n",
        "---\n",
        "a\n---\n",
        "字",
        "😀",
        "[a]: /b\n",
        "[a]",
        "[a][",
        "((((",
        "[a](<",
        "~",
        "~a~",
        "<https://a>",
        "\u{fdd0}",
        ">- ",
        "1)\n",
        "    a\n\n",
        "<div>\n",
        "<div>\n\n",
        "\\#a",
        "https://a.example/))",
    ] {
        all.push((unit, of(unit)));
    }
    all.push((
        "brackets around",
        format!("{}a{}", "[".repeat(n / 2), "](/b)".repeat(n / 10)),
    ));
    all.push((
        "emphasis around",
        format!("{}a{}", "*".repeat(n / 2), "*".repeat(n / 2 - 1)),
    ));
    all
}

/// Ten thousand quotes within each other, a table of a million cells: little comes of it, and at once.
/// Each takes milliseconds; the seconds allow for a machine with other work.
#[test]
fn bombs_do_nothing() {
    for (name, bomb) in bombs() {
        let start = Instant::now();
        let doc = safe(&bomb);
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{name} took {:?}",
            start.elapsed()
        );
        let bytes = serde_json::to_string(&doc).expect("plain values").len();
        assert!(bytes < 700_000, "{name} is {bytes} bytes");
    }
}

#[test]
fn what_is_too_deep_is_flat_and_what_is_too_much_is_text() {
    let deep = safe(&format!("{} 底", ">".repeat(10_000)));
    assert_eq!(plain(&deep), "底");
    assert_eq!(
        html(&deep).matches("<blockquote>").count(),
        limits::DOC_BLOCKS_DEEP_MAX
    );
    let marks = safe(&format!("{}底", "*a **b ".repeat(100)));
    assert!(plain(&marks).ends_with("底"));
    let fits = safe(&"- 一二三四\n".repeat(2_857));
    assert_eq!(html(&fits).matches("<li>").count(), 2_857);
    let many = safe(&"- 一二\n".repeat(4_000));
    assert_eq!(
        plain(&many).matches("一二").count(),
        4_000,
        "nothing is lost"
    );
    assert!(html(&many).matches("<li>").count() < 4_000);
    let tags_only = safe(&"#a ".repeat(6_000));
    assert_eq!(plain(&tags_only).matches("#a").count(), 6_000);
}
