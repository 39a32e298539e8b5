//! From the parser's events to the tree: one stack of what is open, and limits on how deep and how much.
//!
//! Nothing here calls itself, so that no text is too deep for it. What opens beyond the limits is not put
//! on the stack: its content goes to what is open already.

use std::ops::Range;

use protocol::{
    BlobId, Doc,
    doc::{Block, Inline, Span},
    limits,
};
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::{
    chars, link,
    run::{Look, Run, push_text},
};

pub(crate) fn doc(source: &str) -> Doc {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut builder = Builder::new(source);
    for (event, at) in Parser::new_ext(source, options).into_offset_iter() {
        if builder.parts >= limits::DOC_PARTS_MAX && !matches!(event, Event::End(_)) {
            return builder.cut(at.start);
        }
        builder.take(event, at);
    }
    builder.end()
}

/// Something that is open and gathers what stands in it.
enum Open {
    Root(Vec<Block>),
    Quote(Vec<Block>),
    List(Option<u32>, Vec<Vec<Block>>),
    Item(Vec<Block>),
    Code(String, String),
    /// Lines of HTML, shown as what was typed.
    Html(String),
    Table(Vec<Vec<Vec<Inline>>>),
    Row(Vec<Vec<Inline>>),
    Line(Line, Vec<Inline>),
    /// A picture: where it is, and what is to be seen.
    Picture(Picture, String),
}

/// What holds inlines.
enum Line {
    Paragraph,
    Heading(u8),
    Cell,
    Strong,
    Em,
    Strike,
    Link(String),
}

enum Picture {
    Ours(BlobId),
    /// A link; none where it may not lead there, or stands in a link already.
    Elsewhere(Option<String>),
}

/// What to do when the parser says that something ends.
enum Ending {
    Closes,
    /// A block that was not opened: what stood in it ends.
    Flat,
    /// A part of a line that was not opened: the line goes on.
    Inert,
    /// A single `~`, which strikes nothing: in Chinese it ends a friendly sentence.
    Tilde,
}

struct Builder<'a> {
    source: &'a str,
    open: Vec<Open>,
    endings: Vec<Ending>,
    run: Run,
    parts: usize,
    blocks_deep: usize,
    inlines_deep: usize,
    links: usize,
}

impl<'a> Builder<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            open: vec![Open::Root(Vec::new())],
            endings: Vec::new(),
            run: Run::default(),
            parts: 0,
            blocks_deep: 0,
            inlines_deep: 0,
            links: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, at: Range<usize>) {
        match event {
            Event::Start(tag) => {
                let ending = self.start(tag, &at);
                self.endings.push(ending);
            }
            Event::End(end) => self.finish(end),
            Event::Text(text) => self.text(&text, Some(at.start)),
            Event::Html(text) | Event::InlineHtml(text) => self.literal(&text),
            Event::Code(text) => self.span(Span::Code {
                text: chars::shown(&text),
            }),
            Event::SoftBreak | Event::HardBreak => self.line_break(),
            Event::Rule => {
                self.close_paragraph();
                self.block(Block::Rule);
            }
            // Nothing else is turned on.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.text(&text, None);
            }
            Event::TaskListMarker(_) => {}
        }
    }

    fn finish(&mut self, end: TagEnd) {
        match self.endings.pop() {
            // A paragraph may have ended before it: where a picture stood, or the rest is cut off.
            Some(Ending::Closes) => {
                self.close_paragraph();
                if end != TagEnd::Paragraph {
                    self.close();
                }
            }
            Some(Ending::Flat) => self.close_paragraph(),
            Some(Ending::Tilde) => self.text("~", None),
            Some(Ending::Inert) | None => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, at: &Range<usize>) -> Ending {
        match tag {
            Tag::BlockQuote(_) => self.open_deeper(Open::Quote(Vec::new())),
            Tag::List(start) => {
                let start = start.map(|it| u32::try_from(it).unwrap_or(u32::MAX));
                self.open_deeper(Open::List(start, Vec::new()))
            }
            Tag::Item => {
                self.close_paragraph();
                match self.open.last() {
                    Some(Open::List(..)) => self.open_block(Open::Item(Vec::new())),
                    _ => Ending::Flat,
                }
            }
            Tag::Paragraph => self.open_block(Open::Line(Line::Paragraph, Vec::new())),
            Tag::Heading { level, .. } => {
                let level = (level as u8).min(3);
                self.open_block(Open::Line(Line::Heading(level), Vec::new()))
            }
            Tag::CodeBlock(kind) => self.open_block(Open::Code(lang(&kind), String::new())),
            Tag::HtmlBlock => self.open_block(Open::Html(String::new())),
            Tag::Table(_) => self.open_block(Open::Table(Vec::new())),
            Tag::TableHead | Tag::TableRow => self.open_block(Open::Row(Vec::new())),
            Tag::TableCell => self.open_block(Open::Line(Line::Cell, Vec::new())),
            Tag::Strong => self.open_mark(Line::Strong),
            Tag::Emphasis => self.open_mark(Line::Em),
            Tag::Strikethrough if self.source[at.start..].starts_with("~~") => {
                self.open_mark(Line::Strike)
            }
            Tag::Strikethrough => {
                self.text("~", None);
                Ending::Tilde
            }
            Tag::Link {
                link_type,
                dest_url,
                ..
            } => match self.target(link_type, &dest_url) {
                Some(href) => self.open_mark(Line::Link(href)),
                None => Ending::Inert,
            },
            Tag::Image { dest_url, .. } => self.open_picture(&dest_url),
            // Nothing else is turned on.
            _ => Ending::Flat,
        }
    }

    /// A quote or a list, if it is not too deep.
    fn open_deeper(&mut self, it: Open) -> Ending {
        self.close_paragraph();
        if self.blocks_deep >= limits::DOC_BLOCKS_DEEP_MAX {
            return Ending::Flat;
        }
        self.blocks_deep += 1;
        self.open_block(it)
    }

    fn open_block(&mut self, it: Open) -> Ending {
        self.close_paragraph();
        self.parts += 1;
        self.open.push(it);
        Ending::Closes
    }

    /// Something within a line, if it is not too deep.
    fn open_mark(&mut self, it: Line) -> Ending {
        if self.is_alt() || self.inlines_deep >= limits::DOC_INLINES_DEEP_MAX {
            return Ending::Inert;
        }
        self.flush();
        self.parts += 1;
        self.inlines_deep += 1;
        self.links += usize::from(matches!(it, Line::Link(_)));
        self.open.push(Open::Line(it, Vec::new()));
        Ending::Closes
    }

    fn target(&self, kind: LinkType, written: &str) -> Option<String> {
        if self.links > 0 {
            return None;
        }
        match kind {
            LinkType::Email => link::target(&format!("mailto:{written}")),
            _ => link::target(written),
        }
    }

    fn open_picture(&mut self, written: &str) -> Ending {
        if self.is_alt() {
            return Ending::Inert;
        }
        self.flush();
        let stands_alone = matches!(self.open.last(), Some(Open::Line(Line::Paragraph, _)));
        let picture = match link::blob(written) {
            Some(blob) if stands_alone => Picture::Ours(blob),
            _ => Picture::Elsewhere(self.target(LinkType::Inline, written)),
        };
        self.parts += 1;
        self.open.push(Open::Picture(picture, String::new()));
        Ending::Closes
    }

    /// Whether what comes is told of a picture.
    fn is_alt(&self) -> bool {
        matches!(self.open.last(), Some(Open::Picture(..)))
    }

    /// Text, from where it stands in the source, if it does.
    fn text(&mut self, text: &str, at: Option<usize>) {
        match self.open.last_mut() {
            Some(Open::Code(_, said) | Open::Html(said) | Open::Picture(_, said)) => {
                said.push_str(text);
            }
            _ => {
                self.begin_line();
                let is_escaped =
                    text.starts_with('#') && at.is_some_and(|it| self.source[..it].ends_with('\\'));
                if is_escaped {
                    self.run.push_escaped(text);
                } else {
                    self.run.push(text);
                }
            }
        }
    }

    /// HTML: the text that was typed.
    fn literal(&mut self, text: &str) {
        if let Some(Open::Html(said) | Open::Picture(_, said)) = self.open.last_mut() {
            return said.push_str(text);
        }
        self.flush();
        if let Some(line) = self.line() {
            push_text(line, text);
            self.parts += 1;
        }
    }

    fn line_break(&mut self) {
        match self.open.last_mut() {
            Some(Open::Picture(_, said)) => said.push(' '),
            _ => self.span(Span::Br),
        }
    }

    fn span(&mut self, span: Span) {
        if let (Some(Open::Picture(_, said)), Span::Code { text }) = (self.open.last_mut(), &span) {
            return said.push_str(text);
        }
        self.flush();
        if let Some(line) = self.line() {
            line.push(span.into());
            self.parts += 1;
        }
    }

    /// A line is open from here on: where a block stands, a paragraph begins.
    fn begin_line(&mut self) {
        let stands_in_block = matches!(
            self.open.last(),
            Some(Open::Root(_) | Open::Quote(_) | Open::Item(_))
        );
        if stands_in_block {
            self.parts += 1;
            self.open.push(Open::Line(Line::Paragraph, Vec::new()));
        }
    }

    fn line(&mut self) -> Option<&mut Vec<Inline>> {
        match self.open.last_mut() {
            Some(Open::Line(_, inlines)) => Some(inlines),
            _ => None,
        }
    }

    /// What was gathered becomes inlines; a line is open afterwards.
    fn flush(&mut self) {
        self.begin_line();
        let Some(Open::Line(_, inlines)) = self.open.last_mut() else {
            return;
        };
        let look = match self.links {
            0 => Look::ForAll,
            _ => Look::ForNothing,
        };
        let before = inlines.len();
        let left = limits::DOC_PARTS_MAX.saturating_sub(self.parts);
        self.run.take_into(inlines, look, left);
        self.parts += inlines.len() - before;
    }

    fn close_paragraph(&mut self) {
        if matches!(self.open.last(), Some(Open::Line(Line::Paragraph, _))) {
            self.close();
        }
    }

    /// Ends what was opened last and puts it where it belongs.
    fn close(&mut self) {
        if self.line().is_some() {
            self.flush();
        }
        match self.open.pop() {
            Some(Open::Line(kind, inlines)) => self.close_line(kind, inlines),
            Some(Open::Quote(b)) => {
                self.blocks_deep -= 1;
                self.block(Block::Quote { b });
            }
            Some(Open::List(start, items)) => {
                self.blocks_deep -= 1;
                self.block(Block::List { start, items });
            }
            Some(Open::Item(b)) => {
                if let Some(Open::List(_, items)) = self.open.last_mut() {
                    items.push(b);
                }
            }
            Some(Open::Code(lang, text)) => {
                let text = chars::shown(text.strip_suffix('\n').unwrap_or(&text));
                self.block(Block::Code { lang, text });
            }
            Some(Open::Html(text)) => self.block(Block::P { i: lines(&text) }),
            Some(Open::Row(cells)) => {
                if let Some(Open::Table(rows)) = self.open.last_mut() {
                    rows.push(cells);
                }
            }
            Some(Open::Table(mut rows)) if !rows.is_empty() => {
                let head = rows.remove(0);
                self.block(Block::Table { head, rows });
            }
            Some(Open::Picture(picture, alt)) => self.close_picture(picture, &alt),
            Some(root @ Open::Root(_)) => self.open.push(root),
            Some(Open::Table(_)) | None => {}
        }
    }

    fn close_line(&mut self, kind: Line, mut i: Vec<Inline>) {
        let span = match kind {
            Line::Paragraph => {
                trim(&mut i);
                return self.block(Block::P { i });
            }
            Line::Heading(level) => {
                trim(&mut i);
                return self.block(Block::H { level, i });
            }
            Line::Cell => {
                if let Some(Open::Row(cells)) = self.open.last_mut() {
                    cells.push(i);
                }
                return;
            }
            Line::Strong => Span::Strong { i },
            Line::Em => Span::Em { i },
            Line::Strike => Span::Strike { i },
            Line::Link(href) => {
                self.links -= 1;
                link::span(href, i)
            }
        };
        self.inlines_deep -= 1;
        if let Some(line) = self.line() {
            line.push(span.into());
        }
    }

    fn close_picture(&mut self, picture: Picture, alt: &str) {
        let alt: String = chars::shown(alt)
            .chars()
            .take(limits::CARD_ALT_CHARS_MAX)
            .collect();
        match picture {
            Picture::Ours(blob) => {
                self.close_paragraph();
                let (w, h) = (0, 0);
                self.block(Block::Image { blob, w, h, alt });
                self.begin_line();
            }
            Picture::Elsewhere(href) => {
                let Some(line) = self.line() else { return };
                match href {
                    None => push_text(line, &alt),
                    Some(href) => {
                        let mut i = Vec::new();
                        push_text(&mut i, &alt);
                        line.push(link::span(href, i).into());
                    }
                }
            }
        }
    }

    /// Puts a block where blocks stand, unless nothing is in it.
    fn block(&mut self, block: Block) {
        if let Block::P { i } | Block::H { i, .. } = &block
            && i.is_empty()
        {
            return;
        }
        let blocks = self.open.iter_mut().rev().find_map(|it| match it {
            Open::Root(b) | Open::Quote(b) | Open::Item(b) => Some(b),
            _ => None,
        });
        blocks.expect("the root is never taken off").push(block);
    }

    fn end(mut self) -> Doc {
        while self.open.len() > 1 {
            self.close();
        }
        match self.open.pop() {
            Some(Open::Root(b)) => Doc { b },
            _ => Doc::default(),
        }
    }

    /// Ends here: the rest of the source is one text, with its lines.
    fn cut(self, at: usize) -> Doc {
        let rest = chars::shown(self.source[at..].trim());
        let mut doc = self.end();
        if !rest.is_empty() {
            let i = vec![Inline::Text(rest)];
            doc.b.push(Block::P { i });
        }
        doc
    }
}

/// No line ends before the first word or behind the last.
fn trim(inlines: &mut Vec<Inline>) {
    let is_break = |it: &Inline| *it == Inline::Span(Span::Br);
    while inlines.last().is_some_and(is_break) {
        inlines.pop();
    }
    let breaks = inlines.iter().take_while(|it| is_break(it)).count();
    inlines.drain(..breaks);
}

/// HTML as lines of text.
fn lines(text: &str) -> Vec<Inline> {
    let mut inlines = Vec::new();
    for line in text.trim().lines() {
        if !inlines.is_empty() {
            inlines.push(Span::Br.into());
        }
        push_text(&mut inlines, line.trim());
    }
    trim(&mut inlines);
    inlines
}

/// The language that a block of code says it is written in, if that is one word.
fn lang(kind: &CodeBlockKind<'_>) -> String {
    let CodeBlockKind::Fenced(info) = kind else {
        return String::new();
    };
    let word = info.split_whitespace().next().unwrap_or_default();
    let is_word = word
        .chars()
        .all(|it| it.is_ascii_alphanumeric() || matches!(it, '+' | '#' | '.' | '_' | '-'));
    if is_word && word.len() <= limits::CODE_LANG_CHARS_MAX {
        word.to_owned()
    } else {
        String::new()
    }
}
