//! The audit log: who did what to whom, when and why. A line is written in the transaction of what it
//! tells of, and is never changed: each carries the hash of the one before it and of its own content.

use aws_lc_rs::digest::{Context, SHA256};
use protocol::{MemberId, RoomNumber, Seq, server::Person};

use super::{
    Hash, RowError,
    column::{int, mark_int, opt_int, person},
};
use crate::{
    db::{Db, DbResult, Row},
    store::Store,
};

/// What the first line carries for the line before it.
const BEGINNING: Hash = [0; 32];
/// Lines of the chain that are in memory together while it is walked.
const VERIFIED_AT_ONCE: i64 = 1_000;
/// Lines that a page holds at most.
pub const ACTS_MAX: usize = 200;

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
    let last: Option<(i64, Hash)> = db.first(
        "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1",
        (),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (last, before) = last.unwrap_or((0, BEGINNING));
    let number = last + 1;
    let hash = hash(number.unsigned_abs(), &before, act);
    let whom = act.whom.as_ref();
    db.execute(
        "INSERT INTO audit (number, at_ms, room, seq, actor, actor_name, actor_mark, what, whom,
                            whom_name, whom_mark, why, until_ms, before_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
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
        ),
    )?;
    Ok(())
}

pub(crate) fn verify(db: &Db) -> DbResult<Chain> {
    let (mut last, mut before) = (0, BEGINNING);
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
            return Ok(Chain::Whole(last));
        }
        for line in part {
            let number = last + 1;
            let whole = line.filter(|it| {
                it.number == number
                    && it.before == before
                    && it.hash == hash(number, &before, &it.act)
            });
            let Some(line) = whole else {
                return Ok(Chain::BrokenAt(number));
            };
            (last, before) = (number, line.hash);
        }
        above = int(last);
    }
}

/// SHA-256 over every column, each with its length, so that no two can trade bytes.
fn hash(number: u64, before: &Hash, act: &NewAct) -> Hash {
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
    let mut out = BEGINNING;
    out.copy_from_slice(sum.finish().as_ref());
    out
}

const COLUMNS: &str = "number, at_ms, room, seq, actor, actor_name, actor_mark, what, whom,
    whom_name, whom_mark, why, until_ms, before_hash, hash";

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
    })
}

#[cfg(test)]
mod tests {
    use protocol::server::Mark;
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
        let order = MIGRATIONS[3].text(Engine::Sqlite);
        db.batch(&order).expect("the migration");
        for n in 1..=lines {
            add(&db, &act(n)).expect("added");
        }
        db
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
            let db = log(5);
            db.batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_shortened")
                .expect("whoever has the file can");
            db.execute(tampered, ()).expect("tampered");
            let found = verify(&db).expect("read");
            assert_eq!(found, Chain::BrokenAt(broken_at), "{tampered}");
        }
    }
}
