//! The list of topics and the rooms beside it, for who runs no script: the app's page, with the list in the place where
//! that says that it needs one.

use std::fmt::Write as _;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use html_escape::encode_quoted_attribute as escape;
use protocol::{Slug, topic::TopicKind};
use serde::Deserialize;
use store::{Listed, TopicRow, TopicsOf};

use super::{PAGE_RECORDS, moment, words::PageWords, write_time};
use crate::http::{
    Doors, pages,
    problem::Outcome,
    rooms::LISTED_MAX,
    share::{Card, Words, told},
    topics::Cursor,
};

/// Rooms that are named above the topics, live ones first.
const ROOMS_MAX: usize = 20;

/// What the list is narrowed down to, as the app has it in its address.
#[derive(Deserialize)]
pub(crate) struct Asked {
    board: Option<Slug>,
    tag: Option<String>,
    kind: Option<TopicKind>,
    after: Option<Cursor>,
}

/// The page of the list.
pub(crate) async fn list(
    State(doors): State<Doors>,
    asked: Result<Query<Asked>, QueryRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Ok(Query(asked)) = asked
        && let Ok(Some(html)) = written(&doors, asked, &uri, &headers).await
    {
        return super::answer(html);
    }
    // What cannot be read, or be listed for guests, the app says in its own words.
    pages::page(method, uri, headers).await
}

async fn written(
    doors: &Doors,
    asked: Asked,
    uri: &Uri,
    headers: &HeaderMap,
) -> Outcome<Option<String>> {
    let (Some(index), Some(circle)) = (pages::index(), doors.store.circle().await?) else {
        return Ok(None);
    };
    let words = PageWords(Words::of(headers));
    let is_first = asked.after.is_none();
    let whole = is_first && (&asked.board, &asked.tag, &asked.kind) == (&None, &None, &None);
    let rooms = if whole {
        let mut rooms = doors.store.rooms(circle.id, LISTED_MAX).await?;
        rooms.retain(|it| it.room.guests);
        rooms.truncate(ROOMS_MAX);
        rooms
    } else {
        Vec::new()
    };
    let boards = doors.store.boards(circle.id, None).await?;
    let narrowed = narrowed(uri);
    let board = asked.board.clone();
    let of = TopicsOf {
        board: asked.board,
        tag: asked.tag.map(|it| it.to_lowercase()),
        kind: asked.kind,
        for_guests: true,
        after: asked.after.map(|it| it.0),
        ..TopicsOf::default()
    };
    let order = of.order;
    let (topics, more) = doors.store.topics(of, PAGE_RECORDS).await?;
    let next = topics.last().filter(|_| more);
    let next = next.map(|it| format!("{narrowed}after={}", Cursor(it.cursor(order))));
    let board = board.and_then(|slug| boards.iter().find(|it| it.slug == slug));
    let title = board.map_or_else(|| words.topics().to_owned(), |it| it.title.clone());

    let mut body = String::new();
    let _ = write!(body, "<h1>{}</h1>", escape(&circle.name));
    if !rooms.is_empty() {
        let _ = write!(body, "<section><h2>{}</h2><ul>", words.rooms());
        for it in &rooms {
            room(&mut body, it, words.0);
        }
        body.push_str("</ul></section>");
    }
    let _ = write!(body, "<section><h2>{}</h2>", escape(&title));
    if !boards.is_empty() {
        let _ = write!(body, "<p><a href=\"/talk\">{}</a>", words.all());
        for it in &boards {
            let (slug, title) = (escape(it.slug.as_str()), escape(&it.title));
            let _ = write!(body, " · <a href=\"/talk?board={slug}\">{title}</a>");
        }
        body.push_str("</p>");
    }
    for it in &topics {
        topic(&mut body, it, &words);
    }
    if topics.is_empty() {
        let _ = write!(body, "<p>{}</p>", words.none());
    }
    body.push_str("</section><nav>");
    if let Some(next) = next {
        let (next, say) = (escape(&next), words.more());
        let _ = write!(body, "<a rel=\"next\" href=\"/talk?{next}\">{say}</a>");
    }
    body.push_str("</nav>");

    let origin = &doors.settings.origin;
    let card = Card {
        title,
        say: words.of_circle(&circle.name),
        circle: circle.name,
        address: format!("{origin}/talk"),
        picture: format!("{origin}/icon-512.png"),
        shows: Some((512, 512)),
        words: words.0,
    };
    Ok(Some(super::beside(
        &card.put_into(&index),
        &body,
        words.lang(),
    )))
}

/// What the address of a further page says before `after`: all that this one says.
fn narrowed(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let kept: Vec<&str> = pairs
        .filter(|it| !it.is_empty() && !it.starts_with("after="))
        .collect();
    kept.iter().fold(String::new(), |said, it| said + it + "&")
}

fn room(html: &mut String, it: &Listed, words: &Words) {
    let (title, say) = told(&it.room, it.broadcast.as_ref(), words);
    let (slug, title, say) = (&it.room.slug, escape(&title), escape(&say));
    let _ = write!(
        html,
        "<li><a href=\"/r/{slug}\">{title}</a> <small>{say}</small></li>"
    );
}

fn topic(html: &mut String, it: &TopicRow, words: &PageWords) {
    let (slug, title) = (&it.slug, escape(&it.topic.title));
    let kind = words.kind(it.topic.kind);
    let by = escape(words.name(&it.topic.by.name)).into_owned();
    let _ = write!(
        html,
        "<article><h3><a href=\"/t/{slug}\">{title}</a></h3><p class=\"by\">{kind} · {by} · {} · ",
        words.replies(it.replies)
    );
    write_time(html, &moment(it.last_ms));
    html.push_str("</p>");
    if !it.excerpt.is_empty() {
        let _ = write!(html, "<p>{}</p>", escape(&it.excerpt));
    }
    html.push_str("</article>");
}
