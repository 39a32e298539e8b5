//! What the simulated disk loses, and what it never loses.

use store::{
    Log, LogError,
    simulated::{Fault, Kept, SimulatedLog},
};

use crate::disks::{CIRCLE, ROOM, append, entry, with_id};

fn disk() -> SimulatedLog {
    let log = SimulatedLog::new();
    log.add_room(ROOM, CIRCLE, "epoch".into());
    log
}

fn last_seq(log: &mut SimulatedLog) -> u64 {
    log.load(ROOM).unwrap().last_seq
}

#[test]
fn a_full_disk_writes_nothing() {
    let mut log = disk();
    log.plan([None, Some(Fault::Full), None]);
    assert!(log.append(&[append(ROOM, vec![entry(1)])]).is_ok());
    assert!(matches!(
        log.append(&[append(ROOM, vec![entry(2)])]),
        Err(LogError::Failed(_))
    ));
    log.crash(Kept::Oldest(usize::MAX));
    assert_eq!(last_seq(&mut log), 1);
    assert!(log.append(&[append(ROOM, vec![entry(2)])]).is_ok());
}

#[test]
fn what_was_not_synced_may_be_there_after_a_crash_or_not() {
    for (kept, expect) in [
        (Kept::Nothing, 1),
        (Kept::Oldest(1), 2),
        (Kept::Oldest(9), 3),
    ] {
        let mut log = disk();
        log.append(&[append(ROOM, vec![entry(1)])]).unwrap();
        log.plan([Some(Fault::Sync)]);
        let batch = [
            append(ROOM, vec![with_id(2, "m_anna", "x")]),
            append(ROOM, vec![entry(3)]),
        ];
        assert!(log.append(&batch).is_err());
        assert_eq!(
            (last_seq(&mut log), log.unsynced()),
            (1, 2),
            "nobody sees it yet"
        );
        log.crash(kept);
        assert_eq!(last_seq(&mut log), expect, "{kept:?}");
        let ids = log.load(ROOM).unwrap().client_ids.len() as u64;
        assert_eq!(ids, u64::from(expect > 1), "{kept:?}");
    }
}

#[test]
fn a_later_commit_takes_the_place_of_a_failed_one() {
    let mut log = disk();
    log.plan([Some(Fault::Sync)]);
    assert!(
        log.append(&[append(ROOM, vec![with_id(1, "m_anna", "lost")])])
            .is_err()
    );
    log.heal().unwrap();
    log.append(&[append(ROOM, vec![with_id(1, "m_anna", "kept")])])
        .unwrap();
    log.crash(Kept::Oldest(9));
    let loaded = log.load(ROOM).unwrap();
    assert_eq!(loaded.last_seq, 1);
    assert_eq!(loaded.client_ids[0].client_id.as_str(), "kept");
}

#[test]
fn a_broken_disk_does_not_heal_before_it_is_mended() {
    let mut log = disk();
    log.breakdown(Some(Fault::Full));
    assert!(log.append(&[append(ROOM, vec![entry(1)])]).is_err());
    assert!(log.heal().is_err());
    log.breakdown(None);
    assert!(log.heal().is_ok());
    assert!(log.append(&[append(ROOM, vec![entry(1)])]).is_ok());
}
