//! The writer: group commit, a bounded queue, and what it says when the storage fails.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use protocol::{RoomNumber, limits};
use store::{
    Append, AppendError, Commit, Health, Loaded, Log, LogError, Page, PageOf, Writer, WriterHandle,
    simulated::{Fault, SimulatedLog},
    writer::WRITES_WAITING_MAX,
};

use crate::disks::{Disk, OTHER_ROOM, ROOM, SimulatedDisk, append, block_on, entry, with_id};

/// A log whose commits wait for a word each, and that tells how large they were.
struct Gated {
    log: SimulatedLog,
    began: Sender<usize>,
    go: Receiver<Word>,
}

enum Word {
    Commit,
    Panic,
}

impl Log for Gated {
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Result<(), AppendError>>, LogError> {
        self.began.send(batch.len()).unwrap();
        match self.go.recv().unwrap() {
            Word::Commit => self.log.append(batch),
            Word::Panic => panic!("a planned panic"),
        }
    }

    fn load(&mut self, room: RoomNumber) -> Result<Loaded, LogError> {
        self.log.load(room)
    }

    fn page(&mut self, room: RoomNumber, of: PageOf, n: usize) -> Result<Page, LogError> {
        self.log.page(room, of, n)
    }

    fn heal(&mut self) -> Result<(), LogError> {
        self.log.heal()
    }
}

struct Gate {
    writer: WriterHandle,
    began: Receiver<usize>,
    go: Sender<Word>,
    log: SimulatedLog,
}

fn gated() -> Gate {
    let log = SimulatedDisk::new().0;
    let (began_tx, began) = channel();
    let (go, go_rx) = channel();
    let gated = Gated {
        log: log.clone(),
        began: began_tx,
        go: go_rx,
    };
    let (writer, _thread) = Writer::spawn(Box::new(gated)).unwrap();
    Gate {
        writer,
        began,
        go,
        log,
    }
}

fn one(seq: u64) -> Append {
    append(ROOM, vec![entry(seq)])
}

#[test]
fn what_arrives_during_a_commit_is_the_next_commit() {
    let Gate {
        writer, began, go, ..
    } = gated();
    let first = writer.append(one(1));
    assert_eq!(
        began.recv().unwrap(),
        1,
        "a lone append does not wait for company"
    );
    let max = limits::COMMIT_RECORDS_MAX as u64;
    let waiting: Vec<Commit> = (2..=max + 50).map(|seq| writer.append(one(seq))).collect();
    go.send(Word::Commit).unwrap();
    assert_eq!(first.wait(), Ok(()));
    assert_eq!(began.recv().unwrap() as u64, max, "a commit has its limit");
    go.send(Word::Commit).unwrap();
    assert_eq!(began.recv().unwrap(), 49, "the rest follows at once");
    go.send(Word::Commit).unwrap();
    assert!(waiting.into_iter().all(|it| it.wait() == Ok(())));
}

#[test]
fn an_answer_comes_only_after_the_commit() {
    let Gate {
        writer, began, go, ..
    } = gated();
    let mut first = Box::pin(writer.append(one(1)));
    began.recv().unwrap();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    go.send(Word::Commit).unwrap();
    assert_eq!(block_on(first), Ok(()));
}

#[test]
fn a_full_queue_says_so_at_once() {
    let Gate {
        writer,
        began,
        go,
        log,
    } = gated();
    let first = writer.append(one(1));
    began.recv().unwrap();
    let waiting: Vec<Commit> = (0..WRITES_WAITING_MAX as u64)
        .map(|i| writer.append(one(2 + i)))
        .collect();
    let over = writer.append(one(2 + WRITES_WAITING_MAX as u64));
    assert_eq!(over.wait(), Err(AppendError::Full));
    assert_eq!(block_on(writer.run(|_| store::Worked::Well(()))), None);
    // Nothing of what was taken is lost for it.
    let feeder = thread::spawn(
        move || {
            while go.send(Word::Commit).is_ok() && began.recv().is_ok() {}
        },
    );
    assert_eq!(first.wait(), Ok(()));
    assert!(waiting.into_iter().all(|it| it.wait() == Ok(())));
    drop(writer);
    feeder.join().unwrap();
    let mut log = log;
    assert_eq!(
        log.load(ROOM).unwrap().last_seq,
        1 + WRITES_WAITING_MAX as u64
    );
}

#[test]
fn one_rooms_conflict_is_not_anothers() {
    let log = SimulatedDisk::new().0;
    let (writer, _thread) = Writer::spawn(Box::new(log)).unwrap();
    let said = writer.append(append(ROOM, vec![with_id(1, "m_anna", "x")]));
    assert_eq!(said.wait(), Ok(()));
    let again = writer.append(append(ROOM, vec![with_id(2, "m_anna", "x")]));
    let other = writer.append(append(OTHER_ROOM, vec![entry(1)]));
    assert!(matches!(again.wait(), Err(AppendError::Conflict(known)) if known[0].seq == 1));
    assert_eq!(other.wait(), Ok(()));
    assert_eq!(writer.health(), Health::Well);
}

#[test]
fn a_failed_commit_refuses_everybody_and_heals_by_itself() {
    let Gate {
        writer,
        began,
        go,
        log,
    } = gated();
    let first = writer.append(one(1));
    began.recv().unwrap();
    let waiting: Vec<Commit> = (2..10).map(|seq| writer.append(one(seq))).collect();
    log.breakdown(Some(Fault::Sync));
    go.send(Word::Commit).unwrap();
    assert_eq!(first.wait(), Err(AppendError::Unavailable));
    for commit in waiting {
        assert_eq!(
            commit.wait(),
            Err(AppendError::Unavailable),
            "nothing follows a failed commit"
        );
    }
    assert_eq!(writer.health(), Health::Broken);
    assert_eq!(writer.append(one(1)).wait(), Err(AppendError::Unavailable));
    log.breakdown(None);
    // It is refused until the writer has healed; then a commit begins.
    let retry = loop {
        let retry = writer.append(one(1));
        if began.recv_timeout(Duration::from_millis(20)).is_ok() {
            break retry;
        }
        assert_eq!(retry.wait(), Err(AppendError::Unavailable));
    };
    assert_eq!(writer.health(), Health::Well);
    go.send(Word::Commit).unwrap();
    assert_eq!(retry.wait(), Ok(()));
}

#[test]
fn a_panic_in_the_log_is_a_failed_commit() {
    let Gate {
        writer, began, go, ..
    } = gated();
    let first = writer.append(one(1));
    began.recv().unwrap();
    go.send(Word::Panic).unwrap();
    assert_eq!(first.wait(), Err(AppendError::Unavailable));
    let retry = loop {
        let retry = writer.append(one(1));
        if began.recv_timeout(Duration::from_millis(20)).is_ok() {
            break retry;
        }
    };
    go.send(Word::Commit).unwrap();
    assert_eq!(retry.wait(), Ok(()));
}

#[test]
fn what_waits_is_stored_before_the_writer_ends() {
    let log = SimulatedDisk::new().0;
    let (writer, thread) = Writer::spawn(Box::new(log.clone())).unwrap();
    let waiting: Vec<Commit> = (1..=1_000).map(|seq| writer.append(one(seq))).collect();
    let handle = writer.clone();
    drop(writer);
    assert_eq!(handle.health(), Health::Well);
    drop(handle);
    thread.join().unwrap();
    let mut log = log;
    assert_eq!(log.load(ROOM).unwrap().last_seq, 1_000);
    assert!(waiting.into_iter().all(|it| it.wait() == Ok(())));
}

#[test]
fn a_log_without_readers_is_read_through_the_writer() {
    let (writer, thread) = Writer::spawn(Box::new(SimulatedDisk::new().0)).unwrap();
    // Not awaited: what is read comes after it all the same.
    let commit = writer.append(one(1));
    assert_eq!(block_on(writer.load(ROOM)).unwrap().tail, [entry(1)]);
    assert_eq!(
        block_on(writer.page(ROOM, PageOf::Last, 9))
            .unwrap()
            .entries,
        [entry(1)]
    );
    assert!(matches!(
        block_on(writer.load(77)),
        Err(LogError::NoSuchRoom(77))
    ));
    assert_eq!(commit.wait(), Ok(()));
    drop(writer);
    thread.join().unwrap();
}
