//! Where members are written to, and what waits to be written: letters with a link that is good once,
//! and the notices that somebody has not seen for a while.
//!
//! A letter counts as written once the mail server took it, and not before: one that was under way as
//! the process ended goes out again, under the same Message-ID.

use std::time::Duration;

use protocol::{MemberId, limits, notices::Notice};

use super::{
    RowError,
    accounts::{Account, account_by_id, replace_password},
    audit::{self, NewAct},
    column::{int, member},
    digests,
    notices::{NOTICE, notice_row},
};
use crate::{
    db::{Db, DbError, DbResult, Row},
    store::Store,
};

/// Letters that are looked at together.
const DUE_AT_ONCE: usize = 64;

/// A member's own address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress {
    pub address: String,
    /// In which language it is written to.
    pub lang: String,
    /// Letters in a row that the mail server would not have for it.
    pub refused: u32,
}

impl MailAddress {
    /// Whether letters still go there.
    pub const fn works(&self) -> bool {
        self.refused < limits::MAIL_REFUSED_MAX
    }
}

/// What is known of a member's mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailOf {
    pub address: Option<MailAddress>,
    /// The address that was sent a link and waits to be shown as theirs.
    pub asked: Option<String>,
}

/// A letter with a link that is good once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterKind {
    /// The link shows that the address is theirs.
    Confirm,
    /// The link sets a new password.
    Password,
}

impl LetterKind {
    pub const ALL: [Self; 2] = [Self::Confirm, Self::Password];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Password => "password",
        }
    }

    /// How long its link is good for.
    pub const fn good_for(self) -> Duration {
        match self {
            Self::Confirm => limits::MAIL_CONFIRM_WITHIN,
            Self::Password => limits::PASSWORD_LINK_WITHIN,
        }
    }
}

/// One that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkLetter {
    pub member: MemberId,
    pub kind: LetterKind,
    pub address: String,
    pub lang: String,
    /// Names this letter among those of its member and kind: the newest counts.
    pub made_ms: u64,
}

/// One that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueLink {
    pub letter: LinkLetter,
    /// The member's name.
    pub name: String,
    /// Failed ones.
    pub tries: u32,
}

/// The notices that are to go to one member in one letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueNotices {
    pub member: MemberId,
    /// The member's name.
    pub name: String,
    pub address: String,
    pub lang: String,
    /// The newest first, not more than [`limits::MAIL_NOTICES_MAX`].
    pub notices: Vec<Notice>,
    /// How many more there are.
    pub more: u32,
    /// The newest notice that this letter answers for.
    pub upto: u64,
    /// Failed ones.
    pub tries: u32,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterFate {
    Taken,
    /// To be tried again then, Unix milliseconds.
    Later(u64),
    /// The mail server will not have it for this address.
    Refused,
    /// It was tried for long enough.
    GivenUp,
}

impl Store {
    /// Returns once a letter was asked for. One caller at a time; what comes between two calls is not
    /// missed.
    pub async fn letter_asked(&self) {
        self.letters().notified().await;
    }

    pub async fn mail_of(&self, of: MemberId) -> Result<MailOf, RowError> {
        self.read(move |db| {
            let address = address(db, &of)?;
            let asked = db.first(
                "SELECT address FROM letters WHERE member = ?1 AND kind = 'confirm'",
                [of.as_str()],
                |row| row.get(0),
            )?;
            Ok(MailOf { address, asked })
        })
        .await
    }

    /// Wants a letter with a link. It takes the place of the one of its kind before it, whose link is
    /// good no more. [`RowError::Full`] where so many were asked for this address within a day.
    pub async fn ask_letter(&self, new: LinkLetter) -> Result<(), RowError> {
        self.write(move |db| {
            let day_ms = Duration::from_secs(24 * 3_600).as_millis() as u64;
            let others: u32 = db.one(
                "SELECT count(*) FROM letters
                 WHERE address = ?1 AND made_ms > ?2 AND NOT (member = ?3 AND kind = ?4)",
                (
                    &new.address,
                    int(new.made_ms.saturating_sub(day_ms)),
                    new.member.as_str(),
                    new.kind.as_str(),
                ),
                |row| row.get(0),
            )?;
            if others >= limits::LETTERS_TO_ONE_PER_DAY {
                return Err(RowError::Full);
            }
            db.execute(
                "INSERT INTO letters (member, kind, address, lang, made_ms, due_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                 ON CONFLICT (member, kind) DO UPDATE SET
                     address = excluded.address, lang = excluded.lang,
                     made_ms = excluded.made_ms, due_ms = excluded.due_ms, tries = 0",
                (
                    new.member.as_str(),
                    new.kind.as_str(),
                    &new.address,
                    &new.lang,
                    int(new.made_ms),
                ),
            )?;
            Ok(())
        })
        .await?;
        self.letters().notify_one();
        Ok(())
    }

    /// Notes a link that is handed over by other means than a letter; in place of the one of its kind before it.
    pub async fn note_link(
        &self,
        of: MemberId,
        kind: LetterKind,
        made_ms: u64,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO letters (member, kind, address, lang, made_ms, due_ms)
                 VALUES (?1, ?2, '', 'en', ?3, NULL)
                 ON CONFLICT (member, kind) DO UPDATE SET
                     address = '', made_ms = excluded.made_ms, due_ms = NULL, tries = 0",
                (of.as_str(), kind.as_str(), int(made_ms)),
            )?;
            Ok(())
        })
        .await
    }

    /// The letters with links that are due, the longest first. Those whose link is good no more go.
    pub async fn due_links(&self, now_ms: u64) -> Result<Vec<DueLink>, RowError> {
        let over = |kind: LetterKind| {
            let good_ms = kind.good_for().as_millis() as u64;
            (kind.as_str(), int(now_ms.saturating_sub(good_ms)))
        };
        let [confirm, password] = LetterKind::ALL.map(over);
        let any_over = self
            .read(move |db| {
                let any = "SELECT EXISTS (SELECT 1 FROM letters WHERE kind = ?1 AND made_ms <= ?2
                           OR kind = ?3 AND made_ms <= ?4)";
                let values = (confirm.0, confirm.1, password.0, password.1);
                Ok(db.one(any, values, |row| row.get::<bool>(0))?)
            })
            .await?;
        if any_over {
            self.write(move |db| {
                for over in [confirm, password] {
                    db.execute(
                        "DELETE FROM letters WHERE kind = ?1 AND made_ms <= ?2",
                        over,
                    )?;
                }
                Ok(())
            })
            .await?;
        }
        self.read(move |db| {
            let limit = i64::try_from(DUE_AT_ONCE).unwrap_or(i64::MAX);
            let due = db.all(
                "SELECT l.member, l.kind, l.address, l.lang, l.made_ms, a.name, l.tries
                     FROM letters l JOIN accounts a ON a.id = l.member
                     WHERE l.due_ms <= ?1 ORDER BY l.due_ms LIMIT ?2",
                (int(now_ms), limit),
                due_link,
            )?;
            Ok(due)
        })
        .await
    }

    /// What became of a letter with a link. The row stays for the link where it was taken.
    pub async fn link_posted(&self, letter: LinkLetter, fate: LetterFate) -> Result<(), RowError> {
        self.write(move |db| {
            let of = (
                letter.member.as_str(),
                letter.kind.as_str(),
                int(letter.made_ms),
            );
            match fate {
                LetterFate::Taken => db.execute(
                    "UPDATE letters SET due_ms = NULL
                     WHERE member = ?1 AND kind = ?2 AND made_ms = ?3",
                    of,
                )?,
                LetterFate::Later(due_ms) => db.execute(
                    "UPDATE letters SET due_ms = ?4, tries = tries + 1
                     WHERE member = ?1 AND kind = ?2 AND made_ms = ?3",
                    (of.0, of.1, of.2, int(due_ms)),
                )?,
                LetterFate::Refused | LetterFate::GivenUp => db.execute(
                    "DELETE FROM letters WHERE member = ?1 AND kind = ?2 AND made_ms = ?3",
                    of,
                )?,
            };
            Ok(())
        })
        .await
    }

    /// The link of a letter is used: the address is its member's from now on. `None` where the letter is
    /// not the newest, or its time is over.
    pub async fn confirm_mail(
        &self,
        of: MemberId,
        made_ms: u64,
        now_ms: u64,
    ) -> Result<Option<MailAddress>, RowError> {
        self.write(move |db| {
            let Some(letter) = use_link(db, &of, LetterKind::Confirm, made_ms, now_ms)? else {
                return Ok(None);
            };
            // Whoever reads at the address before has a link no more.
            drop_password_link(db, &of)?;
            db.execute(
                "INSERT INTO mail_addresses (member, address, lang, confirmed_ms)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (member) DO UPDATE SET
                     address = excluded.address, lang = excluded.lang,
                     confirmed_ms = excluded.confirmed_ms, next_ms = 0, tries = 0, refused = 0",
                (of.as_str(), &letter.address, &letter.lang, int(now_ms)),
            )?;
            digests::begin(db, &of, now_ms)?;
            Ok(address(db, &of)?)
        })
        .await
    }

    /// A member is written to no more.
    pub async fn remove_mail(&self, of: MemberId) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute("DELETE FROM letters WHERE member = ?1", [of.as_str()])?;
            db.execute(
                "DELETE FROM mail_addresses WHERE member = ?1",
                [of.as_str()],
            )?;
            drop_waiting(db, &of)?;
            Ok(())
        })
        .await
    }

    /// No kind of notice goes into letters to this member any more.
    pub async fn stop_mail(&self, of: MemberId) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO notice_settings (member, push, all_live, mail)
                 SELECT id, ?2, 0, 0 FROM accounts WHERE id = ?1
                 ON CONFLICT (member) DO UPDATE SET mail = 0",
                (of.as_str(), super::notices::all_bits()),
            )?;
            drop_waiting(db, &of)?;
            Ok(())
        })
        .await
    }

    /// The letters of notices that are due.
    pub async fn due_notices(&self, now_ms: u64) -> Result<Vec<DueNotices>, RowError> {
        self.read(move |db| {
            let limit = i64::try_from(DUE_AT_ONCE).unwrap_or(i64::MAX);
            let whom: Vec<(MemberId, String, String, String, u32)> = db.all(
                "SELECT DISTINCT m.member, a.name, m.address, m.lang, m.tries
                     FROM notices n JOIN mail_addresses m ON m.member = n.member
                     JOIN accounts a ON a.id = n.member
                     WHERE n.mail_ms <= ?1 AND m.next_ms <= ?1 LIMIT ?2",
                (int(now_ms), limit),
                |row| {
                    let (name, address, lang) = (row.get(1)?, row.get(2)?, row.get(3)?);
                    Ok((member(row, 0)?, name, address, lang, row.get(4)?))
                },
            )?;
            let mut due = Vec::with_capacity(whom.len());
            for (member, name, address, lang, tries) in whom {
                let mut waiting: Vec<Notice> = db.all(
                    &format!(
                        "SELECT {NOTICE} WHERE n.member = ?1 AND n.mail_ms IS NOT NULL
                         ORDER BY n.id DESC"
                    ),
                    [member.as_str()],
                    notice_row,
                )?;
                let upto = waiting.first().map_or(0, |it| it.id);
                // What was emptied meanwhile is not worth a line.
                waiting.retain(|it| !it.text.is_empty());
                let more = waiting.len().saturating_sub(limits::MAIL_NOTICES_MAX);
                waiting.truncate(limits::MAIL_NOTICES_MAX);
                due.push(DueNotices {
                    member,
                    name,
                    address,
                    lang,
                    notices: waiting,
                    more: u32::try_from(more).unwrap_or(u32::MAX),
                    upto,
                    tries,
                });
            }
            Ok(due)
        })
        .await
    }

    /// What became of a letter of notices. The next one to this member waits a while.
    pub async fn notices_posted(
        &self,
        of: MemberId,
        upto: u64,
        now_ms: u64,
        fate: LetterFate,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            let next_ms = now_ms + limits::MAIL_EVERY.as_millis() as u64;
            let (next_ms, tries, refused) = match fate {
                LetterFate::Taken => (next_ms, "0", "0"),
                LetterFate::GivenUp => (next_ms, "0", "refused"),
                LetterFate::Refused => (next_ms, "0", "refused + 1"),
                LetterFate::Later(at_ms) => (at_ms, "tries + 1", "refused"),
            };
            db.execute(
                &format!(
                    "UPDATE mail_addresses SET next_ms = ?2, tries = {tries}, refused = {refused}
                 WHERE member = ?1"
                ),
                (of.as_str(), int(next_ms)),
            )?;
            if !matches!(fate, LetterFate::Later(_)) {
                db.execute(
                    "UPDATE notices SET mail_ms = NULL
                     WHERE member = ?1 AND id <= ?2 AND mail_ms IS NOT NULL",
                    (of.as_str(), int(upto)),
                )?;
            }
            Ok(())
        })
        .await
    }

    /// The link of a letter sets a new password: the account is signed out everywhere, and the act is
    /// written down. Answers the account as it is then; `None` where the letter is not the newest, or its
    /// time is over.
    pub async fn reset_password(
        &self,
        of: MemberId,
        made_ms: u64,
        password: String,
        act: NewAct,
    ) -> Result<Option<Account>, RowError> {
        self.write(move |db| {
            if use_link(db, &of, LetterKind::Password, made_ms, act.at_ms)?.is_none() {
                return Ok(None);
            }
            replace_password(db, &of, &password)?;
            audit::add(db, &act)?;
            account_by_id(db, &of)
        })
        .await
    }
}

/// Whether letters of notices go to a member.
pub(super) fn is_written_to(db: &Db, of: &MemberId) -> DbResult<bool> {
    Ok(address(db, of)?.is_some_and(|it| it.works()))
}

/// What waits for a member to go into a letter goes into none.
pub(super) fn drop_waiting(db: &Db, of: &MemberId) -> DbResult<()> {
    db.execute(
        "UPDATE notices SET mail_ms = NULL WHERE member = ?1 AND mail_ms IS NOT NULL",
        [of.as_str()],
    )?;
    Ok(())
}

/// A link that sets a password and was sent already is good no more.
pub(super) fn drop_password_link(db: &Db, of: &MemberId) -> DbResult<()> {
    db.execute(
        "DELETE FROM letters WHERE member = ?1 AND kind = 'password'",
        [of.as_str()],
    )?;
    Ok(())
}

fn address(db: &Db, of: &MemberId) -> DbResult<Option<MailAddress>> {
    db.first(
        "SELECT address, lang, refused FROM mail_addresses WHERE member = ?1",
        [of.as_str()],
        |row| {
            Ok(MailAddress {
                address: row.get(0)?,
                lang: row.get(1)?,
                refused: row.get(2)?,
            })
        },
    )
}

/// Takes a letter away for its link, where it is the newest and its time is not over.
fn use_link(
    db: &Db,
    of: &MemberId,
    kind: LetterKind,
    made_ms: u64,
    now_ms: u64,
) -> DbResult<Option<LinkLetter>> {
    if now_ms.saturating_sub(made_ms) > kind.good_for().as_millis() as u64 {
        return Ok(None);
    }
    db.first(
        "DELETE FROM letters WHERE member = ?1 AND kind = ?2 AND made_ms = ?3
         RETURNING member, kind, address, lang, made_ms",
        (of.as_str(), kind.as_str(), int(made_ms)),
        link_letter,
    )
}

fn link_letter(row: &Row<'_>) -> DbResult<LinkLetter> {
    let word = row.text(1)?;
    let kind = LetterKind::ALL.into_iter().find(|it| it.as_str() == word);
    Ok(LinkLetter {
        member: member(row, 0)?,
        kind: kind.ok_or(DbError::Odd(1))?,
        address: row.get(2)?,
        lang: row.get(3)?,
        made_ms: row.get(4)?,
    })
}

fn due_link(row: &Row<'_>) -> DbResult<DueLink> {
    Ok(DueLink {
        letter: link_letter(row)?,
        name: row.get(5)?,
        tries: row.get(6)?,
    })
}
