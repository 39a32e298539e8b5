//! What exports read and imports write beside the log: rooms with where their logs end, likes and votes by
//! whom, blobs in the order in which they were shown, and everything that is one member's own.
//!
//! Every list is read a page at a time, so that none holds a reader for long however much there is.

use protocol::{BlobId, CircleId, Epoch, MemberId, RoomNumber, Seq, Slug};

use super::{
    Hash, RowError,
    accounts::{NewAccount, Role, insert_account, insert_member},
    audit::{self, NewAct},
    column::{int, member},
    rooms::{
        NewRoom, ROOM_COLUMN_COUNT, ROOM_COLUMNS, ROOM_FROM, RoomRow, insert_room_as, room_row,
    },
    server::{Circle, make_circle},
    uploads::{BLOB_COLUMNS, BlobRow, blob_row},
};
use crate::{
    db::{Db, DbResult, Row},
    log::{Entry, LogError, VoteRow},
    records::read,
    store::Store,
};

/// Which rooms are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomsOf {
    Circle(CircleId),
    /// The topics of a board, merged ones too.
    Board(CircleId, Slug),
    One(RoomNumber),
}

/// A room, and the seq of its last record when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomUpto {
    pub room: RoomRow,
    pub upto: Seq,
}

/// Who likes a record, since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikeRow {
    pub of: Seq,
    pub member: MemberId,
    pub at_ms: u64,
}

/// A value of what is somebody's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnValue {
    Nothing,
    Int(i64),
    Flag(bool),
    Text(String),
}

/// A line of what is somebody's own: names of values with the values.
pub type OwnLine = Vec<(&'static str, OwnValue)>;

#[derive(Clone, Copy)]
enum As {
    Int,
    Flag,
    Text,
}

/// A kind of things that are a member's own, as a list.
pub struct Own {
    /// The list's name, of `a-z` and hyphens.
    pub name: &'static str,
    columns: &'static [(&'static str, As)],
    /// `?1`: the member, `?2`: how many are read already, `?3`: how many are wanted.
    sql: &'static str,
}

/// Everything beside the logs that is a member's own, or is kept about them. Never a password, the secret of
/// a sign-in, a stream key or the keys of a push.
pub const OWN: &[Own] = &[
    Own {
        name: "account",
        columns: &[
            ("id", As::Text),
            ("name", As::Text),
            ("role", As::Text),
            ("made_ms", As::Int),
            ("joined_ms", As::Int),
        ],
        sql: "SELECT a.id, a.name, m.role, a.made_ms, m.joined_ms FROM accounts a
              JOIN members m ON m.account = a.id WHERE a.id = ?1 ORDER BY m.circle LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "sign-ins",
        columns: &[("device", As::Text), ("made_ms", As::Int), ("used_ms", As::Int)],
        sql: "SELECT device, made_ms, used_ms FROM sign_ins WHERE account = ?1
              ORDER BY made_ms, used_ms, device LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "mail",
        columns: &[
            ("address", As::Text),
            ("lang", As::Text),
            ("confirmed_ms", As::Int),
        ],
        sql: "SELECT address, lang, confirmed_ms FROM mail_addresses WHERE member = ?1 LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "letters",
        columns: &[
            ("kind", As::Text),
            ("address", As::Text),
            ("lang", As::Text),
            ("made_ms", As::Int),
        ],
        sql: "SELECT kind, address, lang, made_ms FROM letters WHERE member = ?1
              ORDER BY kind LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "notice-settings",
        columns: &[
            ("push", As::Int),
            ("mail", As::Int),
            ("all_live", As::Flag),
            ("unnamed", As::Flag),
        ],
        sql: "SELECT push, mail, all_live, unnamed FROM notice_settings WHERE member = ?1
              LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "notices",
        columns: &[
            ("kind", As::Text),
            ("room", As::Text),
            ("seq", As::Int),
            ("at_ms", As::Int),
            ("from", As::Text),
            ("from_name", As::Text),
            ("text", As::Text),
            ("seen", As::Flag),
        ],
        sql: "SELECT n.kind, r.slug, n.seq, n.at_ms, n.sender, n.sender_name, n.text, n.seen
              FROM notices n LEFT JOIN rooms r ON r.number = n.room WHERE n.member = ?1
              ORDER BY n.id LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "digest",
        columns: &[("often", As::Text), ("told_ms", As::Int)],
        sql: "SELECT often, told_ms FROM digests WHERE member = ?1 LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "caught-up",
        columns: &[("upto_ms", As::Int)],
        sql: "SELECT upto_ms FROM caught_up WHERE member = ?1 LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "push",
        columns: &[("endpoint", As::Text), ("lang", As::Text), ("made_ms", As::Int)],
        sql: "SELECT endpoint, lang, made_ms FROM push_subscriptions WHERE member = ?1
              ORDER BY made_ms, endpoint LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "reminders",
        columns: &[("room", As::Text), ("broadcast", As::Text), ("made_ms", As::Int)],
        sql: "SELECT r.slug, m.broadcast, m.made_ms FROM reminders m
              JOIN broadcasts b ON b.id = m.broadcast JOIN rooms r ON r.number = b.room
              WHERE m.member = ?1 ORDER BY m.made_ms, m.broadcast LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "readings",
        columns: &[("topic", As::Text), ("seq", As::Int), ("following", As::Int)],
        sql: "SELECT r.slug, p.seq, p.following FROM readings p JOIN rooms r ON r.number = p.room
              WHERE p.member = ?1 ORDER BY r.made_ms, r.slug LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "board-follows",
        columns: &[("board", As::Text)],
        sql: "SELECT board FROM board_follows WHERE member = ?1 ORDER BY board LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "likes",
        columns: &[("room", As::Text), ("seq", As::Int), ("at_ms", As::Int)],
        sql: "SELECT r.slug, l.seq, l.at_ms FROM likes l JOIN rooms r ON r.number = l.room
              WHERE l.member = ?1 ORDER BY r.made_ms, r.slug, l.seq LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "votes",
        columns: &[
            ("room", As::Text),
            ("poll", As::Int),
            ("picks", As::Int),
            ("at_ms", As::Int),
        ],
        sql: "SELECT r.slug, v.poll, v.picks, v.at_ms FROM votes v JOIN rooms r ON r.number = v.room
              WHERE v.member = ?1 ORDER BY r.made_ms, r.slug, v.poll LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "uploads",
        columns: &[("blob", As::Text), ("room", As::Text), ("made_ms", As::Int)],
        sql: "SELECT u.blob, r.slug, u.made_ms FROM blob_uploads u LEFT JOIN rooms r ON r.number = u.room
              WHERE u.member = ?1 ORDER BY u.made_ms, u.blob, r.slug LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "stream-keys",
        columns: &[
            ("room", As::Text),
            ("label", As::Text),
            ("made_ms", As::Int),
            ("used_ms", As::Int),
            ("revoked_ms", As::Int),
        ],
        sql: "SELECT r.slug, k.label, k.made_ms, k.used_ms, k.revoked_ms FROM stream_keys k
              JOIN rooms r ON r.number = k.room WHERE k.account = ?1
              ORDER BY k.made_ms, k.id LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "rooms",
        columns: &[
            ("room", As::Text),
            ("title", As::Text),
            ("kind", As::Text),
            ("guests", As::Flag),
            ("made_ms", As::Int),
        ],
        sql: "SELECT slug, title, kind, guests, made_ms FROM rooms WHERE made_by = ?1
              ORDER BY made_ms, slug LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "topics",
        columns: &[
            ("topic", As::Text),
            ("kind", As::Text),
            ("title", As::Text),
            ("made_ms", As::Int),
            ("board", As::Text),
            ("status", As::Text),
        ],
        sql: "SELECT r.slug, t.kind, t.title, t.made_ms, t.board, t.status FROM topics t
              JOIN rooms r ON r.number = t.room WHERE t.starter = ?1
              ORDER BY t.made_ms, r.slug LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "broadcasts",
        columns: &[
            ("id", As::Text),
            ("room", As::Text),
            ("phase", As::Text),
            ("title", As::Text),
            ("starts_ms", As::Int),
            ("live_ms", As::Int),
            ("ended_ms", As::Int),
        ],
        sql: "SELECT b.id, r.slug, b.phase, b.title, b.starts_ms, b.live_ms, b.ended_ms FROM broadcasts b
              JOIN rooms r ON r.number = b.room WHERE b.host = ?1
              ORDER BY r.made_ms, r.slug, b.seq LIMIT ?3 OFFSET ?2",
    },
    Own {
        name: "quoted",
        columns: &[("topic", As::Text), ("room", As::Text), ("seq", As::Int)],
        sql: "SELECT t.slug, r.slug, q.seq FROM topic_quotes q JOIN rooms t ON t.number = q.topic
              JOIN rooms r ON r.number = q.room WHERE q.writer = ?1
              ORDER BY t.made_ms, t.slug, q.seq LIMIT ?3 OFFSET ?2",
    },
    Own {
        // What was done to them, and what they did to nobody else: what they did to others is the others' too.
        name: "acts",
        columns: &[
            ("at_ms", As::Int),
            ("room", As::Text),
            ("what", As::Text),
            ("by", As::Text),
            ("by_name", As::Text),
            ("why", As::Text),
            ("until_ms", As::Int),
        ],
        sql: "SELECT a.at_ms, r.slug, a.what, a.actor, a.actor_name, a.why, a.until_ms FROM audit a
              LEFT JOIN rooms r ON r.number = a.room
              WHERE a.whom = ?1 OR (a.actor = ?1 AND a.whom IS NULL)
              ORDER BY a.number LIMIT ?3 OFFSET ?2",
    },
];

impl Store {
    /// Up to `n` rooms after one (when it was made, its slug), the oldest first.
    pub async fn rooms_upto(
        &self,
        of: RoomsOf,
        after: Option<(u64, Slug)>,
        n: usize,
    ) -> Result<Vec<RoomUpto>, RowError> {
        self.read(move |db| rooms_upto(db, &of, after, n)).await
    }

    /// Up to `n` likes of a room's records up to a seq, after one of them, by record and member.
    pub async fn likes_upto(
        &self,
        room: RoomNumber,
        upto: Seq,
        after: Option<(Seq, MemberId)>,
        n: usize,
    ) -> Result<Vec<LikeRow>, RowError> {
        self.read(move |db| {
            let (seq, who) = after.unwrap_or((0, MemberId::from("")));
            let found = db.all(
                "SELECT seq, member, at_ms FROM likes
                 WHERE room = ?1 AND seq <= ?2 AND (seq, member) > (?3, ?4) ORDER BY seq, member LIMIT ?5",
                (room, int(upto), int(seq), who.as_str(), limit(n)),
                |row| {
                    Ok(LikeRow {
                        of: row.get(0)?,
                        member: member(row, 1)?,
                        at_ms: row.get(2)?,
                    })
                },
            )?;
            Ok(found)
        })
        .await
    }

    /// The same of votes in polls that are open, each with when it was given.
    pub async fn votes_upto(
        &self,
        room: RoomNumber,
        upto: Seq,
        after: Option<(Seq, MemberId)>,
        n: usize,
    ) -> Result<Vec<(VoteRow, u64)>, RowError> {
        self.read(move |db| {
            let (poll, who) = after.unwrap_or((0, MemberId::from("")));
            let found = db.all(
                "SELECT poll, member, picks, at_ms FROM votes
                 WHERE room = ?1 AND poll <= ?2 AND (poll, member) > (?3, ?4)
                 ORDER BY poll, member LIMIT ?5",
                (room, int(upto), int(poll), who.as_str(), limit(n)),
                |row| {
                    let vote = VoteRow {
                        of: row.get(0)?,
                        member: member(row, 1)?,
                        picks: row.get(2)?,
                    };
                    Ok((vote, row.get(3)?))
                },
            )?;
            Ok(found)
        })
        .await
    }

    /// The last fact of a kind among a room's records up to a seq.
    pub async fn last_fact(
        &self,
        room: RoomNumber,
        upto: Seq,
        kind: u8,
    ) -> Result<Option<Entry>, LogError> {
        self.read_log(move |db| read::last_fact(db, room, upto, kind))
            .await
    }

    /// Up to `n` blobs that messages of a room show, with the seq of each: by seq, then by blob. After `after`, up to
    /// a seq; a blob of `after` that is absent stands before all.
    pub async fn blobs_shown(
        &self,
        room: RoomNumber,
        after: (Seq, Option<BlobId>),
        upto: Seq,
        n: usize,
    ) -> Result<Vec<(Seq, BlobRow)>, RowError> {
        self.read(move |db| {
            let (seq, blob) = &after;
            let found = db.all(
                &format!(
                    "SELECT {BLOB_COLUMNS}, f.seq FROM blob_refs f JOIN blobs b ON b.id = f.blob
                     WHERE f.room = ?1 AND (f.seq, f.blob) > (?2, ?3) AND f.seq <= ?4 AND f.hidden = 0
                     ORDER BY f.seq, f.blob LIMIT ?5"
                ),
                (
                    room,
                    int(*seq),
                    blob.as_ref().map_or("", BlobId::as_str),
                    int(upto),
                    limit(n),
                ),
                |row| Ok((row.get(9)?, blob_row(row)?)),
            )?;
            Ok(found)
        })
        .await
    }

    /// What one member wrote among a room's records between two seqs; the first is left out.
    pub async fn written_by(
        &self,
        room: RoomNumber,
        author: MemberId,
        (after, upto): (Seq, Seq),
    ) -> Result<Vec<Entry>, LogError> {
        self.read_log(move |db| read::written_by(db, room, &author, (after, upto)))
            .await
    }

    /// Up to `n` lines of a list of [`OWN`], after those that are read already.
    pub async fn own_lines(
        &self,
        of: MemberId,
        list: &'static Own,
        read: usize,
        n: usize,
    ) -> Result<Vec<OwnLine>, RowError> {
        self.read(move |db| {
            let found = db.all(list.sql, (of.as_str(), limit(read), limit(n)), |row| {
                own_line(row, list)
            })?;
            Ok(found)
        })
        .await
    }

    /// Makes the account of somebody who erased theirs elsewhere: a row for what refers to it, and nobody's.
    pub async fn import_erased(&self, id: MemberId, made_ms: u64) -> Result<(), RowError> {
        self.write(move |db| {
            insert_account(db, &account_without_password(id, String::new(), made_ms))
        })
        .await
    }

    /// Makes the first circle with all of its people; once only, as [`Store::set_up`]. Together, so that nobody's
    /// role is lost where it is cut off.
    pub async fn import_circle(
        &self,
        name: String,
        made_ms: u64,
        people: Vec<(NewAccount, Role)>,
    ) -> Result<Circle, RowError> {
        self.write(move |db| {
            let circle = make_circle(db, &name, made_ms)?;
            for (new, role) in &people {
                insert_account(db, new)?;
                insert_member(db, new, circle.id, *role)?;
            }
            Ok(circle)
        })
        .await
    }

    /// Notes that the import of an archive (by the sum of what it says of itself) has begun, until it is ended.
    pub async fn begin_import(&self, archive: Hash) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO server (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                (import_key(&archive), archive),
            )?;
            Ok(())
        })
        .await
    }

    /// Whether an import was begun and never ended: it was cut off.
    pub async fn is_import_cut(&self, archive: Hash) -> Result<bool, RowError> {
        self.read(move |db| {
            let found = db.first(
                "SELECT 1 FROM server WHERE key = ?1",
                [import_key(&archive)],
                |_| Ok(()),
            )?;
            Ok(found.is_some())
        })
        .await
    }

    /// It is whole, and a line of the audit log.
    pub async fn end_import(&self, archive: Hash, act: NewAct) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute("DELETE FROM server WHERE key = ?1", [import_key(&archive)])?;
            audit::add(db, &act)?;
            Ok(())
        })
        .await
    }

    /// Makes a room that was made elsewhere: its epoch stays.
    pub async fn import_room(&self, new: NewRoom, epoch: Epoch) -> Result<RoomRow, RowError> {
        self.write(move |db| insert_room_as(db, &new, epoch.as_str()))
            .await
    }
}

fn import_key(archive: &Hash) -> String {
    let hex: String = archive.iter().map(|it| format!("{it:02x}")).collect();
    format!("import {hex}")
}

/// An account that came from elsewhere: nobody signs in to it before it has a password.
pub fn account_without_password(id: MemberId, name: String, made_ms: u64) -> NewAccount {
    NewAccount {
        id,
        name,
        // No text that a password is hashed to.
        password: String::new(),
        made_ms,
    }
}

fn rooms_upto(
    db: &Db,
    of: &RoomsOf,
    after: Option<(u64, Slug)>,
    n: usize,
) -> Result<Vec<RoomUpto>, RowError> {
    let (made_ms, slug) = after.map_or((-1, Slug::from("")), |it| (int(it.0), it.1));
    let select = |which: &str| {
        format!(
            "SELECT {ROOM_COLUMNS}, coalesce((SELECT max(l.seq) FROM records l WHERE l.room = r.number), 0)
             {ROOM_FROM} WHERE {which} AND (r.made_ms, r.slug) > (?1, ?2) ORDER BY r.made_ms, r.slug LIMIT ?3"
        )
    };
    let row = |row: &Row<'_>| {
        Ok(RoomUpto {
            room: room_row(row)?,
            upto: row.get(ROOM_COLUMN_COUNT)?,
        })
    };
    let found = match of {
        RoomsOf::Circle(circle) => db.all(
            &select("r.circle = ?4"),
            (made_ms, slug.as_str(), limit(n), *circle),
            row,
        ),
        RoomsOf::Board(circle, board) => db.all(
            &select(
                "r.number IN (SELECT t.room FROM topics t WHERE t.circle = ?4 AND t.board = ?5)",
            ),
            (made_ms, slug.as_str(), limit(n), *circle, board.as_str()),
            row,
        ),
        RoomsOf::One(number) => db.all(
            &select("r.number = ?4"),
            (made_ms, slug.as_str(), limit(n), *number),
            row,
        ),
    };
    Ok(found?)
}

fn own_line(row: &Row<'_>, list: &Own) -> DbResult<OwnLine> {
    let value = |(n, (name, kind)): (usize, &(&'static str, As))| {
        let value = if row.is_null(n)? {
            OwnValue::Nothing
        } else {
            match kind {
                As::Int => OwnValue::Int(row.get(n)?),
                As::Flag => OwnValue::Flag(row.get(n)?),
                As::Text => OwnValue::Text(row.get(n)?),
            }
        };
        Ok((*name, value))
    };
    list.columns.iter().enumerate().map(value).collect()
}

fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
