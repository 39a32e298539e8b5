//! Sign-ins (登录): the cookies that are good, known by their hash only.

use protocol::MemberId;

use super::{
    Hash, RowError,
    accounts::{Account, account_by_id},
    column::{int, member},
};
use crate::{
    db::{DbResult, Row},
    store::Store,
};

/// One device's sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// SHA-256 of the cookie's token.
    pub hash: Hash,
    pub account: MemberId,
    /// Words for the list of devices ("Firefox on Linux").
    pub device: String,
    pub made_ms: u64,
    pub used_ms: u64,
}

impl Store {
    pub async fn add_sign_in(&self, new: SignIn) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO sign_ins (hash, account, device, made_ms, used_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                (
                    new.hash,
                    new.account.as_str(),
                    new.device,
                    int(new.made_ms),
                    int(new.used_ms),
                ),
            )?;
            Ok(())
        })
        .await
    }

    /// The sign-in with this hash and its account.
    pub async fn sign_in(&self, token: Hash) -> Result<Option<(SignIn, Account)>, RowError> {
        self.read(move |db| {
            let found = db.first(&format!("{SIGN_IN} WHERE hash = ?1"), [token], sign_in_row)?;
            let Some(found) = found else { return Ok(None) };
            Ok(account_by_id(db, &found.account)?.map(|account| (found, account)))
        })
        .await
    }

    /// Notes that it was used just now.
    pub async fn touch_sign_in(&self, token: Hash, used_ms: u64) -> Result<(), RowError> {
        self.write(move |db| {
            let changed = db.execute(
                "UPDATE sign_ins SET used_ms = CASE WHEN used_ms < ?2 THEN ?2 ELSE used_ms END
                 WHERE hash = ?1",
                (token, int(used_ms)),
            )?;
            super::accounts::found(changed)
        })
        .await
    }

    /// Signs out one device. It is no error where the sign-in is gone already.
    pub async fn remove_sign_in(&self, token: Hash) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute("DELETE FROM sign_ins WHERE hash = ?1", [token])?;
            Ok(())
        })
        .await
    }

    /// Removes every sign-in that was last used before then; answers how many.
    pub async fn remove_sign_ins_unused_since(&self, before_ms: u64) -> Result<usize, RowError> {
        self.write(move |db| {
            Ok(db.execute("DELETE FROM sign_ins WHERE used_ms < ?1", [int(before_ms)])?)
        })
        .await
    }

    /// An account's sign-ins, the latest used first.
    pub async fn sign_ins(&self, account: MemberId) -> Result<Vec<SignIn>, RowError> {
        self.read(move |db| {
            let found = db.all(
                &format!("{SIGN_IN} WHERE account = ?1 ORDER BY used_ms DESC, hash"),
                [account.as_str()],
                sign_in_row,
            )?;
            Ok(found)
        })
        .await
    }
}

const SIGN_IN: &str = "SELECT hash, account, device, made_ms, used_ms FROM sign_ins";

fn sign_in_row(row: &Row<'_>) -> DbResult<SignIn> {
    Ok(SignIn {
        hash: row.get(0)?,
        account: member(row, 1)?,
        device: row.get(2)?,
        made_ms: row.get(3)?,
        used_ms: row.get(4)?,
    })
}
