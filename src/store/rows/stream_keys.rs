//! Stream keys: what an encoder says at `/whip`. Shown once when made, kept as a hash.

use protocol::{MemberId, RoomNumber};

use super::{
    Hash, RowError,
    accounts::found,
    audit::{self, NewAct},
    column::{int, member},
};
use crate::{
    db::{DbResult, Row},
    store::Store,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamKey {
    pub id: String,
    pub room: RoomNumber,
    /// Who publishes with it.
    pub account: MemberId,
    pub label: String,
    pub made_ms: u64,
    pub used_ms: Option<u64>,
}

impl Store {
    /// Keeps a key by the SHA-256 of what was shown; written down in the audit log.
    pub async fn add_stream_key(
        &self,
        key: StreamKey,
        hash: Hash,
        act: NewAct,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO stream_keys (id, room, account, hash, label, made_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    &key.id,
                    key.room,
                    key.account.as_str(),
                    hash,
                    &key.label,
                    int(key.made_ms),
                ),
            )
            .map_err(|it| it.or_taken(RowError::NameTaken))?;
            Ok(audit::add(db, &act)?)
        })
        .await
    }

    /// The key with this hash, unless it was revoked.
    pub async fn stream_key(&self, hash: Hash) -> Result<Option<StreamKey>, RowError> {
        self.read(move |db| {
            let found = db.first(
                &format!("{KEY} WHERE hash = ?1 AND revoked_ms IS NULL"),
                [hash],
                key_row,
            )?;
            Ok(found)
        })
        .await
    }

    /// The keys of a room that were not revoked, oldest first.
    pub async fn stream_keys(&self, room: RoomNumber) -> Result<Vec<StreamKey>, RowError> {
        self.read(move |db| {
            let found = db.all(
                &format!("{KEY} WHERE room = ?1 AND revoked_ms IS NULL ORDER BY made_ms, id"),
                [room],
                key_row,
            )?;
            Ok(found)
        })
        .await
    }

    pub async fn touch_stream_key(&self, id: String, used_ms: u64) -> Result<(), RowError> {
        self.write(move |db| {
            let changed = db.execute(
                "UPDATE stream_keys
                 SET used_ms = CASE WHEN used_ms > ?2 THEN used_ms ELSE ?2 END WHERE id = ?1",
                (id, int(used_ms)),
            )?;
            found(changed)
        })
        .await
    }

    /// Revokes a key of this room at the time of the act, which is written down in the audit log with
    /// the key's label; [`RowError::NotFound`] where the room has no such key (any more).
    pub async fn revoke_stream_key(
        &self,
        room: RoomNumber,
        id: String,
        act: NewAct,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            let label = db.first(
                "UPDATE stream_keys SET revoked_ms = ?3
                     WHERE room = ?1 AND id = ?2 AND revoked_ms IS NULL RETURNING label",
                (room, id, int(act.at_ms)),
                |row| row.get(0),
            )?;
            let why = label.ok_or(RowError::NotFound)?;
            Ok(audit::add(db, &NewAct { why, ..act })?)
        })
        .await
    }
}

const KEY: &str = "SELECT id, room, account, label, made_ms, used_ms FROM stream_keys";

fn key_row(row: &Row<'_>) -> DbResult<StreamKey> {
    Ok(StreamKey {
        id: row.get(0)?,
        room: row.get(1)?,
        account: member(row, 2)?,
        label: row.get(3)?,
        made_ms: row.get(4)?,
        used_ms: row.get(5)?,
    })
}
