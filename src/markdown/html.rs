//! A doc as HTML, for pages without JavaScript.
//!
//! Few elements, each written here by name, and everything else escaped. Where a doc comes from is not
//! known here: an address is looked at again before it is written.

use std::fmt::Write as _;

use html_escape::{encode_double_quoted_attribute as attribute, encode_text as escaped};
use protocol::{
    Doc,
    doc::{Block, Inline, Span},
};

use crate::link;

/// The doc as HTML: headings from `h2` on, links that vouch for nothing.
pub fn html(doc: &Doc) -> String {
    let mut out = String::new();
    write_html(doc, &mut out);
    out
}

/// The same behind what is written already.
pub fn write_html(doc: &Doc, out: &mut String) {
    blocks(&doc.b, out);
}

fn blocks(all: &[Block], out: &mut String) {
    for it in all {
        block(it, out);
    }
}

fn block(it: &Block, out: &mut String) {
    match it {
        Block::P { i } => element("p", i, out),
        Block::H { level, i } => match level {
            0 | 1 => element("h2", i, out),
            2 => element("h3", i, out),
            _ => element("h4", i, out),
        },
        Block::Quote { b } => {
            out.push_str("<blockquote>");
            blocks(b, out);
            out.push_str("</blockquote>");
        }
        Block::List { start, items } => list(*start, items, out),
        Block::Code { text, .. } => {
            // A line break that stands first in `pre` would not be shown: this one is not.
            out.push_str("<pre><code>\n");
            out.push_str(&escaped(text));
            out.push_str("</code></pre>");
        }
        Block::Rule => out.push_str("<hr>"),
        Block::Image { blob, w, h, alt } => {
            if !blob.is_well_formed() {
                return out.push_str(&escaped(alt));
            }
            let src = link::BLOBS;
            let _ = write!(out, r#"<img src="{src}{blob}" alt="{}""#, attribute(alt));
            if *w > 0 && *h > 0 {
                let _ = write!(out, r#" width="{w}" height="{h}""#);
            }
            out.push_str(r#" loading="lazy">"#);
        }
        Block::Voice { blob, alt, .. } => {
            if !blob.is_well_formed() {
                return out.push_str(&escaped(alt));
            }
            let src = link::BLOBS;
            let _ = write!(
                out,
                r#"<audio controls preload="none" src="{src}{blob}" aria-label="{}"></audio>"#,
                attribute(alt)
            );
        }
        Block::Table { head, rows } => {
            out.push_str("<table><thead>");
            row("th", head, out);
            out.push_str("</thead><tbody>");
            for it in rows {
                row("td", it, out);
            }
            out.push_str("</tbody></table>");
        }
        Block::Unknown => {}
    }
}

fn list(start: Option<u32>, items: &[Vec<Block>], out: &mut String) {
    let name = match start {
        None => "ul",
        Some(_) => "ol",
    };
    out.push('<');
    out.push_str(name);
    if let Some(start) = start.filter(|it| *it != 1) {
        let _ = write!(out, r#" start="{start}""#);
    }
    out.push('>');
    for it in items {
        out.push_str("<li>");
        blocks(it, out);
        out.push_str("</li>");
    }
    let _ = write!(out, "</{name}>");
}

fn row(name: &str, cells: &[Vec<Inline>], out: &mut String) {
    out.push_str("<tr>");
    for it in cells {
        element(name, it, out);
    }
    out.push_str("</tr>");
}

fn element(name: &str, i: &[Inline], out: &mut String) {
    let _ = write!(out, "<{name}>");
    inlines(i, out);
    let _ = write!(out, "</{name}>");
}

fn inlines(all: &[Inline], out: &mut String) {
    for it in all {
        match it {
            Inline::Text(text) => lines(text, out),
            Inline::Span(it) => span(it, out),
        }
    }
}

fn span(it: &Span, out: &mut String) {
    match it {
        Span::Strong { i } => element("strong", i, out),
        Span::Em { i } => element("em", i, out),
        Span::Strike { i } => element("s", i, out),
        Span::Code { text } => {
            let _ = write!(out, "<code>{}</code>", escaped(text));
        }
        Span::Link { href, i } => match link::target(href) {
            None if i.is_empty() => out.push_str(&escaped(href)),
            None => inlines(i, out),
            Some(href) => {
                let to = attribute(&href);
                let _ = write!(out, r#"<a href="{to}" rel="nofollow ugc noopener">"#);
                match i.as_slice() {
                    [] => out.push_str(&escaped(&href)),
                    i => inlines(i, out),
                }
                out.push_str("</a>");
            }
        },
        Span::Br => out.push_str("<br>"),
        Span::Tag { text, .. } => {
            let _ = write!(out, r#"<span class="tag">{}</span>"#, escaped(text));
        }
        Span::Unknown => {}
    }
}

fn lines(text: &str, out: &mut String) {
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push_str("<br>");
        }
        out.push_str(&escaped(line));
    }
}
