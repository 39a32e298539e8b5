//! Floods and who gets past them.

use std::task::{Context, Poll, Waker};

use fanout::ConnectionId;

use super::*;

/// A wish that can be told from another by its number.
fn wish(slot: u32) -> Wish {
    Wish::Left {
        connection: ConnectionId {
            shard: 0,
            slot,
            generation: 0,
        },
    }
}

fn own(inlet: &Inlet) -> Inlet {
    inlet.own(&Waiting::default())
}

fn number(posted: Posted) -> u32 {
    match posted.begin() {
        Wish::Left { connection } => connection.slot,
        other => panic!("{other:?}"),
    }
}

/// The next batch by its numbers; none when nothing is there.
fn batch(inbox: &mut Inbox) -> Vec<u32> {
    let mut taken = Vec::new();
    let poll = std::pin::pin!(inbox.take(&mut taken)).poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll != Poll::Ready(true) || !taken.is_empty());
    taken.into_iter().map(number).collect()
}

#[test]
fn a_flood_refuses_itself_and_nobody_who_runs_the_room() {
    let (inlet, mut inbox) = inbox();
    let flood = own(&inlet);
    for n in 0..limits::ROOM_INBOX_MAX as u32 {
        flood.put(Lane::Normal, wish(n)).expect("a place");
    }
    assert_eq!(flood.put(Lane::Normal, wish(0)), Err(Shut::Full));
    let host = own(&inlet);
    for n in 0..4 {
        host.put(Lane::Host, wish(9_000 + n)).expect("a place");
    }
    let first = batch(&mut inbox);
    assert_eq!(first.len(), BATCH_WISHES_MAX);
    assert_eq!(first[..6], [9_000, 9_001, 9_002, 9_003, 0, 1]);
}

#[test]
fn a_flood_of_hosts_leaves_a_quarter_of_each_batch_to_the_rest() {
    let (inlet, mut inbox) = inbox();
    let (host, guest) = (own(&inlet), own(&inlet));
    for n in 0..400 {
        host.put(Lane::Host, wish(1_000 + n)).expect("a place");
        guest.put(Lane::Normal, wish(n)).expect("a place");
    }
    let first = batch(&mut inbox);
    let of_guests: Vec<u32> = first.iter().copied().filter(|it| *it < 1_000).collect();
    assert_eq!(of_guests, (0..64).collect::<Vec<_>>());
    assert_eq!(first.len(), BATCH_WISHES_MAX);
}

#[test]
fn a_crowd_that_comes_and_goes_leaves_half_of_the_first_queue_to_the_host() {
    let (inlet, mut inbox) = inbox();
    for n in 0..4 * limits::ROOM_INBOX_FIRST_MAX as u32 {
        let one = own(&inlet);
        one.put(Lane::Passage, wish(n)).expect("a place in either");
    }
    let host = own(&inlet);
    for n in 0..limits::ROOM_INBOX_FIRST_MAX as u32 / 2 {
        host.put(Lane::Host, wish(9_000 + n)).expect("a place");
    }
    assert_eq!(host.put(Lane::Host, wish(0)), Err(Shut::Full));
    let mut seen = 0;
    while seen < 9_000 {
        let taken = batch(&mut inbox);
        assert!(!taken.is_empty());
        seen = taken.into_iter().max().expect("some").max(seen);
    }
}

#[test]
fn what_one_connection_says_stays_in_its_order() {
    let (inlet, mut inbox) = inbox();
    let (one, other) = (own(&inlet), own(&inlet));
    one.put(Lane::Normal, wish(1)).expect("a place");
    // Appointed meanwhile, and then it goes: both must not overtake what it said.
    one.put(Lane::Host, wish(2)).expect("a place");
    one.put(Lane::Passage, wish(3)).expect("a place");
    other.put(Lane::Passage, wish(4)).expect("a place");
    assert_eq!(batch(&mut inbox), [4, 1, 2, 3]);
    one.put(Lane::Host, wish(5)).expect("a place");
    other.put(Lane::Normal, wish(6)).expect("a place");
    one.put(Lane::Host, wish(7)).expect("a place");
    assert_eq!(batch(&mut inbox), [5, 7, 6], "nothing of it waits any more");
}

#[test]
fn what_was_refused_holds_nothing_back() {
    let (inlet, mut inbox) = inbox();
    let flood = own(&inlet);
    while flood.put(Lane::Normal, wish(0)).is_ok() {}
    let one = own(&inlet);
    assert_eq!(one.put(Lane::Normal, wish(1)), Err(Shut::Full));
    one.put(Lane::Host, wish(2)).expect("a place");
    assert_eq!(batch(&mut inbox)[0], 2);
}

#[test]
fn hearts_are_dropped_while_half_of_the_rest_is_full() {
    let (inlet, mut inbox) = inbox();
    let flood = own(&inlet);
    for n in 0..=limits::ROOM_INBOX_MAX as u32 / 2 {
        flood.put(Lane::Normal, wish(n)).expect("a place");
    }
    assert_eq!(flood.put(Lane::Low, wish(0)), Err(Shut::Full));
    flood.put(Lane::Normal, wish(0)).expect("messages have it");
    batch(&mut inbox);
    flood.put(Lane::Low, wish(0)).expect("a place");
}

#[tokio::test]
async fn it_ends_when_nobody_can_wish_any_more_and_all_is_taken() {
    let (inlet, mut inbox) = inbox();
    inlet.put_surely(Lane::Control, wish(1)).await;
    inlet.put(Lane::Normal, wish(2)).expect("a place");
    drop(inlet);
    let mut taken = Vec::new();
    assert!(inbox.take(&mut taken).await);
    assert_eq!(taken.drain(..).map(number).collect::<Vec<_>>(), [1, 2]);
    assert!(!inbox.take(&mut taken).await);
}

#[test]
fn a_page_of_the_past_holds_back_nothing_of_its_reader() {
    let (inlet, mut inbox) = inbox();
    let host = own(&inlet);
    host.put(Lane::Aside, wish(1)).expect("a place");
    host.put(Lane::Host, wish(2)).expect("a place");
    assert_eq!(batch(&mut inbox), [2, 1]);
}

#[test]
fn who_leaves_a_room_and_comes_again_is_in_it() {
    let (inlet, mut inbox) = inbox();
    let waiting = Waiting::default();
    let before = inlet.own(&waiting);
    before.put(Lane::Normal, wish(1)).expect("a place");
    before.put(Lane::Passage, wish(2)).expect("a place");
    let again = inlet.own(&waiting);
    again.put(Lane::Passage, wish(3)).expect("a place");
    assert_eq!(batch(&mut inbox), [1, 2, 3]);
}
