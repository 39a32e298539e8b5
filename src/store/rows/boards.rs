//! Boards (版块): what topics are sorted by.

use protocol::{CircleId, MemberId, Slug, limits, topic::Board};

use super::{RowError, column::slug};
use crate::{db::Db, store::Store};

/// A board to be made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBoard {
    pub circle: CircleId,
    pub slug: Slug,
    pub title: String,
    pub about: String,
    /// Absent: where it is, or the last.
    pub rank: Option<u32>,
}

impl Store {
    /// The boards of the circle in their order, and which of them who asks follows.
    pub async fn boards(
        &self,
        circle: CircleId,
        asker: Option<MemberId>,
    ) -> Result<Vec<Board>, RowError> {
        self.read(move |db| list(db, circle, asker.as_ref())).await
    }

    /// Whether a member is told of the topics that are started in a board.
    pub async fn follow_board(
        &self,
        circle: CircleId,
        slug: Slug,
        member: MemberId,
        following: bool,
    ) -> Result<Vec<Board>, RowError> {
        self.write(move |db| {
            let values = (circle, slug.as_str(), member.as_str());
            if following {
                db.execute(
                    "INSERT INTO board_follows (circle, board, member) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                    values,
                )?;
            } else {
                db.execute(
                    "DELETE FROM board_follows WHERE circle = ?1 AND board = ?2 AND member = ?3",
                    values,
                )?;
            }
            list(db, circle, Some(&member))
        })
        .await
    }

    pub async fn has_board(&self, circle: CircleId, slug: Slug) -> Result<bool, RowError> {
        self.read(move |db| {
            let found = db.first(
                "SELECT 1 FROM boards WHERE circle = ?1 AND slug = ?2",
                (circle, slug.as_str()),
                |_| Ok(()),
            )?;
            Ok(found.is_some())
        })
        .await
    }

    /// Makes a board, or changes it; [`RowError::Full`] where there are as many as may be.
    pub async fn put_board(&self, new: NewBoard, by: MemberId) -> Result<Vec<Board>, RowError> {
        self.write(move |db| {
            let others: Vec<Slug> = db.all(
                "SELECT slug FROM boards WHERE circle = ?1 AND slug <> ?2 ORDER BY rank, slug",
                (new.circle, new.slug.as_str()),
                |row| slug(row, 0),
            )?;
            let was: Option<u32> = db.first(
                "SELECT rank FROM boards WHERE circle = ?1 AND slug = ?2",
                (new.circle, new.slug.as_str()),
                |row| row.get(0),
            )?;
            if was.is_none() && others.len() >= limits::BOARDS_MAX {
                return Err(RowError::Full);
            }
            let rank = new.rank.or(was).map_or(others.len(), |it| it as usize);
            let rank = rank.min(others.len());
            db.execute(
                "INSERT INTO boards (circle, slug, title, about, rank) VALUES (?1, ?2, ?3, ?4, 0)
                 ON CONFLICT (circle, slug) DO UPDATE SET title = excluded.title, about = excluded.about",
                (new.circle, new.slug.as_str(), &new.title, &new.about),
            )?;
            let mut order = others;
            order.insert(rank, new.slug);
            for (rank, slug) in (0u32..).zip(&order) {
                db.execute(
                    "UPDATE boards SET rank = ?3 WHERE circle = ?1 AND slug = ?2",
                    (new.circle, slug.as_str(), rank),
                )?;
            }
            list(db, new.circle, Some(&by))
        })
        .await
    }

    /// Takes a board away. What was in it is in none: its log still says where it was.
    pub async fn drop_board(
        &self,
        circle: CircleId,
        slug: Slug,
        by: MemberId,
    ) -> Result<Vec<Board>, RowError> {
        self.write(move |db| {
            let gone = db.execute(
                "DELETE FROM boards WHERE circle = ?1 AND slug = ?2",
                (circle, slug.as_str()),
            )?;
            if gone == 0 {
                return Err(RowError::NotFound);
            }
            list(db, circle, Some(&by))
        })
        .await
    }
}

fn list(db: &Db, circle: CircleId, asker: Option<&MemberId>) -> Result<Vec<Board>, RowError> {
    let found = db.all(
        "SELECT b.slug, b.title, b.about,
             (SELECT count(*) FROM topics t
              WHERE t.circle = b.circle AND t.board = b.slug AND t.merged_into IS NULL), b.rank,
             EXISTS (SELECT 1 FROM board_follows f
                     WHERE f.circle = b.circle AND f.board = b.slug AND f.member = ?2)
         FROM boards b WHERE b.circle = ?1 ORDER BY b.rank, b.slug",
        (circle, asker.map(MemberId::as_str)),
        |row| {
            Ok(Board {
                slug: slug(row, 0)?,
                title: row.get(1)?,
                about: row.get(2)?,
                topics: row.get(3)?,
                rank: row.get(4)?,
                following: row.get(5)?,
            })
        },
    )?;
    Ok(found)
}
