//! Rules about words and links, and messages that wait for review.

use protocol::{
    client::ReviewAct,
    limits,
    server::{Body, HeldItem, HeldWhy, LinkRule, Rules},
};

use super::*;

impl Bench {
    fn set_rules(&mut self, name: &str, rules: Rules) -> Result<Seq, Code> {
        let client_id = self.cid();
        self.ack(name, Command::SetRules { client_id, rules })
            .map(|it| it.s)
            .map_err(|it| it.code)
    }

    fn held(&mut self, name: &str) -> Result<Vec<HeldItem>, Code> {
        match self.ask(name, Command::Held { after: None }) {
            Ok(Reply::HeldPage(it)) => Ok(it.held),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal.code),
        }
    }

    fn review(&mut self, name: &str, of: Seq, act: ReviewAct) -> Result<Seq, Code> {
        let command = Command::Review {
            client_id: self.cid(),
            of,
            act,
            reason: "广告".into(),
        };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    /// Everything that everybody was told in records, as text.
    fn announced(&self) -> String {
        let told = self.fx.iter().filter_map(|it| match it {
            Effect::Announce(it @ Announce::Records(_)) => Some(it.push(7)),
            _ => None,
        });
        format!("{:?}", told.collect::<Vec<_>>())
    }

    fn pushes(&self, name: &str) -> Vec<&Push> {
        let pushed = self.fx.iter().filter_map(|it| match it {
            Effect::Push {
                connection: to,
                push,
            } if *to == connection(name) => Some(push),
            _ => None,
        });
        pushed.collect()
    }
}

fn rules() -> Rules {
    Rules {
        refuse: vec!["代开发票".into()],
        hold: vec!["加微信".into()],
        links: LinkRule::Hold,
        domains: vec!["example.org".into()],
    }
}

#[test]
fn o3_a_rule_refuses_or_holds_the_next_message_and_names_no_word() {
    let mut bench = Bench::full();
    assert_eq!(bench.set_rules(ANN, rules()), Err(Code::NotPermitted));
    bench.say(ANN, "加微信 abc").expect("no rule yet");
    bench
        .set_rules(MAKER, rules())
        .expect("the host sets rules");
    let command = bench.line("代~開.發票");
    let refusal = bench.ack(ANN, command).expect_err("refused");
    assert_eq!(refusal.code, Code::WordRefused);
    assert!(!refusal.say.contains('票'), "{refusal}");
    let command = bench.line("加 微 信 abc");
    assert_eq!(bench.ack(ANN, command).expect("held").v, AckKind::Held);
    let command = bench.line("看 evil.top");
    assert_eq!(bench.ack(ANN, command).expect("held").v, AckKind::Held);
    let command = bench.line("看 docs.example.org/a");
    assert_eq!(bench.ack(ANN, command).expect("allowed").v, AckKind::New);
    let command = bench.line("加微信，代开发票");
    assert_eq!(
        bench.ack(MODERATOR, command).expect("staff is exempt").v,
        AckKind::New
    );
    bench.restart();
    bench.join(ANN);
    let command = bench.line("代开发票");
    let refusal = bench.ack(ANN, command).expect_err("after a restart too");
    assert_eq!(refusal.code, Code::WordRefused);
}

#[test]
fn o3_rules_are_held_to_their_limits_and_only_the_last_ones_are_kept() {
    let mut bench = Bench::full();
    for wrong in [
        Rules {
            refuse: vec!["…".into()],
            ..Rules::default()
        },
        Rules {
            hold: vec!["字".repeat(limits::WORD_CHARS_MAX + 1)],
            ..Rules::default()
        },
        Rules {
            hold: (0..=limits::WORDS_MAX).map(|n| format!("w{n}")).collect(),
            ..Rules::default()
        },
        Rules {
            domains: vec!["nothing".into()],
            ..Rules::default()
        },
        Rules {
            domains: (0..=limits::DOMAINS_MAX)
                .map(|n| format!("d{n}.org"))
                .collect(),
            ..Rules::default()
        },
    ] {
        assert_eq!(bench.set_rules(OWNER, wrong), Err(Code::Malformed));
    }
    let first = bench.set_rules(OWNER, rules()).expect("set");
    bench.set_rules(OWNER, Rules::default()).expect("set");
    let erased = bench.rows.iter().any(
        |it| matches!(it, RowChange::Erase { seq, left: RecordBody::Rules(None) } if *seq == first),
    );
    assert!(erased, "{:?}", bench.rows);
    assert!(
        !bench.announced().contains("发票"),
        "the list is not for everybody"
    );
    let seen = bench.ask(MAKER, Command::Rules);
    let expect = protocol::server::RulesNow {
        rules: Rules::default(),
    };
    assert_eq!(seen, Ok(Reply::RulesNow(expect)));
    let refused = bench.ask(ANN, Command::Rules).map_err(|it| it.code);
    assert_eq!(refused, Err(Code::NotPermitted));
}

#[test]
fn o4_a_held_message_is_seen_by_its_writer_and_who_runs_the_room_alone() {
    let mut bench = Bench::full();
    bench.set_rules(MAKER, rules()).expect("set");
    bench.fx.clear();
    let seq = bench.say(ANN, "加微信 abc").expect("held");
    assert!(!bench.announced().contains("abc"), "{}", bench.announced());
    assert!(!bench.announced().contains("ann"), "nor who wrote it");
    for name in [ANN, MAKER, MODERATOR] {
        let told = bench
            .pushes(name)
            .into_iter()
            .any(|it| matches!(it, Push::Held { .. }));
        assert!(told, "{name} hears of it");
    }
    assert!(bench.pushes(BOB).is_empty());
    assert_eq!(bench.held(BOB), Err(Code::NotPermitted));
    let held = bench.held(MODERATOR).expect("a page");
    assert_eq!(
        (held[0].s, held[0].why, &*held[0].text),
        (seq, HeldWhy::Word, "加微信 abc")
    );
    let page = bench.room.history(Past::Last, 50).expect("kept");
    assert!(!format!("{page:?}").contains("abc"));
    assert!(!format!("{:?}", bench.join(BOB)).contains("abc"));
    assert_eq!(bench.join(MODERATOR).held, Some(1));
    assert_eq!(bench.join(ANN).held, None);
}

#[test]
fn o5_what_is_allowed_appears_by_its_writer_and_what_is_refused_is_erased() {
    let mut bench = Bench::full();
    bench.set_rules(MAKER, rules()).expect("set");
    let said = bench.line("加微信 one");
    let one = bench.ack(ANN, said.clone()).expect("held").s;
    let again = bench.ack(ANN, said.clone()).expect("waits");
    assert_eq!((again.s, again.v), (one, AckKind::Held), "said again");
    let other = bench.line("加微信 two");
    let two = bench.ack(BOB, other.clone()).expect("held").s;
    bench.restart();
    for name in [ANN, BOB, MODERATOR] {
        bench.join(name);
    }
    bench.fx.clear();
    assert_eq!(
        bench.review(ANN, one, ReviewAct::Allow),
        Err(Code::NotPermitted)
    );
    bench
        .review(MODERATOR, one, ReviewAct::Allow)
        .expect("allowed");
    let shown = bench.log.last().expect("a message").clone();
    assert_eq!(shown.author.id, ANN.into());
    assert!(
        matches!(&shown.frame().body, Body::Msg { text, held, .. } if text == "加微信 one" && *held == Some(one))
    );
    bench
        .review(MODERATOR, two, ReviewAct::Refuse)
        .expect("refused");
    assert_eq!(
        bench.review(MODERATOR, two, ReviewAct::Allow),
        Err(Code::NoSuchMessage)
    );
    let erased = |bench: &Bench, of: Seq| {
        bench.rows.iter().any(|it| matches!(it, RowChange::Erase { seq, left: RecordBody::Held(it) } if *seq == of && it.kept.is_none()))
    };
    assert!(erased(&bench, one) && erased(&bench, two));
    let told = format!("{:?}", bench.pushes(BOB));
    assert!(told.contains("广告") && told.contains("Refuse"), "{told}");
    assert_eq!(bench.ack(ANN, said).expect("done").v, AckKind::Dup);
    let refusal = bench.ack(BOB, other).expect_err("its writer is told");
    assert_eq!(refusal.code, Code::ReviewRefused);
    assert_eq!(bench.held(MODERATOR), Ok(Vec::new()));
}

#[test]
fn o6_a_message_that_a_moderator_holds_vanishes_and_comes_back_where_it_was() {
    let mut bench = Bench::full();
    let seq = bench.say(ANN, "看这个广告").expect("said");
    bench.fx.clear();
    let hold = |bench: &mut Bench, name| {
        let client_id = bench.cid();
        bench
            .ack(name, Command::Hold { client_id, of: seq })
            .map(|it| it.s)
            .map_err(|it| it.code)
    };
    assert_eq!(hold(&mut bench, BOB), Err(Code::NotPermitted));
    let held = hold(&mut bench, MODERATOR).expect("held");
    let told = bench.announced();
    assert!(told.contains("Delete { of: 1 }"), "{told}");
    assert!(!told.contains("广告"), "{told}");
    assert_eq!(hold(&mut bench, MODERATOR), Err(Code::NoSuchMessage));
    bench
        .review(OWNER, held, ReviewAct::Allow)
        .expect("allowed");
    let told = bench.announced();
    assert!(
        told.contains("Restore { of: 1, text: \"看这个广告\""),
        "{told}"
    );
    let page = bench.room.history(Past::Last, 50).expect("kept").page;
    assert!(
        matches!(&page[0].body, Body::Msg { text, deleted: false, .. } if text == "看这个广告")
    );
    let audit: Vec<&str> = bench
        .rows
        .iter()
        .filter_map(|it| match it {
            RowChange::Audit(it) => Some(it.what),
            _ => None,
        })
        .collect();
    assert_eq!(audit, ["hold", "allow"]);
}

#[test]
fn o5_an_edit_is_held_to_the_rules_as_well() {
    let mut bench = Bench::full();
    bench.set_rules(MAKER, rules()).expect("set");
    let seq = bench.say(ANN, "你好").expect("said");
    let edit = |bench: &mut Bench, text: &str| {
        let command = Command::Edit {
            client_id: bench.cid(),
            of: seq,
            text: text.into(),
        };
        bench.ack(ANN, command).map(|it| it.v).map_err(|it| it.code)
    };
    assert_eq!(edit(&mut bench, "代开发票"), Err(Code::WordRefused));
    assert_eq!(edit(&mut bench, "加微信"), Ok(AckKind::Held));
    let held = bench.held(MODERATOR).expect("a page");
    assert_eq!((held[0].of, &*held[0].text), (Some(seq), "加微信"));
    assert_eq!(
        edit(&mut bench, "你好"),
        Err(Code::NoSuchMessage),
        "it is out of sight"
    );
}

#[test]
fn o5_the_queue_has_an_end() {
    let mut bench = Bench::full();
    bench.set_rules(MAKER, rules()).expect("set");
    for n in 0..limits::HELD_MAX {
        bench.say(ANN, &format!("加微信 {n}")).expect("held");
    }
    assert_eq!(bench.say(ANN, "加微信"), Err(Code::Busy));
    assert_eq!(
        bench.held(MODERATOR).expect("a page").len(),
        limits::HELD_PAGE_MAX
    );
    bench.say(ANN, "你好").expect("what no rule holds is said");
}
