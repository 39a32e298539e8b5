//! Where the data is to lie: what kind of disk, how full, how fast a commit can be.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use blobs::Shelf;
use rustix::fs::{statfs, statvfs};

use super::super::report::{Check, bytes_text, count_text};

const FREE_MIN: u64 = 256 << 20;
const FREE_GOOD: u64 = 2 << 30;
/// Enough commits that one slow one shows, few enough for a slow disk to be done within seconds.
const SYNCS: usize = 32;
/// A page of the database.
const SYNC_BYTES: usize = 4_096;
/// Disks of servers take below 2 ms; an acknowledgement waits for one sync.
const SYNC_GOOD: Duration = Duration::from_millis(10);

/// `f_type` of statfs(2): memory, and disks of other machines.
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;
const NFS: u64 = 0x6969;
const SMB2: u64 = 0xfe53_4d42;
const NINE_P: u64 = 0x0102_1997;

pub(super) fn all(data: &Path) -> Vec<Check> {
    let folder = nearest(data);
    let shown = folder.display();
    let kind = statfs(&folder).map(|it| judge_kind(it.f_type.cast_unsigned(), &folder));
    let space = statvfs(&folder).map(|it| judge_space(it.f_bavail.saturating_mul(it.f_frsize)));
    let unreadable = |error: rustix::io::Errno| {
        let advice = "make the data folder readable and writable for the server's user";
        Check::fail("disk", format!("{shown}: {error}"), advice)
    };
    let synced = match measure_syncs(&folder) {
        Ok(times) => judge_syncs(times),
        Err(error) => Check::fail(
            "fsync",
            format!("{shown}: {error}"),
            "make the data folder writable for the server's user, and free some space",
        ),
    };
    vec![
        kind.unwrap_or_else(unreadable),
        space.unwrap_or_else(unreadable),
        synced,
        count_blobs(data),
    ]
}

/// Pictures, voice notes and files that people uploaded.
fn count_blobs(data: &Path) -> Check {
    let advice = "make the folder blobs below the data folder readable for the server's user";
    match Shelf::at(data).content() {
        Ok(it) => {
            let files = count_text(it.files, "file");
            Check::ok("blobs", format!("{files}, {}", bytes_text(it.bytes)))
        }
        Err(error) => Check::fail("blobs", error.to_string(), advice),
    }
}

/// The folder itself, or where it will be made.
fn nearest(data: &Path) -> PathBuf {
    let mut folder = data.to_path_buf();
    while !folder.is_dir() {
        if !folder.pop() || folder.as_os_str().is_empty() {
            return PathBuf::from(".");
        }
    }
    folder
}

fn judge_kind(f_type: u64, folder: &Path) -> Check {
    let name = "disk";
    let folder = folder.display();
    match f_type {
        TMPFS | RAMFS => Check::warn(
            name,
            format!("{folder} is memory"),
            "name a folder on a disk in server.data: all of it is gone when the machine restarts",
        ),
        NFS | SMB2 | NINE_P => Check::warn(
            name,
            format!("{folder} is another machine's disk"),
            "name a folder on a disk of this machine in server.data: SQLite's log is not safe on a network",
        ),
        _ => Check::ok(name, format!("{folder} is on a disk of this machine")),
    }
}

fn judge_space(free: u64) -> Check {
    let found = format!("{} free", bytes_text(free));
    let advice = "free some space: when the disk is full, nobody can say anything";
    match free {
        FREE_GOOD.. => Check::ok("space", found),
        FREE_MIN.. => Check::warn("space", found, advice),
        _ => Check::fail("space", found, advice),
    }
}

/// What a commit does: writes a page and waits until it is on the disk.
fn measure_syncs(folder: &Path) -> io::Result<Vec<Duration>> {
    let file = tempfile::Builder::new()
        .prefix(".weiquan-doctor-")
        .tempfile_in(folder)?;
    let page = [7; SYNC_BYTES];
    let mut file: File = file.reopen()?;
    // As the write-ahead log mostly is: there already, and written over.
    file.write_all(&page.repeat(SYNCS))?;
    file.sync_all()?;
    (0..SYNCS)
        .map(|n| {
            let start = clock::now();
            file.write_all_at(&page, (n * SYNC_BYTES) as u64)?;
            file.sync_data()?;
            Ok(clock::now().duration_since(start))
        })
        .collect()
}

fn judge_syncs(mut times: Vec<Duration>) -> Check {
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    let ms = |it: Duration| format!("{:.2} ms", it.as_secs_f64() * 1_000.0);
    let found = format!("{} for a commit, {} at worst", ms(median), ms(worst));
    let advice = "use a disk with a faster fsync (NVMe, or a write cache with a battery): each \
                  acknowledgement waits for one";
    if median >= SYNC_GOOD {
        Check::warn("fsync", found, advice)
    } else {
        Check::ok("fsync", found)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Outcome, *};

    #[test]
    fn a_full_slow_or_fleeting_disk_is_told() {
        assert_eq!(judge_space(100 << 20).outcome, Outcome::Fail);
        assert_eq!(judge_space(1 << 30).outcome, Outcome::Warn);
        assert_eq!(judge_space(10 << 30).outcome, Outcome::Ok);
        let ms = Duration::from_millis;
        assert_eq!(
            judge_syncs(vec![ms(1), ms(900), ms(2)]).outcome,
            Outcome::Ok
        );
        assert_eq!(judge_syncs(vec![ms(12); 3]).outcome, Outcome::Warn);
        let at = Path::new("/data");
        assert_eq!(judge_kind(TMPFS, at).outcome, Outcome::Warn);
        assert_eq!(judge_kind(NFS, at).outcome, Outcome::Warn);
        assert_eq!(judge_kind(0xef53, at).outcome, Outcome::Ok);
        // Linux has memory here; the constant is not ours to choose.
        if let Ok(shm) = statfs("/dev/shm") {
            assert_eq!(shm.f_type.cast_unsigned(), TMPFS);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_where_it_will_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a/b/c");
        assert_eq!(nearest(&deep), folder.path());
        assert_eq!(nearest(Path::new("nowhere/at/all")), Path::new("."));
        let times = measure_syncs(folder.path()).expect("measured");
        assert_eq!(times.len(), SYNCS);
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "nothing is left");
    }
}
