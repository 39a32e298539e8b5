//! `weiquan verify-backup`: proves that a backup can be lived from.
//!
//! It does what a restore and the first start after it would do, in a folder of its own, and reads
//! every record that is there.

use std::{fs, path::Path};

use protocol::RoomNumber;
use store::{Chain, Store, StoreConfig, backup::RoomLog};
use tempfile::TempDir;

use super::{
    OperateError,
    archive::{self, DATABASE, Manifest},
    report::{Check, Report, bytes_text, count_text, moment_text},
};
use crate::actor::read_back;

/// Faults that are told of one check; a damaged file may have thousands.
const FAULTS_TOLD_MAX: usize = 5;

/// Checks a backup in a temporary folder below `scratch`. What is wrong with the backup is in the
/// report; an error means that it could not be checked.
pub async fn verify(file: &Path, scratch: &Path) -> Result<Report, OperateError> {
    fs::metadata(file).map_err(OperateError::file(file))?;
    let folder = tempfile::Builder::new()
        .prefix(".weiquan-verify-")
        .tempdir_in(scratch)
        .map_err(OperateError::file(scratch))?;
    let mut report = Report::new(format!("backup {}", file.display()));
    match archive::extract(file, folder.path()) {
        Ok(manifest) => {
            report.push(whole(&manifest));
            check_database(&mut report, &manifest, &folder).await;
        }
        Err(error) => report.push(Check::fail(
            "file",
            error.to_string(),
            "take another backup: this one cannot be restored",
        )),
    }
    Ok(report)
}

fn whole(manifest: &Manifest) -> Check {
    let bytes = manifest.files.iter().map(|it| it.bytes).sum();
    let found = format!(
        "whole: {} by weiquan {} on {}",
        bytes_text(bytes),
        manifest.program,
        moment_text(manifest.made_ms),
    );
    Check::ok("file", found)
}

async fn check_database(report: &mut Report, manifest: &Manifest, folder: &TempDir) {
    let file = folder.path().join(DATABASE);
    let schema = schema(manifest.schema);
    let is_newer = !schema.is_ok();
    report.push(schema);
    report.push(integrity(&file));
    report.push(counts(&file, manifest));
    let (logs, check) = logs(&file);
    report.push(check);
    report.push(kept(&file, manifest));
    if is_newer {
        return;
    }
    // Last, because a start brings the copy up to date.
    report.push(starts(folder.path(), &logs).await);
}

fn schema(found: u32) -> Check {
    let known = store::backup::known_schema();
    if found > known {
        return Check::fail(
            "schema",
            format!("{found}, and this version knows {known}"),
            "verify and restore it with the version that wrote it, or a newer one",
        );
    }
    let text = if found == known {
        format!("{found}, as this version writes it")
    } else {
        format!("{found}; a start brings it up to {known}")
    };
    Check::ok("schema", text)
}

fn integrity(file: &Path) -> Check {
    let advice = "take another backup; if it says the same, the server's own database is damaged";
    match store::backup::faults(file) {
        Ok(faults) if faults.is_empty() => {
            Check::ok("integrity", "SQLite finds every page and reference sound")
        }
        Ok(faults) => Check::fail("integrity", some_of(&faults), advice),
        Err(error) => Check::fail("integrity", error.to_string(), advice),
    }
}

fn counts(file: &Path, manifest: &Manifest) -> Check {
    let advice = "take another backup: this one is not what the server had";
    let contents = match store::backup::contents(file) {
        Ok(contents) => contents,
        Err(error) => return Check::fail("rows", error.to_string(), advice),
    };
    if contents.schema != manifest.schema {
        let found = format!("the database has schema {}", contents.schema);
        return Check::fail("rows", found, advice);
    }
    let names = manifest.tables.keys().chain(contents.tables.keys());
    let wrong: Vec<String> = names
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .filter_map(|name| {
            let (said, found) = (manifest.tables.get(name), contents.tables.get(name));
            let text = |n: Option<&u64>| n.map_or_else(|| "no table".to_owned(), u64::to_string);
            (said != found).then(|| format!("{name}: {} of {}", text(found), text(said)))
        })
        .collect();
    if wrong.is_empty() {
        let rows = contents.tables.values().sum();
        let tables = contents.tables.len() as u64;
        let found = format!(
            "{} in {}",
            count_text(rows, "row"),
            count_text(tables, "table")
        );
        Check::ok("rows", format!("{found}, as the server counted them"))
    } else {
        Check::fail("rows", some_of(&wrong), advice)
    }
}

fn logs(file: &Path) -> (Vec<RoomLog>, Check) {
    let advice = "take another backup; if it says the same, the server's own log is damaged";
    let logs = match store::backup::room_logs(file) {
        Ok(logs) => logs,
        Err(error) => return (Vec::new(), Check::fail("logs", error.to_string(), advice)),
    };
    let holes: Vec<String> = logs
        .iter()
        .filter(|it| !it.is_whole())
        .map(|it| {
            let RoomLog {
                slug,
                records,
                first,
                last,
                ..
            } = it;
            format!("{slug} has {records} records from {first} to {last}")
        })
        .collect();
    let check = if holes.is_empty() {
        let records = logs.iter().map(|it| it.records).sum();
        let rooms = count_text(logs.len() as u64, "room");
        let found = format!(
            "{} in {rooms}, no seq missing",
            count_text(records, "record")
        );
        Check::ok("logs", found)
    } else {
        Check::fail("logs", some_of(&holes), advice)
    };
    (logs, check)
}

/// Every file that the database names is there, and is what its name says.
fn kept(file: &Path, manifest: &Manifest) -> Check {
    let advice =
        "take another backup; if it says the same, files below blobs/ of the server are lost";
    let ids = match store::backup::blob_files(file) {
        Ok(ids) => ids,
        Err(error) => return Check::fail("blobs", error.to_string(), advice),
    };
    let packed: std::collections::BTreeMap<&str, &str> = manifest
        .files
        .iter()
        .map(|it| (it.name.as_str(), it.sha256.as_str()))
        .collect();
    let wrong: Vec<String> = ids
        .iter()
        .filter(|id| packed.get(blobs::name_of(id).as_str()) != Some(&id.as_str()))
        .map(|id| format!("{id} is missing or is something else"))
        .collect();
    if wrong.is_empty() {
        let found = count_text(ids.len() as u64, "file");
        Check::ok("blobs", format!("{found}, each what its name says"))
    } else {
        Check::fail("blobs", some_of(&wrong), advice)
    }
}

async fn starts(folder: &Path, logs: &[RoomLog]) -> Check {
    let advice =
        "it would not serve: take another backup, and keep the server that still has it all";
    let folder = folder.to_path_buf();
    let opened =
        tokio::task::spawn_blocking(move || Store::open(&folder, &StoreConfig::default())).await;
    let store = match opened {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => return Check::fail("start", error.to_string(), advice),
        Err(error) => return Check::fail("start", error.to_string(), advice),
    };
    let mut wrong = Vec::new();
    for log in logs {
        if let Err(why) = reads_back(&store, log.number, log.records).await {
            wrong.push(format!("{}: {why}", log.slug));
        }
    }
    match store.verify_audit().await {
        Ok(Chain::Whole(_)) => {}
        Ok(Chain::BrokenAt(line)) => wrong.push(format!("audit log: line {line} was changed")),
        Err(error) => wrong.push(format!("audit log: {error}")),
    }
    store.close().await;
    if wrong.is_empty() {
        let rooms = count_text(logs.len() as u64, "room");
        Check::ok("start", format!("opens; {rooms} back, every record read"))
    } else {
        Check::fail("start", some_of(&wrong), advice)
    }
}

async fn reads_back(store: &Store, number: RoomNumber, records: u64) -> Result<(), String> {
    match read_back(store, number).await {
        Ok(found) if found == records => Ok(()),
        Ok(found) => Err(format!("{found} records of {records} can be read")),
        Err(error) => Err(error.to_string()),
    }
}

fn some_of(faults: &[String]) -> String {
    let mut text = faults[..faults.len().min(FAULTS_TOLD_MAX)].join("; ");
    if let Some(more) = faults
        .len()
        .checked_sub(FAULTS_TOLD_MAX)
        .filter(|it| *it > 0)
    {
        text.push_str(&format!("; and {more} more"));
    }
    text
}
