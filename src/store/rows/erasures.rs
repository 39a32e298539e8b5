//! Erasures: a member's account ends, and what is theirs alone goes with it, in one transaction. Their id stays where
//! it stands, as a mark that means nothing; the name beside it is emptied everywhere but in the logs, where that is
//! done by and by ([`Store::rewrite`]) and kept as work to do until it is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use protocol::{CircleId, MemberId, RoomNumber, Seq};

use super::{
    RowError,
    accounts::folded_without_name,
    audit,
    column::{int, member},
};
use crate::{
    db::{Db, DbResult},
    erasing::Erasing,
    log::{Entry, LogError},
    records::{entry, read},
    store::Store,
};

/// What becomes of what a member wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writings {
    /// It stays as it was said, by nobody who has a name.
    Keep,
    /// Each message becomes what is left of a deleted one.
    Remove,
}

/// An erasure that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub member: MemberId,
    pub writings: Writings,
    /// The logs of rooms below this one are done, and this one's up to `seq`.
    pub room: RoomNumber,
    pub seq: Seq,
}

/// A record as it was read, with what its author is called from now on and its body without the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    pub was: Entry,
    pub name: String,
    pub body: Vec<u8>,
}

impl Store {
    /// Ends an account: nobody can be it from here on, what is its alone is gone, and its name stands nowhere but in
    /// the logs, which are then to be gone through ([`Store::erasures`]). [`RowError::NotFound`] where there is no
    /// such account (any more), [`RowError::LastOwner`] where its circle has no other owner.
    pub async fn erase_account(
        &self,
        member: MemberId,
        writings: Writings,
        at_ms: u64,
    ) -> Result<(), RowError> {
        let store = self.clone();
        // Once it is asked for it is done whole: whoever asked may be gone before it is stored.
        let whole = tokio::spawn(async move {
            let whose = member.clone();
            store
                .write(move |db| erase(db, &whose, writings, at_ms))
                .await?;
            store.erasing_shared().begins(member);
            Ok(())
        });
        whole.await.unwrap_or(Err(RowError::Unavailable))
    }

    /// Everybody who erased their account, with when it was made.
    pub async fn erased_accounts(&self) -> Result<BTreeMap<MemberId, u64>, RowError> {
        self.read(|db| {
            let found = db.all(
                "SELECT id, made_ms FROM accounts WHERE name = '' ORDER BY id",
                (),
                |row| Ok((member(row, 0)?, row.get(1)?)),
            )?;
            Ok(found.into_iter().collect())
        })
        .await
    }

    /// Whose names are not to be shown although logs may still hold them. Asked for after the log was read.
    pub fn erasing(&self) -> Arc<Erasing> {
        self.erasing_shared().now()
    }

    /// Returns once there is an erasure that was not there when `seen` was looked at.
    pub async fn erasure_begun(&self, seen: &Erasing) {
        let mut watch = self.erasing_shared().watch();
        // The sender lives in the store.
        let _ = watch.wait_for(|it| !it.since(seen).is_empty()).await;
    }

    /// Those that are under way, the oldest first.
    pub async fn erasures(&self) -> Result<Vec<Erasure>, RowError> {
        self.read(|db| Ok(all(db)?)).await
    }

    /// The first room above a number, with its circle.
    pub async fn room_above(
        &self,
        number: RoomNumber,
    ) -> Result<Option<(RoomNumber, CircleId)>, RowError> {
        self.read(move |db| {
            let found = db.first(
                "SELECT number, circle FROM rooms WHERE number > ?1 ORDER BY number LIMIT 1",
                [number],
                |row| Ok((row.get(0)?, row.get(1)?)),
            );
            Ok(found?)
        })
        .await
    }

    /// Takes a name out of records of a room, and notes how far the erasure has come. Nothing is changed where one
    /// of them is not any more what was read: then this answers false, and they are to be read again.
    pub async fn rewrite(
        &self,
        upto: Erasure,
        circle: CircleId,
        records: Vec<Rewritten>,
    ) -> Result<bool, RowError> {
        let changed = self.write_soon(move |db| {
            for Rewritten { was, .. } in &records {
                let is = read::entry(db, upto.room, was.seq).map_err(failed)?;
                if is.as_ref() != Some(was) {
                    return Ok(false);
                }
            }
            for Rewritten { was, name, body } in records {
                // All else stays, whatever a record of this kind would have now: its checksum is over it.
                let mut now = was;
                (now.author.name, now.body) = (name, body);
                entry::rename(db, upto.room, circle, &now)?;
            }
            db.execute(
                "UPDATE erasures SET room = ?2, seq = ?3 WHERE member = ?1",
                (upto.member.as_str(), upto.room, int(upto.seq)),
            )?;
            Ok(true)
        });
        changed.await
    }

    /// Every log was gone through. What came of them at the same moment as their account ended goes too.
    pub async fn erased(&self, member: MemberId) -> Result<(), RowError> {
        self.write(move |db| {
            take_away(db, member.as_str())?;
            db.execute("DELETE FROM erasures WHERE member = ?1", [member.as_str()])?;
            Ok(())
        })
        .await
    }
}

fn failed(error: LogError) -> RowError {
    RowError::Failed(Box::new(error))
}

/// Those whose erasures are under way.
pub(crate) fn members(db: &Db) -> DbResult<BTreeSet<MemberId>> {
    Ok(all(db)?.into_iter().map(|it| it.member).collect())
}

fn all(db: &Db) -> DbResult<Vec<Erasure>> {
    db.all(
        "SELECT member, writings, room, seq FROM erasures ORDER BY asked_ms, member",
        (),
        |row| {
            Ok(Erasure {
                member: member(row, 0)?,
                writings: match row.get::<bool>(1)? {
                    false => Writings::Keep,
                    true => Writings::Remove,
                },
                room: row.get(2)?,
                seq: row.get(3)?,
            })
        },
    )
}

/// What is a member's alone, by the column that says whose it is.
const THEIRS: &[(&str, &str)] = &[
    ("sign_ins", "account"),
    ("push_subscriptions", "member"),
    ("mail_addresses", "member"),
    ("letters", "member"),
    ("stream_keys", "account"),
    ("reminders", "member"),
    ("notices", "member"),
    ("notice_settings", "member"),
    ("readings", "member"),
    ("board_follows", "member"),
    ("digests", "member"),
    ("caught_up", "member"),
    ("blob_uploads", "member"),
    ("members", "account"),
];

/// Where a name stands beside the id of its member.
const NAMES: &[(&str, &str, &str)] = &[
    ("broadcasts", "host", "host_name"),
    ("topics", "starter", "starter_name"),
    ("topics", "last_by", "last_name"),
    ("topics", "helper", "helper_name"),
    ("topic_quotes", "writer", "writer_name"),
    ("notices", "sender", "sender_name"),
];

fn erase(db: &Db, whose: &MemberId, writings: Writings, at_ms: u64) -> Result<(), RowError> {
    let id = whose.as_str();
    hold_other_owner(db, id)?;
    // What was uploaded and never said is nobody's now.
    db.execute(
        "UPDATE blobs SET free_ms = 0 WHERE refs = 0
           AND id IN (SELECT u.blob FROM blob_uploads u WHERE u.member = ?1)
           AND NOT EXISTS (SELECT 1 FROM blob_uploads o WHERE o.blob = blobs.id AND o.member <> ?1)",
        [id],
    )?;
    take_away(db, id)?;
    // The row stays for what refers to it.
    let ended = db.execute(
        "UPDATE accounts SET name = '', name_folded = ?2, password = '', token_epoch = token_epoch + 1
         WHERE id = ?1",
        (id, folded_without_name(whose)),
    )?;
    super::accounts::found(ended)?;
    audit::erase(db, whose, at_ms)?;
    db.execute(
        "INSERT INTO erasures (member, writings, asked_ms) VALUES (?1, ?2, ?3)",
        (id, writings == Writings::Remove, int(at_ms)),
    )?;
    Ok(())
}

/// What is theirs alone, and their name where it stands in a row.
fn take_away(db: &Db, id: &str) -> DbResult<()> {
    for (table, column) in THEIRS {
        db.execute(&format!("DELETE FROM {table} WHERE {column} = ?1"), [id])?;
    }
    for (table, column, name) in NAMES {
        db.execute(
            &format!("UPDATE {table} SET {name} = '' WHERE {column} = ?1 AND {name} <> ''"),
            [id],
        )?;
    }
    Ok(())
}

/// No circle is left without an owner. Who is in no circle has no account any more.
fn hold_other_owner(db: &Db, id: &str) -> Result<(), RowError> {
    let (circles, alone): (u32, u32) = db.one(
        "SELECT count(*), CAST(coalesce(sum(CASE WHEN m.role = 'owner' AND NOT EXISTS
             (SELECT 1 FROM members o WHERE o.circle = m.circle AND o.role = 'owner' AND o.account <> ?1)
             THEN 1 ELSE 0 END), 0) AS BIGINT)
         FROM members m WHERE m.account = ?1",
        [id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match (circles, alone) {
        (0, _) => Err(RowError::NotFound),
        (_, 0) => Ok(()),
        _ => Err(RowError::LastOwner),
    }
}
