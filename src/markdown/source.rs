//! The text as it is handed to the Markdown parser.
//!
//! Control characters go, as in every text of ours. Then marks that count as a letter or as a space are
//! put beside some delimiters, and are taken out of everything afterwards:
//!
//! - CommonMark lets `**` close behind punctuation only where a space or punctuation follows. In Chinese
//!   nothing stands between `**你好。**世界`, nor before `**“你好”**`. With a mark between the sign and the
//!   delimiter it may both open and close there; which of them it does is decided by what is open.
//! - A single `*` between two digits multiplies: `3*4=12，5*6=30` has no emphasis in it.
//! - `_` inside an address that stands by itself is a part of it and emphasises nothing.
//! - A line that begins with a tag would make a block of HTML, in which nothing else means anything. HTML
//!   is words here, so with a mark before its `<` the line is one like any other.

use crate::{
    chars::{GAP, MARK, is_cjk},
    link,
};

pub(crate) fn prepared(text: &str) -> String {
    marked(&clean(text))
}

fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars()
        .map(|it| match it {
            '\r' | GAP | '\u{2029}' => '\n',
            it => it,
        })
        .filter(|it| (matches!(it, '\n' | '\t') || !it.is_control()) && *it != MARK)
        .collect()
}

fn marked(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut before: Option<char> = None;
    // Nothing but what a quote or a list begins with stood in this line so far.
    let mut is_beginning = true;
    let mut rest = text;
    while let Some(it) = rest.chars().next() {
        let address = match it {
            'h' | 'H' => link::address(before, rest),
            _ => None,
        };
        let taken = if let Some(address) = address {
            underscores_marked(address, &mut out);
            address.len()
        } else if matches!(it, '*' | '~') {
            let length = rest.len() - rest.trim_start_matches(it).len();
            let (run, behind) = rest.split_at(length);
            let (lead, trail) = marks(before, run, behind.chars().next());
            out.extend(lead);
            out.push_str(run);
            out.extend(trail);
            length
        } else {
            if it == '<' && is_beginning {
                out.push(MARK);
            }
            out.push(it);
            it.len_utf8()
        };
        is_beginning = it == '\n' || (is_beginning && begins_blocks(it));
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
    out
}

/// A character of what may stand before a block's own text: of a quote, of a list, of a space.
const fn begins_blocks(it: char) -> bool {
    matches!(
        it,
        ' ' | '\t' | '>' | '-' | '+' | '*' | '.' | ')' | '0'..='9'
    )
}

/// What is put before and behind a run of delimiters, so that it may open and close between a letter and
/// a sign where one of them is Chinese, and neither between two digits.
fn marks(before: Option<char>, run: &str, after: Option<char>) -> (Option<char>, Option<char>) {
    let (Some(before), Some(after)) = (before, after) else {
        return (None, None);
    };
    if run == "*" && before.is_ascii_digit() && after.is_ascii_digit() {
        return (Some(GAP), Some(GAP));
    }
    let is_edge = |it: char| it.is_whitespace() || matches!(it, '\\' | '|' | '_');
    if is_edge(before) || is_edge(after) || !(is_cjk(before) || is_cjk(after)) {
        return (None, None);
    }
    match (before.is_alphanumeric(), after.is_alphanumeric()) {
        (true, false) => (None, Some(MARK)),
        (false, true) => (Some(MARK), None),
        _ => (None, None),
    }
}

fn underscores_marked(address: &str, out: &mut String) {
    for it in address.chars() {
        if it == '_' {
            out.extend([MARK, '_', MARK]);
        } else {
            out.push(it);
        }
    }
}
