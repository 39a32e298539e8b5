//! `weiquan restore`: a proved backup becomes the data of an empty folder.

use std::path::Path;

use blobs::Shelf;
use store::{DatabaseUrl, backup::Vacant};

use super::{
    OperateError,
    archive::{self, DATABASE, Manifest},
    audit,
    report::{Report, moment_text},
    verify::verify,
};

/// What was restored, and how it was proved before.
#[derive(Clone, Debug)]
pub struct Restored {
    pub manifest: Manifest,
    pub report: Report,
}

/// Before the database, which then finds what it names. What an earlier try left is laid over.
fn lay_blobs(from: &Path, folder: &Path) -> Result<(), OperateError> {
    let (laid, shelf) = (Shelf::at(from), Shelf::open(folder)?);
    for id in laid.all()? {
        let bytes = std::fs::read(laid.path(&id)).map_err(OperateError::file(from))?;
        shelf.put(&bytes)?;
    }
    Ok(())
}

/// Verifies the backup, then lays it into the folder. The folder has a database when this succeeds
/// and none when it does not.
pub async fn restore(file: &Path, folder: &Path) -> Result<Restored, OperateError> {
    // Held until the end: no server starts on a folder that is half there.
    let vacant = Vacant::claim(folder)?;
    // Below the folder itself: there is room for the data, and it can be moved by renaming.
    let report = verify(file, folder).await?;
    if let Some(failed) = report.checks.iter().find(|it| !it.is_ok()) {
        return Err(OperateError::Unsound {
            file: file.to_path_buf(),
            why: failed.found.clone(),
        });
    }
    let laid = tempfile::Builder::new()
        .prefix(".weiquan-restore-")
        .tempdir_in(folder)
        .map_err(OperateError::file(folder))?;
    let manifest = archive::extract(file, laid.path())?;
    lay_blobs(laid.path(), folder)?;
    // The lines after that moment are gone with it, and the chain goes on as if they never were: here
    // it says so.
    let restored = audit::act("restore", moment_text(manifest.made_ms));
    vacant.fill(&laid.path().join(DATABASE), &restored)?;
    Ok(Restored { manifest, report })
}

/// Notes that a PostgreSQL database was put back by other means.
pub fn restored(folder: &Path, url: &DatabaseUrl) -> Result<(), OperateError> {
    let act = audit::act("restore", "a dump of PostgreSQL".to_owned());
    Ok(store::backup::restored(folder, url, &act)?)
}
