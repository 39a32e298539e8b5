//! The audit log: who did what to whom, when and why. A line is written in the transaction of what it
//! tells of, and is never changed: each carries the hash of the one before it and of its own content.
//!
//! One thing may leave it: the name of a member who erases their account. Then a new line vouches for what is left
//! of those that it was taken out of, so that the chain proves as much as before, but for names. Each line's hash
//! is over a salt as well, which goes with the name, so that it tells nobody whether a guessed name was there.

use std::collections::BTreeMap;

use aws_lc_rs::{
    digest::{Context, SHA256},
    rand,
};
use protocol::{
    MemberId, RoomNumber, Seq,
    server::{Mark, Person},
};

use super::{
    Hash, RowError,
    column::{int, mark_int, opt_int, person},
};
use crate::{
    db::{Db, DbError, DbResult, Row},
    store::Store,
};

/// What the first line carries for the line before it.
const BEGINNING: Hash = [0; 32];
/// Lines of the chain that are in memory together while it is walked.
const VERIFIED_AT_ONCE: i64 = 1_000;
/// Lines that a page holds at most.
pub const ACTS_MAX: usize = 200;
/// The act of a member who erased their account: its line vouches for those that lost a name by it.
const ERASED: &str = "erase_account";
/// The act whose reason is what somebody called a thing of theirs: it goes with their name.
const NAMES_A_KEY: &str = "stream_key";

/// Something to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAct {
    pub at_ms: u64,
    pub room: Option<RoomNumber>,
    pub seq: Option<Seq>,
    pub by: Person,
    pub what: String,
    pub whom: Option<Person>,
    pub why: String,
    pub until_ms: Option<u64>,
}

/// A line as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActRow {
    /// 1, 2, 3 … without a hole.
    pub number: u64,
    pub act: NewAct,
    before: Hash,
    hash: Hash,
    /// Absent in older lines, and where a name was taken out.
    salt: Option<Hash>,
    /// The line that vouches for what is left of this one.
    erased_by: Option<u64>,
}

/// Which lines; the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActsOf {
    pub room: Option<RoomNumber>,
    /// What was done to this person.
    pub whom: Option<MemberId>,
    pub since_ms: Option<u64>,
    /// Those below this number.
    pub before: Option<u64>,
    pub n: usize,
}

/// How far the chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// So many lines, each as it was written.
    Whole(u64),
    /// The first line that is not what was written, or follows upon one that is not there.
    BrokenAt(u64),
}

impl Store {
    pub async fn add_act(&self, act: NewAct) -> Result<(), RowError> {
        self.write(move |db| Ok(add(db, &act)?)).await
    }

    pub async fn acts(&self, of: ActsOf) -> Result<Vec<ActRow>, RowError> {
        self.read(move |db| Ok(page(db, &of)?)).await
    }

    /// Walks the whole chain.
    pub async fn verify_audit(&self) -> Result<Chain, RowError> {
        self.read(|db| Ok(verify(db)?)).await
    }
}

pub(crate) fn page(db: &Db, of: &ActsOf) -> DbResult<Vec<ActRow>> {
    let whom = of.whom.as_ref().map(MemberId::as_str);
    let n = int(of.n.clamp(1, ACTS_MAX) as u64);
    let (since, before) = (opt_int(of.since_ms), opt_int(of.before));
    db.all(
        &format!(
            "SELECT {COLUMNS} FROM audit
         WHERE (?1 IS NULL OR room = ?1) AND (?2 IS NULL OR whom = ?2)
           AND (?3 IS NULL OR at_ms >= ?3) AND (?4 IS NULL OR number < ?4)
         ORDER BY number DESC LIMIT ?5"
        ),
        (of.room, whom, since, before, n),
        act_row,
    )
}

/// Adds a line behind the last one.
pub(crate) fn add(db: &Db, act: &NewAct) -> DbResult<()> {
    let (last, before) = end(db)?;
    let number = last + 1;
    let mut salt = BEGINNING;
    rand::fill(&mut salt).map_err(|_| DbError::Odd(0))?;
    let hash = hash(number.unsigned_abs(), &before, act, Some(&salt));
    let whom = act.whom.as_ref();
    db.execute(
        "INSERT INTO audit (number, at_ms, room, seq, actor, actor_name, actor_mark, what, whom,
                            whom_name, whom_mark, why, until_ms, before_hash, hash, salt)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        (
            number,
            int(act.at_ms),
            act.room,
            opt_int(act.seq),
            act.by.id.as_str(),
            &act.by.name,
            mark_int(act.by.mark),
            &act.what,
            whom.map(|it| it.id.as_str()),
            whom.map(|it| &it.name),
            whom.map(|it| mark_int(it.mark)),
            &act.why,
            opt_int(act.until_ms),
            before,
            hash,
            salt,
        ),
    )?;
    Ok(())
}

/// Takes a member's name out of every line, and adds the one that vouches for what is left of them.
pub(crate) fn erase(db: &Db, member: &MemberId, at_ms: u64) -> DbResult<()> {
    let number = end(db)?.0 + 1;
    let mut left = Context::new(&SHA256);
    db.each(
        &format!(
            "SELECT {COLUMNS} FROM audit WHERE (actor = ?1 OR whom = ?1) AND erased_by IS NULL
             ORDER BY number"
        ),
        [member.as_str()],
        |row| {
            left.update(&act_row(row)?.left());
            DbResult::Ok(())
        },
    )?;
    db.execute(
        "UPDATE audit SET actor_name = CASE WHEN actor = ?1 THEN '' ELSE actor_name END,
             whom_name = CASE WHEN whom = ?1 THEN '' ELSE whom_name END,
             why = CASE WHEN actor = ?1 AND what = ?3 THEN '' ELSE why END,
             salt = NULL, erased_by = coalesce(erased_by, ?2)
         WHERE actor = ?1 OR whom = ?1",
        (member.as_str(), number, NAMES_A_KEY),
    )?;
    let act = NewAct {
        at_ms,
        room: None,
        seq: None,
        by: Person {
            id: member.clone(),
            name: String::new(),
            mark: Mark::Member,
        },
        what: ERASED.to_owned(),
        whom: None,
        why: hex(left),
        until_ms: None,
    };
    add(db, &act)
}

/// The last line's number and hash.
fn end(db: &Db) -> DbResult<(i64, Hash)> {
    let last = db.first(
        "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1",
        (),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(last.unwrap_or((0, BEGINNING)))
}

/// What lines that lost a name are vouched for by: the first of them, and what is left of all.
struct Vouched {
    first: u64,
    left: Context,
}

pub(crate) fn verify(db: &Db) -> DbResult<Chain> {
    let (mut last, mut before) = (0, BEGINNING);
    // By the number of the line that vouches.
    let mut vouched: BTreeMap<u64, Vouched> = BTreeMap::new();
    // Nothing is written here with a number below 1, and what is would be found.
    let mut above = i64::MIN;
    loop {
        let part = db.all(
            &format!("SELECT {COLUMNS} FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2"),
            (above, VERIFIED_AT_ONCE),
            // A value that cannot be read was not written so either.
            |row| Ok(act_row(row).ok()),
        )?;
        if part.is_empty() {
            let unproved = vouched.values().map(|it| it.first).min();
            return Ok(unproved.map_or(Chain::Whole(last), Chain::BrokenAt));
        }
        for line in part {
            let number = last + 1;
            let whole = line.filter(|it| {
                it.number == number && it.before == before && it.is_as_written_or_vouched_for()
            });
            let Some(line) = whole else {
                return Ok(Chain::BrokenAt(number));
            };
            if let Some(by) = line.erased_by {
                let it = vouched.entry(by).or_insert_with(|| Vouched {
                    first: number,
                    left: Context::new(&SHA256),
                });
                it.left.update(&line.left());
            }
            if line.act.what == ERASED {
                let it = vouched.remove(&number);
                let first = it.as_ref().map_or(number, |it| it.first);
                let left = it.map_or_else(|| Context::new(&SHA256), |it| it.left);
                if line.act.why != hex(left) {
                    return Ok(Chain::BrokenAt(first));
                }
            }
            (last, before) = (number, line.hash);
        }
        above = int(last);
    }
}

impl ActRow {
    fn is_as_written_or_vouched_for(&self) -> bool {
        match self.erased_by {
            None => self.hash == hash(self.number, &self.before, &self.act, self.salt.as_ref()),
            // Only a later line can vouch for it.
            Some(by) => by > self.number && self.salt.is_none(),
        }
    }

    /// What stays of a line whatever names are taken out of it.
    fn left(&self) -> [u8; 64] {
        let mut act = self.act.clone();
        act.by.name.clear();
        if let Some(whom) = &mut act.whom {
            whom.name.clear();
        }
        if act.what == NAMES_A_KEY {
            act.why.clear();
        }
        let mut left = [0; 64];
        left[..32].copy_from_slice(&hash(self.number, &self.before, &act, None));
        left[32..].copy_from_slice(&self.hash);
        left
    }
}

fn hex(sum: Context) -> String {
    let bytes = sum.finish();
    bytes
        .as_ref()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect()
}

/// SHA-256 over every column, each with its length, so that no two can trade bytes.
fn hash(number: u64, before: &Hash, act: &NewAct, salt: Option<&Hash>) -> Hash {
    let mut sum = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        sum.update(&(bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    };
    let person = |it: &Person| format!("{}\n{}\n{}", it.id, mark_int(it.mark), it.name);
    let optional = |it: Option<u64>| it.map_or_else(String::new, |it| it.to_string());
    part(before);
    part(&number.to_le_bytes());
    part(&act.at_ms.to_le_bytes());
    part(optional(act.room.map(u64::from)).as_bytes());
    part(optional(act.seq).as_bytes());
    part(person(&act.by).as_bytes());
    part(act.what.as_bytes());
    part(act.whom.as_ref().map(person).unwrap_or_default().as_bytes());
    part(act.why.as_bytes());
    part(optional(act.until_ms).as_bytes());
    if let Some(salt) = salt {
        part(salt);
    }
    let mut out = BEGINNING;
    out.copy_from_slice(sum.finish().as_ref());
    out
}

const COLUMNS: &str = "number, at_ms, room, seq, actor, actor_name, actor_mark, what, whom,
    whom_name, whom_mark, why, until_ms, before_hash, hash, salt, erased_by";

fn act_row(row: &Row<'_>) -> DbResult<ActRow> {
    let whom: Option<String> = row.get(8)?;
    Ok(ActRow {
        number: row.get(0)?,
        act: NewAct {
            at_ms: row.get(1)?,
            room: row.get(2)?,
            seq: row.get(3)?,
            by: person(row, 4)?,
            what: row.get(7)?,
            whom: whom.map(|_| person(row, 8)).transpose()?,
            why: row.get(11)?,
            until_ms: row.get(12)?,
        },
        before: row.get(13)?,
        hash: row.get(14)?,
        salt: row.get(15)?,
        erased_by: row.get(16)?,
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::migrations::{Engine, MIGRATIONS};

    fn act(n: u64) -> NewAct {
        let person = |id: &str| Person {
            id: id.into(),
            name: id.to_owned(),
            mark: Mark::Moderator,
        };
        NewAct {
            at_ms: n,
            room: Some(1),
            seq: Some(n),
            by: person("m_mo"),
            what: "mute".to_owned(),
            whom: n.is_multiple_of(2).then(|| person("m_ann")),
            why: "刷屏".to_owned(),
            until_ms: Some(n + 1),
        }
    }

    fn log(lines: u64) -> Db {
        let db = Db::Sqlite(Connection::open_in_memory().expect("memory"));
        for migration in [3, 12] {
            let text = MIGRATIONS[migration].text(Engine::Sqlite);
            db.batch(&text).expect("the migration");
        }
        for n in 1..=lines {
            add(&db, &act(n)).expect("added");
        }
        db
    }

    const TRIGGERS: &str = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_names_only_go;
         DROP TRIGGER audit_is_not_shortened";

    fn tampered(db: &Db, how: &str) -> Chain {
        db.batch(TRIGGERS).expect("whoever has the file can");
        db.execute(how, ()).expect("tampered");
        verify(db).expect("read")
    }

    #[test]
    fn o13_lines_are_only_added() {
        let db = log(3);
        assert!(db.execute("UPDATE audit SET why = ''", ()).is_err());
        assert!(db.execute("DELETE FROM audit", ()).is_err());
        assert_eq!(verify(&db).expect("read"), Chain::Whole(3));
        let of = ActsOf {
            whom: Some("m_ann".into()),
            n: 9,
            ..ActsOf::default()
        };
        let lines = page(&db, &of).expect("read");
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].act, act(2));
    }

    #[test]
    fn o13_a_line_that_was_changed_left_out_or_put_in_is_named() {
        for (tampered, broken_at) in [
            ("UPDATE audit SET why = 'x' WHERE number = 2", 2),
            ("UPDATE audit SET actor_name = 'x' WHERE number = 3", 3),
            ("UPDATE audit SET whom = NULL WHERE number = 4", 4),
            ("UPDATE audit SET until_ms = 'soon' WHERE number = 1", 1),
            ("DELETE FROM audit WHERE number = 2", 2),
            ("UPDATE audit SET number = 9 WHERE number = 5", 5),
        ] {
            let found = super::tests::tampered(&log(5), tampered);
            assert_eq!(found, Chain::BrokenAt(broken_at), "{tampered}");
        }
    }

    fn erased(lines: u64) -> Db {
        let db = log(lines);
        erase(&db, &"m_ann".into(), 99).expect("erased");
        db
    }

    #[test]
    fn o14_a_name_leaves_the_log_and_the_chain_holds() {
        let db = erased(5);
        assert_eq!(verify(&db).expect("read"), Chain::Whole(6));
        let of = ActsOf {
            n: 9,
            ..ActsOf::default()
        };
        let lines = page(&db, &of).expect("read");
        let whom: Vec<_> = lines.iter().filter_map(|it| it.act.whom.as_ref()).collect();
        assert!(
            whom.iter()
                .all(|it| it.name.is_empty() && it.id.as_str() == "m_ann")
        );
        assert_eq!(whom.len(), 2);
        assert_eq!(lines[0].act.what, ERASED);
        assert!(
            lines[1..].iter().all(|it| it.act.by.name == "m_mo"),
            "others stay"
        );
        // The other one goes as well, from the same lines.
        erase(&db, &"m_mo".into(), 100).expect("erased");
        add(&db, &act(7)).expect("added");
        assert_eq!(verify(&db).expect("read"), Chain::Whole(8));
        let lines = page(&db, &of).expect("read");
        let names = lines[1..].iter().map(|it| it.act.by.name.as_str());
        assert!(names.into_iter().all(str::is_empty));
    }

    #[test]
    fn o14_nothing_but_a_name_leaves_it() {
        let db = erased(4);
        for (change, what) in [
            (
                "UPDATE audit SET actor_name = 'x', salt = NULL, erased_by = 9",
                "another name",
            ),
            ("UPDATE audit SET actor_name = ''", "nobody vouches"),
            (
                "UPDATE audit SET erased_by = 9 WHERE number = 2",
                "another one vouches",
            ),
            (
                "UPDATE audit SET whom_name = NULL, salt = NULL, erased_by = 9",
                "no person",
            ),
            (
                "UPDATE audit SET why = '', salt = NULL, erased_by = 9",
                "another reason",
            ),
        ] {
            assert!(db.execute(change, ()).is_err(), "{what}");
        }
        assert_eq!(verify(&db).expect("read"), Chain::Whole(5));
    }

    #[test]
    fn o14_what_is_left_of_a_line_cannot_be_changed_unseen() {
        for (how, broken_at) in [
            ("UPDATE audit SET why = 'x' WHERE number = 2", 2),
            ("UPDATE audit SET actor = 'm_eve' WHERE number = 4", 2),
            ("UPDATE audit SET whom = 'm_eve' WHERE number = 4", 2),
            (
                "UPDATE audit SET actor_name = '', salt = NULL, erased_by = 6 WHERE number = 3",
                2,
            ),
            (
                "UPDATE audit SET actor_name = '', salt = NULL, erased_by = 9 WHERE number = 3",
                3,
            ),
            (
                "UPDATE audit SET actor_name = '', salt = NULL, erased_by = 1 WHERE number = 3",
                3,
            ),
            ("UPDATE audit SET why = '' WHERE number = 6", 6),
            ("UPDATE audit SET erased_by = NULL WHERE number = 2", 2),
        ] {
            assert_eq!(
                tampered(&erased(5), how),
                Chain::BrokenAt(broken_at),
                "{how}"
            );
        }
    }

    #[test]
    fn o14_a_line_without_a_salt_is_held_as_it_was_written() {
        let db = log(1);
        let old = act(2);
        let (_, before) = end(&db).expect("read");
        let sum = hash(2, &before, &old, None);
        db.execute(
            "INSERT INTO audit (number, at_ms, room, seq, actor, actor_name, actor_mark, what, whom, whom_name,
                 whom_mark, why, until_ms, before_hash, hash)
             VALUES (2, 2, 1, 2, 'm_mo', 'm_mo', 3, 'mute', 'm_ann', 'm_ann', 3, '刷屏', 3, ?1, ?2)",
            (before, sum),
        )
        .expect("added");
        assert_eq!(verify(&db).expect("read"), Chain::Whole(2));
        erase(&db, &"m_ann".into(), 9).expect("erased");
        assert_eq!(verify(&db).expect("read"), Chain::Whole(3));
    }
}
