//! Bringing the tables up to date: the same numbered texts as everywhere, all that are missing in one
//! transaction. A database that is newer than this program is refused.

use super::{open::DatabaseError, url::DatabaseUrl};
use crate::{
    db::{Db, DbResult},
    migrations::{Engine, MIGRATIONS},
};

pub(super) fn migrate(db: &Db, url: &DatabaseUrl) -> Result<(), DatabaseError> {
    let unreachable = |it| DatabaseError::Unreachable(url.clone(), it);
    let known = u32::try_from(MIGRATIONS.len()).expect("migrations are few");
    let found = match standing(db).map_err(unreachable)? {
        Standing::Empty => 0,
        Standing::Foreign => return Err(DatabaseError::Foreign(url.clone())),
        Standing::Schema(found) => found,
    };
    if found > known {
        return Err(DatabaseError::Newer {
            url: url.clone(),
            found,
            known,
        });
    }
    if found == known {
        return Ok(());
    }
    let change = |db: &Db| -> DbResult<()> {
        if found == 0 {
            db.batch("CREATE TABLE schema_version (version BIGINT NOT NULL)")?;
            db.batch("INSERT INTO schema_version VALUES (0)")?;
        }
        for migration in &MIGRATIONS[found as usize..] {
            db.batch(&migration.text(Engine::Postgres))?;
        }
        db.execute("UPDATE schema_version SET version = ?1", [known])?;
        Ok(())
    };
    let all = db.postgres().patiently(|| db.change(change));
    all.map_err(|it| DatabaseError::Migration(url.clone(), it))?;
    tracing::info!(version = known, "the database was brought up to date");
    Ok(())
}

/// What stands in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Empty,
    /// Tables, and none that says which version they are of.
    Foreign,
    Schema(u32),
}

pub(super) fn standing(db: &Db) -> DbResult<Standing> {
    let (tables, ours): (u32, bool) = db.one(
        "SELECT count(*), count(*) FILTER (WHERE relname = 'schema_version') > 0
         FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace =
             (SELECT oid FROM pg_namespace WHERE nspname = current_schema())",
        (),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match (tables, ours) {
        (0, _) => Ok(Standing::Empty),
        (_, false) => Ok(Standing::Foreign),
        (_, true) => {
            let version = "SELECT version FROM schema_version";
            db.one(version, (), |row| row.get(0)).map(Standing::Schema)
        }
    }
}
