//! The contract of [`Log`], one case a function, run on every implementation.

use protocol::{
    limits,
    server::{Mark, Person, Phase},
};
use store::{
    Append, AppendError, BroadcastRow, Entry, Known, LogError, MeasuredRow, PageOf, RowChange,
    Tally, TurnoutRow, VoteRow,
    log::{CLIENT_IDS_LOADED, TAIL_RECORDS},
};

use crate::disks::{
    CIRCLE, Disk, OTHER_ROOM, PostgresDisk, ROOM, SimulatedDisk, SqliteDisk, append, change, entry,
    fill, person, with_id,
};

macro_rules! on_every_disk {
    ($($case:ident)*) => {
        mod sqlite { $(#[test] fn $case() { super::$case::<super::SqliteDisk>(); })* }
        mod postgres { $(#[test] fn $case() { super::$case::<super::PostgresDisk>(); })* }
        mod simulated { $(#[test] fn $case() { super::$case::<super::SimulatedDisk>(); })* }
    };
}

on_every_disk! {
    what_was_appended_is_there_after_a_restart
    a_record_comes_back_as_it_was
    a_known_client_id_stores_nothing_of_its_append
    a_client_id_is_one_rooms_and_one_authors
    a_client_id_is_known_for_ever
    a_client_id_twice_in_one_append_is_a_bug
    a_seq_must_follow_the_last_one
    appends_of_one_room_in_one_batch_follow_each_other
    what_a_room_does_not_have_cannot_be_changed
    an_edited_record_reads_in_its_latest_form
    a_room_must_be_there_and_in_its_circle
    a_load_holds_facts_tail_and_client_ids
    a_page_ends_where_the_log_ends
    a_page_is_never_larger_than_its_limit
    a_broadcast_is_stored_with_its_record
    a_vote_replaces_the_one_before_and_goes_with_its_poll
    likes_and_replies_are_counted_once_each
    a_row_of_a_record_that_is_not_there_stores_nothing
    what_is_measured_is_there_until_its_broadcast_is_over
}

fn what_was_appended_is_there_after_a_restart<D: Disk>() {
    let mut disk = D::new();
    assert_eq!(disk.log().load(ROOM).unwrap().last_seq, 0);
    let epoch = disk.log().load(ROOM).unwrap().epoch;
    for batch in [
        vec![append(ROOM, vec![entry(1)])],
        vec![
            append(ROOM, vec![entry(2), entry(3)]),
            append(OTHER_ROOM, vec![entry(1)]),
        ],
    ] {
        let results = disk.log().append(&batch).unwrap();
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(results.len(), batch.len());
    }
    disk.restart();
    let loaded = disk.log().load(ROOM).unwrap();
    assert_eq!(loaded.tail, [entry(1), entry(2), entry(3)]);
    assert_eq!((loaded.last_seq, loaded.epoch), (3, epoch));
    assert_eq!(disk.log().load(OTHER_ROOM).unwrap().tail, [entry(1)]);
}

fn a_record_comes_back_as_it_was<D: Disk>() {
    let mut disk = D::new();
    let marks = [
        Mark::Guest,
        Mark::Member,
        Mark::Host,
        Mark::Moderator,
        Mark::Owner,
    ];
    let records: Vec<Entry> = marks
        .into_iter()
        .zip(1..)
        .map(|(mark, seq)| Entry {
            seq,
            at_ms: u64::from(u32::MAX) * 1_000 + seq,
            pos: (seq % 2 == 0).then_some(seq * 7),
            author: Person {
                id: format!("m_{seq}").into(),
                name: "小明 \u{1F600} '\"".into(),
                mark,
            },
            kind: u8::try_from(250 + seq).unwrap(),
            is_fact: seq % 2 == 1,
            client_id: (seq > 2).then(|| format!("client-{seq}").into()),
            body: (0..=255)
                .cycle()
                .take(seq as usize * 3_000 - 3_000)
                .collect(),
        })
        .collect();
    assert_eq!(
        disk.log().append(&[append(ROOM, records.clone())]).unwrap(),
        [Ok(())]
    );
    disk.restart();
    assert_eq!(disk.log().load(ROOM).unwrap().tail, records);
    assert_eq!(
        disk.log().page(ROOM, PageOf::Last, 10).unwrap().entries,
        records
    );
}

fn a_known_client_id_stores_nothing_of_its_append<D: Disk>() {
    let mut disk = D::new();
    let first = vec![with_id(1, "m_anna", "a1"), with_id(2, "m_anna", "a2")];
    assert_eq!(disk.log().append(&[append(ROOM, first)]).unwrap(), [Ok(())]);
    let retry = append(
        ROOM,
        vec![
            with_id(3, "m_anna", "a3"),
            with_id(4, "m_anna", "a2"),
            with_id(5, "m_anna", "a1"),
        ],
    );
    let results = disk
        .log()
        .append(&[retry, append(OTHER_ROOM, vec![entry(1)])])
        .unwrap();
    let known = |id: &str, seq| Known {
        author: "m_anna".into(),
        client_id: id.into(),
        seq,
        at_ms: 1_000 + seq,
    };
    assert_eq!(
        results,
        [
            Err(AppendError::Conflict(vec![known("a2", 2), known("a1", 1)])),
            Ok(())
        ]
    );
    assert_eq!(disk.log().load(ROOM).unwrap().last_seq, 2);
    assert_eq!(disk.log().load(OTHER_ROOM).unwrap().last_seq, 1);
    // The same room goes on where it was, with the id that was not known.
    let next = append(ROOM, vec![with_id(3, "m_anna", "a3")]);
    assert_eq!(disk.log().append(&[next]).unwrap(), [Ok(())]);
    disk.restart();
    assert_eq!(
        disk.log().load(ROOM).unwrap().client_ids,
        [known("a1", 1), known("a2", 2), known("a3", 3)]
    );
}

fn a_client_id_is_one_rooms_and_one_authors<D: Disk>() {
    let mut disk = D::new();
    let batch = [
        append(
            ROOM,
            vec![with_id(1, "m_anna", "x"), with_id(2, "m_ben", "x")],
        ),
        append(OTHER_ROOM, vec![with_id(1, "m_anna", "x")]),
    ];
    assert_eq!(disk.log().append(&batch).unwrap(), [Ok(()), Ok(())]);
}

fn a_client_id_is_known_for_ever<D: Disk>() {
    let mut disk = D::new();
    let first = vec![with_id(1, "m_anna", "old")];
    assert_eq!(disk.log().append(&[append(ROOM, first)]).unwrap(), [Ok(())]);
    fill(disk.log(), ROOM, 2, TAIL_RECORDS as u64 + 10);
    disk.restart();
    let next = TAIL_RECORDS as u64 + 11;
    let retry = append(ROOM, vec![with_id(next, "m_anna", "old")]);
    let results = disk.log().append(&[retry]).unwrap();
    assert!(
        matches!(&results[..], [Err(AppendError::Conflict(known))] if known[0].seq == 1),
        "{results:?}"
    );
}

fn a_client_id_twice_in_one_append_is_a_bug<D: Disk>() {
    let mut disk = D::new();
    let twice = append(
        ROOM,
        vec![with_id(1, "m_anna", "x"), with_id(2, "m_anna", "x")],
    );
    let results = disk.log().append(&[twice]).unwrap();
    assert!(
        matches!(&results[..], [Err(AppendError::Invalid(_))]),
        "{results:?}"
    );
    assert_eq!(disk.log().load(ROOM).unwrap().last_seq, 0);
}

fn a_seq_must_follow_the_last_one<D: Disk>() {
    let mut disk = D::new();
    fill(disk.log(), ROOM, 1, 3);
    for (records, expected, found) in [
        (vec![entry(3)], 4, 3),
        (vec![entry(5)], 4, 5),
        (vec![entry(0)], 4, 0),
        (vec![entry(4), entry(6)], 5, 6),
        (vec![entry(4), entry(4)], 5, 4),
    ] {
        let batch = [append(ROOM, records), append(OTHER_ROOM, vec![])];
        let results = disk.log().append(&batch).unwrap();
        assert_eq!(
            results,
            [Err(AppendError::OutOfOrder { expected, found }), Ok(())]
        );
    }
    disk.restart();
    assert_eq!(disk.log().load(ROOM).unwrap().last_seq, 3);
    fill(disk.log(), ROOM, 4, 4);
}

fn appends_of_one_room_in_one_batch_follow_each_other<D: Disk>() {
    let mut disk = D::new();
    let good = [
        append(ROOM, vec![with_id(1, "m_anna", "x")]),
        append(ROOM, vec![entry(2)]),
    ];
    assert_eq!(disk.log().append(&good).unwrap(), [Ok(()), Ok(())]);
    // Where the first is left out, the second would leave a hole.
    let bad = [
        append(ROOM, vec![with_id(3, "m_anna", "x")]),
        append(ROOM, vec![entry(4)]),
    ];
    let results = disk.log().append(&bad).unwrap();
    assert!(
        matches!(results[0], Err(AppendError::Conflict(_))),
        "{results:?}"
    );
    assert_eq!(
        results[1],
        Err(AppendError::OutOfOrder {
            expected: 3,
            found: 4
        })
    );
    assert_eq!(disk.log().load(ROOM).unwrap().last_seq, 2);
}

fn what_a_room_does_not_have_cannot_be_changed<D: Disk>() {
    let mut disk = D::new();
    fill(disk.log(), ROOM, 1, 2);
    fill(disk.log(), OTHER_ROOM, 1, 9);
    for row in [
        RowChange::Revise {
            seq: 9,
            body: b"x".to_vec(),
        },
        RowChange::Erase {
            seq: 0,
            left: b"x".to_vec(),
        },
    ] {
        let part = Append {
            rows: vec![row],
            ..append(ROOM, vec![entry(3)])
        };
        let results = disk.log().append(&[part]).unwrap();
        assert!(
            matches!(&results[..], [Err(AppendError::Invalid(_))]),
            "{results:?}"
        );
    }
    // Nothing of the parts is there, the record before the row neither.
    assert_eq!(disk.log().load(ROOM).unwrap().tail, [entry(1), entry(2)]);
}

fn an_edited_record_reads_in_its_latest_form<D: Disk>() {
    let mut disk = D::new();
    fill(disk.log(), ROOM, 1, 3);
    let edit = Append {
        rows: vec![
            RowChange::Revise {
                seq: 1,
                body: b"edited".to_vec(),
            },
            RowChange::Erase {
                seq: 2,
                left: b"".to_vec(),
            },
            RowChange::Revise {
                seq: 4,
                body: b"at once".to_vec(),
            },
        ],
        ..append(ROOM, vec![entry(4)])
    };
    assert_eq!(disk.log().append(&[edit]).unwrap(), [Ok(())]);
    let again = RowChange::Revise {
        seq: 1,
        body: b"edited twice, and longer".to_vec(),
    };
    assert_eq!(
        disk.log().append(&[change(ROOM, vec![again])]).unwrap(),
        [Ok(())]
    );
    disk.restart();
    let expect = [
        Entry {
            body: b"edited twice, and longer".to_vec(),
            ..entry(1)
        },
        Entry {
            body: vec![],
            ..entry(2)
        },
        entry(3),
        Entry {
            body: b"at once".to_vec(),
            ..entry(4)
        },
    ];
    assert_eq!(disk.log().load(ROOM).unwrap().tail, expect);
    assert_eq!(
        disk.log().page(ROOM, PageOf::After(0), 9).unwrap().entries,
        expect
    );
}

fn a_room_must_be_there_and_in_its_circle<D: Disk>() {
    let mut disk = D::new();
    let batch = [
        append(77, vec![entry(1)]),
        Append {
            circle: CIRCLE + 1,
            ..append(ROOM, vec![entry(1)])
        },
        append(OTHER_ROOM, vec![entry(1)]),
    ];
    let results = disk.log().append(&batch).unwrap();
    assert!(
        matches!(results[0], Err(AppendError::Invalid(_))),
        "{results:?}"
    );
    assert!(
        matches!(results[1], Err(AppendError::Invalid(_))),
        "{results:?}"
    );
    assert_eq!(results[2], Ok(()));
    assert!(matches!(disk.log().load(77), Err(LogError::NoSuchRoom(77))));
    assert!(matches!(
        disk.log().page(77, PageOf::Last, 1),
        Err(LogError::NoSuchRoom(77))
    ));
}

fn a_load_holds_facts_tail_and_client_ids<D: Disk>() {
    let mut disk = D::new();
    let last = CLIENT_IDS_LOADED as u64 + 500;
    let record = |seq| Entry {
        is_fact: seq % 4_000 == 1,
        ..with_id(seq, "m_anna", &format!("c{seq}"))
    };
    let all: Vec<Entry> = (1..=last).map(record).collect();
    for chunk in all.chunks(250) {
        assert_eq!(
            disk.log().append(&[append(ROOM, chunk.to_vec())]).unwrap(),
            [Ok(())]
        );
    }
    let loaded = disk.log().load(ROOM).unwrap();
    assert_eq!(loaded.last_seq, last);
    assert_eq!(loaded.facts, [1, 4_001, 8_001].map(record));
    assert_eq!(loaded.tail, all[all.len() - TAIL_RECORDS..]);
    let seqs: Vec<u64> = loaded.client_ids.iter().map(|it| it.seq).collect();
    assert_eq!(seqs, (501..=last).collect::<Vec<_>>());
}

fn a_page_ends_where_the_log_ends<D: Disk>() {
    let mut disk = D::new();
    fill(disk.log(), ROOM, 1, 10);
    let huge = u64::MAX;
    for (of, n, expect, end) in [
        (PageOf::Last, 3, 8..=10, false),
        (PageOf::Last, 10, 1..=10, true),
        (PageOf::Last, 11, 1..=10, true),
        (PageOf::Before(8), 3, 5..=7, false),
        (PageOf::Before(4), 3, 1..=3, true),
        (PageOf::Before(2), 3, 1..=1, true),
        (PageOf::Before(huge), 2, 9..=10, false),
        (PageOf::After(0), 3, 1..=3, false),
        (PageOf::After(7), 3, 8..=10, true),
        (PageOf::After(9), 3, 10..=10, true),
    ] {
        let page = disk.log().page(ROOM, of, n).unwrap();
        let seqs: Vec<u64> = page.entries.iter().map(|it| it.seq).collect();
        assert_eq!((seqs, page.end), (expect.collect(), end), "{of:?} {n}");
    }
    for (room, of, n, end) in [
        (ROOM, PageOf::Before(1), 3, true),
        (ROOM, PageOf::Before(0), 3, true),
        (ROOM, PageOf::After(10), 3, true),
        (ROOM, PageOf::After(huge), 3, true),
        (ROOM, PageOf::Last, 0, false),
        (OTHER_ROOM, PageOf::Last, 5, true),
    ] {
        let page = disk.log().page(room, of, n).unwrap();
        assert_eq!((page.entries, page.end), (vec![], end), "{of:?} {n}");
    }
}

fn a_page_is_never_larger_than_its_limit<D: Disk>() {
    let mut disk = D::new();
    let max = limits::PAGE_RECORDS_MAX as u64;
    fill(disk.log(), ROOM, 1, max + 5);
    for (of, first) in [
        (PageOf::Last, 6),
        (PageOf::After(0), 1),
        (PageOf::Before(max + 3), 3),
    ] {
        let page = disk.log().page(ROOM, of, usize::MAX).unwrap();
        assert_eq!(page.entries.len() as u64, max, "{of:?}");
        assert_eq!(page.entries[0].seq, first, "{of:?}");
        assert!(!page.end, "{of:?}");
    }
}

fn broadcast(id: &str, phase: Phase) -> BroadcastRow {
    BroadcastRow {
        id: id.into(),
        phase,
        title: "First".into(),
        host: person("m_anna"),
        starts_ms: None,
        live_ms: None,
        ended_ms: None,
        turnout: (phase == Phase::Ended).then(TurnoutRow::default),
    }
}

fn a_broadcast_is_stored_with_its_record<D: Disk>() {
    let mut disk = D::new();
    let row = broadcast("b1", Phase::Open);
    let part = Append {
        rows: vec![RowChange::Broadcast(row)],
        ..append(
            ROOM,
            vec![Entry {
                is_fact: true,
                ..entry(1)
            }],
        )
    };
    assert_eq!(disk.log().append(&[part]).unwrap(), [Ok(())]);
    assert_eq!(disk.log().load(ROOM).unwrap().facts.len(), 1);
}

fn vote(of: u64, member: &str, picks: u16) -> RowChange {
    let member = member.into();
    RowChange::Vote(VoteRow { of, member, picks }, 5)
}

fn like(of: u64, member: &str, on: bool) -> RowChange {
    let member = member.into();
    RowChange::Like {
        of,
        member,
        at_ms: on.then_some(5),
    }
}

fn a_vote_replaces_the_one_before_and_goes_with_its_poll<D: Disk>() {
    let mut disk = D::new();
    fill(disk.log(), ROOM, 1, 2);
    for rows in [
        vec![vote(1, "m_anna", 1), vote(1, "m_bob", 2)],
        vec![vote(1, "m_anna", 6), vote(2, "m_anna", 1)],
        vec![vote(1, "m_anna", 6), vote(1, "m_bob", 0)],
    ] {
        assert_eq!(disk.log().append(&[change(ROOM, rows)]).unwrap(), [Ok(())]);
    }
    disk.restart();
    let row = |of: u64, picks| VoteRow {
        of,
        member: "m_anna".into(),
        picks,
    };
    assert_eq!(disk.log().load(ROOM).unwrap().votes, [row(1, 6), row(2, 1)]);
    let gone = change(ROOM, vec![RowChange::VotesGone { of: 1 }]);
    assert_eq!(disk.log().append(&[gone]).unwrap(), [Ok(())]);
    disk.restart();
    assert_eq!(disk.log().load(ROOM).unwrap().votes, [row(2, 1)]);
    assert_eq!(disk.log().load(OTHER_ROOM).unwrap().votes, []);
}

fn likes_and_replies_are_counted_once_each<D: Disk>() {
    let mut disk = D::new();
    fill(disk.log(), ROOM, 1, 4);
    let reply = |seq, on| RowChange::Reply { root: 2, seq, on };
    for rows in [
        vec![like(1, "m_anna", true), like(1, "m_bob", true)],
        vec![like(1, "m_anna", true), like(2, "m_bob", true)],
        vec![like(1, "m_bob", false), like(1, "m_bob", false)],
        vec![reply(3, true), reply(4, true), reply(4, true)],
        vec![reply(3, false), reply(3, false)],
    ] {
        assert_eq!(disk.log().append(&[change(ROOM, rows)]).unwrap(), [Ok(())]);
    }
    disk.restart();
    let tally = |of, likes, replies| Tally { of, likes, replies };
    let all = [tally(1, 1, 0), tally(2, 1, 1)];
    assert_eq!(disk.log().load(ROOM).unwrap().tallies, all);
    let page = disk.log().page(ROOM, PageOf::After(1), 2).unwrap();
    assert_eq!(page.tallies, all[1..]);
}

fn a_row_of_a_record_that_is_not_there_stores_nothing<D: Disk>() {
    let mut disk = D::new();
    fill(disk.log(), ROOM, 1, 1);
    for row in [like(2, "m_anna", true), vote(0, "m_anna", 1)] {
        let both = change(ROOM, vec![like(1, "m_anna", true), row]);
        let results = disk.log().append(&[both]).unwrap();
        assert!(
            matches!(results[..], [Err(AppendError::Invalid(_))]),
            "{results:?}"
        );
    }
    assert_eq!(disk.log().load(ROOM).unwrap().tallies, []);
}

fn what_is_measured_is_there_until_its_broadcast_is_over<D: Disk>() {
    let mut disk = D::new();
    fill(disk.log(), ROOM, 1, 1);
    let row = |of: &str, people: u32, came: &[u64]| MeasuredRow {
        of: of.into(),
        peak: people,
        people,
        watched_ms: u64::from(people) * 5_000,
        hearts: "❤ 3\n👏 1".into(),
        came: came.to_vec(),
    };
    let put = |disk: &mut D, rows| {
        assert_eq!(disk.log().append(&[change(ROOM, rows)]).unwrap(), [Ok(())]);
        disk.restart();
        assert_eq!(disk.log().load(OTHER_ROOM).unwrap().measured, None);
        disk.log().load(ROOM).unwrap().measured
    };
    let is = |of, phase| RowChange::Broadcast(broadcast(of, phase));
    assert_eq!(put(&mut disk, vec![is("b1", Phase::Live)]), None);
    let first = row("b1", 2, &[7, u64::MAX]);
    let measured = put(&mut disk, vec![RowChange::Measured(first.clone())]);
    assert_eq!(measured, Some(first));
    // The numbers are those of now, the viewers all that ever came.
    let nobody_new = RowChange::Measured(row("b1", 3, &[]));
    let one_more = RowChange::Measured(row("b1", 4, &[0]));
    let measured = put(&mut disk, vec![nobody_new, one_more]);
    assert_eq!(measured, Some(row("b1", 4, &[7, u64::MAX, 0])));
    // The end of another one takes nothing away, nor does a pause.
    let measured = put(
        &mut disk,
        vec![is("b1", Phase::Paused), is("b0", Phase::Ended)],
    );
    assert_eq!(measured, Some(row("b1", 4, &[7, u64::MAX, 0])));
    assert_eq!(put(&mut disk, vec![is("b1", Phase::Ended)]), None);
    // What is measured of one is in the place of any other.
    let rows = ["b2", "b3"].map(|it| RowChange::Measured(row(it, 1, &[5])));
    let measured = put(&mut disk, rows.to_vec());
    assert_eq!(measured, Some(row("b3", 1, &[5])));
}
