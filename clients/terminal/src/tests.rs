//! What the screen shows, as text: happenings and keys in, a picture out.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use protocol::{
    Seq,
    server::{Joined, Mark, Page, Person, Push, RecordFrame},
};
use ratatui::{Terminal, backend::TestBackend};
use serde_json::{Value, json};
use weiquan_client::{Happening, Said, Wish};

use crate::{app::App, screen::draw};

const T: u64 = 1_795_000_000_000;

fn person(id: &str, name: &str, mark: Mark) -> Person {
    Person {
        id: id.into(),
        name: name.into(),
        mark,
    }
}

fn me() -> Person {
    person("m_ming", "小明", Mark::Member)
}

fn message(s: Seq, name: &str, body: Value) -> RecordFrame {
    let by = json!({"id": format!("m_{name}"), "name": name, "mark": "member"});
    serde_json::from_value(json!({"s": s, "t": T + s * 60_000, "u": by, "k": "msg", "b": body}))
        .expect("a record")
}

fn joined(records: Vec<RecordFrame>) -> Joined {
    let s = records.last().map_or(0, |it| it.s);
    let roster = [
        me(),
        person("m_hong", "小红", Mark::Host),
        person("g_1", "Guest 1", Mark::Guest),
    ];
    serde_json::from_value(json!({
        "a": 7, "room": "lobby", "title": "读书会大厅", "e": "k3", "s": s, "resumed": "fresh",
        "ev": records, "more": false, "roster": roster, "can": ["watch", "talk"], "mark": "member",
        "state": {"count": 3, "slow_mode_ms": 0, "stage": {"here": true, "video": true, "audio": true},
            "broadcast": {"id": "b", "phase": "live", "title": "周五直播", "host": roster[1]}},
    }))
    .expect("joined")
}

fn inside(records: Vec<RecordFrame>) -> App {
    let mut app = App::new();
    let joined = Box::new(joined(records));
    let (me, again) = (me(), false);
    assert_eq!(app.happened(Happening::Joined { joined, me, again }), None);
    app
}

fn press(app: &mut App, key: KeyCode) -> Option<Wish> {
    app.event(&Event::Key(KeyEvent::new(key, KeyModifiers::NONE)))
}

fn write(app: &mut App, text: &str) {
    for it in text.chars() {
        assert_eq!(press(app, KeyCode::Char(it)), None);
    }
}

/// The screen as rows, without what fills them up at the end.
fn picture(app: &App, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
    terminal
        .draw(|frame| draw(frame, app, &TimeZone::UTC))
        .expect("drawn");
    let buffer = terminal.backend().buffer();
    let row = |y: u16| {
        let (mut text, mut x) = (String::new(), 0);
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            x +=
                u16::try_from(unicode_width::UnicodeWidthStr::width(symbol).max(1)).expect("small");
        }
        text.trim_end().to_owned()
    };
    (0..height).map(row).collect()
}

#[test]
fn a_live_room_at_desktop_size() {
    let app = inside(vec![
        message(1, "小红", json!({"text": "大家晚上好"})),
        message(2, "小明", json!({"text": "今晚几点？", "re": 1})),
        message(3, "小红", json!({"text": "八点", "re": 2, "edits": 1})),
        message(4, "路人", json!({"text": "", "deleted": true})),
    ]);
    let expected = [
        " 读书会大厅  ● LIVE 周五直播, 小红  3 here                               online",
        "                                                          │ 小红 host",
        "11:07 小红: 大家晚上好                                    │ 小明",
        "      ↳ 小红: 大家晚上好                                  │ Guest 1 guest",
        "11:08 小明: 今晚几点？                                    │",
        "      ↳ 小明: 今晚几点？                                  │",
        "11:09 小红: 八点 (edited)                                 │",
        "11:10 路人: (deleted)                                     │",
        " › write; ↑ looks back, Tab answers, Ctrl-C leaves",
    ];
    assert_eq!(picture(&app, 80, 9), expected);
}

#[test]
fn long_chinese_wraps_by_cells_and_a_narrow_screen_shows_the_chat_alone() {
    let text = "一二三四五六七八九十一二三四五六七八九十 and words";
    let app = inside(vec![message(1, "小红", json!({"text": text}))]);
    let expected = [
        " 读书会大厅  ● LIVE 周五直播,",
        "",
        "11:07 小红: 一二三四五六七八",
        "      九十一二三四五六七八九",
        "      十 and words",
        " › write; ↑ looks back, Tab an",
    ];
    assert_eq!(picture(&app, 30, 6), expected);
    // Every size draws, the smallest included.
    for (width, height) in [(1, 1), (2, 3), (7, 4), (200, 60)] {
        picture(&app, width, height);
    }
}

#[test]
fn the_draft_scrolls_by_cells_and_the_cursor_stays_in_it() {
    let mut app = inside(vec![]);
    write(&mut app, "你好世界再见世界");
    assert_eq!(picture(&app, 14, 4)[3], " › 界再见世界");
    press(&mut app, KeyCode::Home);
    press(&mut app, KeyCode::Delete);
    assert_eq!(app.draft.value(), "好世界再见世界");
    assert_eq!(picture(&app, 14, 4)[3], " › 好世界再见");
}

#[test]
fn what_is_said_waits_on_the_screen_until_it_is_acknowledged() {
    let mut app = inside(vec![message(1, "小红", json!({"text": "大家好"}))]);
    write(&mut app, "在的");
    let wish = press(&mut app, KeyCode::Enter);
    let said = Wish::Say {
        text: "在的".into(),
        re: None,
    };
    assert_eq!(wish, Some(said));
    assert_eq!(app.draft.value(), "");
    assert!(picture(&app, 60, 5).contains(&"  …  在的".to_owned()));
    let acknowledged = Said {
        client_id: "c".into(),
        text: "在的".into(),
        seq: 2,
    };
    app.happened(Happening::Said(acknowledged));
    assert!(app.pending.is_empty());
    assert_eq!(press(&mut app, KeyCode::Enter), None, "nothing to say");
}

#[test]
fn a_refusal_is_told_in_words_and_the_draft_is_kept() {
    let mut app = inside(vec![]);
    write(&mut app, "买买买");
    press(&mut app, KeyCode::Enter);
    write(&mut app, "后来写的");
    let say = "You are muted for a minute.";
    let refusal = protocol::Refusal::new(protocol::Code::Muted, say);
    let (text, re) = ("买买买".into(), None);
    app.happened(Happening::Refused { text, re, refusal });
    assert_eq!(app.draft.value(), "买买买 后来写的");
    let seen = picture(&app, 60, 5);
    assert_eq!(seen[3], " You are muted for a minute.");
    assert!(app.pending.is_empty());
}

#[test]
fn looking_back_answers_and_reads_the_past() {
    let mut app = inside(
        (51..=53)
            .map(|s| message(s, "小红", json!({"text": format!("第 {s} 句")})))
            .collect(),
    );
    assert_eq!(press(&mut app, KeyCode::Up), None);
    assert_eq!(app.chosen, Some(53));
    press(&mut app, KeyCode::Up);
    press(&mut app, KeyCode::Tab);
    assert_eq!(app.reply, Some(52));
    assert!(picture(&app, 60, 8).contains(&" ↳ 小红: 第 52 句".to_owned()));
    write(&mut app, "好");
    let said = press(&mut app, KeyCode::Enter);
    let re = Some(52);
    let text = "好".into();
    assert_eq!(said, Some(Wish::Say { text, re }));
    assert_eq!((app.reply, app.chosen), (None, None));

    assert_eq!(
        press(&mut app, KeyCode::PageUp),
        Some(Wish::Before { seq: 51, n: 50 })
    );
    assert_eq!(press(&mut app, KeyCode::PageUp), None, "one page at a time");
    let page = Page {
        page: (1..=50)
            .map(|s| message(s, "小红", json!({"text": format!("第 {s} 句")})))
            .collect(),
        end: true,
    };
    app.happened(Happening::Page { before: 51, page });
    assert_eq!(app.room.messages.len(), 53);
    for _ in 0..60 {
        press(&mut app, KeyCode::Up);
    }
    assert_eq!(app.chosen, Some(1), "the very first");
    press(&mut app, KeyCode::Esc);
    assert_eq!(app.chosen, None);
}

#[test]
fn a_cut_and_a_gap_are_told_and_mended() {
    let mut app = inside(vec![message(1, "小红", json!({"text": "一"}))]);
    let gap = Push::Gap {
        a: 7,
        from: 2,
        to: 9,
    };
    app.happened(Happening::Push(gap));
    let ev = vec![message(10, "小红", json!({"text": "十"}))];
    app.happened(Happening::Push(Push::Ev {
        a: 7,
        s: (10, 10),
        skip: 0,
        ev,
    }));
    let gap_told = "  ┄ 8 not loaded: Ctrl-G loads them ┄".to_owned();
    assert!(picture(&app, 60, 6).contains(&gap_told));
    let load = KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL);
    assert_eq!(
        app.event(&Event::Key(load)),
        Some(Wish::Before { seq: 10, n: 8 })
    );

    let why = "the socket broke".to_owned();
    let again_after = Some(std::time::Duration::from_secs(1));
    app.happened(Happening::Lost { why, again_after });
    let seen = picture(&app, 60, 6);
    assert!(seen[0].ends_with("reconnecting …"), "{seen:?}");
    assert_eq!(seen[4], " the socket broke; trying again");
}

#[test]
fn a_hole_that_nobody_named_is_asked_for_unasked() {
    let mut app = inside(vec![message(1, "小红", json!({"text": "一"}))]);
    let ev = vec![message(5, "小红", json!({"text": "五"}))];
    let wish = app.happened(Happening::Push(Push::Ev {
        a: 7,
        s: (5, 5),
        skip: 0,
        ev,
    }));
    assert_eq!(wish, Some(Wish::Before { seq: 5, n: 3 }));
}

#[test]
fn a_poll_stands_above_the_talk_and_a_vote_goes_by_its_number() {
    let mut app = inside(vec![message(1, "小红", json!({"text": "好", "likes": 2}))]);
    let state = json!({"op": "state", "a": 7,
        "polls": [{"of": 9, "by": me(), "poll": {"question": "几点？", "options": ["八点", "九点"]}}],
        "votes": [{"of": 9, "n": [3, 1], "voters": 4}]});
    let state = serde_json::from_value(state).expect("a push");
    app.happened(Happening::Push(state));
    let seen = picture(&app, 90, 12).join("\n");
    assert!(
        seen.contains("Poll: 几点？  1 八点 (3)  2 九点 (1)"),
        "{seen}"
    );
    assert!(seen.contains("♥2"), "{seen}");
    for (line, expect) in [
        ("/vote 2", Some(vec![1])),
        ("/vote 3", None),
        ("/vote", None),
    ] {
        write(&mut app, line);
        let wish = press(&mut app, KeyCode::Enter);
        let picks = expect.map(|picks| Wish::Vote { of: 9, picks });
        assert_eq!(wish, picks, "{line}");
        while !app.draft.value().is_empty() {
            press(&mut app, KeyCode::Backspace);
        }
    }
}
