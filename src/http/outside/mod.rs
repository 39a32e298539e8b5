//! Topics as the world reads them: pages without a script, cards for links, feeds, a map of the site. Only
//! what guests may read is here; of everything else these addresses say nothing.
//!
//! The page of a topic is the app's own page with the topic written into it: where the app runs, it takes over.

mod feed;
mod oembed;
mod page;
mod quotes;
mod sitemap;
mod words;

use community::{Card, Medium, Message, RecordBody};
use protocol::{BlobId, Doc, Seq, Slug, topic::OPENING};
use store::{PageOf, TopicRow};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Doors, history, problem::Outcome};

pub(crate) use feed::{fresh, replies};
pub(crate) use oembed::oembed;
pub(crate) use page::page;
pub(crate) use sitemap::{robots, sitemap};

/// Records that one page is made of: what is read at one go, and what a visit by a program that reads them all costs.
const PAGE_RECORDS: usize = 50;

/// A message of a topic, as it is shown.
struct Said {
    seq: Seq,
    at_ms: u64,
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

/// Its messages of one page, and the seq to go on from where there are more.
async fn said(doors: &Doors, topic: &TopicRow, of: PageOf) -> Outcome<(Vec<Said>, Option<Seq>)> {
    let page = doors.store.page(topic.room, of, PAGE_RECORDS).await?;
    let next = page.entries.last().map(|it| it.seq).filter(|_| !page.end);
    let circle = topic.circle;
    let mut messages = Vec::with_capacity(page.entries.len());
    for entry in page.entries {
        let record = history::read(doors, circle, entry)?;
        let (seq, at_ms, by) = (record.seq, record.at_ms, record.author.name.to_string());
        if let RecordBody::Message(it) = record.body {
            messages.push(Said {
                seq,
                at_ms,
                by,
                re: it.reply_to.filter(|it| *it != OPENING),
                doc: it.doc().unwrap_or_default(),
                picture: picture(&it),
                text: it.text.to_string(),
                deleted: it.deleted,
                edited: it.edits > 0,
            });
        }
    }
    Ok((messages, next))
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
fn time(at_ms: u64) -> String {
    let at = moment(at_ms);
    let shown = at.get(..16).unwrap_or_default().replace('T', " ");
    format!("<time datetime=\"{at}\">{shown}</time>")
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
