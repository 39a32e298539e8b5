//! What was said is found by its words, on either engine the same.

use std::collections::BTreeSet;

use folding::Query;
use protocol::{RoomNumber, Seq, limits::SEARCH_HITS_MAX};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use store::{Doc, Has, Hit, NewRoom, RoomDocs, SEARCH_DOCS_MAX, Store, Wanted};

use crate::disks::{CIRCLE, Home, OTHER_ROOM, ROOM, append, entry, on_both_engines, set_up};

on_both_engines! {
    what_is_put_is_found_the_newest_first
    pages_follow_each_other_without_a_hole_and_without_a_repetition
    an_edited_text_is_found_by_its_new_words_only
    what_is_gone_is_found_by_nobody
    a_page_is_narrowed_down_by_everything_that_is_asked
    who_sees_fewer_rooms_finds_less
    a_part_that_was_read_from_elsewhere_is_not_stored
    of_one_two_and_four_characters_none_is_missed_and_none_is_false
    nothing_to_look_by_finds_nothing
    what_everybody_says_is_looked_at_in_bounds
    no_text_breaks_the_index
    texts_of_one_moment_have_ids_of_their_own
    a_room_lags_until_all_of_its_log_can_be_found
    what_is_forgotten_can_be_made_again
    an_index_by_other_rules_is_forgotten
}

async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 3).await;
    store
}

fn doc(seq: Seq, text: &str) -> Doc {
    Doc::new(seq, 1_000 + seq, "m_anna".into(), Has::default(), text)
}

fn part(room: RoomNumber, after: Seq, upto: Seq, docs: Vec<Doc>) -> RoomDocs {
    RoomDocs {
        room,
        after,
        upto,
        docs,
        gone: vec![],
    }
}

async fn put(store: &Store, part: RoomDocs) {
    assert!(store.put_search(vec![part]).await.unwrap().is_empty());
}

/// Texts as messages 1, 2, 3 … of a room.
async fn say(store: &Store, room: RoomNumber, texts: &[&str]) {
    let docs = (1..).zip(texts).map(|(seq, it)| doc(seq, it)).collect();
    put(store, part(room, 0, texts.len() as Seq, docs)).await;
}

fn words(text: &str) -> Wanted {
    Wanted {
        query: Query::read(text).unwrap(),
        circle: CIRCLE,
        all_rooms: true,
        n: SEARCH_HITS_MAX,
        ..Wanted::default()
    }
}

async fn found(store: &Store, wanted: Wanted) -> Vec<(RoomNumber, Seq)> {
    let hits = store.search(wanted).await.unwrap();
    assert_eq!(hits.next, None, "{hits:?}");
    hits.hits.iter().map(|it| (it.room, it.seq)).collect()
}

async fn what_is_put_is_found_the_newest_first(home: Home) {
    let store = ready(&home).await;
    say(
        &store,
        ROOM,
        &["今晚直播", "Hello, world!", "微圈直播间", "hello"],
    )
    .await;
    let mut other = doc(1, "直播 hello");
    // It was said between the others, and stored after them.
    other.at_ms = 1_003;
    put(&store, part(OTHER_ROOM, 0, 1, vec![other])).await;
    for (text, expect) in [
        ("直播", &[(ROOM, 3), (OTHER_ROOM, 1), (ROOM, 1)][..]),
        ("播", &[(ROOM, 3), (OTHER_ROOM, 1), (ROOM, 1)]),
        ("直播间", &[(ROOM, 3)]),
        ("直播 微圈", &[(ROOM, 3)]),
        ("HELL", &[(ROOM, 4), (OTHER_ROOM, 1), (ROOM, 2)]),
        ("\"hello world\"", &[(ROOM, 2)]),
        ("\"hell\"", &[]),
        ("直播 nowhere", &[]),
    ] {
        assert_eq!(found(&store, words(text)).await, expect, "{text}");
    }
    store.close().await;
    let store = home.open();
    assert_eq!(found(&store, words("微圈")).await, [(ROOM, 3)]);
    assert_eq!(store.search_upto(ROOM).await.unwrap(), 4);
    let none = store.entries(vec![Hit { room: ROOM, seq: 3 }]).await;
    assert_eq!(none.unwrap(), [None], "the log has no such record");
}

async fn pages_follow_each_other_without_a_hole_and_without_a_repetition(home: Home) {
    let store = ready(&home).await;
    let docs: Vec<Doc> = (1..=100).map(|seq| doc(seq, "一次直播")).collect();
    put(&store, part(ROOM, 0, 100, docs)).await;
    let mut seen = Vec::new();
    let mut wanted = Wanted {
        n: 7,
        ..words("直播")
    };
    loop {
        let page = store.search(wanted.clone()).await.unwrap();
        assert!(page.hits.len() <= 7);
        seen.extend(page.hits.iter().map(|it| it.seq));
        wanted.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=100).rev().collect::<Vec<_>>());
}

async fn an_edited_text_is_found_by_its_new_words_only(home: Home) {
    let store = ready(&home).await;
    say(&store, ROOM, &["第一句", "第二句 with words"]).await;
    let has = Has {
        link: true,
        ..Has::default()
    };
    let edited = Doc::new(2, 1_002, "m_anna".into(), has, "另外的话 ending");
    let same = doc(1, "第一句");
    put(&store, part(ROOM, 2, 3, vec![edited, same])).await;
    for (text, expect) in [
        ("第二", &[][..]),
        ("words", &[]),
        ("另外", &[(ROOM, 2)]),
        ("end", &[(ROOM, 2)]),
        ("第一", &[(ROOM, 1)]),
    ] {
        assert_eq!(found(&store, words(text)).await, expect, "{text}");
    }
    let linked = Wanted { has, ..words("") };
    assert_eq!(found(&store, linked).await, [(ROOM, 2)]);
}

async fn what_is_gone_is_found_by_nobody(home: Home) {
    let store = ready(&home).await;
    say(&store, ROOM, &["留下的话", "说错的话", "留下的话"]).await;
    let gone = RoomDocs {
        gone: vec![2, 9],
        ..part(ROOM, 3, 4, vec![])
    };
    put(&store, gone).await;
    assert_eq!(found(&store, words("的话")).await, [(ROOM, 3), (ROOM, 1)]);
    assert_eq!(found(&store, words("说错")).await, []);
    // It comes back.
    put(&store, part(ROOM, 4, 5, vec![doc(2, "说错的话")])).await;
    assert_eq!(found(&store, words("说错")).await, [(ROOM, 2)]);
}

async fn a_page_is_narrowed_down_by_everything_that_is_asked(home: Home) {
    let store = ready(&home).await;
    let of = |seq, author: &str, has| Doc::new(seq, 1_000 * seq, author.into(), has, "大家好");
    let image = Has {
        image: true,
        card: true,
        ..Has::default()
    };
    let docs = vec![
        of(1, "m_anna", Has::default()),
        of(2, "m_Anna", image),
        of(3, "m_ben", image),
    ];
    put(&store, part(ROOM, 0, 3, docs.clone())).await;
    put(&store, part(OTHER_ROOM, 0, 3, docs)).await;
    let base = words("大家");
    for (wanted, expect) in [
        (
            Wanted {
                room: Some(ROOM),
                ..base.clone()
            },
            &[(ROOM, 3), (ROOM, 2), (ROOM, 1)][..],
        ),
        (
            Wanted {
                author: Some("m_anna".into()),
                ..base.clone()
            },
            &[(OTHER_ROOM, 1), (ROOM, 1)],
        ),
        (
            Wanted {
                has: image,
                room: Some(OTHER_ROOM),
                ..base.clone()
            },
            &[(OTHER_ROOM, 3), (OTHER_ROOM, 2)],
        ),
        (
            Wanted {
                from_ms: Some(2_000),
                to_ms: Some(2_000),
                ..base.clone()
            },
            &[(OTHER_ROOM, 2), (ROOM, 2)],
        ),
        (
            Wanted {
                from_ms: Some(2_001),
                ..base.clone()
            },
            &[(OTHER_ROOM, 3), (ROOM, 3)],
        ),
        (
            Wanted {
                to_ms: Some(1_999),
                except: vec![OTHER_ROOM],
                ..base.clone()
            },
            &[(ROOM, 1)],
        ),
        // Without words.
        (
            Wanted {
                author: Some("m_ben".into()),
                except: vec![3],
                ..words("")
            },
            &[(OTHER_ROOM, 3), (ROOM, 3)],
        ),
        (
            Wanted {
                circle: CIRCLE + 1,
                ..base.clone()
            },
            &[],
        ),
    ] {
        assert_eq!(found(&store, wanted.clone()).await, expect, "{wanted:?}");
    }
}

async fn inner_room(store: &Store) -> RoomNumber {
    let room = NewRoom {
        circle: CIRCLE,
        slug: "inner".into(),
        title: "Inner".into(),
        kind: protocol::topic::RoomKind::Live,
        guests: false,
        made_by: "m_owner".into(),
        made_ms: 9,
    };
    store.add_room(room).await.unwrap().number
}

async fn who_sees_fewer_rooms_finds_less(home: Home) {
    let store = ready(&home).await;
    let inner = inner_room(&store).await;
    say(&store, ROOM, &["公开的话"]).await;
    say(&store, inner, &["里面的话"]).await;
    assert_eq!(found(&store, words("的话")).await, [(inner, 1), (ROOM, 1)]);
    let guest = Wanted {
        all_rooms: false,
        ..words("的话")
    };
    assert_eq!(found(&store, guest.clone()).await, [(ROOM, 1)]);
    let title = Doc::new(0, 9, "m_owner".into(), Has::default(), "里面");
    put(&store, part(inner, 1, 1, vec![title])).await;
    assert_eq!(found(&store, words("里面")).await, [(inner, 1), (inner, 0)]);
    // A room that is opened is open at once, with all that was said in it.
    store.set_room(inner, "Inner".into(), true).await.unwrap();
    assert_eq!(found(&store, guest).await, [(inner, 1), (ROOM, 1)]);
}

async fn a_part_that_was_read_from_elsewhere_is_not_stored(home: Home) {
    let store = ready(&home).await;
    say(&store, ROOM, &["第一句"]).await;
    let stale = part(ROOM, 0, 2, vec![doc(2, "第二句")]);
    let fresh = part(OTHER_ROOM, 0, 2, vec![doc(2, "第二句")]);
    let refused = store.put_search(vec![stale, fresh]).await.unwrap();
    assert_eq!(refused, [ROOM]);
    assert_eq!(found(&store, words("第二")).await, [(OTHER_ROOM, 2)]);
    assert_eq!(store.search_upto(ROOM).await.unwrap(), 1);
}

const COMMON: &str = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家直播卡顿微圈";

fn some_text(draw: &mut SmallRng, common: &[char]) -> String {
    let mut text = String::new();
    for _ in 0..draw.random_range(1..5) {
        match draw.random_range(0..5) {
            0 => text.push_str(["hello", "live", "null", "v1", "or"][draw.random_range(0..5)]),
            _ => text.extend(
                (0..draw.random_range(1..8)).map(|_| common[draw.random_range(0..common.len())]),
            ),
        }
        text.push_str(["，", "。", " ", ""][draw.random_range(0..4)]);
    }
    text
}

async fn of_one_two_and_four_characters_none_is_missed_and_none_is_false(home: Home) {
    const SEED: u64 = 7;
    let store = ready(&home).await;
    let common: Vec<char> = COMMON.chars().collect();
    let mut draw = SmallRng::seed_from_u64(SEED);
    let texts: Vec<String> = (0..3_000).map(|_| some_text(&mut draw, &common)).collect();
    for (n, some) in texts.chunks(SEARCH_DOCS_MAX).enumerate() {
        let first = (n * SEARCH_DOCS_MAX) as Seq;
        let docs: Vec<Doc> = (first + 1..)
            .zip(some)
            .map(|(seq, it)| doc(seq, it))
            .collect();
        let upto = first + docs.len() as Seq;
        put(&store, part(ROOM, first, upto, docs)).await;
    }
    home.count_for_the_planner("search_docs");
    let mut all = 0;
    for n in 0..60 {
        let length = [1, 2, 4][n % 3];
        let from: Vec<char> = texts[draw.random_range(0..texts.len())].chars().collect();
        let runs = from.split(|it| it.is_ascii() || !it.is_alphanumeric());
        let run = runs.max_by_key(|it| it.len()).unwrap_or_default();
        if run.len() < length {
            continue;
        }
        let at = draw.random_range(0..=run.len() - length);
        let text: String = run[at..at + length].iter().collect();
        let expect: BTreeSet<Seq> = (1..)
            .zip(&texts)
            .filter(|(_, it)| it.contains(&text))
            .map(|(seq, _)| seq)
            .collect();
        let mut seen = BTreeSet::new();
        let mut wanted = words(&text);
        loop {
            let page = store.search(wanted.clone()).await.unwrap();
            for hit in page.hits {
                assert!(
                    seen.insert(hit.seq),
                    "seed {SEED}: {text} twice in {}",
                    hit.seq
                );
            }
            wanted.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(seen, expect, "seed {SEED}: {text}");
        all += expect.len();
    }
    assert!(all > 1_000, "{all}");
}

async fn nothing_to_look_by_finds_nothing(home: Home) {
    let store = ready(&home).await;
    say(&store, ROOM, &["一句话"]).await;
    for text in ["", " ", "…！", "🎉"] {
        let wanted = Wanted {
            from_ms: Some(1),
            ..words(text)
        };
        assert_eq!(found(&store, wanted).await, [], "{text}");
    }
}

async fn what_everybody_says_is_looked_at_in_bounds(home: Home) {
    const TEXTS: Seq = 20_100;
    let store = ready(&home).await;
    let inner = inner_room(&store).await;
    say(&store, ROOM, &["好的"]).await;
    let seqs: Vec<Seq> = (1..=TEXTS).collect();
    for some in seqs.chunks(SEARCH_DOCS_MAX) {
        let docs = some.iter().map(|it| doc(*it, "好")).collect();
        put(&store, part(inner, some[0] - 1, some[some.len() - 1], docs)).await;
    }
    home.count_for_the_planner("search_docs");
    // Whoever may see them all has a page at once.
    let page = store.search(words("好")).await.unwrap();
    assert_eq!(page.hits.len(), SEARCH_HITS_MAX);
    assert_eq!(page.hits[0].seq, TEXTS);
    // Whoever may not is told where to go on, and comes to an end.
    let mut wanted = Wanted {
        all_rooms: false,
        ..words("好")
    };
    let first = store.search(wanted.clone()).await.unwrap();
    assert_eq!(first.hits, []);
    wanted.after = Some(first.next.expect("it was not to the end"));
    assert_eq!(found(&store, wanted).await, [(ROOM, 1)]);
}

async fn no_text_breaks_the_index(home: Home) {
    let store = ready(&home).await;
    let mut draw = SmallRng::seed_from_u64(3);
    let mut texts: Vec<String> = [
        "null",
        "NULL",
        "AND OR NOT NEAR",
        "\"'\\{},:*^()",
        "a'b\"c",
        "\0",
        "\u{e000}1",
        "ａ*",
        "{\"a\"}",
        "--",
        "𠀀𠀁𪛖",
        "ⅷ ² ½ ﬃ ㋿ ㏂",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("长".repeat(4_000));
    texts.push("w".repeat(4_000));
    for _ in 0..200 {
        let chars = (0..draw.random_range(1..30)).filter_map(|_| match draw.random_range(0..3) {
            0 => char::from_u32(draw.random_range(0..0x300)),
            1 => char::from_u32(draw.random_range(0x300..0x3100)),
            _ => char::from_u32(draw.random_range(0..0x3_2000)),
        });
        texts.push(chars.collect());
    }
    for (seq, text) in (1..).zip(&texts) {
        put(&store, part(ROOM, seq - 1, seq, vec![doc(seq, text)])).await;
        let looked_for: String = text.chars().take(40).collect();
        let Ok(query) = Query::read(&looked_for) else {
            continue;
        };
        let fits = query.fits(&folding::normal(text));
        if query.is_empty() {
            continue;
        }
        let hits = found(
            &store,
            Wanted {
                n: 1,
                room: Some(ROOM),
                from_ms: Some(1_000 + seq),
                ..words(&looked_for)
            },
        )
        .await;
        assert_eq!(hits.first() == Some(&(ROOM, seq)), fits, "{text:?}");
    }
    let edited = texts.len() as Seq;
    let gone = RoomDocs {
        gone: (1..=edited).collect(),
        ..part(ROOM, edited, edited + 1, vec![])
    };
    put(&store, gone).await;
    let all = Wanted {
        room: Some(ROOM),
        ..words("")
    };
    assert_eq!(found(&store, all).await, []);
}

async fn texts_of_one_moment_have_ids_of_their_own(home: Home) {
    let store = ready(&home).await;
    let at = |seq| Doc::new(seq, 5_000, "m_anna".into(), Has::default(), "同时说的");
    // Their seqs end alike.
    put(
        &store,
        part(ROOM, 0, 3_000, vec![at(1), at(1_025), at(2_049)]),
    )
    .await;
    put(&store, part(OTHER_ROOM, 0, 2, vec![at(1)])).await;
    let mut seen = found(&store, words("同时")).await;
    seen.sort_unstable();
    assert_eq!(
        seen,
        [(ROOM, 1), (ROOM, 1_025), (ROOM, 2_049), (OTHER_ROOM, 1)]
    );
}

async fn a_room_lags_until_all_of_its_log_can_be_found(home: Home) {
    let store = ready(&home).await;
    for room in 1..=3 {
        assert_eq!(store.search_lags(0, 10).await.unwrap()[0].room, room);
        put(&store, part(room, 0, 0, vec![])).await;
    }
    assert_eq!(store.search_lags(0, 10).await.unwrap(), []);
    store
        .append(append(ROOM, vec![entry(1), entry(2)]))
        .await
        .unwrap();
    store.append(append(3, vec![entry(1)])).await.unwrap();
    let grown = store.grown().await;
    assert!(grown.contains(&ROOM), "{grown:?}");
    let lags = store.search_lags(0, 10).await.unwrap();
    let rooms: Vec<_> = lags.iter().map(|it| (it.room, it.upto, it.last)).collect();
    assert_eq!(rooms, [(ROOM, 0, 2), (3, 0, 1)]);
    put(&store, part(ROOM, 0, 2, vec![])).await;
    assert_eq!(store.search_lags(0, 10).await.unwrap()[0].room, 3);
    assert_eq!(store.search_lags(3, 10).await.unwrap(), []);
}

async fn what_is_forgotten_can_be_made_again(home: Home) {
    let store = ready(&home).await;
    for n in 0..20 {
        let docs = (n * 100 + 1..=n * 100 + 100)
            .map(|it| doc(it, "说过的话"))
            .collect();
        put(&store, part(ROOM, n * 100, n * 100 + 100, docs)).await;
    }
    assert!(!store.search_forgets().await.unwrap());
    store.forget_search().await.unwrap();
    assert!(
        store.grown().await.contains(&0),
        "whoever makes it again is woken"
    );
    // Nothing is stored while the rest goes.
    let early = store.put_search(vec![part(ROOM, 0, 1, vec![doc(1, "说过的话")])]);
    assert_eq!(early.await.unwrap(), [ROOM]);
    let mut parts = 0;
    while store.search_forgets().await.unwrap() {
        parts += 1;
    }
    assert!(parts > 2, "in parts: {parts}");
    assert_eq!(found(&store, words("的话")).await, []);
    assert_eq!(store.search_upto(ROOM).await.unwrap(), 0);
    put(&store, part(ROOM, 0, 1, vec![doc(1, "说过的话")])).await;
    assert_eq!(found(&store, words("的话")).await, [(ROOM, 1)]);
    put(&store, part(ROOM, 1, 2, vec![doc(1, "改过的话")])).await;
    assert_eq!(found(&store, words("说过")).await, []);
}

async fn an_index_by_other_rules_is_forgotten(home: Home) {
    let store = ready(&home).await;
    store.search_by_rules(1).await.unwrap();
    say(&store, ROOM, &["一句话"]).await;
    store.search_by_rules(1).await.unwrap();
    assert!(!store.search_forgets().await.unwrap());
    store.search_by_rules(2).await.unwrap();
    while store.search_forgets().await.unwrap() {}
    assert_eq!(found(&store, words("一句")).await, []);
    store.search_by_rules(2).await.unwrap();
    assert!(!store.search_forgets().await.unwrap());
}
