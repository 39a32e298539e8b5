//! What the server knows of itself, and how it is set up once.

use super::{
    Hash, RowError,
    accounts::{Account, NewAccount, Role, insert_account, insert_member},
    column::int,
};
use crate::{
    db::{Db, DbResult},
    store::Store,
};
use protocol::CircleId;

/// A circle (圈子): the community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    pub id: CircleId,
    pub name: String,
    pub made_ms: u64,
}

pub(crate) const SECRET: &str = "secret";
const SET_UP_CODE: &str = "set_up_code";

impl Store {
    /// The secret that signs this server's tokens: the first one ever offered.
    pub async fn server_secret(&self, offered: [u8; 32]) -> Result<[u8; 32], RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO server (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                (SECRET, offered),
            )?;
            let kept = db.one("SELECT value FROM server WHERE key = ?1", [SECRET], |row| {
                row.get(0)
            })?;
            Ok(kept)
        })
        .await
    }

    /// The first circle, once the server is set up.
    pub async fn circle(&self) -> Result<Option<Circle>, RowError> {
        self.read(|db| Ok(first_circle(db)?)).await
    }

    /// Keeps the hash of a new one-time set-up code; the code before it opens nothing any more.
    pub async fn put_set_up_code(&self, code: Hash) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO server (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (SET_UP_CODE, code),
            )?;
            Ok(())
        })
        .await
    }

    /// The hash of the set-up code; `None` once it was used or while there never was one.
    pub async fn set_up_code(&self) -> Result<Option<Hash>, RowError> {
        self.read(|db| {
            let code = db.first(
                "SELECT value FROM server WHERE key = ?1",
                [SET_UP_CODE],
                |row| row.get(0),
            )?;
            Ok(code)
        })
        .await
    }

    /// Makes the first circle and its owner, and forgets the set-up code, in one transaction.
    /// Once only: afterwards it is [`RowError::SetUpDone`].
    pub async fn set_up(&self, circle: String, owner: NewAccount) -> Result<Account, RowError> {
        self.write(move |db| {
            let circle = make_circle(db, &circle, owner.made_ms)?.id;
            insert_account(db, &owner)?;
            insert_member(db, &owner, circle, Role::Owner)?;
            super::accounts::account_by_id(db, &owner.id)?.ok_or(RowError::NotFound)
        })
        .await
    }
}

/// The first circle; with it the set-up code opens nothing any more.
pub(crate) fn make_circle(db: &Db, name: &str, made_ms: u64) -> Result<Circle, RowError> {
    if first_circle(db)?.is_some() {
        return Err(RowError::SetUpDone);
    }
    let id: CircleId = db.one(
        "INSERT INTO circles (id, name, made_ms) VALUES (1, ?1, ?2) RETURNING id",
        (name, int(made_ms)),
        |row| row.get(0),
    )?;
    db.execute("DELETE FROM server WHERE key = ?1", [SET_UP_CODE])?;
    Ok(Circle {
        id,
        name: name.to_owned(),
        made_ms,
    })
}

pub(super) fn first_circle(db: &Db) -> DbResult<Option<Circle>> {
    db.first(
        "SELECT id, name, made_ms FROM circles ORDER BY id LIMIT 1",
        (),
        |row| {
            Ok(Circle {
                id: row.get(0)?,
                name: row.get(1)?,
                made_ms: row.get(2)?,
            })
        },
    )
}
