//! Guests (访客): people without an account, each the same person on the same device.

use protocol::{CircleId, MemberId};

use super::{
    Hash, RowError,
    column::{int, member},
};
use crate::{
    db::{DbResult, Row},
    store::Store,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// `g_…`.
    pub id: MemberId,
    pub circle: CircleId,
    pub name: String,
    pub made_ms: u64,
    pub seen_ms: u64,
}

/// A device that wants to be somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestDevice {
    pub circle: CircleId,
    /// SHA-256 of the device's own secret.
    pub device: Hash,
    /// The id it gets if it has none yet.
    pub new_id: MemberId,
    /// What to be called: absent keeps the name it has.
    pub name: Option<String>,
    /// The name of a new guest that said none.
    pub made_name: String,
    pub now_ms: u64,
}

impl Store {
    /// The guest of this device: made on the first call, the same ever after.
    pub async fn guest(&self, wish: GuestDevice) -> Result<Guest, RowError> {
        self.write(move |db| {
            let name = wish.name.as_deref().unwrap_or(&wish.made_name);
            let guest = db.one(
                "INSERT INTO guests (id, circle, device_hash, name, made_ms, seen_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                 ON CONFLICT (circle, device_hash) DO UPDATE SET
                     seen_ms = CASE WHEN excluded.seen_ms > guests.seen_ms
                                    THEN excluded.seen_ms ELSE guests.seen_ms END,
                     name = CASE WHEN ?6 = 1 THEN excluded.name ELSE guests.name END
                 RETURNING id, circle, name, made_ms, seen_ms",
                (
                    wish.new_id.as_str(),
                    wish.circle,
                    wish.device,
                    name,
                    int(wish.now_ms),
                    wish.name.is_some(),
                ),
                guest_row,
            )?;
            Ok(guest)
        })
        .await
    }

    pub async fn guest_by_id(&self, id: MemberId) -> Result<Option<Guest>, RowError> {
        self.read(move |db| {
            let found = db.first(
                "SELECT id, circle, name, made_ms, seen_ms FROM guests WHERE id = ?1",
                [id.as_str()],
                guest_row,
            )?;
            Ok(found)
        })
        .await
    }
}

fn guest_row(row: &Row<'_>) -> DbResult<Guest> {
    Ok(Guest {
        id: member(row, 0)?,
        circle: row.get(1)?,
        name: row.get(2)?,
        made_ms: row.get(3)?,
        seen_ms: row.get(4)?,
    })
}
