//! Who asked for something: whoever likes how a topic begins, and its starter. Those are left out who do not want to
//! be named.

use protocol::{RoomNumber, notices::Named, topic::OPENING};

use super::{
    RowError,
    column::{int, member},
};
use crate::store::Store;

impl Store {
    /// Up to `n` of those who asked for it, as they are called now, and how many are not among them (who has no
    /// account here, or does not want to be named, is counted all the same).
    pub async fn askers(&self, room: RoomNumber, n: usize) -> Result<(Vec<Named>, u32), RowError> {
        self.read(move |db| {
            let limit = i64::try_from(n).unwrap_or(i64::MAX);
            let named: Vec<Named> = db.all(
                "SELECT DISTINCT a.id, a.name FROM accounts a JOIN members m ON m.account = a.id
                 WHERE a.id IN (SELECT l.member FROM likes l WHERE l.room = ?1 AND l.seq = ?2
                                UNION SELECT t.starter FROM topics t WHERE t.room = ?1)
                   AND NOT EXISTS (SELECT 1 FROM notice_settings s WHERE s.member = a.id AND s.unnamed = 1)
                 ORDER BY a.name, a.id LIMIT ?3",
                (room, int(OPENING), limit),
                |row| {
                    Ok(Named {
                        id: member(row, 0)?,
                        name: row.get(1)?,
                    })
                },
            )?;
            let all: u32 = db.one(
                "SELECT count(*) FROM (SELECT l.member FROM likes l WHERE l.room = ?1 AND l.seq = ?2
                                       UNION SELECT t.starter FROM topics t WHERE t.room = ?1) m",
                (room, int(OPENING)),
                |row| row.get(0),
            )?;
            let more = all.saturating_sub(u32::try_from(named.len()).unwrap_or(u32::MAX));
            Ok((named, more))
        })
        .await
    }
}
