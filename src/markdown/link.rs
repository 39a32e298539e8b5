//! Where a link may lead, and where an address in a text ends.

use protocol::{
    BlobId,
    doc::{Inline, Span},
    limits,
};

use crate::chars::{GAP, MARK, is_invisible};

/// What an address of an uploaded picture begins with; its name is the rest.
pub(crate) const BLOBS: &str = "/api/v1/blobs/";

/// The address of a link, as it is put into a doc: http, https, mailto, or of this site. Nothing else is
/// one, and nothing in which a character is hidden, or which names somebody before the host.
pub(crate) fn target(written: &str) -> Option<String> {
    let of_source = |it: &char| matches!(*it, MARK | GAP);
    let address: String = written.trim().chars().filter(|it| !of_source(it)).collect();
    let is_sound = |it: char| {
        !it.is_control()
            && !it.is_whitespace()
            && !is_invisible(it)
            && !matches!(it, '\\' | '<' | '>' | '"' | '`')
    };
    if address.len() > limits::LINK_BYTES_MAX || !address.chars().all(is_sound) {
        return None;
    }
    if address.starts_with('/') {
        return (!address.starts_with("//")).then_some(address);
    }
    let (scheme, rest) = address.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    let leads_somewhere = match scheme.as_str() {
        "http" | "https" => rest.strip_prefix("//").is_some_and(has_host),
        "mailto" => rest
            .split_once('@')
            .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty()),
        _ => false,
    };
    leads_somewhere.then(|| format!("{scheme}:{rest}"))
}

/// A link. Where its own address is all that is shown, that is said once.
pub(crate) fn span(href: String, mut i: Vec<Inline>) -> Span {
    if matches!(i.as_slice(), [Inline::Text(text)] if *text == href) {
        i.clear();
    }
    Span::Link { href, i }
}

/// Whether there is a host, and nobody before it: `https://bank.example@elsewhere` leads elsewhere.
fn has_host(rest: &str) -> bool {
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.starts_with(|it: char| it.is_alphanumeric() || it == '[') && !host.contains('@')
}

/// The blob that an address of ours names.
pub(crate) fn blob(written: &str) -> Option<BlobId> {
    let blob = BlobId::from(target(written)?.strip_prefix(BLOBS)?);
    blob.is_well_formed().then_some(blob)
}

/// The address that a text begins with, where `before` it no word is going on. It ends at a space, a
/// Chinese sign, a quotation mark, an emphasis, and before the punctuation of the sentence around it.
/// [`target`] may still refuse it.
pub(crate) fn address(before: Option<char>, text: &str) -> Option<&str> {
    if before.is_some_and(|it| it.is_ascii_alphanumeric()) {
        return None;
    }
    let scheme = ["https://", "http://"].into_iter().find(|it| {
        text.get(..it.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(it))
    })?;
    let rest = &text[scheme.len()..];
    // First the host, which is short: what is read to its end is taken, so that nothing is read twice.
    let host = rest.find(|it| it == '/' || ends_address(it));
    if !has_host(&rest[..host.unwrap_or(rest.len())]) {
        return None;
    }
    let end = rest.find(ends_address).unwrap_or(rest.len());
    Some(&text[..scheme.len() + without_tail(&rest[..end]).len()])
}

fn ends_address(it: char) -> bool {
    it.is_whitespace()
        || it.is_control()
        || (is_invisible(it) && it != MARK)
        || matches!(it,
            '<' | '>' | '"' | '\'' | '`' | '*' | '|' | '\\' | '^' | '{' | '}' | '[' | ']'
            | '\u{b7}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3000}'..='\u{3004}'
            | '\u{3008}'..='\u{3020}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff0f}'
            | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}')
}

/// Without punctuation at its end; a bracket stays that was opened in it.
fn without_tail(text: &str) -> &str {
    let mut surplus = text.matches(')').count() as isize - text.matches('(').count() as isize;
    let mut kept = text;
    while let Some(last) = kept.chars().next_back() {
        match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '~' | '_' | MARK => {}
            ')' if surplus > 0 => surplus -= 1,
            _ => break,
        }
        kept = &kept[..kept.len() - last.len_utf8()];
    }
    kept
}
