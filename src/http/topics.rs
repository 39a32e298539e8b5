//! Topics: starting one, lists of them, and where one is in them. What is said in a topic goes over the socket,
//! as in any room.

use std::{fmt, sync::Arc};

use auth::{Identity, Role, secrets};
use axum::{
    Json as Answer,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use community::{RecordBody, Verb, Who};
use protocol::{
    CircleId, ClientId, Code, Slug, limits,
    rest::Problem,
    topic::{
        BroadcastPlace, FollowingWish, NewTopic, ReadingWish, RoomKind, TagCount, TagList, Thanks,
        TopicCard, TopicKind, TopicList, TopicStatus, Unread,
    },
};
use serde::{Deserialize, Deserializer, de};
use store::{Heat, RoomRow, RowError, TopicCursor, TopicOrder, TopicRow, TopicsOf};

use super::{
    Doors, blobs,
    body::Json,
    caller::{Caller, Known},
    moments,
    problem::{Failure, Outcome},
    quotes,
    rooms::{self, is_member},
};

const UNANSWERED_MS: u64 = limits::UNANSWERED_AFTER.as_millis() as u64;

/// Start a topic
///
/// Said again with the same `cid`, it answers with the topic that was started then.
#[utoipa::path(
    post, path = "/api/v1/topics", tag = "topics", request_body = NewTopic,
    responses((status = 201, body = TopicCard), (status = "default", body = Problem)),
)]
pub(crate) async fn start(
    State(doors): State<Doors>,
    Known(by): Known,
    Json(wish): Json<NewTopic>,
) -> Outcome<Response> {
    hold_may_start(&doors, &by).await?;
    let slug = slug_of(&by, "", &wish.cid)?;
    let started = doors.store.topic(slug.clone(), Some(by.id.clone())).await?;
    // What it was made of may be gone since: it is there all the same.
    if let Some(row) = started {
        return created(&doors, row, &by).await;
    }
    let (guests, cid) = (wish.guests, wish.cid.clone());
    let circle = circle(&doors).await?;
    let (topic, title) = fit(&doors, &by, circle, wish).await?;
    let room = match doors.store.room(slug.clone()).await? {
        Some(room) => room,
        None => {
            doors.throttles.topic(&by.id)?;
            let new = store::NewRoom {
                circle,
                slug,
                title: title.to_string(),
                kind: RoomKind::Topic,
                guests,
                made_by: by.id.clone(),
                made_ms: clock::unix_ms(),
            };
            make(&doors, new).await?
        }
    };
    doors
        .stage
        .start_topic(room.number, by.who(), cid, topic)
        .await?;
    doors.stage.listed().send_modify(|it| *it += 1);
    let row = found(&doors, &room.slug, Some(&by)).await?;
    created(&doors, row, &by).await
}

/// Whether somebody starts topics at all.
pub(super) async fn hold_may_start(doors: &Doors, by: &Identity) -> Outcome<()> {
    let lacks_account = by.role == Role::Guest || by.foreign;
    if lacks_account || doors.store.account(by.id.clone()).await?.is_none() {
        return Err(Failure::new(
            Code::NotPermitted,
            "topics are started by members of this circle",
        ));
    }
    Ok(())
}

/// The wish as a topic that can be started, and its title as it is kept. Held before there is a room: one that was refused its topic would
/// stand empty.
async fn fit(
    doors: &Doors,
    by: &Identity,
    circle: CircleId,
    wish: NewTopic,
) -> Outcome<(community::NewTopic, Arc<str>)> {
    let from = match wish.from {
        Some(from) => Some(quotes::wanted(doors, by.who(), from).await?),
        None => None,
    };
    let at = match wish.at {
        Some(at) => Some(moments::wanted(doors, by, (wish.kind, wish.guests), at).await?),
        None => None,
    };
    let topic = community::NewTopic {
        media: blobs::shown(doors, by, &wish.text).await?,
        at,
        kind: wish.kind,
        title: wish.title,
        text: wish.text,
        board: wish.board,
        tags: wish.tags,
        from,
        recap_of: wish.recap_of,
    };
    let title = topic.fit()?.title;
    if let Some(of) = &topic.recap_of {
        hold_recap(doors, by, topic.kind, of).await?;
    }
    if topic.kind == TopicKind::Announcement && !matches!(by.role, Role::Moderator | Role::Owner) {
        return Err(Failure::new(
            Code::NotPermitted,
            "only moderators may do this to a topic",
        ));
    }
    if let Some(board) = &topic.board {
        hold_board(doors, circle, board).await?;
    }
    Ok((topic, title))
}

/// A recap is told once, by who runs the room of a broadcast that is over.
async fn hold_recap(
    doors: &Doors,
    by: &Identity,
    kind: TopicKind,
    of: &BroadcastPlace,
) -> Outcome<()> {
    if kind != TopicKind::Recap {
        return Err(Failure::new(
            Code::WrongPhase,
            "only a topic of the kind recap tells of a broadcast",
        ));
    }
    let room = rooms::find(doors, of.room.as_str().to_owned()).await?;
    doors
        .stage
        .admit(room.number, Some(by.who()), Verb::GoLive)
        .await?;
    let over = doors.store.summary(of.id.clone()).await?;
    if over.is_none_or(|it| it.room != room.number) {
        return Err(Failure::new(
            Code::NotFound,
            "this broadcast is not over, or not here",
        ));
    }
    match doors.store.recap(of.id.clone()).await? {
        None => Ok(()),
        Some(it) => Err(Failure::new(
            Code::WrongPhase,
            format!("this broadcast has a recap: /t/{}", it.room),
        )),
    }
}

/// The address of a topic that somebody wishes for: the same wish has the same one, so that nothing has to remember it.
/// `how` tells wishes of one kind from those of another.
pub(super) fn slug_of(by: &Identity, how: &str, cid: &ClientId) -> Outcome<Slug> {
    if !cid.is_well_formed() {
        return Err(Failure::malformed("cid must be a UUID with hyphens"));
    }
    let hash = secrets::hash(&format!("{}{how} {cid}", by.id));
    Ok(Slug::new(format!("t{}", address(&hash))))
}

pub(super) async fn created(doors: &Doors, row: TopicRow, by: &Identity) -> Outcome<Response> {
    let location = HeaderValue::try_from(format!("/api/v1/topics/{}", row.slug))
        .expect("a well-formed slug fits a header");
    let card = whole(doors, row, Some(by.who())).await?;
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Answer(card),
    )
        .into_response())
}

async fn make(doors: &Doors, new: store::NewRoom) -> Outcome<RoomRow> {
    let slug = new.slug.clone();
    match doors.store.add_room(new).await {
        Ok(room) => Ok(room),
        // The same wish came twice at once.
        Err(RowError::SlugTaken) => rooms::find(doors, slug.as_str().to_owned()).await,
        Err(error) => Err(error.into()),
    }
}

/// Twelve of 32 letters and digits that are not taken for one another: 60 bits.
fn address(hash: &store::Hash) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letter = |it: &u8| char::from(LETTERS[usize::from(it % 32)]);
    hash.iter().take(12).map(letter).collect()
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    board: Option<Slug>,
    tag: Option<String>,
    kind: Option<TopicKind>,
    status: Option<TopicStatus>,
    by: Option<protocol::MemberId>,
    #[serde(default)]
    featured: bool,
    /// Only those that one follows and in which something is new.
    #[serde(default)]
    news: bool,
    /// Only questions that wait for an answer.
    #[serde(default)]
    unanswered: bool,
    /// Only those that are hot.
    #[serde(default)]
    hot: bool,
    after: Option<Cursor>,
    n: Option<usize>,
}

/// A place in a list as it travels: pinned or not, time and number.
pub(super) struct Cursor(pub(super) TopicCursor);

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicCursor {
            pinned,
            at_ms,
            room,
        } = self.0;
        write!(out, "{}-{at_ms}-{room}", u8::from(pinned))
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = || {
            let mut parts = text.splitn(3, '-');
            Some(TopicCursor {
                pinned: parts.next()? == "1",
                at_ms: parts.next()?.parse().ok()?,
                room: parts.next()?.parse().ok()?,
            })
        };
        read()
            .map(Self)
            .ok_or_else(|| de::Error::custom("after is `next` of the page before"))
    }
}

/// Topics, pinned ones first, then those that something was said in last
#[utoipa::path(
    get, path = "/api/v1/topics", tag = "topics", security((), ("bearer" = []), ("sign_in" = [])),
    params(
        ("board" = Option<String>, Query, description = "of this board"),
        ("tag" = Option<String>, Query, description = "with this hashtag, without #"),
        ("kind" = Option<TopicKind>, Query, description = "of this kind"),
        ("status" = Option<TopicStatus>, Query, description = "that are so far"),
        ("by" = Option<String>, Query, description = "started by this member"),
        ("featured" = Option<bool>, Query, description = "the best"),
        ("news" = Option<bool>, Query, description = "that one follows, and in which something is new"),
        ("unanswered" = Option<bool>, Query, description = "questions that nobody replied to for 24 hours, who waits longest first"),
        ("hot" = Option<bool>, Query, description = "in which many people speak just now, the hottest first"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("n" = Option<u32>, Query, description = "topics, at most 50; 20 where it is absent"),
    ),
    responses((status = 200, body = TopicList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(doors): State<Doors>,
    asked: Result<Query<Asked>, QueryRejection>,
    by: Caller,
) -> Outcome<Answer<TopicList>> {
    const TOPICS: usize = 20;
    let Query(asked) = asked.map_err(|it| Failure::malformed(it.body_text()))?;
    let of = TopicsOf {
        board: asked.board,
        tag: asked
            .tag
            .map(|it| it.trim_start_matches('#').to_lowercase()),
        kind: asked.kind,
        status: asked.status,
        starter: asked.by,
        featured: asked.featured,
        for_guests: !is_member(&by),
        order: match (asked.news, asked.unanswered, asked.hot) {
            (false, false, false) => TopicOrder::Fresh,
            (true, false, false) => TopicOrder::News,
            (false, true, false) => TopicOrder::Unanswered {
                by_ms: clock::unix_ms().saturating_sub(UNANSWERED_MS),
            },
            (false, false, true) => TopicOrder::Hot {
                from: Heat::hot_from(clock::unix_ms()),
            },
            _ => {
                return Err(Failure::malformed(
                    "news, unanswered and hot are three lists: ask for one of them",
                ));
            }
        },
        asker: by.0.as_ref().map(|it| it.id.clone()),
        after: asked.after.map(|it| it.0),
    };
    let order = of.order;
    let n = asked.n.unwrap_or(TOPICS).clamp(1, limits::TOPICS_PAGE_MAX);
    let (rows, more) = doors.store.topics(of, n).await?;
    let next = rows.last().filter(|_| more);
    Ok(Answer(TopicList {
        next: next.map(|it| Cursor(it.cursor(order)).to_string()),
        topics: rows.into_iter().map(card).collect(),
    }))
}

/// One topic
#[utoipa::path(
    get, path = "/api/v1/topics/{room}", tag = "topics", security((), ("bearer" = []), ("sign_in" = [])),
    params(("room" = String, Path, description = "the topic's slug")),
    responses((status = 200, body = TopicCard), (status = "default", body = Problem)),
)]
pub(crate) async fn show(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    by: Caller,
) -> Outcome<Answer<TopicCard>> {
    let row = found(&doors, &Slug::new(room), by.0.as_ref()).await?;
    if !row.guests && !is_member(&by) {
        return Err(Failure::new(
            Code::GuestsNotAllowed,
            "this topic is for members: sign in to read it",
        ));
    }
    Ok(Answer(whole(&doors, row, by.who()).await?))
}

/// Say how far one has read
#[utoipa::path(
    put, path = "/api/v1/topics/{room}/reading", tag = "topics", request_body = ReadingWish,
    params(("room" = String, Path, description = "the topic's slug")),
    responses((status = 200, body = TopicCard), (status = "default", body = Problem)),
)]
pub(crate) async fn reading(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
    Json(wish): Json<ReadingWish>,
) -> Outcome<Answer<TopicCard>> {
    let room = readable(&doors, room, &by).await?;
    let kind = RecordBody::MESSAGE;
    doors
        .store
        .set_reading(by.id.clone(), room.number, wish.seq, kind)
        .await?;
    Ok(Answer(card(found(&doors, &room.slug, Some(&by)).await?)))
}

/// Follow a topic, or no longer
#[utoipa::path(
    put, path = "/api/v1/topics/{room}/following", tag = "topics", request_body = FollowingWish,
    params(("room" = String, Path, description = "the topic's slug")),
    responses((status = 200, body = TopicCard), (status = "default", body = Problem)),
)]
pub(crate) async fn follow(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
    Json(wish): Json<FollowingWish>,
) -> Outcome<Answer<TopicCard>> {
    let room = readable(&doors, room, &by).await?;
    doors
        .store
        .set_following(by.id.clone(), room.number, wish.following)
        .await?;
    Ok(Answer(card(found(&doors, &room.slug, Some(&by)).await?)))
}

/// How much is new in the topics that one follows
#[utoipa::path(
    get, path = "/api/v1/unread", tag = "topics",
    responses((status = 200, body = Unread), (status = "default", body = Problem)),
)]
pub(crate) async fn unread(
    State(doors): State<Doors>,
    Known(by): Known,
) -> Outcome<Answer<Unread>> {
    let (topics, messages) = doors.store.unread(by.id).await?;
    Ok(Answer(Unread { topics, messages }))
}

/// The hashtags with the most topics
#[utoipa::path(
    get, path = "/api/v1/tags", tag = "topics", security((), ("bearer" = []), ("sign_in" = [])),
    responses((status = 200, body = TagList), (status = "default", body = Problem)),
)]
pub(crate) async fn tags(State(doors): State<Doors>, by: Caller) -> Outcome<Answer<TagList>> {
    let found = doors
        .store
        .tags(!is_member(&by), limits::TAGS_LISTED)
        .await?;
    let tags = found
        .into_iter()
        .map(|(tag, topics)| TagCount { tag, topics })
        .collect();
    Ok(Answer(TagList { tags }))
}

/// A topic that one may read.
pub(super) async fn readable(doors: &Doors, room: String, by: &Identity) -> Outcome<RoomRow> {
    let room = rooms::find(doors, room).await?;
    if room.kind != RoomKind::Topic {
        return Err(Failure::not_found("topic"));
    }
    doors
        .stage
        .admit(room.number, Some(by.who()), Verb::Watch)
        .await?;
    Ok(room)
}

pub(super) async fn found(doors: &Doors, slug: &Slug, by: Option<&Identity>) -> Outcome<TopicRow> {
    let asker = by.map(|it| it.id.clone());
    let row = match slug.is_well_formed() {
        true => doors.store.topic(slug.clone(), asker).await?,
        false => None,
    };
    row.ok_or_else(|| Failure::not_found("topic"))
}

/// A topic with what it was made of.
pub(super) async fn whole(doors: &Doors, row: TopicRow, who: Option<Who>) -> Outcome<TopicCard> {
    let from = quotes::shown(doors, &row, who).await?;
    let thanks = thanks(doors, &row).await?;
    Ok(TopicCard {
        from,
        thanks,
        ..card(row)
    })
}

/// Whom feedback that shipped is owed to.
pub(super) async fn thanks(doors: &Doors, row: &TopicRow) -> Outcome<Option<Thanks>> {
    if row.topic.kind != TopicKind::Feedback || row.topic.status != TopicStatus::Shipped {
        return Ok(None);
    }
    let (people, more) = doors.store.askers(row.room, limits::ASKERS_NAMED).await?;
    Ok(Some(Thanks { people, more }))
}

pub(super) async fn circle(doors: &Doors) -> Outcome<CircleId> {
    let circle = doors.store.circle().await?;
    circle
        .map(|it| it.id)
        .ok_or_else(|| Failure::new(Code::NotPermitted, "this server is not set up yet"))
}

pub(super) async fn hold_board(doors: &Doors, circle: CircleId, board: &Slug) -> Outcome<()> {
    if board.is_well_formed() && doors.store.has_board(circle, board.clone()).await? {
        return Ok(());
    }
    Err(Failure::not_found("board"))
}

fn card(row: TopicRow) -> TopicCard {
    TopicCard {
        room: row.slug,
        guests: row.guests,
        topic: row.topic,
        excerpt: row.excerpt,
        replies: row.replies,
        likes: row.likes,
        last_ms: row.last_ms,
        last_by: row.last_by,
        hot: row.heat >= Heat::hot_from(clock::unix_ms()),
        reading: row.reading,
        from: None,
        thanks: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_well_formed_and_of_its_wish_alone() {
        let of = |text: &str| Slug::new(format!("t{}", address(&secrets::hash(text))));
        assert!(of("m_a 1").is_well_formed());
        assert_eq!(of("m_a 1"), of("m_a 1"));
        assert_ne!(of("m_a 1"), of("m_a 2"));
        assert_eq!(of("m_a 1").as_str().len(), 13);
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let at = TopicCursor {
            pinned: true,
            at_ms: 1_800_000_000_000,
            room: 7,
        };
        let text = Cursor(at).to_string();
        let read: Cursor = serde_json::from_value(text.into()).expect("its own text");
        assert_eq!(read.0, at);
        for odd in ["", "1", "1-2", "1-x-3", "1-2-3-4"] {
            let read = serde_json::from_value::<Cursor>(odd.into());
            assert!(read.is_err(), "{odd}");
        }
    }
}
