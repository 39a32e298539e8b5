//! Topics and rooms as the world reads them: pages without a script, cards for links, feeds, a map of the site. Only
//! what guests may read is here; of everything else these addresses say nothing.
//!
//! The page of a topic is the app's own page with the topic written into it: where the app runs, it takes over. Rooms and
//! the list of topics change too fast for that: what stands for them is shown only where no script runs.

mod feed;
mod list;
mod oembed;
mod page;
mod quotes;
mod room;
mod sitemap;
mod words;

use std::fmt::Write as _;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use community::{Card, Medium, Message, Moved, RecordBody};
use protocol::{BlobId, CircleId, Doc, Seq, Slug, topic::OPENING};
use store::{Entry, Hit, PageOf, TopicRow};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Doors, history, pages, problem::Outcome};

pub(crate) use feed::{fresh, replies};
pub(crate) use list::list;
pub(crate) use oembed::oembed;
pub(crate) use page::page;
pub(crate) use room::room;
pub(crate) use sitemap::{robots, sitemap};

/// Records that one page is made of: what is read at one go, and what a visit by a program that reads them all costs:
/// a quarter of that is the page itself, the rest goes with the records.
const PAGE_RECORDS: usize = 30;

/// About what is written around a message, in bytes: a buffer of the right size is not moved as it grows.
const MESSAGE_MARKUP: usize = 512;

/// A message of a topic, as it is shown.
struct Said {
    seq: Seq,
    at_ms: u64,
    /// The same as RFC 3339 has it.
    at: String,
    by: String,
    /// The message that it answers, where that is a reply.
    re: Option<Seq>,
    text: String,
    /// The text as it is shown: read once, and written more than once.
    doc: Doc,
    /// The first picture that it shows.
    picture: Option<Picture>,
    deleted: bool,
    edited: bool,
    /// It is in another topic now.
    moved: Option<Moved>,
}

/// A picture as cards for links and search engines are told of it.
struct Picture {
    blob: BlobId,
    w: u32,
    h: u32,
}

fn picture(it: &Message) -> Option<Picture> {
    let card = match it.card.as_deref() {
        Some(Card::Image { blob, w, h, .. }) => Some((blob, *w, *h)),
        _ => None,
    };
    let in_text = it.media.iter().find_map(|it| match it {
        Medium::Image { blob, w, h } => Some((blob, *w, *h)),
        Medium::Voice { .. } => None,
    });
    card.or(in_text).map(|(blob, w, h)| Picture {
        blob: blob.clone(),
        w,
        h,
    })
}

/// A topic that guests may read.
async fn open_topic(doors: &Doors, slug: &Slug) -> Outcome<Option<TopicRow>> {
    if !slug.is_well_formed() {
        return Ok(None);
    }
    let row = doors.store.topic(slug.clone(), None).await?;
    Ok(row.filter(|it| it.guests))
}

/// Its last messages.
async fn said_last(doors: &Doors, topic: &TopicRow) -> Outcome<Vec<Said>> {
    let page = doors
        .store
        .page(topic.room, PageOf::Last, PAGE_RECORDS)
        .await?;
    messages(doors, topic.circle, page.entries)
}

/// The messages among these records.
fn messages(doors: &Doors, circle: CircleId, entries: Vec<Entry>) -> Outcome<Vec<Said>> {
    let mut messages = Vec::with_capacity(entries.len());
    for entry in entries {
        let record = history::read(doors, circle, entry)?;
        let (seq, at_ms, by) = (record.seq, record.at_ms, record.author.name.to_string());
        match record.body {
            RecordBody::Message(it) => messages.push(Said {
                seq,
                at_ms,
                at: moment(at_ms),
                by,
                re: it.reply_to.filter(|it| *it != OPENING),
                doc: it.doc().unwrap_or_else(|| markdown::parse(&it.text)),
                picture: picture(&it),
                text: it.text.to_string(),
                deleted: it.deleted,
                edited: it.edits > 0,
                moved: None,
            }),
            RecordBody::Moved(it) => messages.push(Said {
                seq,
                at_ms,
                at: moment(at_ms),
                by,
                re: None,
                doc: Doc::default(),
                picture: None,
                text: String::new(),
                deleted: true,
                edited: false,
                moved: Some(it),
            }),
            _ => {}
        }
    }
    Ok(messages)
}

/// Where a reply is that is in another topic now.
async fn moved(doors: &Doors, slug: &Slug, seq: Seq) -> Outcome<Option<Moved>> {
    let Some(topic) = open_topic(doors, slug).await? else {
        return Ok(None);
    };
    let hit = Hit {
        room: topic.room,
        seq,
    };
    let Some(entry) = doors
        .store
        .entries(vec![hit])
        .await?
        .into_iter()
        .flatten()
        .next()
    else {
        return Ok(None);
    };
    match history::read(doors, topic.circle, entry)?.body {
        RecordBody::Moved(it) => Ok(Some(it)),
        _ => Ok(None),
    }
}

/// A page as it is answered.
pub(super) fn answer(html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, pages::ASK_AGAIN),
        (header::VARY, "accept-language"),
    ];
    (headers, html).into_response()
}

/// The app's page with this body in the place where it says that it needs a script.
pub(super) fn beside(index: &str, body: &str, lang: &str) -> String {
    const BEGIN: &str = "<noscript>";
    let head = index.find("</head>").unwrap_or(0);
    // The one before it is in the head, and has the style sheet.
    let begin = index
        .rfind(BEGIN)
        .map_or(index.len(), |it| it + BEGIN.len());
    let end = index[begin..]
        .find("</noscript>")
        .map_or(begin, |it| begin + it);
    let mut html = String::with_capacity(index.len() + body.len() + MESSAGE_MARKUP);
    html.push_str(&index[..head]);
    html.push_str(
        "    <link rel=\"alternate\" type=\"application/atom+xml\" href=\"/talk.atom\" />\n",
    );
    html.push_str(&index[head..begin]);
    html.push_str("<main class=\"outside\">");
    html.push_str(body);
    html.push_str("</main>");
    html.push_str(&index[end..]);
    html.replacen("lang=\"zh-CN\"", &format!("lang=\"{lang}\""), 1)
}

fn address(doors: &Doors, slug: &Slug) -> String {
    format!("{}/t/{slug}", doors.settings.origin)
}

/// Unix milliseconds as RFC 3339 has them.
fn moment(at_ms: u64) -> String {
    let seconds = i64::try_from(at_ms / 1_000).unwrap_or(0);
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}

/// The same for people, to the minute.
fn write_time(html: &mut String, at: &str) {
    let (day, minute) = (
        at.get(..10).unwrap_or(at),
        at.get(11..16).unwrap_or_default(),
    );
    let _ = write!(html, "<time datetime=\"{at}\">{day} {minute}</time>");
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_moment_is_written_as_rfc_3339_has_it() {
        assert_eq!(moment(1_795_000_000_300), "2026-11-18T11:06:40Z");
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
    }
}
