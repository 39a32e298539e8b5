//! The page of a topic: its opening and replies as HTML, a card for links, and what search engines read
//! (`DiscussionForumPosting` of schema.org).

use std::{collections::BTreeMap, fmt::Write as _};

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse, Redirect, Response},
};
use html_escape::encode_quoted_attribute as escape;
use protocol::{
    Seq, Slug,
    topic::{Moment, OPENING, Thanks, TopicFrom, TopicPlace},
};
use serde::{Deserialize, Serialize};
use store::{OpenTopic, TopicRow};

use super::{
    MESSAGE_MARKUP, PAGE_RECORDS, Said, address, messages, moment, moved,
    quotes::{plain, quotes, thanks},
    words::PageWords,
    write_time,
};
use crate::http::{
    Doors, pages,
    problem::Outcome,
    quotes::open,
    share::{Card, Words},
    topics::thanks as thanks_of,
};

#[derive(Deserialize)]
pub(crate) struct From {
    /// The seq that the page before ended with.
    after: Option<Seq>,
    /// The record that an address is of.
    s: Option<Seq>,
}

impl From {
    /// Where the page begins that has what is asked for.
    fn begins(&self) -> Option<Seq> {
        let beyond = |it: &Seq| *it > PAGE_RECORDS as Seq;
        self.after.or(self.s.filter(beyond).map(|it| it - 1))
    }
}

/// The page of a topic.
pub(crate) async fn page(
    State(doors): State<Doors>,
    Path(slug): Path<String>,
    from: Result<Query<From>, QueryRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (slug, from) = (Slug::new(slug), from.ok().map(|it| it.0));
    if let Some(seq) = from.as_ref().and_then(|it| it.s)
        && let Ok(Some(moved)) = moved(&doors, &slug, seq).await
    {
        return Redirect::temporary(&moved.address()).into_response();
    }
    let after = from.and_then(|it| it.begins());
    match written(&doors, &slug, after, &headers).await {
        Ok(Some(html)) => super::answer(html),
        // Where there is nothing for guests, or the storage cannot be read, the app comes all the same.
        Ok(None) | Err(_) => pages::page(method, uri, headers).await,
    }
}

async fn written(
    doors: &Doors,
    slug: &Slug,
    after: Option<Seq>,
    headers: &HeaderMap,
) -> Outcome<Option<String>> {
    let Some(index) = pages::index().filter(|_| slug.is_well_formed()) else {
        return Ok(None);
    };
    let open_topic = doors
        .store
        .open_topic(slug.clone(), after.unwrap_or(0), PAGE_RECORDS);
    let Some(OpenTopic {
        topic,
        circle,
        quoted,
        entries,
        end,
    }) = open_topic.await?
    else {
        return Ok(None);
    };
    let words = Words::of(headers);
    let from = open(doors, quoted).await?;
    let asked = thanks_of(doors, &topic).await?;
    let next = entries.last().map(|it| it.seq).filter(|_| !end);
    let messages = messages(doors, topic.circle, entries)?;
    let address = address(doors, slug);
    let origin = &doors.settings.origin;
    // What it begins with is what it is known by.
    let picture = messages
        .iter()
        .find(|it| it.seq == OPENING)
        .and_then(|it| it.picture.as_ref());
    let card = Card {
        title: topic.topic.title.clone(),
        say: match &from {
            Some(from) if topic.excerpt.is_empty() => thanks(from, &PageWords(words)),
            _ => topic.excerpt.clone(),
        },
        circle: circle.name,
        // Whoever looks for it finds the one that it was merged into.
        address: topic
            .topic
            .into
            .as_ref()
            .map_or_else(|| address.clone(), |it| super::address(doors, &it.room)),
        picture: picture.map_or_else(
            || format!("{origin}/t/{slug}/cover.png"),
            |it| format!("{origin}/api/v1/blobs/{}", it.blob),
        ),
        shows: picture.map(|it| (it.w, it.h)),
        words,
    };
    let page = TopicPage {
        topic: &topic,
        messages: &messages,
        from: from.as_ref(),
        asked: asked.as_ref(),
        next,
        is_first: after.is_none(),
        address: &address,
        words: PageWords(words),
    };
    // The topic is there, and so is its style sheet, whether or not a script runs.
    let html = (0..2).fold(card.put_into(&index), |html, _| {
        without(html, "<noscript>", "</noscript>")
    });
    let lang = format!("lang=\"{}\"", page.words.lang());
    let html = html.replacen("lang=\"zh-CN\"", &lang, 1);
    Ok(Some(filled(&html, &page)))
}

/// The app's page with the topic in it. What is looked for in it is looked for before it grows.
fn filled(index: &str, page: &TopicPage<'_>) -> String {
    const APP: &str = "<div id=\"app\">";
    let head = index.find("</head>").unwrap_or(0);
    let app = index.find(APP).map_or(index.len(), |it| it + APP.len());
    let texts: usize = page.messages.iter().map(|it| it.text.len()).sum();
    let markup = MESSAGE_MARKUP * page.messages.len();
    let mut html = String::with_capacity(index.len() + 2 * texts + markup);
    html.push_str(&index[..head]);
    page.head(&mut html);
    html.push_str(&index[head..app]);
    page.body(&mut html);
    html.push_str(&index[app..]);
    html
}

fn without(mut html: String, from: &str, to: &str) -> String {
    if let Some(begin) = html.find(from)
        && let Some(length) = html[begin..].find(to)
    {
        html.replace_range(begin..begin + length + to.len(), "");
    }
    html
}

/// <https://schema.org/DiscussionForumPosting>, as search engines read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posting<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    headline: &'a str,
    text: String,
    author: Person<'a>,
    date_published: String,
    url: &'a str,
    keywords: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    interaction_statistic: [Counter; 2],
    comment: Vec<Comment<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Comment<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    text: String,
    author: Person<'a>,
    date_published: &'a str,
    url: String,
}

#[derive(Serialize)]
struct Person<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    name: &'a str,
}

impl<'a> Person<'a> {
    const fn of(name: &'a str) -> Self {
        Self {
            kind: "Person",
            name,
        }
    }
}

#[derive(Serialize)]
struct Counter {
    #[serde(rename = "@type")]
    kind: &'static str,
    #[serde(rename = "interactionType")]
    action: &'static str,
    #[serde(rename = "userInteractionCount")]
    count: u32,
}

fn link(it: &TopicPlace) -> String {
    format!("<a href=\"/t/{}\">{}</a>", it.room, escape(&it.title))
}

/// Seconds as players show them: 12:34, 1:02:03.
fn clock_of(second: u32) -> String {
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    if h > 0 {
        format!("{h}:{m:02}:{s:02}")
    } else {
        format!("{m}:{s:02}")
    }
}

/// What is written of a topic on one page.
struct TopicPage<'a> {
    topic: &'a TopicRow,
    messages: &'a [Said],
    /// What it was made of.
    from: Option<&'a TopicFrom>,
    /// Who asked for it, where it is there now.
    asked: Option<&'a Thanks>,
    next: Option<Seq>,
    /// It has the opening.
    is_first: bool,
    address: &'a str,
    words: PageWords,
}

impl TopicPage<'_> {
    fn head(&self, html: &mut String) {
        let (address, title) = (escape(self.address), escape(&self.topic.topic.title));
        let _ = write!(
            html,
            "    <link rel=\"stylesheet\" href=\"/outside.css\" />\n    \
             <link rel=\"alternate\" type=\"application/atom+xml\" title=\"{title}\" href=\"{address}/feed.atom\" />\n    \
             <link rel=\"alternate\" type=\"application/json+oembed\" title=\"{title}\" href=\"{}\" />\n",
            escape(&self.oembed()),
        );
        if self.is_first {
            // `<` is written so that no text ends the element.
            let posting = serde_json::to_string(&self.posting()).unwrap_or_default();
            let posting = posting.replace('<', "\\u003c");
            let _ = writeln!(
                html,
                "    <script type=\"application/ld+json\">{posting}</script>"
            );
        }
    }

    fn oembed(&self) -> String {
        let origin = self.address.split("/t/").next().unwrap_or_default();
        format!("{origin}/oembed?url={}", self.address)
    }

    fn posting(&self) -> Posting<'_> {
        let it = &self.topic.topic;
        let text = |said: &Said| markdown::plain(&said.doc);
        let counted = |action, count| Counter {
            kind: "InteractionCounter",
            action,
            count,
        };
        let replies = self.replies().filter(|it| !it.text.is_empty());
        let opening = self.opening().map(text).filter(|it| !it.is_empty());
        Posting {
            context: "https://schema.org",
            kind: "DiscussionForumPosting",
            headline: &it.title,
            text: opening.or(self.from.map(plain)).unwrap_or_default(),
            author: Person::of(self.words.name(&it.by.name)),
            date_published: moment(it.made_ms),
            url: self.address,
            keywords: &it.tags,
            image: self.opening().and_then(|it| it.picture.as_ref()).map(|it| {
                let origin = self.address.split("/t/").next().unwrap_or_default();
                format!("{origin}/api/v1/blobs/{}", it.blob)
            }),
            interaction_statistic: [
                counted("https://schema.org/CommentAction", self.topic.replies),
                counted("https://schema.org/LikeAction", self.topic.likes),
            ],
            comment: replies
                .map(|it| Comment {
                    kind: "Comment",
                    text: text(it),
                    author: Person::of(self.words.name(&it.by)),
                    date_published: &it.at,
                    url: format!("{}#s{}", self.address, it.seq),
                })
                .collect(),
        }
    }

    fn opening(&self) -> Option<&Said> {
        self.messages.iter().find(|it| it.seq == OPENING)
    }

    fn replies(&self) -> impl Iterator<Item = &Said> {
        self.messages.iter().filter(|it| it.seq != OPENING)
    }

    fn body(&self, html: &mut String) {
        let it = &self.topic.topic;
        let words = &self.words;
        html.push_str("<main class=\"outside\"><article>");
        let _ = write!(html, "<h1>{}</h1>", escape(&it.title));
        let _ = write!(
            html,
            "<p class=\"by\">{} · ",
            escape(words.name(&it.by.name))
        );
        write_time(html, &moment(it.made_ms));
        let _ = write!(html, " · {}", words.kind(it.kind));
        if let Some(status) = words.status(it.status) {
            let _ = write!(html, " · {status}");
        }
        if !it.reason.is_empty() {
            let _ = write!(html, " ({})", escape(&it.reason));
        }
        html.push_str("</p>");
        if let Some(at) = &it.at {
            let _ = write!(html, "<p class=\"by\">{}</p>", self.at(at));
        }
        if let Some(into) = &it.into {
            let _ = write!(
                html,
                "<p class=\"merged\"><strong>{} {}</strong></p>",
                words.merged_into(),
                link(into)
            );
        }
        if let Some(from) = &it.split_from {
            let _ = write!(
                html,
                "<p class=\"by\">{} {}</p>",
                words.split_from(),
                link(from)
            );
        }
        if let Some(opening) = self.opening() {
            html.push_str(&self.from.map_or_else(String::new, |it| quotes(it, words)));
            self.text(html, opening);
        } else {
            let _ = write!(
                html,
                "<p><a href=\"{}\">{}</a></p>",
                escape(self.address),
                words.first()
            );
        }
        if let Some(from) = self.from {
            let _ = write!(html, "<p class=\"by\">{}</p>", escape(&thanks(from, words)));
        }
        if let Some(Thanks { people, more }) = self.asked {
            let names: Vec<&str> = people.iter().map(|it| words.name(&it.name)).collect();
            let _ = write!(
                html,
                "<p class=\"by\">{}</p>",
                escape(&words.asked(&names, *more))
            );
        }
        if !it.tags.is_empty() {
            let tags: Vec<String> = it
                .tags
                .iter()
                .map(|it| format!("#{}", escape(it)))
                .collect();
            let _ = write!(html, "<p class=\"by\">{}</p>", tags.join(" "));
        }
        if !it.merged.is_empty() {
            let merged: Vec<String> = it.merged.iter().map(link).collect();
            let said = words.merged();
            let _ = write!(html, "<p class=\"by\">{said}: {}</p>", merged.join(" · "));
        }
        html.push_str("</article>");
        if let Some(accepted) = it
            .accepted
            .and_then(|of| self.messages.iter().find(|it| it.seq == of))
        {
            let _ = write!(
                html,
                "<section class=\"accepted\"><h2>{}</h2>",
                words.accepted()
            );
            self.reply(html, accepted, &BTreeMap::new(), false);
            html.push_str("</section>");
        }
        let _ = write!(
            html,
            "<section><h2>{}</h2>",
            words.replies(self.topic.replies)
        );
        let writers: BTreeMap<Seq, &str> = self
            .replies()
            .map(|it| (it.seq, words.name(&it.by)))
            .collect();
        for said in self.replies() {
            self.reply(html, said, &writers, true);
        }
        html.push_str("</section><nav>");
        if let Some(next) = self.next {
            let _ = write!(
                html,
                "<a rel=\"next\" href=\"{}?after={next}\">{}</a> ",
                escape(self.address),
                words.next()
            );
        }
        let _ = write!(html, "<a href=\"/talk\">{}</a></nav></main>", words.all());
    }

    /// The moment that it is about, as a link to the place in the broadcast's summary.
    fn at(&self, at: &Moment) -> String {
        let href = format!("/r/{}/b/{}#t={}", at.room, at.id, at.second);
        format!(
            "<a href=\"{}\">{}</a>",
            escape(&href),
            escape(&self.words.at(&clock_of(at.second), &at.title))
        )
    }

    fn reply(&self, html: &mut String, said: &Said, writers: &BTreeMap<Seq, &str>, anchored: bool) {
        html.push_str("<article");
        if anchored {
            let _ = write!(html, " id=\"s{}\"", said.seq);
        }
        let _ = write!(
            html,
            "><p class=\"by\"><b>{}</b> · ",
            escape(self.words.name(&said.by))
        );
        write_time(html, &said.at);
        if said.edited {
            let _ = write!(html, " · {}", self.words.edited());
        }
        if let Some(re) = said.re {
            let whom = writers
                .get(&re)
                .map_or_else(|| format!("#{re}"), |it| escape(it).into_owned());
            let _ = write!(
                html,
                " · {} <a href=\"#s{re}\">{whom}</a>",
                self.words.answers()
            );
        }
        html.push_str("</p>");
        self.text(html, said);
        html.push_str("</article>");
    }

    fn text(&self, html: &mut String, said: &Said) {
        if let Some(it) = &said.moved {
            let to = format!("<a href=\"{}\">{}</a>", it.address(), escape(&it.title));
            let _ = write!(html, "<p class=\"by\">{} {to}</p>", self.words.moved());
            return;
        }
        if said.deleted {
            let _ = write!(html, "<p class=\"by\">{}</p>", self.words.deleted());
            return;
        }
        markdown::write_html(&said.doc, html);
    }
}
