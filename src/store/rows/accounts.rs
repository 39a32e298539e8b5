//! Accounts (账号): who can sign in, and what they are in their circle.

use protocol::{CircleId, MemberId, notices::NoticeKind};

use super::{
    RowError,
    audit::{self, NewAct},
    column::{int, member},
    mail, notices,
};
use crate::{
    db::{Db, DbError, DbResult, Row},
    fold::fold_name,
    store::Store,
};

/// The role of a member in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Member,
    Moderator,
    Owner,
}

/// An account, as a member of the circle it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: MemberId,
    pub name: String,
    /// The password's hash in PHC text form, salt and parameters included.
    pub password: String,
    /// A token made at a smaller epoch is refused.
    pub token_epoch: u64,
    pub made_ms: u64,
    pub circle: CircleId,
    pub role: Role,
}

/// An account to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// `m_…`, random.
    pub id: MemberId,
    pub name: String,
    pub password: String,
    pub made_ms: u64,
}

impl Store {
    /// Makes an account and its membership. [`RowError::NameTaken`] where the folded name (see
    /// [`fold_name`]) is somebody's.
    pub async fn add_account(
        &self,
        circle: CircleId,
        role: Role,
        new: NewAccount,
    ) -> Result<Account, RowError> {
        self.write(move |db| {
            insert_account(db, &new)?;
            insert_member(db, &new, circle, role)?;
            account_by_id(db, &new.id)?.ok_or(RowError::NotFound)
        })
        .await
    }

    pub async fn account(&self, id: MemberId) -> Result<Option<Account>, RowError> {
        self.read(move |db| account_by_id(db, &id)).await
    }

    /// Finds by the folded name.
    pub async fn account_by_name(&self, name: &str) -> Result<Option<Account>, RowError> {
        let folded = fold_name(name);
        self.read(move |db| {
            let found = db.first(
                &format!("{ACCOUNT} WHERE a.name_folded = ?1 {FIRST_CIRCLE}"),
                [folded],
                account_row,
            )?;
            Ok(found)
        })
        .await
    }

    /// Gives a member another role. The last owner of a circle stays one.
    pub async fn set_role(
        &self,
        circle: CircleId,
        id: MemberId,
        role: Role,
    ) -> Result<(), RowError> {
        self.appoint(circle, id, role, None).await
    }

    /// The same, written down in the audit log.
    pub async fn appoint(
        &self,
        circle: CircleId,
        id: MemberId,
        role: Role,
        act: Option<NewAct>,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            if let Some(act) = &act {
                audit::add(db, act)?;
            }
            let is_last_owner: bool = db.one(
                "SELECT count(*) = 1 AND max(account) = ?2 FROM members
                 WHERE circle = ?1 AND role = 'owner'",
                (circle, id.as_str()),
                |row| Ok(row.get::<Option<bool>>(0)?.unwrap_or_default()),
            )?;
            if is_last_owner && role != Role::Owner {
                return Err(RowError::LastOwner);
            }
            let changed = db.execute(
                "UPDATE members SET role = ?3 WHERE circle = ?1 AND account = ?2",
                (circle, id.as_str(), role_text(role)),
            )?;
            found(changed)
        })
        .await
    }

    /// The act's own person hands the circle over to whom it is about: that one is its owner from here on, and they are a
    /// moderator. It is written down, and both are told. [`RowError::NotFound`] where the one is not an owner (any
    /// more), or the other no member who could become one.
    pub async fn hand_over(&self, circle: CircleId, act: NewAct) -> Result<(), RowError> {
        self.write(move |db| {
            let (by, Some(whom)) = (&act.by, &act.whom) else {
                return Err(RowError::NotFound);
            };
            let taken = db.execute(
                "UPDATE members SET role = 'owner' WHERE circle = ?1 AND account = ?2 AND role <> 'owner'",
                (circle, whom.id.as_str()),
            )?;
            found(taken)?;
            let given = db.execute(
                "UPDATE members SET role = 'moderator' WHERE circle = ?1 AND account = ?2 AND role = 'owner'",
                (circle, by.id.as_str()),
            )?;
            found(given)?;
            audit::add(db, &act)?;
            notices::put_of_circle(db, circle, (&whom.id, NoticeKind::Owner), by, act.at_ms)?;
            notices::put_of_circle(db, circle, (&by.id, NoticeKind::Handed), whom, act.at_ms)?;
            Ok(())
        })
        .await?;
        self.stir();
        Ok(())
    }

    /// The act's own person has a new password: the account is signed out everywhere, and it is written
    /// down in the audit log. Answers the account as it is then.
    pub async fn change_password(
        &self,
        password: String,
        act: NewAct,
    ) -> Result<Account, RowError> {
        self.write(move |db| {
            replace_password(db, &act.by.id, &password)?;
            audit::add(db, &act)?;
            account_by_id(db, &act.by.id)?.ok_or(RowError::NotFound)
        })
        .await
    }

    /// Signs the act's own person out everywhere: every sign-in and every browser that is pushed to is gone, and every token made
    /// so far is refused. It is written down in the audit log. Answers the new token epoch.
    pub async fn sign_out_everywhere(&self, act: NewAct) -> Result<u64, RowError> {
        self.write(move |db| {
            let epoch = sign_out_all(db, &act.by.id)?;
            audit::add(db, &act)?;
            Ok(epoch)
        })
        .await
    }
}

/// Nobody who knew the old password stays signed in.
pub(super) fn replace_password(db: &Db, id: &MemberId, password: &str) -> Result<(), RowError> {
    let changed = db.execute(
        "UPDATE accounts SET password = ?2 WHERE id = ?1",
        (id.as_str(), password),
    )?;
    found(changed)?;
    sign_out_all(db, id)?;
    Ok(())
}

/// Ends every sign-in, every browser that is pushed to, every token and every link that sets a password
/// of an account. Answers the new
/// token epoch.
pub(super) fn sign_out_all(db: &Db, id: &MemberId) -> Result<u64, RowError> {
    db.execute("DELETE FROM sign_ins WHERE account = ?1", [id.as_str()])?;
    db.execute(
        "DELETE FROM push_subscriptions WHERE member = ?1",
        [id.as_str()],
    )?;
    // Who is out does not come back in by a letter that they got before.
    mail::drop_password_link(db, id)?;
    let epoch = db.one(
        "UPDATE accounts SET token_epoch = token_epoch + 1 WHERE id = ?1 RETURNING token_epoch",
        [id.as_str()],
        |row| row.get(0),
    )?;
    Ok(epoch)
}

/// No row changed means that there is none.
pub(crate) fn found(changed: usize) -> Result<(), RowError> {
    if changed == 0 {
        Err(RowError::NotFound)
    } else {
        Ok(())
    }
}

const ACCOUNT: &str = "SELECT a.id, a.name, a.password, a.token_epoch, a.made_ms, m.circle, m.role
     FROM accounts a JOIN members m ON m.account = a.id";
const FIRST_CIRCLE: &str = "ORDER BY m.circle LIMIT 1";

pub(crate) fn account_by_id(db: &Db, id: &MemberId) -> Result<Option<Account>, RowError> {
    let found = db.first(
        &format!("{ACCOUNT} WHERE a.id = ?1 {FIRST_CIRCLE}"),
        [id.as_str()],
        account_row,
    )?;
    Ok(found)
}

/// What stands for the name of an account without one: no name that anybody may have is folded to it.
pub(crate) fn folded_without_name(id: &MemberId) -> String {
    format!("\u{1}{}", id.as_str())
}

pub(crate) fn insert_account(db: &Db, new: &NewAccount) -> Result<(), RowError> {
    let folded = match new.name.as_str() {
        "" => folded_without_name(&new.id),
        name => fold_name(name),
    };
    db.execute(
        "INSERT INTO accounts (id, name, name_folded, password, made_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            new.id.as_str(),
            &new.name,
            folded,
            &new.password,
            int(new.made_ms),
        ),
    )
    .map_err(|it| it.or_taken(RowError::NameTaken))?;
    Ok(())
}

pub(crate) fn insert_member(
    db: &Db,
    new: &NewAccount,
    circle: CircleId,
    role: Role,
) -> Result<(), RowError> {
    db.execute(
        "INSERT INTO members (account, circle, role, joined_ms) VALUES (?1, ?2, ?3, ?4)",
        (new.id.as_str(), circle, role_text(role), int(new.made_ms)),
    )?;
    Ok(())
}

pub(crate) fn account_row(row: &Row<'_>) -> DbResult<Account> {
    Ok(Account {
        id: member(row, 0)?,
        name: row.get(1)?,
        password: row.get(2)?,
        token_epoch: row.get(3)?,
        made_ms: row.get(4)?,
        circle: row.get(5)?,
        role: role(row, 6)?,
    })
}

pub(crate) const fn role_text(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Moderator => "moderator",
        Role::Owner => "owner",
    }
}

pub(crate) fn role(row: &Row<'_>, column: usize) -> DbResult<Role> {
    match row.text(column)? {
        "member" => Ok(Role::Member),
        "moderator" => Ok(Role::Moderator),
        "owner" => Ok(Role::Owner),
        _ => Err(DbError::Odd(column)),
    }
}
