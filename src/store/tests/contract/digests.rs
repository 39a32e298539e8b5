//! Digests: due by the hour, taken once, told by position; who missed what; and handing a circle over.

use protocol::{
    limits,
    notices::{Digest, NoticeKind},
    server::{Mark, Person, Phase},
    topic::{Following, RoomKind},
};
use store::{
    Append, BroadcastRow, DIGESTS_AT_ONCE, DigestHours, DueDigest, Entry, LetterFate, LetterKind,
    LinkLetter, MeasuredRow, NewAccount, NewAct, NewRoom, NoticeRow, NoticeSettings, Role,
    RowChange, RowError, Store, TakenDigest, TopicTalk, TurnoutRow,
};

use crate::disks::{
    CIRCLE, Home, ROOM, append, change, entry, on_both_engines, person, set_up, topic,
};

on_both_engines! {
    g1_a_digest_is_due_once_after_its_hour_for_who_confirmed_an_address
    g2_one_that_is_put_off_is_due_again_and_a_refused_address_never
    g3_what_is_new_is_told_once_by_position
    g4_how_often_is_the_members_own_and_outlives_the_address
    g5_a_clock_that_was_wrong_holds_nobody_up
    g6_a_page_is_no_larger_than_its_limit
    g7_who_watched_is_known_for_a_while
    g8_what_was_caught_up_on_never_goes_back
    g9_a_circle_is_handed_over_once_and_both_are_told
}

const HOUR: u64 = 1_795_000_000_000;
const DAY: u64 = 24 * 3_600_000;
const ANN: &str = "m_ann";

async fn member(store: &Store, id: &str) {
    let new = NewAccount {
        id: id.into(),
        name: format!("name of {id}"),
        password: "$hash".into(),
        made_ms: 1,
    };
    store.add_account(CIRCLE, Role::Member, new).await.unwrap();
}

async fn confirm(store: &Store, id: &str, at_ms: u64) {
    let letter = LinkLetter {
        member: id.into(),
        kind: LetterKind::Confirm,
        address: format!("{id}@example.org"),
        lang: "zh-CN".into(),
        made_ms: at_ms,
    };
    store.ask_letter(letter).await.unwrap();
    let confirmed = store.confirm_mail(id.into(), at_ms, at_ms).await.unwrap();
    assert!(confirmed.is_some());
}

/// Ann, whose address was confirmed a day before the hour.
async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 1).await;
    member(&store, ANN).await;
    confirm(&store, ANN, HOUR - DAY).await;
    store
}

const fn hours(at_ms: u64) -> DigestHours {
    DigestHours {
        daily_ms: at_ms,
        weekly_ms: at_ms,
    }
}

async fn due(store: &Store, at_ms: u64) -> Vec<DueDigest> {
    store.due_digests(hours(HOUR), at_ms).await.unwrap()
}

fn taken(of: &DueDigest, at_ms: u64) -> TakenDigest {
    TakenDigest {
        member: of.member.clone(),
        before_ms: of.taken_ms,
        taken_ms: at_ms,
        last_notice: of.last_notice,
    }
}

async fn g1_a_digest_is_due_once_after_its_hour_for_who_confirmed_an_address(home: Home) {
    let store = ready(&home).await;
    member(&store, "m_bob").await;
    store
        .put_digest("m_bob".into(), Digest::Daily, HOUR - DAY)
        .await
        .unwrap();
    let early = store.due_digests(hours(HOUR - DAY), HOUR).await.unwrap();
    assert_eq!(early, [], "the hour was before they confirmed it");
    let found = due(&store, HOUR + 5).await;
    assert_eq!(found.len(), 1, "only who can be written to");
    let ann = &found[0];
    assert_eq!(
        (ann.member.as_str(), ann.address.as_str(), ann.lang.as_str()),
        (ANN, "m_ann@example.org", "zh-CN")
    );
    assert_eq!((ann.told_ms, ann.often), (HOUR - DAY, Digest::Weekly));
    let take = taken(ann, HOUR + 5);
    assert!(store.take_digest(take.clone()).await.unwrap());
    assert!(!store.take_digest(take.clone()).await.unwrap(), "once");
    assert_eq!(due(&store, HOUR + 6).await, []);
    // Nobody knows whether it went: what it told is told again by the next, and not before.
    let next = store.due_digests(hours(HOUR + DAY), HOUR + DAY).await;
    let next = next.unwrap();
    assert_eq!((next.len(), next[0].told_ms), (1, HOUR - DAY));
    let take = taken(&next[0], HOUR + DAY);
    store.leave_digests(vec![take]).await.unwrap();
    let none = store.due_digests(hours(HOUR + DAY), HOUR + 2 * DAY).await;
    assert_eq!(none.unwrap(), []);
}

async fn g2_one_that_is_put_off_is_due_again_and_a_refused_address_never(home: Home) {
    let store = ready(&home).await;
    let mut at_ms = HOUR + 1;
    let first = taken(&due(&store, at_ms).await[0], at_ms);
    assert!(store.take_digest(first.clone()).await.unwrap());
    store.give_back_digest(first.clone()).await.unwrap();
    assert!(store.take_digest(first.clone()).await.unwrap());
    let later = LetterFate::Later(HOUR + 100);
    store.digest_posted(first.clone(), later).await.unwrap();
    assert_eq!(due(&store, HOUR + 99).await, []);
    assert_eq!(due(&store, HOUR + 100).await[0].tries, 1);
    for n in 1..=limits::MAIL_REFUSED_MAX {
        let hours = hours(at_ms + 1);
        at_ms += DAY;
        let found = store.due_digests(hours, at_ms).await.unwrap();
        assert_eq!(found.len(), 1, "{n}");
        let take = taken(&found[0], at_ms);
        assert!(store.take_digest(take.clone()).await.unwrap());
        let refused = store.digest_posted(take, LetterFate::Refused);
        refused.await.unwrap();
    }
    let never = store.due_digests(hours(at_ms + 1), at_ms + DAY).await;
    assert_eq!(never.unwrap(), []);
}

/// A topic of Bob's that Ann follows, with a reply.
async fn topic_of_bob(store: &Store) {
    member(store, "m_bob").await;
    let new = NewRoom {
        circle: CIRCLE,
        slug: "t2".into(),
        title: "topic".into(),
        kind: RoomKind::Topic,
        guests: true,
        made_by: "m_bob".into(),
        made_ms: HOUR - DAY,
    };
    let room = store.add_room(new).await.unwrap().number;
    let mut it = topic("topic", HOUR - DAY);
    it.by = person("m_bob");
    let opened = Append {
        rows: vec![RowChange::Topic(Box::new(it)), said(2, HOUR - DAY + 1)],
        ..append(room, vec![entry(1), entry(2)])
    };
    assert_eq!(store.append(opened).await, Ok(()));
    store
        .set_following(ANN.into(), room, Following::Yes)
        .await
        .unwrap();
    say(store, room, 3, HOUR - 10).await;
}

fn said(seq: u64, at_ms: u64) -> RowChange {
    RowChange::TopicTalk(TopicTalk::Said {
        seq,
        at_ms,
        by: person("m_bob"),
    })
}

async fn say(store: &Store, room: u32, seq: u64, at_ms: u64) {
    let part = Append {
        rows: vec![said(seq, at_ms)],
        ..append(room, vec![entry(seq)])
    };
    assert_eq!(store.append(part).await, Ok(()));
}

async fn mention(store: &Store, seq: u64, kind: NoticeKind) {
    let row = NoticeRow {
        member: ANN.into(),
        kind,
        seq,
        at_ms: HOUR - 5,
        from: person("m_bob"),
        text: format!("{kind:?} {seq}"),
    };
    let part = Append {
        rows: vec![RowChange::Notice(row)],
        ..append(ROOM, vec![entry(seq)])
    };
    assert_eq!(store.append(part).await, Ok(()));
}

async fn g3_what_is_new_is_told_once_by_position(home: Home) {
    let store = ready(&home).await;
    topic_of_bob(&store).await;
    mention(&store, 1, NoticeKind::Mention).await;
    mention(&store, 2, NoticeKind::Accepted).await;
    mention(&store, 3, NoticeKind::Picked).await;
    // Mentions have letters of their own, and this one waits for it; nobody waits for the one after it.
    let untold = store
        .take_untold_notices(HOUR - 4, limits::MAIL_AFTER)
        .await;
    assert_eq!(untold.unwrap().len(), 3);
    let found = due(&store, HOUR + 1).await;
    let ann = &found[0];
    let topics: Vec<_> = ann
        .topics
        .iter()
        .map(|it| (it.unread, it.last_seq))
        .collect();
    assert_eq!(topics, [(1, 3)]);
    let kinds: Vec<_> = ann.notices.iter().map(|it| it.kind).collect();
    assert_eq!(
        kinds,
        [
            NoticeKind::Picked,
            NoticeKind::Accepted,
            NoticeKind::Mention
        ]
    );
    let take = taken(ann, HOUR + 1);
    assert!(store.take_digest(take.clone()).await.unwrap());
    store.digest_posted(take, LetterFate::Taken).await.unwrap();
    let letters = store.due_notices(HOUR + DAY).await.unwrap();
    assert_eq!(letters, [], "it was told already");

    // The next one tells what came since, and nothing again.
    mention(&store, 4, NoticeKind::Accepted).await;
    let next = hours(HOUR + DAY);
    let found = store.due_digests(next, HOUR + DAY).await.unwrap();
    assert_eq!(found[0].topics, []);
    assert_eq!(found[0].notices.len(), 1);
    say(&store, 2, 4, HOUR + 10).await;
    let found = store.due_digests(next, HOUR + DAY).await.unwrap();
    assert_eq!(found[0].topics[0].unread, 2);
    let newest = found[0].last_notice;
    store.notices_seen(ANN.into(), newest).await.unwrap();
    store.set_reading(ANN.into(), 2, 4, 1).await.unwrap();
    let found = store.due_digests(next, HOUR + DAY).await.unwrap();
    assert!(found[0].topics.is_empty() && found[0].notices.is_empty());

    let known = async |of: Following| {
        store.set_following(ANN.into(), 2, of).await.unwrap();
        store.known_topics(ANN.into(), vec![2, 9]).await.unwrap()
    };
    assert!(known(Following::Yes).await.contains(&2), "all is read");
    say(&store, 2, 5, HOUR + 11).await;
    assert!(!known(Following::Yes).await.contains(&2));
    assert!(known(Following::Muted).await.contains(&2));
}

async fn g4_how_often_is_the_members_own_and_outlives_the_address(home: Home) {
    let store = ready(&home).await;
    assert_eq!(store.digest(ANN.into()).await.unwrap(), Digest::Weekly);
    let late = HOUR + 10;
    store
        .put_digest(ANN.into(), Digest::Daily, late)
        .await
        .unwrap();
    assert_eq!(due(&store, late).await, [], "the next hour is the first");
    let next = hours(HOUR + DAY);
    let found = store.due_digests(next, HOUR + DAY).await.unwrap();
    assert_eq!(
        (found[0].often, found[0].told_ms),
        (Digest::Daily, HOUR - DAY)
    );
    let settings = store.notice_settings(ANN.into()).await.unwrap();
    assert_eq!(settings.digest, Digest::Daily);
    store
        .put_notice_settings(ANN.into(), NoticeSettings::default())
        .await
        .unwrap();
    assert_eq!(store.digest(ANN.into()).await.unwrap(), Digest::Daily);

    let take = taken(&found[0], HOUR + DAY);
    store
        .put_digest(ANN.into(), Digest::Never, HOUR + DAY)
        .await
        .unwrap();
    assert!(!store.take_digest(take).await.unwrap(), "not any more");
    store.remove_mail(ANN.into()).await.unwrap();
    confirm(&store, ANN, HOUR + DAY).await;
    assert_eq!(store.digest(ANN.into()).await.unwrap(), Digest::Never);
    let never = store.due_digests(hours(HOUR + 9 * DAY), HOUR + 9 * DAY);
    assert_eq!(never.await.unwrap(), []);
    // Somebody who is not there is no reason to fail.
    store
        .put_digest("m_zoe".into(), Digest::Never, HOUR)
        .await
        .unwrap();
}

async fn g5_a_clock_that_was_wrong_holds_nobody_up(home: Home) {
    let store = ready(&home).await;
    let year = HOUR + 365 * DAY;
    let found = store.due_digests(hours(year), year).await.unwrap();
    let take = taken(&found[0], year);
    assert!(store.take_digest(take.clone()).await.unwrap());
    store.digest_posted(take, LetterFate::Taken).await.unwrap();
    // A step back of an hour sends none again.
    store.mend_digests(year - 3_600_000).await.unwrap();
    let again = store.due_digests(hours(year), year).await.unwrap();
    assert_eq!(again, []);
    store.mend_digests(HOUR + 1).await.unwrap();
    assert_eq!(due(&store, HOUR + 1).await, []);
    let found = store.due_digests(hours(HOUR + DAY), HOUR + DAY).await;
    assert_eq!(found.unwrap()[0].told_ms, HOUR + 1);
}

async fn g6_a_page_is_no_larger_than_its_limit(home: Home) {
    let store = home.open();
    set_up(&store, 1).await;
    let all = DIGESTS_AT_ONCE + 6;
    for n in 0..all {
        let id = format!("m_{n:03}");
        member(&store, &id).await;
        confirm(&store, &id, HOUR - DAY).await;
    }
    let mut seen = 0;
    loop {
        let page = due(&store, HOUR + 1).await;
        assert!(page.len() <= DIGESTS_AT_ONCE);
        if page.is_empty() {
            break;
        }
        seen += page.len();
        let all = page.iter().map(|it| taken(it, HOUR + 1)).collect();
        store.leave_digests(all).await.unwrap();
    }
    assert_eq!(seen, all);
}

fn broadcast(id: &str, phase: Phase, ended_ms: Option<u64>) -> RowChange {
    RowChange::Broadcast(BroadcastRow {
        id: id.into(),
        phase,
        title: "First".into(),
        host: person("m_owner"),
        starts_ms: None,
        live_ms: Some(HOUR - 100),
        ended_ms,
        turnout: (phase == Phase::Ended).then(TurnoutRow::default),
    })
}

async fn g7_who_watched_is_known_for_a_while(home: Home) {
    let store = ready(&home).await;
    let fact = |seq| Entry {
        is_fact: true,
        ..entry(seq)
    };
    let began = Append {
        rows: vec![broadcast("b1", Phase::Live, None)],
        ..append(ROOM, vec![fact(1)])
    };
    let measured = |came: Vec<u64>| {
        RowChange::Measured(MeasuredRow {
            of: "b1".into(),
            peak: 1,
            people: 1,
            watched_ms: 1,
            hearts: String::new(),
            came,
        })
    };
    assert_eq!(store.append(began).await, Ok(()));
    assert_eq!(
        store.append(change(ROOM, vec![measured(vec![7])])).await,
        Ok(())
    );
    let over = Append {
        rows: vec![
            measured(vec![u64::MAX]),
            broadcast("b1", Phase::Ended, Some(HOUR)),
        ],
        ..append(ROOM, vec![fact(2)])
    };
    assert_eq!(store.append(over).await, Ok(()));
    let ended = async |since_ms| store.ended_since(CIRCLE, since_ms, 9).await.unwrap();
    let found = ended(HOUR - 1).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].ended_ms, found[0].slug.as_str()),
        (HOUR, "room-1")
    );
    let watched = [7, u64::MAX, 8].map(|it| found[0].was_watched_by(it));
    assert_eq!(watched, [true, true, false]);
    assert_eq!(ended(HOUR).await.len(), 0);

    // It is archived and still somebody's to have missed; one that ends long after makes it forgotten.
    let archived = Append {
        rows: vec![broadcast("b1", Phase::Archived, Some(HOUR))],
        ..append(ROOM, vec![fact(3)])
    };
    assert_eq!(store.append(archived).await, Ok(()));
    assert_eq!(ended(0).await.len(), 1);
    let late_ms = HOUR + limits::MISSED_WITHIN.as_millis() as u64 + 1;
    let other = Append {
        rows: vec![broadcast("b2", Phase::Ended, Some(late_ms))],
        ..append(ROOM, vec![fact(4)])
    };
    assert_eq!(store.append(other).await, Ok(()));
    let found = ended(0).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].summary.broadcast.id.as_str(), "b2");
    assert!(!found[0].was_watched_by(7));
}

async fn g8_what_was_caught_up_on_never_goes_back(home: Home) {
    let store = ready(&home).await;
    assert_eq!(store.caught_up(ANN.into()).await.unwrap(), 0);
    for (upto, is) in [(5, 5), (3, 5), (9, 9)] {
        store.catch_up(ANN.into(), upto).await.unwrap();
        assert_eq!(store.caught_up(ANN.into()).await.unwrap(), is);
    }
    assert_eq!(due(&store, HOUR).await[0].caught_up_ms, 9);
    store.catch_up("m_zoe".into(), 5).await.unwrap();
    assert_eq!(store.caught_up("m_zoe".into()).await.unwrap(), 0);
}

async fn g9_a_circle_is_handed_over_once_and_both_are_told(home: Home) {
    let store = ready(&home).await;
    let act = |whom: &str| NewAct {
        at_ms: HOUR,
        room: None,
        seq: None,
        by: Person {
            mark: Mark::Owner,
            ..person("m_owner")
        },
        what: "handed_over".into(),
        whom: Some(person(whom)),
        why: String::new(),
        until_ms: None,
    };
    let refused = store.hand_over(CIRCLE, act("m_zoe")).await;
    assert!(matches!(refused, Err(RowError::NotFound)), "{refused:?}");
    store.hand_over(CIRCLE, act(ANN)).await.unwrap();
    let role = async |id: &str| store.account(id.into()).await.unwrap().unwrap().role;
    assert_eq!(role(ANN).await, Role::Owner);
    assert_eq!(role("m_owner").await, Role::Moderator);
    let again = store.hand_over(CIRCLE, act("m_bob")).await;
    assert!(matches!(again, Err(RowError::NotFound)), "{again:?}");
    assert_eq!(role(ANN).await, Role::Owner);

    for (id, kind) in [(ANN, NoticeKind::Owner), ("m_owner", NoticeKind::Handed)] {
        let inbox = store.notices(id.into(), None, 9).await.unwrap();
        let told: Vec<_> = inbox
            .rows
            .iter()
            .map(|it| (it.kind, it.room.as_str()))
            .collect();
        assert_eq!(told, [(kind, "")]);
        assert_eq!(inbox.rows[0].title, inbox.rows[0].text);
    }
    // It goes into a letter whatever is wished, and however fast it is seen.
    let none = NoticeSettings {
        mail: Vec::new(),
        ..NoticeSettings::default()
    };
    store.put_notice_settings(ANN.into(), none).await.unwrap();
    let untold = store.take_untold_notices(HOUR, limits::MAIL_AFTER).await;
    assert_eq!(untold.unwrap().len(), 2);
    store.notices_seen(ANN.into(), 99).await.unwrap();
    let letters = store.due_notices(HOUR).await.unwrap();
    assert_eq!(letters.len(), 1, "the owner before has no address");
    assert_eq!(letters[0].notices[0].kind, NoticeKind::Owner);
}
