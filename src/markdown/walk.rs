//! What a doc says in words, and what it names.

use protocol::{
    BlobId, Doc,
    doc::{Block, Inline, Span},
    limits,
};

/// The words alone, a line for each block: for notices, search and descriptions.
pub fn plain(doc: &Doc) -> String {
    let mut lines = Vec::new();
    each_block(&doc.b, &mut |it| match it {
        Block::P { i } | Block::H { i, .. } => lines.push(words(i)),
        Block::Code { text, .. }
        | Block::Image { alt: text, .. }
        | Block::Voice { alt: text, .. } => lines.push(text.clone()),
        Block::Table { head, rows } => {
            for row in [head].into_iter().chain(rows) {
                let cells: Vec<String> = row.iter().map(|it| words(it)).collect();
                lines.push(cells.join(" "));
            }
        }
        Block::Quote { .. } | Block::List { .. } | Block::Rule | Block::Unknown => {}
    });
    let lines: Vec<String> = lines
        .iter()
        .map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|it| !it.is_empty())
        .collect();
    lines.join("\n")
}

/// The tags, each once, in the order in which they stand there, up to [`limits::TAGS_MAX`].
pub fn tags(doc: &Doc) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut look = |i: &[Inline]| {
        each_span(i, &mut |it| {
            if let Span::Tag { tag, .. } = it
                && found.len() < limits::TAGS_MAX
                && !found.contains(tag)
            {
                found.push(tag.clone());
            }
        });
    };
    each_block(&doc.b, &mut |it| match it {
        Block::P { i } | Block::H { i, .. } => look(i),
        Block::Table { head, rows } => [head]
            .into_iter()
            .chain(rows)
            .flatten()
            .for_each(|it| look(it)),
        _ => {}
    });
    found
}

/// The pictures and voice notes that it shows, each once, in their order: what it needs of the store.
pub fn blobs(doc: &Doc) -> Vec<BlobId> {
    let mut found: Vec<BlobId> = Vec::new();
    each_block(&doc.b, &mut |it| {
        if let Block::Image { blob, .. } | Block::Voice { blob, .. } = it
            && !found.contains(blob)
        {
            found.push(blob.clone());
        }
    });
    found
}

/// Whether a text may show any, which is much cheaper than to read it: no picture begins in another way.
pub fn may_show_blobs(text: &str) -> bool {
    text.contains("![")
}

/// What something is that a text shows, as the store found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A picture, so wide and high.
    Image(u32, u32),
    /// A voice note of so many milliseconds.
    Voice(u32),
}

/// Tells each picture how wide and high it is, so that its place is kept before it comes; what turns out to be
/// a voice note becomes one.
pub fn measure(doc: &mut Doc, mut found: impl FnMut(&BlobId) -> Option<Found>) {
    measure_in(&mut doc.b, &mut found);
}

fn measure_in(all: &mut [Block], found: &mut impl FnMut(&BlobId) -> Option<Found>) {
    for it in all {
        match it {
            Block::Image { blob, w, h, alt } => match found(blob) {
                Some(Found::Image(width, height)) => (*w, *h) = (width, height),
                Some(Found::Voice(duration_ms)) => {
                    let (blob, alt) = (blob.clone(), std::mem::take(alt));
                    *it = Block::Voice {
                        blob,
                        duration_ms,
                        alt,
                    };
                }
                None => {}
            },
            Block::Quote { b } => measure_in(b, found),
            Block::List { items, .. } => items.iter_mut().for_each(|it| measure_in(it, found)),
            _ => {}
        }
    }
}

/// Every block, those within others after these.
fn each_block<'a>(all: &'a [Block], then: &mut impl FnMut(&'a Block)) {
    for it in all {
        then(it);
        match it {
            Block::Quote { b } => each_block(b, then),
            Block::List { items, .. } => items.iter().for_each(|it| each_block(it, then)),
            _ => {}
        }
    }
}

fn each_span<'a>(all: &'a [Inline], then: &mut impl FnMut(&'a Span)) {
    for it in all {
        let Inline::Span(span) = it else { continue };
        then(span);
        if let Some(i) = within(span) {
            each_span(i, then);
        }
    }
}

fn within(span: &Span) -> Option<&[Inline]> {
    match span {
        Span::Strong { i } | Span::Em { i } | Span::Strike { i } | Span::Link { i, .. } => Some(i),
        Span::Code { .. } | Span::Br | Span::Tag { .. } | Span::Unknown => None,
    }
}

fn words(all: &[Inline]) -> String {
    let mut said = String::new();
    say(all, &mut said);
    said
}

fn say(all: &[Inline], said: &mut String) {
    for it in all {
        match it {
            Inline::Text(text) => said.push_str(text),
            Inline::Span(Span::Code { text } | Span::Tag { text, .. }) => said.push_str(text),
            Inline::Span(Span::Br) => said.push(' '),
            Inline::Span(Span::Link { href, i }) if i.is_empty() => said.push_str(href),
            Inline::Span(span) => say(within(span).unwrap_or_default(), said),
        }
    }
}
