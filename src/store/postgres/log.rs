//! [`Log`] on PostgreSQL.

use std::{fs::File, path::Path, sync::Arc};

use protocol::RoomNumber;

use super::{
    open::{DatabaseError, backend, end_backend, lock, open_writer},
    url::DatabaseUrl,
};
use crate::{
    db::{Db, DbError, DbResult},
    log::{Append, AppendError, Housekeeping, Loaded, Log, LogError, Page, PageOf, Tables},
    records::{
        append::{Ends, append_all},
        read,
        split::rooms_made,
    },
    sqlite::lock_folder,
    store::{OpenError, Place},
    told::Told,
};

/// The log in a schema of a PostgreSQL database, and the only writer there.
///
/// A connection that fails may have committed what it was asked to, or not. So nothing is asked twice:
/// the batch fails, and whoever sent it loads the room again, which says what is stored.
pub struct PostgresLog {
    db: Db,
    ends: Ends,
    /// The process that serves this connection, there.
    backend: i64,
    /// Who wrote last, drawn when this log was opened. While it is ours, nobody else has written.
    name: [u8; 16],
    /// Whom to tell of what was stored.
    told: Arc<Told>,
    /// The folder of what lies beside the database.
    _folder: File,
}

impl PostgresLog {
    /// Takes the folder and the database for this process alone, and brings the tables up to date.
    pub fn open(folder: &Path, url: &DatabaseUrl) -> Result<Self, OpenError> {
        let folder = lock_folder(folder)?;
        let db = open_writer(url)?;
        let mut name = [0; 16];
        let taken = aws_lc_rs::rand::fill(&mut name)
            .map_err(|_| DbError::Odd(0))
            .and_then(|()| {
                sign(&db, &name)?;
                backend(&db)
            });
        let backend =
            taken.map_err(|it| OpenError::from(DatabaseError::Unreachable(url.clone(), it)))?;
        Ok(Self {
            db,
            ends: Ends::default(),
            backend,
            name,
            told: Arc::default(),
            _folder: folder,
        })
    }

    /// Whom to tell of what is stored from here on.
    pub(crate) fn tells(&mut self, whom: Arc<Told>) {
        self.told = whom;
    }

    /// Makes the connection anew, with the lock; proves by a commit that it takes writes, and sees that
    /// nobody else has written since and that what was committed is there.
    fn reconnect(&mut self) -> Result<(), OpenError> {
        let session = self.db.postgres();
        session.connect()?;
        let url = session.url().clone();
        let unreachable = |it| DatabaseError::Unreachable(url.clone(), it);
        let locked = lock(&self.db).and_then(|free| {
            if free {
                return Ok(true);
            }
            // It may be our own connection of before, which the server has not given up yet.
            end_backend(&self.db, self.backend)?;
            lock(&self.db)
        });
        if !locked.map_err(unreachable)? {
            return Err(OpenError::InUse(Place::Database(url)));
        }
        self.backend = backend(&self.db).map_err(unreachable)?;
        if !is_signed(&self.db, &self.name).map_err(unreachable)? {
            return Err(DatabaseError::Overtaken(url).into());
        }
        if self.ends.are_lost(&self.db).map_err(unreachable)? {
            return Err(DatabaseError::Behind(url).into());
        }
        // A commit whose answer was lost may have moved them.
        self.ends = Ends::default();
        Ok(())
    }
}

impl Log for PostgresLog {
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Result<(), AppendError>>, LogError> {
        // Nothing of this batch was sent, so nothing is in doubt where the connection is gone already.
        if !self.db.postgres().stands() {
            self.heal()?;
        }
        let stored = append_all(&self.db, &mut self.ends, batch);
        if let Ok(results) = &stored {
            let made = rooms_made(&self.db, batch, results);
            self.told.of(batch, results, made);
        }
        stored
    }

    fn load(&mut self, room: RoomNumber) -> Result<Loaded, LogError> {
        read::load(&self.db, room)
    }

    fn page(&mut self, room: RoomNumber, of: PageOf, n: usize) -> Result<Page, LogError> {
        read::page(&self.db, room, of, n)
    }

    fn heal(&mut self) -> Result<(), LogError> {
        self.reconnect().map_err(|it| {
            self.db.postgres().disconnect();
            LogError::Failed(it.into())
        })
    }

    /// Sees whether the database is there, so that readiness is the truth while nobody writes.
    fn idle(&mut self) -> Housekeeping {
        match self.db.postgres().answers() {
            Ok(()) => Housekeeping::Again,
            Err(error) => {
                tracing::warn!(%error, "the database does not answer");
                Housekeeping::Broken
            }
        }
    }

    fn tables(&mut self) -> Option<Tables<'_>> {
        if !self.db.postgres().stands() {
            // Where it fails, what is asked of the tables says so.
            let _ = self.heal();
        }
        Some(Tables(&self.db))
    }
}

/// Notes who writes from here on.
fn sign(db: &Db, name: &[u8; 16]) -> DbResult<()> {
    db.execute(
        "INSERT INTO server (key, value) VALUES ('writer', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [name],
    )?;
    Ok(())
}

/// Whether that is still so. It writes, and returns when that is on disk.
fn is_signed(db: &Db, name: &[u8; 16]) -> DbResult<bool> {
    let same = "UPDATE server SET value = ?1 WHERE key = 'writer' AND value = ?1";
    Ok(db.execute(same, [name])? > 0)
}
