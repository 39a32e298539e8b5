//! Search: where something was said, among what the caller may read.
//!
//! The index is a moment behind the logs. So every hit is read from its log and looked at once more: what
//! was deleted or changed since is shown to nobody.

use std::collections::BTreeMap;

use auth::Role;
use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
};
use community::{RecordBody, Verb};
use folding::Query as Words;
use protocol::{
    Code, MemberId, RoomNumber, limits,
    rest::{Problem, SearchHit, SearchPage, SearchPlace},
    server::{Mark, Person},
    topic::RoomKind,
};
use serde::Deserialize;
use store::{Has, Hit, RoomRow, Wanted};

use super::{
    Doors,
    caller::{Address, Caller},
    history,
    problem::{Failure, Outcome},
    rooms,
    throttles::ByAddress,
};

/// Characters before the first place where what was looked for stands.
const SHOWN_BEFORE: usize = 24;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    room: Option<String>,
    author: Option<String>,
    from: Option<u64>,
    to: Option<u64>,
    has: Option<String>,
    after: Option<String>,
    n: Option<usize>,
}

/// Where something was said, the newest first
///
/// On the first page the newest of up to three featured topics stand before it.
///
/// All words of `q` must be there, in any order; `"words in quotes"` stand together. One Chinese character
/// is enough. Width, case, traditional and simplified forms make no difference. Something to look by is
/// needed: words, a room, an author, or what a message has.
#[utoipa::path(
    get, path = "/api/v1/search", tag = "rooms", security((), ("bearer" = []), ("sign_in" = [])),
    params(
        ("q" = Option<String>, Query, description = "words, at most 8, with at most 200 characters"),
        ("room" = Option<String>, Query, description = "the room's slug"),
        ("author" = Option<String>, Query, description = "the id of who said it"),
        ("from" = Option<u64>, Query, description = "said then or later, Unix milliseconds"),
        ("to" = Option<u64>, Query, description = "said then or earlier"),
        ("has" = Option<String>, Query, description = "`link`, `image`, `card`, or several with commas"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("n" = Option<u32>, Query, description = "hits, at most 50; 20 where it is absent"),
    ),
    responses((status = 200, body = SearchPage), (status = "default", body = Problem)),
)]
pub(crate) async fn find(
    State(doors): State<Doors>,
    Address(address): Address,
    by: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Outcome<Answer<SearchPage>> {
    let Query(asked) = asked.map_err(|it| Failure::malformed(it.body_text()))?;
    match &by.0 {
        Some(it) if it.role != Role::Guest => doors.throttles.search(&it.id)?,
        _ => doors.throttles.address(ByAddress::Search, address)?,
    }
    let wanted = wanted(&doors, &by, asked).await?;
    if wanted.is_empty() {
        return Err(Failure::new(
            Code::Empty,
            "say what to look for: words, a room, an author, or what a message has",
        ));
    }
    let words = wanted.query.clone();
    let found = doors.store.search(wanted).await?;
    let mut shown = Shown {
        doors: &doors,
        words,
        rooms: BTreeMap::new(),
    };
    let first = found.featured;
    let others = found.hits.iter().filter(|it| !first.contains(it));
    let all: Vec<Hit> = first.iter().chain(others).copied().collect();
    let entries = doors.store.entries(all.clone()).await?;
    let mut hits = Vec::with_capacity(entries.len());
    for (hit, entry) in all.into_iter().zip(entries) {
        let featured = first.contains(&hit);
        let shown = shown.hit(hit, entry).await?;
        hits.extend(shown.map(|it| SearchHit { featured, ..it }));
    }
    Ok(Answer(SearchPage {
        hits,
        next: found.next.map(|it| it.to_string()),
    }))
}

/// What the store is asked, and no more than the caller may see.
async fn wanted(doors: &Doors, by: &Caller, asked: Asked) -> Outcome<Wanted> {
    let query = Words::read(&asked.q).map_err(|it| Failure::new(Code::TooLong, it.to_string()))?;
    let has = has(asked.has.as_deref().unwrap_or_default())?;
    let after = asked.after.map(|it| it.parse()).transpose();
    let after = after.map_err(|_| Failure::malformed("`after` is the `next` of a page before"))?;
    let room = match asked.room {
        Some(slug) => {
            let room = rooms::find(doors, slug).await?;
            doors
                .stage
                .admit(room.number, by.who(), Verb::Watch)
                .await?;
            Some(room.number)
        }
        None => None,
    };
    let except = match (by.who(), room) {
        (Some(who), None) => rooms::shut_to(doors, &who).await?,
        _ => Vec::new(),
    };
    Ok(Wanted {
        query,
        // Before there is one, nothing was said.
        circle: doors.store.circle().await?.map_or(0, |it| it.id),
        all_rooms: rooms::is_member(by),
        except,
        room,
        author: asked.author.map(MemberId::new),
        has,
        from_ms: asked.from,
        to_ms: asked.to,
        after,
        n: asked.n.unwrap_or(limits::SEARCH_HITS),
    })
}

fn has(text: &str) -> Outcome<Has> {
    let mut has = Has::default();
    for it in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        match it {
            "link" => has.link = true,
            "image" => has.image = true,
            "card" => has.card = true,
            _ => return Err(Failure::malformed("`has` is link, image or card")),
        }
    }
    Ok(has)
}

/// Turns places into what people read.
struct Shown<'a> {
    doors: &'a Doors,
    words: Words,
    rooms: BTreeMap<RoomNumber, Option<RoomRow>>,
}

impl Shown<'_> {
    /// Absent where it is not so any more.
    async fn hit(&mut self, hit: Hit, entry: Option<store::Entry>) -> Outcome<Option<SearchHit>> {
        let Some(room) = self.room(hit.room).await? else {
            return Ok(None);
        };
        let Some(entry) = entry else {
            let author = Person {
                id: room.made_by.clone(),
                name: room.made_by_name.clone(),
                mark: match room.kind {
                    RoomKind::Live => Mark::Host,
                    RoomKind::Topic => Mark::Member,
                },
            };
            let is_title = hit.seq == 0 && self.is_wanted(&room.title);
            return Ok(
                is_title.then(|| self.show(&room, None, (room.made_ms, author), &room.title))
            );
        };
        let record = history::read(self.doors, room.circle, entry)?;
        let (at_ms, author) = (record.at_ms, record.author.frame());
        let RecordBody::Message(message) = record.body else {
            return Ok(None);
        };
        let found = message.findable().filter(|it| self.is_wanted(&it.words));
        Ok(found.map(|it| self.show(&room, Some(hit.seq), (at_ms, author), &it.words)))
    }

    fn is_wanted(&self, text: &str) -> bool {
        self.words.fits(&folding::normal(text))
    }

    fn show(
        &self,
        room: &RoomRow,
        seq: Option<u64>,
        (at_ms, author): (u64, Person),
        text: &str,
    ) -> SearchHit {
        let cut = Cut::of(text, &self.words.places(text));
        SearchHit {
            room: room.slug.clone(),
            room_title: room.title.clone(),
            topic: room.kind == RoomKind::Topic,
            featured: false,
            seq,
            at_ms,
            author,
            text: cut.text,
            before: cut.before,
            behind: cut.behind,
            places: cut.places,
        }
    }

    async fn room(&mut self, number: RoomNumber) -> Outcome<Option<RoomRow>> {
        if let Some(known) = self.rooms.get(&number) {
            return Ok(known.clone());
        }
        let row = self.doors.store.room_by_number(number).await?;
        self.rooms.insert(number, row.clone());
        Ok(row)
    }
}

/// The part of a text that is shown.
#[derive(Debug, PartialEq)]
struct Cut {
    text: String,
    before: bool,
    behind: bool,
    places: Vec<SearchPlace>,
}

impl Cut {
    fn of(text: &str, places: &[(usize, usize)]) -> Self {
        let length = text.chars().count();
        let first = places.first().map_or(0, |it| it.0);
        let begin = match length <= limits::SEARCH_SHOWN_CHARS {
            true => 0,
            // Near the end more of what is before it has room.
            false => first
                .saturating_sub(SHOWN_BEFORE)
                .min(length - limits::SEARCH_SHOWN_CHARS),
        };
        let end = length.min(begin + limits::SEARCH_SHOWN_CHARS);
        let within = |at: usize| u32::try_from(at.clamp(begin, end) - begin).unwrap_or(u32::MAX);
        let places = places.iter().map(|(from, to)| SearchPlace {
            from: within(*from),
            to: within(*to),
        });
        Self {
            text: text.chars().skip(begin).take(end - begin).collect(),
            before: begin > 0,
            behind: end < length,
            places: places.filter(|it| it.from < it.to).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, words: &str) -> (String, bool, bool, Vec<(u32, u32)>) {
        let words = Words::read(words).expect("it can be looked for");
        let it = Cut::of(text, &words.places(text));
        let places = it.places.iter().map(|it| (it.from, it.to)).collect();
        (it.text, it.before, it.behind, places)
    }

    #[test]
    fn a_short_text_is_shown_whole() {
        let expect = ("今晚直播，别迟到".to_owned(), false, false, vec![(2, 4)]);
        assert_eq!(cut("今晚直播，别迟到", "直播"), expect);
    }

    #[test]
    fn of_a_long_text_the_part_around_the_first_place_is_shown() {
        let long = format!("{}直播{}直播", "前".repeat(300), "后".repeat(300));
        let (text, before, behind, places) = cut(&long, "直播");
        assert_eq!(text.chars().count(), limits::SEARCH_SHOWN_CHARS);
        assert!(before && behind);
        assert_eq!(places, [(24, 26)]);
        let late = format!("{}直播", "前".repeat(300));
        let (text, before, behind, places) = cut(&late, "直播");
        assert!(before && !behind && text.ends_with("直播"));
        assert_eq!(places, [(158, 160)]);
    }

    #[test]
    fn what_a_message_may_have_is_named() {
        assert_eq!(has("").expect("nothing"), Has::default());
        let both = has("link, image").expect("two");
        assert!(both.link && both.image && !both.card);
        assert_eq!(has("video").expect_err("unknown").code(), Code::Malformed);
    }
}
