//! A copy of the database becomes another folder's: what was written since is gone, and the audit log
//! says so.

use protocol::server::Mark;
use store::{ActsOf, Chain, NewAct, backup};

use crate::disks::{ROOM, append, entry, open, person, set_up};

fn act(what: &str, at_ms: u64) -> NewAct {
    NewAct {
        at_ms,
        room: None,
        seq: None,
        by: protocol::server::Person {
            mark: Mark::Member,
            ..person("operator")
        },
        what: what.to_owned(),
        whom: None,
        why: "2026-11-27 12:00:00 UTC".to_owned(),
        until_ms: None,
    }
}

#[tokio::test]
async fn o13_the_chain_of_a_copy_goes_on_with_the_line_of_its_restore() {
    let home = tempfile::tempdir().unwrap();
    let (then, now) = (home.path().join("then"), home.path().join("now"));
    let store = open(&then).await;
    set_up(&store, 1).await;
    store.append(append(ROOM, vec![entry(1)])).await.unwrap();
    store.add_act(act("reload", 1)).await.unwrap();
    let epoch = store.load(ROOM).await.unwrap().epoch;
    let copy = home.path().join("copy");
    backup::copy_database(&then, &copy, &mut |_, _| {}).unwrap();
    // What is written after the copy is not in it.
    store.add_act(act("reload", 2)).await.unwrap();
    store.close().await;

    let vacant = backup::Vacant::claim(&now).unwrap();
    vacant.fill(&copy, &act("restore", 3)).unwrap();
    let store = open(&now).await;
    assert_eq!(store.verify_audit().await.unwrap(), Chain::Whole(2));
    let of = ActsOf {
        n: 9,
        ..ActsOf::default()
    };
    let lines = store.acts(of).await.unwrap();
    let lines: Vec<_> = lines.into_iter().map(|it| (it.number, it.act)).collect();
    assert_eq!(lines, [(2, act("restore", 3)), (1, act("reload", 1))]);
    let loaded = store.load(ROOM).await.unwrap();
    assert_eq!(loaded.last_seq, 1);
    assert_ne!(loaded.epoch, epoch, "who saw more starts afresh");
    // And on from there.
    store.add_act(act("reload", 4)).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap(), Chain::Whole(3));
    store.close().await;
}

#[test]
fn o13_a_copy_that_takes_no_line_becomes_no_database() {
    let home = tempfile::tempdir().unwrap();
    let (folder, copy) = (home.path().join("now"), home.path().join("copy"));
    std::fs::write(&copy, "no database at all").unwrap();
    let vacant = backup::Vacant::claim(&folder).unwrap();
    let refused = vacant.fill(&copy, &act("restore", 1));
    assert!(refused.is_err(), "{refused:?}");
    assert!(copy.is_file(), "it is where it was");
    backup::Vacant::claim(&folder).expect("the folder holds no database");
}
