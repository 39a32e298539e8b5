//! What an operator does beside the server: back up, prove and restore, and see whether the machine is fit.
//!
//! [`archive`] is the file of a backup, byte by byte; [`backup()`], [`verify()`] and [`restore()`] are
//! the commands of backups; [`export_file()`] and [`import()`] those of exports; [`doctor()`] looks at the machine; [`Report`] is how checks are told, to a
//! person or as JSON. Nothing here serves anybody, and nothing here is needed to serve.

mod archive;
pub mod audit;
mod backup;
mod doctor;
mod export;
mod import;
mod report;
mod restore;
mod verify;

pub use archive::{ArchiveError, FORMAT, MANIFEST_BYTES_MAX, Manifest, Packed};
pub use backup::{Written, backup};
pub use doctor::doctor;
pub use export::{Exported, Wish, export_file};
pub use import::{ImportError, Imported, Run, import};
pub use report::{Check, Outcome, Paint, Report, bytes_text, moment_text};
pub use restore::{Restored, restore, restored};
pub use verify::verify;

/// Why an operator's command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    #[error("{0} is there already, and no file is ever written over: name another one")]
    Exists(std::path::PathBuf),
    #[error("{path}: {source}")]
    File {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Open(#[from] store::OpenError),
    #[error("there is no {what} {name:?} here")]
    NotThere { what: String, name: String },
    #[error(transparent)]
    Export(#[from] crate::export::ExportError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Blobs(#[from] blobs::ShelfError),
    #[error(transparent)]
    Database(#[from] store::backup::BackupError),
    #[error(
        "the database is {url}: copy it with pg_dump, and {} beside it as files; docs/OPERATING.md says \
         how, and how to put them back", .blobs.display()
    )]
    Elsewhere {
        url: store::DatabaseUrl,
        blobs: std::path::PathBuf,
    },
    #[error("{file} is not sound, so nothing was restored: {why}")]
    Unsound {
        file: std::path::PathBuf,
        why: String,
    },
}

impl OperateError {
    fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}
