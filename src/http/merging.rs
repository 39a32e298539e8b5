//! Topics that ask for the same are merged by staff: what people like and follow is joined, and every address keeps
//! leading where it led.

use axum::{
    Json as Answer,
    extract::{Path, State},
};
use community::TopicPlace;
use protocol::{
    Code, Slug,
    rest::Problem,
    topic::{MergeWish, TopicCard},
};
use store::RoomRow;

use super::{
    Doors,
    body::Json,
    caller::Known,
    problem::{Failure, Outcome},
    rooms,
    seam::Merge,
    topics::{found, readable, whole},
};

/// Merge a topic into another one
///
/// Whoever likes how it begins, and its starter, like how the other begins, each counted once; whoever follows it
/// follows the other. Nothing is written in it from here on; what was said stays, at its addresses.
#[utoipa::path(
    put, path = "/api/v1/topics/{room}/into", tag = "topics", request_body = MergeWish,
    params(("room" = String, Path, description = "the slug of the topic that is merged")),
    responses((status = 200, body = TopicCard), (status = "default", body = Problem)),
)]
pub(crate) async fn merge(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
    Json(wish): Json<MergeWish>,
) -> Outcome<Answer<TopicCard>> {
    let topic = readable(&doors, room, &by).await?;
    let into = readable(&doors, wish.into.as_str().to_owned(), &by).await?;
    if topic.guests != into.guests {
        return Err(Failure::new(
            Code::WrongPhase,
            "guests may read one of these topics only: merge topics with the same readers",
        ));
    }
    let mut along = Vec::new();
    for it in found(&doors, &topic.slug, Some(&by)).await?.topic.merged {
        along.push(place(
            rooms::find(&doors, it.room.as_str().to_owned()).await?,
        ));
    }
    let slug = topic.slug.clone();
    let merge = Merge {
        topic: place(topic),
        along,
        into: place(into),
        on: true,
    };
    doors.stage.merge_topic(by.who(), merge).await?;
    merged(&doors, &slug, &by).await
}

/// Let a merged topic stand by itself again
///
/// It can be written in as before. What people came to like and follow by the merge stays so.
#[utoipa::path(
    delete, path = "/api/v1/topics/{room}/into", tag = "topics",
    params(("room" = String, Path, description = "the slug of the topic that was merged")),
    responses((status = 200, body = TopicCard), (status = "default", body = Problem)),
)]
pub(crate) async fn part(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
) -> Outcome<Answer<TopicCard>> {
    let topic = readable(&doors, room, &by).await?;
    let row = found(&doors, &topic.slug, Some(&by)).await?;
    let Some(into) = row.topic.into else {
        return Err(Failure::new(
            Code::WrongPhase,
            "this topic was not merged into another one",
        ));
    };
    let into = rooms::find(&doors, into.room.as_str().to_owned()).await?;
    let slug = topic.slug.clone();
    let merge = Merge {
        topic: place(topic),
        along: Vec::new(),
        into: place(into),
        on: false,
    };
    doors.stage.merge_topic(by.who(), merge).await?;
    merged(&doors, &slug, &by).await
}

/// The topic as it is with that; lists are others.
async fn merged(doors: &Doors, slug: &Slug, by: &auth::Identity) -> Outcome<Answer<TopicCard>> {
    doors.stage.listed().send_modify(|it| *it += 1);
    let row = found(doors, slug, Some(by)).await?;
    Ok(Answer(whole(doors, row, Some(by.who())).await?))
}

fn place(room: RoomRow) -> TopicPlace {
    TopicPlace {
        room: room.number,
        slug: room.slug,
        title: room.title.into(),
    }
}
