//! What was said last in a room, for who runs no script.

use std::fmt::Write as _;

use html_escape::encode_quoted_attribute as escape;
use protocol::Seq;
use store::{PageOf, RoomRow};

use super::{PAGE_RECORDS, messages, words::PageWords, write_time};
use crate::http::{Doors, problem::Outcome, share::Words};

/// The body of a room that guests may enter, under its title and the line about it; `before` is the seq that the page
/// behind this one begins with.
pub(crate) async fn room(
    doors: &Doors,
    room: &RoomRow,
    (title, say): (&str, &str),
    before: Option<Seq>,
    words: &'static Words,
) -> Outcome<String> {
    let words = PageWords(words);
    let of = before.map_or(PageOf::Last, PageOf::Before);
    let page = doors.store.page(room.number, of, PAGE_RECORDS).await?;
    let end = page.end;
    let first = page.entries.first().map(|it| it.seq);
    let messages = messages(doors, room.circle, page.entries)?;
    let mut html = format!(
        "<h1>{}</h1><p class=\"by\">{}</p>",
        escape(title),
        escape(say)
    );
    let _ = write!(html, "<p>{}</p>", words.needs_script());
    let _ = write!(html, "<section><h2>{}</h2>", words.said_last());
    for it in messages
        .iter()
        .filter(|it| !it.deleted && !it.text.is_empty())
    {
        let by = escape(words.name(&it.by)).into_owned();
        let _ = write!(
            html,
            "<article id=\"s{}\"><p class=\"by\"><b>{by}</b> · ",
            it.seq
        );
        write_time(&mut html, &it.at);
        let _ = write!(
            html,
            "</p><p class=\"said\">{}</p></article>",
            escape(&it.text)
        );
    }
    html.push_str("</section><nav>");
    let slug = &room.slug;
    if let Some(first) = first.filter(|_| !end) {
        let say = words.earlier();
        let _ = write!(
            html,
            "<a rel=\"prev\" href=\"/r/{slug}?before={first}\">{say}</a> "
        );
    }
    let _ = write!(html, "<a href=\"/talk\">{}</a></nav>", words.all());
    Ok(html)
}
