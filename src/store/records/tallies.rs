//! Likes, votes and threads: the rows beside the log that an append writes, and their counts.

use std::collections::BTreeMap;

use protocol::{MemberId, RoomNumber, Seq, limits};

use super::{entry::ENTRY_COLUMNS, read};
use crate::{
    db::{Db, DbResult, Params},
    log::{LogError, Page, Tally, VoteRow},
    rows::column::{int, member},
};

pub(super) fn like(
    db: &Db,
    room: RoomNumber,
    of: Seq,
    who: &MemberId,
    at_ms: Option<u64>,
) -> DbResult<usize> {
    let (of, who) = (int(of), who.as_str());
    match at_ms {
        Some(at_ms) => db.execute(
            "INSERT INTO likes (room, seq, member, at_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            (room, of, who, int(at_ms)),
        ),
        None => db.execute(
            "DELETE FROM likes WHERE room = ?1 AND seq = ?2 AND member = ?3",
            (room, of, who),
        ),
    }
}

pub(super) fn vote(db: &Db, room: RoomNumber, row: &VoteRow, at_ms: u64) -> DbResult<usize> {
    let (of, who) = (int(row.of), row.member.as_str());
    if row.picks == 0 {
        return db.execute(
            "DELETE FROM votes WHERE room = ?1 AND poll = ?2 AND member = ?3",
            (room, of, who),
        );
    }
    db.execute(
        "INSERT INTO votes (room, poll, member, picks, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (room, poll, member) DO UPDATE SET
             picks = excluded.picks, at_ms = excluded.at_ms",
        (room, of, who, row.picks, int(at_ms)),
    )
}

pub(super) fn votes_gone(db: &Db, room: RoomNumber, of: Seq) -> DbResult<usize> {
    db.execute(
        "DELETE FROM votes WHERE room = ?1 AND poll = ?2",
        (room, int(of)),
    )
}

pub(super) fn reply(db: &Db, room: RoomNumber, root: Seq, seq: Seq, on: bool) -> DbResult<usize> {
    let sql = if on {
        "INSERT INTO replies (room, root, seq) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM replies WHERE room = ?1 AND root = ?2 AND seq = ?3"
    };
    db.execute(sql, (room, int(root), int(seq)))
}

/// Every vote in the room's open polls.
pub(crate) fn votes(db: &Db, room: RoomNumber) -> DbResult<Vec<VoteRow>> {
    db.all(
        "SELECT poll, member, picks FROM votes WHERE room = ?1 ORDER BY poll, member",
        [room],
        |row| {
            Ok(VoteRow {
                of: row.get(0)?,
                member: member(row, 1)?,
                picks: row.get(2)?,
            })
        },
    )
}

/// The likes and replies of the messages from one seq to another, where they have any.
pub(crate) fn tallies(db: &Db, room: RoomNumber, from: Seq, to: Seq) -> DbResult<Vec<Tally>> {
    let span = (room, int(from), int(to));
    let likes = counts(
        db,
        "SELECT seq, count(*) FROM likes WHERE room = ?1 AND seq BETWEEN ?2 AND ?3 GROUP BY seq",
        span,
    )?;
    let replies = counts(
        db,
        "SELECT root, count(*) FROM replies WHERE room = ?1 AND root BETWEEN ?2 AND ?3
         GROUP BY root",
        span,
    )?;
    let mut all: BTreeMap<Seq, Tally> = BTreeMap::new();
    for (of, n) in likes {
        all.entry(of).or_default().likes = n;
    }
    for (of, n) in replies {
        all.entry(of).or_default().replies = n;
    }
    Ok(all.into_iter().map(|(of, it)| Tally { of, ..it }).collect())
}

fn counts(db: &Db, sql: &str, params: impl Params) -> DbResult<Vec<(Seq, u32)>> {
    db.all(sql, params, |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The same of single messages, each named even where it has none.
pub(crate) fn tallies_of(db: &Db, room: RoomNumber, of: &[Seq]) -> DbResult<Vec<Tally>> {
    db.view(|db| {
        let one = |of: &Seq| {
            let found = tallies(db, room, *of, *of)?;
            Ok(found.into_iter().next().unwrap_or(Tally {
                of: *of,
                ..Tally::default()
            }))
        };
        of.iter().map(one).collect()
    })
}

/// Which messages from one seq to another a member likes.
pub(crate) fn liked(
    db: &Db,
    room: RoomNumber,
    who: &MemberId,
    from: Seq,
    to: Seq,
) -> DbResult<Vec<Seq>> {
    db.all(
        "SELECT seq FROM likes WHERE room = ?1 AND member = ?2 AND seq BETWEEN ?3 AND ?4
         ORDER BY seq",
        (room, who.as_str(), int(from), int(to)),
        |row| row.get(0),
    )
}

/// The first `n` replies above a seq in the thread of a root, oldest first.
pub(crate) fn thread(
    db: &Db,
    room: RoomNumber,
    root: Seq,
    after: Seq,
    n: usize,
) -> Result<Page, LogError> {
    let n = n.min(limits::PAGE_RECORDS_MAX);
    let limit = i64::try_from(n + 1).expect("a page is small");
    db.view(|db| thread_now(db, room, (root, after), n, limit))
}

fn thread_now(
    db: &Db,
    room: RoomNumber,
    (root, after): (Seq, Seq),
    n: usize,
    limit: i64,
) -> Result<Page, LogError> {
    let mut entries = read::entries(
        db,
        room,
        &format!(
            "SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND seq IN
                 (SELECT r.seq FROM replies r WHERE r.room = ?1 AND r.root = ?2 AND r.seq > ?3
                  ORDER BY r.seq LIMIT ?4)
             ORDER BY seq"
        ),
        (room, int(root), int(after), limit),
    )?;
    let end = entries.len() <= n;
    entries.truncate(n);
    let of: Vec<Seq> = entries.iter().map(|it| it.seq).collect();
    let mut found = Vec::new();
    for seq in of {
        found.extend(tallies(db, room, seq, seq)?);
    }
    Ok(Page {
        entries,
        tallies: found,
        end,
    })
}
