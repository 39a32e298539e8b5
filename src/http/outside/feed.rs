//! Atom feeds (RFC 4287): the topics that something was said in last, and what was said in one topic.

use std::fmt::Write as _;

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use html_escape::encode_quoted_attribute as escape;
use protocol::{Slug, name};
use store::TopicsOf;

use super::{address, moment, open_topic, said_last};
use crate::http::{
    Doors,
    problem::{Failure, Outcome},
    share::DEFAULT_LANG,
};

/// Entries of a feed.
const ENTRIES: usize = 50;

/// One entry.
struct Entry {
    id: String,
    title: String,
    by: String,
    at_ms: u64,
    /// As HTML.
    content: String,
}

/// The feed of the circle: topics that something was said in last.
pub(crate) async fn fresh(State(doors): State<Doors>) -> Outcome<Response> {
    let Some(circle) = doors.store.circle().await? else {
        return Err(Failure::not_found("feed"));
    };
    let of = TopicsOf {
        for_guests: true,
        ..TopicsOf::default()
    };
    let (topics, _) = doors.store.topics(of, ENTRIES).await?;
    let entries = topics.iter().map(|it| Entry {
        id: address(&doors, &it.slug),
        title: it.topic.title.clone(),
        by: it.topic.by.name.clone(),
        at_ms: it.last_ms,
        content: escape(&it.excerpt).into_owned(),
    });
    let origin = &doors.settings.origin;
    let own = (format!("{origin}/talk.atom"), format!("{origin}/talk"));
    Ok(atom(&circle.name, own, entries.collect()))
}

/// The feed of a topic: what was said last.
pub(crate) async fn replies(
    State(doors): State<Doors>,
    Path(slug): Path<String>,
) -> Outcome<Response> {
    let Some(topic) = open_topic(&doors, &Slug::new(slug)).await? else {
        return Err(Failure::not_found("feed"));
    };
    let messages = said_last(&doors, &topic).await?;
    let page = address(&doors, &topic.slug);
    let shown = messages.iter().rev().filter(|it| !it.text.is_empty());
    let entries = shown.take(ENTRIES).map(|it| Entry {
        id: format!("{page}?s={}", it.seq),
        title: topic.topic.title.clone(),
        by: it.by.clone(),
        at_ms: it.at_ms,
        content: markdown::html(&it.doc),
    });
    let own = (format!("{page}/feed.atom"), page.clone());
    Ok(atom(&topic.topic.title, own, entries.collect()))
}

/// `own` is the address of the feed, and of the page that it is of.
fn atom(title: &str, own: (String, String), entries: Vec<Entry>) -> Response {
    let updated = entries.iter().map(|it| it.at_ms).max().unwrap_or(0);
    let (feed, page) = (escape(&own.0), escape(&own.1));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:base=\"{page}\">\n  \
         <id>{feed}</id>\n  <title>{}</title>\n  <updated>{}</updated>\n  \
         <link rel=\"self\" href=\"{feed}\" />\n  <link href=\"{page}\" />\n",
        text(title),
        moment(updated),
    );
    for it in entries {
        let at = moment(it.at_ms);
        let _ = write!(
            xml,
            "  <entry>\n    <id>{id}</id>\n    <title>{}</title>\n    <updated>{at}</updated>\n    \
             <author><name>{}</name></author>\n    <link href=\"{id}\" />\n    \
             <content type=\"html\">{}</content>\n  </entry>\n",
            text(&it.title),
            text(name::shown(&it.by, DEFAULT_LANG)),
            text(&it.content),
            id = escape(&it.id),
        );
    }
    xml.push_str("</feed>\n");
    let kind = "application/atom+xml; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], xml).into_response()
}

/// A text in XML: escaped, and without the control characters that XML 1.0 has not.
fn text(it: &str) -> String {
    let kept: String = it
        .chars()
        .filter(|it| !it.is_control() || matches!(it, '\n' | '\t'))
        .filter(|it| !matches!(it, '\u{fffe}' | '\u{ffff}'))
        .collect();
    escape(&kept).into_owned()
}
