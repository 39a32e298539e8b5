//! What a topic was made of, on its page: the messages as they are now, where guests may read them, and thanks
//! to whoever wrote them.

use std::fmt::Write as _;

use html_escape::encode_quoted_attribute as escape;
use protocol::topic::{TopicFrom, TopicQuote, TopicSource};

use super::{moment, words::PageWords, write_time};

/// The quotes, each with the way back to its place.
pub(super) fn quotes(from: &TopicFrom, words: &PageWords) -> String {
    let Some(source) = &from.source else {
        return String::new();
    };
    let mut html = String::from("<section class=\"quotes\">");
    for quote in &source.quotes {
        html.push_str(&one(source, quote, words));
    }
    html.push_str("</section>");
    html
}

fn one(source: &TopicSource, quote: &TopicQuote, words: &PageWords) -> String {
    let kind = if source.topic { 't' } else { 'r' };
    let place = format!("/{kind}/{}?s={}", source.room, quote.seq);
    let mut html = format!(
        "<blockquote cite=\"{place}\"><p class=\"by\"><b>{}</b>",
        escape(words.name(&quote.author.name))
    );
    if let Some(at_ms) = quote.at_ms {
        html.push_str(" · ");
        write_time(&mut html, &moment(at_ms));
    }
    let title = escape(&source.room_title);
    let _ = write!(html, " · <a href=\"{place}\">{title}</a></p>");
    if quote.deleted {
        let _ = write!(html, "<p class=\"by\">{}</p>", words.deleted());
    } else if let Some(doc) = &quote.doc {
        html.push_str(&markdown::html(doc));
    } else if !quote.text.is_empty() {
        let _ = write!(html, "<p class=\"said\">{}</p>", escape(&quote.text));
    }
    html.push_str("</blockquote>");
    html
}

/// Whom the topic is owed to, on one line.
pub(super) fn thanks(from: &TopicFrom, words: &PageWords) -> String {
    let names: Vec<&str> = from.credit.iter().map(|it| words.name(&it.name)).collect();
    words.thanks(&names)
}

/// What the quotes say, without marks, for programs that read one text.
pub(super) fn plain(from: &TopicFrom) -> String {
    let quotes = from.source.iter().flat_map(|it| &it.quotes);
    let said = quotes.map(|it| match &it.doc {
        Some(doc) => markdown::plain(doc),
        None => it.text.clone(),
    });
    let said: Vec<String> = said.filter(|it| !it.is_empty()).collect();
    said.join("\n")
}
