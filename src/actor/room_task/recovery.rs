//! What a room reads from the store: itself, old pages, people who are absent.

use std::time::Duration;

use community::{Past, Role, Room, RoomMeta, Traces, Who};
use protocol::{CircleId, Code, MemberId, Refusal, RoomNumber, server::Page};
use store::{PageOf, Store};
use tokio::time;

use crate::actor::storing;

/// First and longest pause between two tries to read a room back.
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(50);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(2);

/// A room from its log.
pub(in crate::actor) async fn recover(
    store: &Store,
    meta: &RoomMeta,
) -> Result<Room, Box<dyn std::error::Error + Send + Sync>> {
    let loaded = store.load(meta.number).await?;
    metrics::counter!("weiquan_room_loads_total").increment(1);
    Ok(Room::recover(
        meta.clone(),
        storing::loaded(&store.erasing(), meta.circle, loaded)?,
    ))
}

/// The same, as often as it takes: those who wait in the inbox are told `busy` once it is full.
pub(super) async fn recover_surely(store: &Store, meta: &RoomMeta) -> Room {
    let mut pause = AGAIN_AFTER_MIN;
    loop {
        match recover(store, meta).await {
            Ok(room) => return room,
            Err(error) => {
                tracing::error!(room = meta.number, %error, "a room cannot be read back yet");
                time::sleep(pause).await;
                pause = (pause * 2).min(AGAIN_AFTER_MAX);
            }
        }
    }
}

/// A page that reaches beyond what the room keeps.
pub(super) async fn page(
    store: &Store,
    number: RoomNumber,
    circle: CircleId,
    past: Past,
    n: usize,
) -> Result<Page, Refusal> {
    let of = match past {
        Past::Last => PageOf::Last,
        Past::Before(seq) => PageOf::Before(seq),
        Past::After(seq) => PageOf::After(seq),
    };
    let failed = |error: &dyn std::error::Error| {
        tracing::warn!(room = number, %error, "a page of the history cannot be read");
        Refusal::new(
            Code::StorageUnavailable,
            "the history cannot be read just now",
        )
        .after_ms(1_000)
    };
    let stored = store.page(number, of, n).await.map_err(|it| failed(&it))?;
    let end = stored.end;
    let records = storing::records(&store.erasing(), circle, stored).map_err(|it| failed(&it))?;
    Ok(Page {
        page: records.iter().map(community::Record::frame).collect(),
        end,
    })
}

/// A member or guest by id, whether here or not.
pub(super) async fn member(store: &Store, id: MemberId) -> Option<Who> {
    if id.as_str().starts_with("g_") {
        let guest = store.guest_by_id(id).await.ok()??;
        return Some(Who {
            id: guest.id,
            name: guest.name.into(),
            role: Role::Guest,
            traces: since(guest.made_ms),
        });
    }
    let account = store.account(id).await.ok()??;
    Some(Who {
        id: account.id,
        name: account.name.into(),
        role: role(account.role),
        traces: since(account.made_ms),
    })
}

fn role(role: store::Role) -> Role {
    match role {
        store::Role::Member => Role::Member,
        store::Role::Moderator => Role::Moderator,
        store::Role::Owner => Role::Owner,
    }
}

fn since(made_ms: u64) -> Traces {
    Traces {
        since_ms: Some(made_ms),
        ..Traces::default()
    }
}
