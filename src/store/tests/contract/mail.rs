//! Letters: an address counts once its link was used, notices wait to be seen, and nothing is written
//! twice or for ever.

use protocol::{
    limits,
    notices::NoticeKind,
    server::{Mark, Person},
};
use store::{
    Append, LetterFate, LetterKind, LinkLetter, NewAccount, NewAct, NoticeRow, NoticeSettings,
    Role, RowChange, RowError, Store,
};

use crate::disks::{CIRCLE, Home, ROOM, append, entry, on_both_engines, set_up};

on_both_engines! {
    l1_the_newest_link_counts_once_and_within_its_time
    l3_a_link_that_sets_a_password_ends_with_the_sign_ins_and_with_the_address
    l2_so_many_letters_go_to_one_address_in_a_day
    l3_a_letter_that_is_put_off_is_due_again_and_one_that_is_refused_never
    l4_a_notice_goes_into_a_letter_where_it_is_not_seen_for_a_while
    l5_a_letter_tells_so_many_in_full_and_leaves_out_what_is_gone
    l6_an_address_that_is_refused_again_and_again_is_written_to_no_more
    l7_one_click_ends_letters_and_keeps_the_other_ways
}

const NOW: u64 = 1_700_000_000_000;
const ANN: &str = "m_ann";

const fn ms(of: std::time::Duration) -> u64 {
    of.as_millis() as u64
}

async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 1).await;
    for (id, name) in [(ANN, "Ann"), ("m_bob", "Bob")] {
        let new = NewAccount {
            id: id.into(),
            name: name.into(),
            password: "$hash".into(),
            made_ms: 1,
        };
        store.add_account(CIRCLE, Role::Member, new).await.unwrap();
    }
    store
}

fn letter(member: &str, kind: LetterKind, address: &str, made_ms: u64) -> LinkLetter {
    LinkLetter {
        member: member.into(),
        kind,
        address: address.into(),
        lang: "zh-CN".into(),
        made_ms,
    }
}

fn act(what: &str) -> NewAct {
    NewAct {
        at_ms: NOW + 1,
        room: None,
        seq: None,
        by: Person {
            id: ANN.into(),
            name: "Ann".into(),
            mark: Mark::Member,
        },
        what: what.into(),
        whom: None,
        why: String::new(),
        until_ms: None,
    }
}

async fn confirmed(store: &Store) {
    let asked = letter(ANN, LetterKind::Confirm, "ann@example.org", NOW);
    store.ask_letter(asked.clone()).await.unwrap();
    store.link_posted(asked, LetterFate::Taken).await.unwrap();
    let found = store.confirm_mail(ANN.into(), NOW, NOW + 1).await.unwrap();
    assert_eq!(found.unwrap().address, "ann@example.org");
}

async fn tell(store: &Store, seq: u64, kind: NoticeKind, text: &str) {
    let row = NoticeRow {
        member: ANN.into(),
        kind,
        seq,
        at_ms: NOW + seq,
        from: Person {
            id: format!("m_{}", seq % 9).into(),
            name: "Bob".into(),
            mark: Mark::Member,
        },
        text: text.into(),
    };
    let part = Append {
        rows: vec![RowChange::Notice(row)],
        ..append(ROOM, vec![entry(seq)])
    };
    assert_eq!(store.append(part).await, Ok(()));
}

async fn take(store: &Store, now_ms: u64) -> usize {
    let taken = store.take_untold_notices(now_ms, limits::MAIL_AFTER).await;
    taken.unwrap().len()
}

async fn due(store: &Store, now_ms: u64) -> Vec<String> {
    let due = store.due_notices(now_ms).await.unwrap();
    let texts = due.into_iter().flat_map(|it| it.notices);
    texts.map(|it| it.text).collect()
}

async fn l1_the_newest_link_counts_once_and_within_its_time(home: Home) {
    let store = ready(&home).await;
    let kind = LetterKind::Confirm;
    let made_in = |n: u64| letter(ANN, kind, &format!("ann{n}@example.org"), NOW + n);
    store.ask_letter(made_in(1)).await.unwrap();
    store.ask_letter(made_in(2)).await.unwrap();
    let due = store.due_links(NOW + 2).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((&due[0].letter, due[0].name.as_str()), (&made_in(2), "Ann"));
    let use_at = |made_ms, now_ms| store.confirm_mail(ANN.into(), made_ms, now_ms);
    assert_eq!(use_at(NOW + 1, NOW + 3).await.unwrap(), None);
    let good_ms = ms(limits::MAIL_CONFIRM_WITHIN);
    assert_eq!(use_at(NOW + 2, NOW + 3 + good_ms).await.unwrap(), None);
    assert!(use_at(NOW + 2, NOW + 2 + good_ms).await.unwrap().is_some());
    assert_eq!(use_at(NOW + 2, NOW + 3).await.unwrap(), None, "it was used");
    assert_eq!(store.due_links(NOW + 4).await.unwrap(), []);

    // A password's link lives shorter, and what is over is neither sent nor kept.
    let password = letter(ANN, LetterKind::Password, "ann2@example.org", NOW);
    store.ask_letter(password.clone()).await.unwrap();
    let over_ms = NOW + ms(limits::PASSWORD_LINK_WITHIN) + 1;
    assert_eq!(store.due_links(over_ms).await.unwrap(), []);
    let reset = || store.reset_password(ANN.into(), NOW, "$new".into(), act("password_reset"));
    assert_eq!(reset().await.unwrap(), None);
    store.ask_letter(password).await.unwrap();
    let account = reset().await.unwrap().unwrap();
    assert_eq!(
        (account.password.as_str(), account.token_epoch),
        ("$new", 1)
    );
}

async fn l3_a_link_that_sets_a_password_ends_with_the_sign_ins_and_with_the_address(home: Home) {
    let store = ready(&home).await;
    confirmed(&store).await;
    let link = letter(ANN, LetterKind::Password, "ann@example.org", NOW);
    let reset = || store.reset_password(ANN.into(), NOW, "$new".into(), act("password_reset"));
    store.ask_letter(link.clone()).await.unwrap();
    store
        .sign_out_everywhere(act("sign_out_everywhere"))
        .await
        .unwrap();
    assert_eq!(reset().await.unwrap(), None);
    store.ask_letter(link.clone()).await.unwrap();
    let changed = store.change_password("$other".into(), act("password_changed"));
    changed.await.unwrap();
    assert_eq!(reset().await.unwrap(), None);
    store.ask_letter(link).await.unwrap();
    let moved = letter(ANN, LetterKind::Confirm, "ann@example.com", NOW + 1);
    store.ask_letter(moved).await.unwrap();
    let moved = store
        .confirm_mail(ANN.into(), NOW + 1, NOW + 2)
        .await
        .unwrap();
    assert_eq!(moved.unwrap().address, "ann@example.com");
    assert_eq!(reset().await.unwrap(), None);
}

async fn l2_so_many_letters_go_to_one_address_in_a_day(home: Home) {
    let store = ready(&home).await;
    let ask = |member: &'static str, kind, made_ms| {
        store.ask_letter(letter(member, kind, "victim@example.org", made_ms))
    };
    ask(ANN, LetterKind::Confirm, NOW).await.unwrap();
    ask(ANN, LetterKind::Password, NOW).await.unwrap();
    ask("m_bob", LetterKind::Confirm, NOW).await.unwrap();
    let more = ask("m_bob", LetterKind::Password, NOW).await;
    assert!(matches!(more, Err(RowError::Full)), "{more:?}");
    // One that is asked for again is no further one, and a day later there is room.
    ask(ANN, LetterKind::Confirm, NOW + 1).await.unwrap();
    let day_ms = 24 * 3_600 * 1_000;
    ask("m_bob", LetterKind::Password, NOW + day_ms)
        .await
        .unwrap();
}

async fn l3_a_letter_that_is_put_off_is_due_again_and_one_that_is_refused_never(home: Home) {
    let store = ready(&home).await;
    let asked = letter(ANN, LetterKind::Confirm, "ann@example.org", NOW);
    store.ask_letter(asked.clone()).await.unwrap();
    let later = LetterFate::Later(NOW + 60_000);
    store.link_posted(asked.clone(), later).await.unwrap();
    assert_eq!(store.due_links(NOW + 59_999).await.unwrap(), []);
    let due = store.due_links(NOW + 60_000).await.unwrap();
    assert_eq!(due[0].tries, 1);
    // What became of an older letter is nothing to the newer one.
    let newer = letter(ANN, LetterKind::Confirm, "ann@example.org", NOW + 5);
    store.ask_letter(newer.clone()).await.unwrap();
    store.link_posted(asked, LetterFate::Refused).await.unwrap();
    assert_eq!(store.due_links(NOW + 5).await.unwrap()[0].letter, newer);
    store.link_posted(newer, LetterFate::Refused).await.unwrap();
    let mail = store.mail_of(ANN.into()).await.unwrap();
    assert_eq!((mail.address, mail.asked), (None, None));
}

async fn l4_a_notice_goes_into_a_letter_where_it_is_not_seen_for_a_while(home: Home) {
    let store = ready(&home).await;
    tell(
        &store,
        1,
        NoticeKind::Mention,
        "before there was an address",
    )
    .await;
    assert_eq!(take(&store, NOW).await, 1);
    confirmed(&store).await;
    tell(&store, 2, NoticeKind::Mention, "seen in time").await;
    assert_eq!(take(&store, NOW).await, 1);
    let page = store.notices(ANN.into(), None, 1).await.unwrap();
    store
        .notices_seen(ANN.into(), page.rows[0].id)
        .await
        .unwrap();
    tell(&store, 3, NoticeKind::Reply, "not seen").await;
    tell(
        &store,
        4,
        NoticeKind::Picked,
        "a kind that is not asked for",
    )
    .await;
    assert_eq!(take(&store, NOW).await, 2);
    let after_ms = NOW + ms(limits::MAIL_AFTER);
    assert_eq!(due(&store, after_ms - 1).await, [""; 0]);
    assert_eq!(due(&store, after_ms).await, ["not seen"]);

    // One that comes meanwhile goes along, though its own time is not over.
    tell(&store, 5, NoticeKind::Mention, "newer").await;
    assert_eq!(take(&store, after_ms).await, 1);
    assert_eq!(due(&store, after_ms).await, ["newer", "not seen"]);
    let upto = store.due_notices(after_ms).await.unwrap()[0].upto;
    let post = |fate| store.notices_posted(ANN.into(), upto, after_ms, fate);
    post(LetterFate::Later(after_ms + 1_000)).await.unwrap();
    assert_eq!(due(&store, after_ms + 999).await, [""; 0]);
    assert_eq!(due(&store, after_ms + 1_000).await.len(), 2);
    assert_eq!(
        store.due_notices(after_ms + 1_000).await.unwrap()[0].tries,
        1
    );
    post(LetterFate::Taken).await.unwrap();
    assert_eq!(due(&store, after_ms * 2).await, [""; 0], "once");

    // The next letter waits its turn.
    tell(&store, 6, NoticeKind::Mention, "soon after").await;
    assert_eq!(take(&store, NOW).await, 1);
    let next_ms = after_ms + ms(limits::MAIL_EVERY);
    assert_eq!(due(&store, next_ms - 1).await, [""; 0]);
    assert_eq!(due(&store, next_ms).await, ["soon after"]);
    // What is taken out of the settings is not written any more.
    let none = NoticeSettings {
        mail: Vec::new(),
        ..NoticeSettings::default()
    };
    store.put_notice_settings(ANN.into(), none).await.unwrap();
    assert_eq!(due(&store, next_ms).await, [""; 0]);
}

async fn l5_a_letter_tells_so_many_in_full_and_leaves_out_what_is_gone(home: Home) {
    let store = ready(&home).await;
    confirmed(&store).await;
    let n = limits::MAIL_NOTICES_MAX as u64 + 3;
    for seq in 1..=n {
        tell(&store, seq, NoticeKind::Mention, &format!("{seq}")).await;
    }
    assert_eq!(take(&store, NOW).await as u64, n);
    let part = Append {
        rows: vec![RowChange::NoticeText {
            seq: n,
            text: String::new(),
        }],
        ..append(ROOM, vec![entry(n + 1)])
    };
    assert_eq!(store.append(part).await, Ok(()));
    let after_ms = NOW + ms(limits::MAIL_AFTER);
    let due = store.due_notices(after_ms).await.unwrap();
    assert_eq!(due[0].notices.len(), limits::MAIL_NOTICES_MAX);
    assert_eq!(due[0].notices[0].text, format!("{}", n - 1));
    assert_eq!((due[0].more, due[0].name.as_str()), (2, "Ann"));
}

async fn l6_an_address_that_is_refused_again_and_again_is_written_to_no_more(home: Home) {
    let store = ready(&home).await;
    confirmed(&store).await;
    let mut now_ms = NOW;
    for n in 1..=limits::MAIL_REFUSED_MAX {
        tell(&store, n.into(), NoticeKind::Mention, "refused").await;
        assert_eq!(take(&store, now_ms).await, 1);
        now_ms += ms(limits::MAIL_AFTER) + ms(limits::MAIL_EVERY);
        let upto = store.due_notices(now_ms).await.unwrap()[0].upto;
        let posted = store.notices_posted(ANN.into(), upto, now_ms, LetterFate::Refused);
        posted.await.unwrap();
        let address = store.mail_of(ANN.into()).await.unwrap().address.unwrap();
        assert_eq!(address.works(), n < limits::MAIL_REFUSED_MAX);
    }
    tell(&store, 4, NoticeKind::Mention, "into the inbox alone").await;
    assert_eq!(take(&store, now_ms).await, 1);
    assert_eq!(due(&store, now_ms * 2).await, [""; 0]);
    // Its member shows again that it is theirs.
    let again = letter(ANN, LetterKind::Confirm, "ann@example.org", now_ms);
    store.ask_letter(again).await.unwrap();
    let found = store
        .confirm_mail(ANN.into(), now_ms, now_ms)
        .await
        .unwrap();
    assert!(found.unwrap().works());
}

async fn l7_one_click_ends_letters_and_keeps_the_other_ways(home: Home) {
    let store = ready(&home).await;
    confirmed(&store).await;
    tell(&store, 1, NoticeKind::Mention, "waits").await;
    assert_eq!(take(&store, NOW).await, 1);
    store.stop_mail(ANN.into()).await.unwrap();
    // Somebody who is not there is no reason to fail.
    store.stop_mail("m_zoe".into()).await.unwrap();
    assert_eq!(due(&store, NOW * 2).await, [""; 0]);
    let settings = store.notice_settings(ANN.into()).await.unwrap();
    let all = NoticeKind::ALL.len();
    assert_eq!((settings.mail.len(), settings.push.len()), (0, all));
    assert!(!settings.all_live);
}
