//! Whatever is written, what comes out is made of a few elements.

use protocol::doc::{Block, Inline, Span};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};

use super::*;

/// What may stand in an element, letter by letter; `*` is a value.
const ELEMENTS: &[&str] = &[
    "p",
    "h2",
    "h3",
    "h4",
    "blockquote",
    "ul",
    "ol",
    "ol start=\"*\"",
    "li",
    "pre",
    "code",
    "hr",
    "br",
    "strong",
    "em",
    "s",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "span class=\"tag\"",
    "a href=\"*\" rel=\"nofollow ugc noopener\"",
    "img src=\"*\" alt=\"*\" loading=\"lazy\"",
];
const EMPTY: &[&str] = &["hr", "br", "img"];

/// Reads HTML as strictly as can be: elements from the list, closed in order, nothing unescaped.
fn is_safe(html: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let text_end = rest.find('<').unwrap_or(rest.len());
        is_escaped(&rest[..text_end])?;
        rest = &rest[text_end..];
        let Some(inner) = rest.strip_prefix('<') else {
            break;
        };
        let (tag, behind) = inner.split_once('>').ok_or("an element without an end")?;
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let shape = shape_of(tag)?;
        if !ELEMENTS.contains(&shape.as_str()) {
            return Err(format!("<{tag}>"));
        }
        let name = tag.split(' ').next().unwrap_or_default();
        if !EMPTY.contains(&name) {
            open.push(name);
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("{open:?} stay open"))
    }
}

/// A tag with `*` for its values, each of which is looked at.
fn shape_of(tag: &str) -> Result<String, String> {
    let parts: Vec<&str> = tag.split('"').collect();
    let mut shape = String::new();
    for (n, part) in parts.iter().enumerate() {
        if n % 2 == 0 {
            shape.push_str(part);
            continue;
        }
        is_escaped(part)?;
        let before = parts[n - 1];
        if before.ends_with("href=") {
            leads_where_it_may(part)?;
        } else if before.ends_with("src=") && !part.starts_with("/api/v1/blobs/") {
            return Err(format!("a picture from {part}"));
        }
        let is_fixed =
            before.ends_with("class=") || before.ends_with("rel=") || before.ends_with("loading=");
        shape.push_str(&format!("\"{}\"", if is_fixed { part } else { "*" }));
    }
    Ok(shape)
}

fn is_escaped(text: &str) -> Result<(), String> {
    for at in text.match_indices('&').map(|it| it.0) {
        if !["&amp;", "&lt;", "&gt;", "&quot;"]
            .iter()
            .any(|it| text[at..].starts_with(it))
        {
            return Err(format!("{text:?} is not escaped"));
        }
    }
    match text.contains(['<', '>']) {
        true => Err(format!("{text:?} is not escaped")),
        false => Ok(()),
    }
}

fn leads_where_it_may(href: &str) -> Result<(), String> {
    let is_ours = href.starts_with('/') && !href.starts_with("//");
    let is_web = ["http://", "https://", "mailto:"]
        .iter()
        .any(|it| href.starts_with(it));
    let is_hidden = href.chars().any(|it| {
        it.is_control() || it.is_whitespace() || it == '\\' || crate::chars::is_invisible(it)
    });
    if (is_ours || is_web) && !is_hidden {
        Ok(())
    } else {
        Err(format!("it leads to {href:?}"))
    }
}

fn links_of(all: &[Inline], found: &mut Vec<String>) {
    for it in all {
        if let Inline::Span(
            Span::Strong { i } | Span::Em { i } | Span::Strike { i } | Span::Link { i, .. },
        ) = it
        {
            links_of(i, found);
        }
        if let Inline::Span(Span::Link { href, .. }) = it {
            found.push(href.clone());
        }
    }
}

fn links_in(all: &[Block], found: &mut Vec<String>) {
    for it in all {
        match it {
            Block::P { i } | Block::H { i, .. } => links_of(i, found),
            Block::Quote { b } => links_in(b, found),
            Block::List { items, .. } => items.iter().for_each(|it| links_in(it, found)),
            Block::Table { head, rows } => [head]
                .into_iter()
                .chain(rows)
                .flatten()
                .for_each(|it| links_of(it, found)),
            Block::Code { .. }
            | Block::Rule
            | Block::Image { .. }
            | Block::Voice { .. }
            | Block::Unknown => {}
        }
    }
}

/// The doc of a text, of which everything is promised that can be promised.
pub(crate) fn safe(text: &str) -> Doc {
    let doc = parse(text);
    let written = html(&doc);
    if let Err(why) = is_safe(&written) {
        panic!("{text:?} is {written}: {why}");
    }
    let mut links = Vec::new();
    links_in(&doc.b, &mut links);
    for it in links {
        assert_eq!(leads_where_it_may(&it), Ok(()), "{text:?}");
    }
    for it in tags(&doc) {
        assert!(
            !it.chars()
                .any(|it| it.is_control() || crate::chars::is_invisible(it)),
            "{text:?}: {it:?}"
        );
    }
    let shown = format!("{}{}", plain(&doc), written);
    assert!(!shown.contains(crate::chars::MARK), "{text:?}");
    let json = serde_json::to_string(&doc).expect("plain values");
    assert_eq!(
        serde_json::from_str::<Doc>(&json).expect("not too deep"),
        doc
    );
    doc
}

/// Where an address can stand.
const PLACES: &[&str] = &[
    "X",
    "<X>",
    "[a](X)",
    "[a](<X>)",
    "[a](X \"t\")",
    "![a](X)",
    "![a](<X>)",
    "[a]\n\n[a]: X",
    "[a]\n\n[a]: <X>",
    "![a]\n\n[a]: X",
    "> [a](X)",
    "# [a](X)",
    "- [a](X)",
    "| [a](X) |\n|---|\n| ![a](X) |",
    "**[a](X)**。",
    "[![a](X)](X)",
    "[X](/b)",
    "![X](/b)",
    "`X`",
    "```X\nX\n```",
    "    X",
    "#X",
    "#X#",
    "\\X",
    "[a](/b \"X\")",
    "https://a.example/X",
    "https://X",
    "mailto:X",
    "<b X>",
];
/// Where nobody may be led, and what must not run.
const VECTORS: &[&str] = &[
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript&colon;alert(1)",
    "javascript&#58;alert(1)",
    "javascript&#x3a;alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;&#x61;vascript:alert(1)",
    "java\tscript:alert(1)",
    "java&Tab;script:alert(1)",
    "java&#9;script:alert(1)",
    "java&NewLine;script:alert(1)",
    "java&#10;script:alert(1)",
    "java&#13;script:alert(1)",
    "java\u{0}script:alert(1)",
    "java&#0;script:alert(1)",
    "\u{1}javascript:alert(1)",
    "&#1;javascript:alert(1)",
    "&#x0B;javascript:alert(1)",
    "java\u{ad}script:alert(1)",
    "java\u{200b}script:alert(1)",
    "\u{202e}javascript:alert(1)",
    "\u{feff}javascript:alert(1)",
    "\u{a0}javascript:alert(1)",
    "\u{fdd0}javascript:alert(1)",
    "java\\script:alert(1)",
    "javascript\\:alert(1)",
    "javascript://%0aalert(1)",
    "javascript:/*https://*/alert(1)",
    "javascript:alert(1)//https://a.example",
    "javascript%3Aalert(1)",
    "javascript&amp;colon;alert(1)",
    "javascript&amp;#58;alert(1)",
    "vbscript:msgbox(1)",
    "VBSCRIPT:x",
    "livescript:x",
    "mocha:x",
    "jar:https://a!/x",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "DATA:image/svg+xml,<svg/onload=alert(1)>",
    "data&colon;text/html,x",
    "feed:javascript:alert(1)",
    "view-source:javascript:1",
    "blob:https://a/x",
    "filesystem:https://a/x",
    "file:///etc/passwd",
    "about:blank",
    "ws://a",
    "intent://x",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/&Tab;/evil.example",
    "/&#10;/evil.example",
    "/\u{200b}/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "https://good.example@evil.example",
    "https://good.example\\@evil.example",
    "http&colon;//x",
    "https://",
    "https://\"onmouseover=alert(1)",
    "https://a.example/\"onmouseover=\"alert(1)",
    "https://a.example/'onmouseover='alert(1)",
    "https://a.example/><script>alert(1)</script>",
    "https://a.example/&quot;onclick=alert(1)",
    "https://a.example/&lt;script&gt;",
    "https://a.example/`onclick=1`",
    "/\"onclick=\"alert(1)",
    "/x\" style=\"position:fixed",
    "mailto:a@b.example\"onclick=1",
    "mailto:<script>@b",
    "/api/v1/blobs/\"onerror=alert(1)",
    "/api/v1/blobs/../../admin",
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>a</a>",
    "<a href=\"https://a\" onclick=\"alert(1)\">",
    "<body onload=alert(1)>",
    "<math><mi xlink:href=data:x>",
    "<style>@import 'javascript:1'</style>",
    "<link rel=stylesheet href=//evil.example>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0>",
    "<form action=javascript:1><button>",
    "<object data=data:text/html,x>",
    "<embed src=x>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?>",
    "<!DOCTYPE x>",
    "</p><script>alert(1)</script>",
    "<script",
    "<<script>alert(1)//<</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "&amp;lt;script&amp;gt;",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=1>",
    "`><img src=x onerror=alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<textarea></textarea><script>1</script>",
    "<plaintext>",
    "<xmp><script>1</script>",
    "<b\u{0}><script\u{0}>",
    "＜script＞alert(1)",
];

#[test]
fn the_reader_is_strict() {
    let link = r#"rel="nofollow ugc noopener""#;
    assert_eq!(
        is_safe(&format!(r#"<p><a href="/a" {link}>a &amp; b</a><br></p>"#)),
        Ok(())
    );
    for unsafe_html in [
        "<script>1</script>",
        r#"<p onclick="1">a</p>"#,
        r#"<span class="x">a</span>"#,
        "<p><b>a</b></p>",
        "<p>a",
        "<p><em>a</p></em>",
        "a > b",
        "a & b",
        r#"<img src="https://a.example" alt="" loading="lazy">"#,
        &format!(r#"<a href="javascript:1" {link}>a</a>"#),
        &format!(r#"<a href="//a" {link}>a</a>"#),
        r#"<a href="/a">a</a>"#,
    ] {
        assert!(is_safe(unsafe_html).is_err(), "{unsafe_html}");
    }
}

#[test]
fn no_vector_gets_through_in_any_place() {
    assert!(VECTORS.len() >= 100);
    for place in PLACES {
        for vector in VECTORS {
            safe(&place.replace('X', vector));
        }
    }
}

#[test]
fn an_address_that_came_by_another_way_is_looked_at_again() {
    for vector in VECTORS {
        let href = (*vector).to_owned();
        let i = vec![vector.to_owned().into()];
        let image = Block::Image {
            blob: href.as_str().into(),
            w: 1,
            h: 1,
            alt: href.clone(),
        };
        let voice = Block::Voice {
            blob: href.as_str().into(),
            duration_ms: 1,
            alt: href.clone(),
        };
        let doc = Doc {
            b: vec![
                voice,
                Block::P {
                    i: vec![Span::Link { href, i }.into()],
                },
                image,
            ],
        };
        assert_eq!(is_safe(&html(&doc)), Ok(()), "{vector:?}");
    }
}

#[test]
fn no_text_becomes_anything_but_safe_elements() {
    let bits: Vec<&str> = PLACES
        .iter()
        .chain(VECTORS)
        .copied()
        .chain([
            "\n",
            "\n\n",
            " ",
            "  \n",
            "\t",
            "    ",
            "**",
            "*",
            "_",
            "~~",
            "~",
            "`",
            "```",
            "```rust\n",
            "> ",
            "- ",
            "1. ",
            "# ",
            "#",
            "|",
            "|-|-|\n",
            "[",
            "]",
            "(",
            ")",
            "![",
            "](/a)",
            "\\",
            "<",
            ">",
            "&",
            "\"",
            "'",
            "。",
            "，",
            "“",
            "”",
            "（",
            "）",
            "你好",
            "世界",
            "a",
            "B",
            "1",
            "https://a.example/",
            "#话题#",
            "#tag",
            "\u{202e}",
            "\u{202c}",
            "\u{200b}",
            "\u{fdd0}",
            "\u{0}",
            "\r",
            "\r\n",
            "---\n",
            "===\n",
            "<b>",
            "</b>",
            "<div>",
            "😀",
            "e\u{301}",
            "&amp;",
            "&#x202e;",
            "[a]: /b\n",
        ])
        .collect();
    for seed in seeds::of(3_000) {
        let mut random = SmallRng::seed_from_u64(seed);
        let text: String = (0..random.random_range(1..60))
            .filter_map(|_| match random.random_range(0..10) {
                0 => char::from_u32(random.random_range(0..0x3_0000)).map(String::from),
                _ => bits.choose(&mut random).map(|it| it.replace('X', "你")),
            })
            .collect();
        let doc = safe(&text);
        assert_eq!(parse(&text), doc, "seed {seed}");
    }
}
