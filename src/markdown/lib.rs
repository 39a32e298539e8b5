//! Markdown, read once on the server into a doc that is safe to show.
//!
//! [`parse`] never fails: what is no Markdown is text, and so is HTML. The tree has no place for markup,
//! and its links lead to http, https, mail or this site. [`html`] writes it for pages without JavaScript,
//! [`plain`] as words alone, [`tags`] and [`blobs`] name what it is found by and what it needs of the
//! store, [`measure`] tells it how large its pictures are and which of them are voice notes. Pure; time and size are linear in the text.
//!
//! Beyond CommonMark: tables and `~~strike~~`; a line break is a line break; addresses become links by
//! themselves; `#tag` and `#话题#`; emphasis holds beside Chinese punctuation (`source.rs` says how).
//!
//! What it costs for a kilobyte, on one core of a shared two-core machine (the least of five rounds; with
//! other work beside it up to twice that): 11 µs to parse prose and 28 µs where marks stand close; 1 to
//! 5 µs to write it as HTML or words. `cargo run --release -p weiquan-markdown --example parsing`.

mod chars;
mod html;
mod link;
mod run;
mod source;
mod tree;
mod walk;
mod words;

pub use html::{html, write_html};
pub use run::tag;
pub use walk::{Found, blobs, may_show_blobs, measure, plain, tags};

use protocol::Doc;

/// The doc of a text of up to [`protocol::limits::MARKDOWN_CHARS_MAX`] characters (the caller counts).
pub fn parse(text: &str) -> Doc {
    words::doc(text).unwrap_or_else(|| tree::doc(&source::prepared(text)))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_attacks;
#[cfg(test)]
mod tests_of_bombs;
