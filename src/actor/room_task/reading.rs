//! What a room's task reads for others from the store, off its own path: pages of threads, what one
//! likes, and how much is liked.

use std::{future::Future, pin::Pin};

use community::Tally;
use protocol::{
    CircleId, Code, MemberId, Refusal, RoomNumber, Seq, limits,
    server::{Liked, Page, Reply as Spoken},
};
use store::Store;

use crate::actor::storing;

/// A question that the store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    Thread {
        of: Seq,
        after: Option<Seq>,
        n: usize,
    },
    Liked {
        member: MemberId,
        from: Seq,
        to: Seq,
    },
}

pub(super) async fn read(
    store: &Store,
    number: RoomNumber,
    circle: CircleId,
    reading: Reading,
) -> Result<Spoken, Refusal> {
    match reading {
        Reading::Thread { of, after, n } => {
            let n = n.clamp(1, limits::PAGE_RECORDS_MAX);
            thread(store, number, circle, (of, after), n).await
        }
        Reading::Liked { member, from, to } => {
            if to < from || to - from >= limits::LIKED_SPAN_MAX {
                let words = format!("liked spans up to {} records", limits::LIKED_SPAN_MAX);
                return Err(Refusal::new(Code::Malformed, words));
            }
            let found = store.liked(number, member, (from, to)).await;
            let liked = found.map_err(|it| failed(number, &it))?;
            Ok(Spoken::Liked(Liked { liked }))
        }
    }
}

async fn thread(
    store: &Store,
    number: RoomNumber,
    circle: CircleId,
    (of, after): (Seq, Option<Seq>),
    n: usize,
) -> Result<Spoken, Refusal> {
    let mut records = Vec::new();
    if after.is_none() {
        let root = store.entry(number, of).await;
        let Some(root) = root.map_err(|it| failed(number, &it))? else {
            let words = "this message is not there any more";
            return Err(Refusal::new(Code::NoSuchMessage, words));
        };
        let tallies = store.tallies(number, vec![of]).await;
        let page = store::Page {
            entries: vec![root],
            tallies: tallies.map_err(|it| failed(number, &it))?,
            end: true,
        };
        records =
            storing::records(&store.erasing(), circle, page).map_err(|it| failed(number, &it))?;
    }
    let found = store.thread(number, (of, after.unwrap_or(0)), n).await;
    let found = found.map_err(|it| failed(number, &it))?;
    let end = found.end;
    records.extend(
        storing::records(&store.erasing(), circle, found).map_err(|it| failed(number, &it))?,
    );
    Ok(Spoken::Page(Page {
        page: records.iter().map(community::Record::frame).collect(),
        end,
    }))
}

pub(super) type Counting = Pin<Box<dyn Future<Output = Vec<(Seq, Tally)>>>>;

/// Counts likes and replies. What cannot be read is left out: the room asks again.
pub(super) fn count(store: Store, number: RoomNumber, of: Vec<Seq>) -> Counting {
    Box::pin(async move {
        match store.tallies(number, of).await {
            Ok(found) => found.into_iter().map(storing::tally).collect(),
            Err(error) => {
                tracing::warn!(room = number, %error, "likes cannot be counted yet");
                Vec::new()
            }
        }
    })
}

fn failed(number: RoomNumber, error: &dyn std::error::Error) -> Refusal {
    tracing::warn!(room = number, %error, "something of a room cannot be read");
    let words = "this cannot be read just now";
    Refusal::new(Code::StorageUnavailable, words).after_ms(1_000)
}
