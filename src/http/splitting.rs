//! Replies of a topic are split by staff into a topic of their own, where they are from then on; every address of
//! them leads there.

use axum::{
    extract::{Path, State},
    response::Response,
};
use community::{NewSplit, Record, RecordBody};
use protocol::{
    CircleId, Code, Seq, Slug,
    rest::Problem,
    topic::{SplitWish, TopicCard},
};
use store::{Entry, Hit};

use super::{
    Doors,
    body::Json,
    caller::Known,
    history,
    problem::{Failure, Outcome},
    rooms,
    seam::SplitOrder,
    topics::{self, created, readable},
};

/// How often a message may have moved on before it is looked for no further.
const MOVES_FOLLOWED: usize = 16;

/// Split replies of a topic into a topic of their own
///
/// They move: there they are by their own writers, with their likes, and here each leaves its place, which says where
/// it is. The first of them is how the new topic begins, and its writer started it. Said again with the same `cid`,
/// it answers with the topic that was made then.
#[utoipa::path(
    post, path = "/api/v1/topics/{room}/split", tag = "topics", request_body = SplitWish,
    params(("room" = String, Path, description = "the slug of the topic that they are split from")),
    responses((status = 201, body = TopicCard), (status = "default", body = Problem)),
)]
pub(crate) async fn split(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
    Json(wish): Json<SplitWish>,
) -> Outcome<Response> {
    let topic = readable(&doors, room, &by).await?;
    if doors.store.account(by.id.clone()).await?.is_none() {
        return Err(Failure::new(
            Code::NotPermitted,
            "topics are split by moderators of this circle",
        ));
    }
    let slug = topics::slug_of(&by, "split", &wish.cid)?;
    let made = doors.store.topic(slug.clone(), Some(by.id.clone())).await?;
    if let Some(row) = made {
        return created(&doors, row, &by).await;
    }
    let cid = wish.cid.clone();
    let split = fit(&doors, topic.circle, slug.clone(), wish).await?;
    let order = SplitOrder {
        topic: topic.number,
        client_id: cid,
        split,
    };
    doors.stage.split_topic(by.who(), order).await?;
    doors.stage.listed().send_modify(|it| *it += 1);
    let row = topics::found(&doors, &slug, Some(&by)).await?;
    created(&doors, row, &by).await
}

async fn fit(doors: &Doors, circle: CircleId, slug: Slug, wish: SplitWish) -> Outcome<NewSplit> {
    let mut split = NewSplit::new(slug, wish.kind, wish.title);
    split.board = wish.board;
    split.tags = wish.tags;
    let split = split.of(wish.seqs)?;
    if let Some(board) = &split.board {
        topics::hold_board(doors, circle, board).await?;
    }
    Ok(split)
}

/// A stored record; where it is the place of a message that moved, that message, wherever it is now.
pub(super) async fn where_it_is(
    doors: &Doors,
    circle: CircleId,
    entry: Entry,
) -> Outcome<Option<Record>> {
    let mut record = history::read(doors, circle, entry)?;
    for _ in 0..MOVES_FOLLOWED {
        let RecordBody::Moved(it) = &record.body else {
            return Ok(Some(record));
        };
        let found = record_at(doors, it.to.clone(), it.seq).await?;
        let Some(next) = found else {
            return Ok(None);
        };
        record = next;
    }
    Ok(None)
}

async fn record_at(doors: &Doors, room: Slug, seq: Seq) -> Outcome<Option<Record>> {
    let room = rooms::find(doors, room.as_str().to_owned()).await?;
    let hit = Hit {
        room: room.number,
        seq,
    };
    let found = doors.store.entries(vec![hit]).await?;
    let entry = found.into_iter().flatten().next();
    entry
        .map(|it| history::read(doors, room.circle, it))
        .transpose()
}
