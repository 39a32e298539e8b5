//! Members (成员) as their owner reads the list: by name, a page at a time.

use protocol::{CircleId, MemberId};

use super::{
    RowError,
    accounts::{Role, role, role_text},
    column::member,
};
use crate::{
    db::{Db, DbResult, Row},
    fold::fold_name,
    store::Store,
};

/// A member of a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    pub id: MemberId,
    pub name: String,
    pub role: Role,
    pub joined_ms: u64,
}

/// Which members are wanted.
#[derive(Clone, Debug, Default)]
pub struct MembersOf {
    /// Those after this one; one that is not there is after everybody.
    pub after: Option<MemberId>,
    /// Names that hold this, however it is written (see [`fold_name`]); empty: every name.
    pub named: String,
    pub role: Option<Role>,
}

/// A page of members, by folded name: an order that stays whatever role somebody is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    pub rows: Vec<MemberRow>,
    /// There are more after the last one.
    pub more: bool,
    /// How many there are, on all pages.
    pub count: u32,
}

impl Store {
    /// Up to `n` members of a circle.
    pub async fn members(
        &self,
        circle: CircleId,
        of: MembersOf,
        n: usize,
    ) -> Result<Members, RowError> {
        self.read(move |db| page(db, circle, &of, n)).await
    }
}

/// Names are compared by `instr`, not by LIKE: a percent sign in a search is a percent sign.
const FITTING: &str = "FROM members m JOIN accounts a ON a.id = m.account
     WHERE m.circle = ?1 AND (?2 = '' OR instr(a.name_folded, ?2) > 0) AND (?3 IS NULL OR m.role = ?3)";

fn page(db: &Db, circle: CircleId, of: &MembersOf, n: usize) -> Result<Members, RowError> {
    let named = fold_name(&of.named);
    let role = of.role.map(role_text);
    let count = db.one(
        &format!("SELECT count(*) {FITTING}"),
        (circle, &named, role),
        |row| row.get(0),
    )?;
    // One more than asked for tells whether there is another page.
    let limit = i64::try_from(n.saturating_add(1)).unwrap_or(i64::MAX);
    let after = of.after.as_ref().map(MemberId::as_str);
    let mut rows: Vec<MemberRow> = db.all(
        &format!(
            "SELECT a.id, a.name, m.role, m.joined_ms {FITTING}
           AND (?4 IS NULL OR a.name_folded > (SELECT name_folded FROM accounts WHERE id = ?4))
         ORDER BY a.name_folded LIMIT ?5"
        ),
        (circle, &named, role, after, limit),
        member_row,
    )?;
    let more = rows.len() > n;
    rows.truncate(n);
    Ok(Members { rows, more, count })
}

fn member_row(row: &Row<'_>) -> DbResult<MemberRow> {
    Ok(MemberRow {
        id: member(row, 0)?,
        name: row.get(1)?,
        role: role(row, 2)?,
        joined_ms: row.get(3)?,
    })
}
