//! What is shown apart from the talk: pins and questions.

use protocol::{client::QuestionAct, limits, server::QuestionPhase};

use super::*;

impl Bench {
    fn pin(&mut self, name: &str, of: Option<Seq>, text: Option<&str>) -> Result<Seq, Code> {
        let client_id = self.cid();
        let text = text.map(str::to_owned);
        let command = Command::Pin {
            client_id,
            of,
            text,
        };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    fn question(&mut self, name: &str, text: &str) -> Result<Seq, Code> {
        let command = Command::Publish {
            client_id: self.cid(),
            text: text.into(),
            reply_to: None,
            question: true,
            to: Vec::new(),
        };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    fn act(&mut self, name: &str, of: Seq, act: QuestionAct) -> Result<Seq, Code> {
        let client_id = self.cid();
        let command = Command::Question { client_id, of, act };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    fn pinned(&self) -> Option<(Option<Seq>, String)> {
        self.room.state().pin.map(|it| (it.of, it.text))
    }

    fn picked(&self) -> Option<String> {
        self.room.state().picked.map(|it| it.text)
    }

    fn waiting(&mut self) -> Vec<Seq> {
        match self.ask(ANN, Command::Questions) {
            Ok(Reply::Page(page)) => page.page.iter().map(|it| it.s).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Every stored body, with what later records made of it.
    fn stored(&self) -> String {
        let mut bodies: Vec<RecordBody> = self.log.iter().map(|it| it.body.clone()).collect();
        for row in &self.rows {
            if let RowChange::Revise { seq, body } | RowChange::Erase { seq, left: body } = row {
                bodies[usize::try_from(seq - 1).expect("short")] = body.clone();
            }
        }
        format!("{bodies:?}")
    }

    /// The log as the store would hand it back.
    fn revise_log(&mut self) {
        for row in std::mem::take(&mut self.rows) {
            if let RowChange::Revise { seq, body } | RowChange::Erase { seq, left: body } = row {
                self.log[usize::try_from(seq - 1).expect("short")].body = body;
            }
        }
    }
}

#[test]
fn a_pin_follows_its_message_and_goes_with_it() {
    let mut bench = Bench::full();
    let seq = bench.say(ANN, "八点开始").expect("said");
    assert_eq!(bench.pin(BOB, Some(seq), None), Err(Code::NotPermitted));
    bench.pin(MAKER, Some(seq), None).expect("pinned");
    assert_eq!(bench.pinned(), Some((Some(seq), "八点开始".into())));
    let state = bench.states().pop().cloned().expect("told");
    let pin = state.pin.expect("what is pinned");
    assert_eq!(pin.author.map(|it| it.id), Some(ANN.into()));

    let edit = Command::Edit {
        client_id: bench.cid(),
        of: seq,
        text: "九点开始".into(),
    };
    bench.ack(ANN, edit).expect("edited");
    assert_eq!(bench.pinned(), Some((Some(seq), "九点开始".into())));
    bench.revise_log();
    bench.restart();
    assert_eq!(bench.pinned(), Some((Some(seq), "九点开始".into())));

    bench.join(ANN);
    bench.fx.clear();
    let delete = Command::Delete {
        client_id: bench.cid(),
        of: seq,
    };
    bench.ack(ANN, delete).expect("deleted");
    assert_eq!(bench.pinned(), None);
    let told = bench.states().pop().and_then(|it| it.pin.clone());
    assert_eq!(told, Some(protocol::server::Quoted::default()));
    bench.pass(30_000);
    bench.revise_log();
    bench.restart();
    assert_eq!(bench.pinned(), None);
    assert!(!bench.stored().contains("开始"), "{}", bench.stored());
}

#[test]
fn one_thing_is_pinned_at_a_time_and_leaves_no_words_behind() {
    let mut bench = Bench::full();
    assert_eq!(bench.pin(MODERATOR, None, None), Err(Code::NotFound));
    assert_eq!(bench.pin(MODERATOR, None, Some(" ")), Err(Code::Empty));
    assert_eq!(
        bench.pin(MODERATOR, Some(9), None),
        Err(Code::NoSuchMessage)
    );
    assert_eq!(
        bench.pin(MODERATOR, Some(9), Some("a")),
        Err(Code::Malformed)
    );
    bench
        .pin(MODERATOR, None, Some("first words"))
        .expect("pinned");
    bench
        .pin(OWNER, None, Some("second words"))
        .expect("pinned");
    assert_eq!(bench.pinned(), Some((None, "second words".into())));
    assert!(!bench.stored().contains("first words"));
    bench.pin(MODERATOR, None, None).expect("taken down");
    assert_eq!(bench.pinned(), None);
    assert!(!bench.stored().contains("second words"));
    // Whoever joins later reads none of it in the snapshot either.
    let joined = bench.join(BOB);
    assert!(
        !format!("{:?}", joined.ev).contains("words"),
        "{:?}",
        joined.ev
    );
}

#[test]
fn of_a_long_message_the_beginning_is_pinned() {
    let mut bench = Bench::full();
    let seq = bench.say(ANN, &"字".repeat(2_000)).expect("said");
    bench.pin(MAKER, Some(seq), None).expect("pinned");
    let (_, text) = bench.pinned().expect("something is pinned");
    assert_eq!(text.chars().count(), limits::PIN_CHARS_MAX);
}

#[test]
fn the_host_picks_one_question_after_another() {
    let mut bench = Bench::full();
    let one = bench.question(ANN, "为什么？").expect("asked");
    let two = bench.question(GUEST, "什么时候？").expect("asked");
    let said = bench.say(BOB, "我也想知道").expect("said");
    assert_eq!(bench.waiting(), [one, two]);
    assert_eq!(
        bench.act(BOB, one, QuestionAct::Pick),
        Err(Code::NotPermitted)
    );
    assert_eq!(
        bench.act(MAKER, said, QuestionAct::Pick),
        Err(Code::NoSuchQuestion)
    );
    assert_eq!(
        bench.act(MAKER, one, QuestionAct::Unpick),
        Err(Code::WrongPhase)
    );
    bench.act(MAKER, one, QuestionAct::Pick).expect("picked");
    assert_eq!(bench.picked().as_deref(), Some("为什么？"));
    assert_eq!(
        bench.act(MAKER, one, QuestionAct::Pick),
        Err(Code::WrongPhase)
    );
    bench
        .act(MAKER, one, QuestionAct::Unpick)
        .expect("put back");
    assert_eq!((bench.picked(), bench.waiting()), (None, vec![one, two]));
    bench
        .act(MAKER, one, QuestionAct::Pick)
        .expect("picked again");

    bench
        .act(MODERATOR, two, QuestionAct::Pick)
        .expect("the next");
    assert_eq!(bench.picked().as_deref(), Some("什么时候？"));
    assert_eq!(bench.waiting(), [two], "the one before has its answer");
    bench
        .act(MAKER, two, QuestionAct::Answer)
        .expect("answered");
    assert_eq!((bench.picked(), bench.waiting()), (None, vec![]));
    assert_eq!(
        bench.act(MAKER, two, QuestionAct::Pick),
        Err(Code::NoSuchQuestion)
    );

    let joined = bench.join(BOB);
    let phases = joined.ev.iter().filter_map(|it| match &it.body {
        protocol::server::Body::Msg { question, .. } => *question,
        _ => None,
    });
    assert_eq!(phases.collect::<Vec<_>>(), [QuestionPhase::Answered; 2]);
}

#[test]
fn a_question_waits_over_a_restart_however_much_was_said_since() {
    let mut bench = Bench::full();
    let one = bench.question(ANN, "还在吗？").expect("asked");
    let gone = bench.question(ANN, "不问了").expect("asked");
    let edit = Command::Edit {
        client_id: bench.cid(),
        of: one,
        text: "你还在吗？".into(),
    };
    bench.ack(ANN, edit).expect("edited");
    bench.act(MAKER, one, QuestionAct::Pick).expect("picked");
    let delete = Command::Delete {
        client_id: bench.cid(),
        of: gone,
    };
    bench.ack(ANN, delete).expect("deleted");
    for n in 0..limits::RESUME_RECORDS_MAX {
        bench.say(BOB, &format!("{n}")).expect("said");
    }
    bench.revise_log();
    bench.restart();
    bench.join(ANN);
    bench.join(MAKER);
    assert_eq!(bench.waiting(), [one]);
    assert_eq!(bench.picked().as_deref(), Some("你还在吗？"));
    bench
        .act(MAKER, one, QuestionAct::Answer)
        .expect("answered");
    bench.revise_log();
    bench.restart();
    bench.join(ANN);
    assert_eq!(bench.waiting(), Vec::<Seq>::new());
}

/// It was shown as being answered again by a room that was read back from its log.
#[test]
fn a_picked_question_that_was_brought_back_waits_over_a_restart_as_before_it() {
    let mut bench = Bench::full();
    let one = bench.question(ANN, "为什么？").expect("asked");
    bench.act(MAKER, one, QuestionAct::Pick).expect("picked");
    let delete = Command::Delete {
        client_id: bench.cid(),
        of: one,
    };
    bench.ack(ANN, delete).expect("deleted");
    let undelete = Command::Undelete {
        client_id: bench.cid(),
        of: one,
    };
    bench.ack(ANN, undelete).expect("brought back");
    for _ in 0..2 {
        assert_eq!(bench.picked(), None);
        assert_eq!(bench.waiting(), [one]);
        bench.revise_log();
        bench.restart();
        bench.join(ANN);
        bench.join(MAKER);
    }
    // Picked, and changed since: it is still the one.
    bench.act(MAKER, one, QuestionAct::Pick).expect("picked");
    let edit = Command::Edit {
        client_id: bench.cid(),
        of: one,
        text: "为什么呢？".into(),
    };
    bench.ack(ANN, edit).expect("edited");
    bench.revise_log();
    bench.restart();
    bench.join(ANN);
    assert_eq!(bench.picked().as_deref(), Some("为什么呢？"));
}

#[test]
fn questions_that_wait_are_bounded() {
    let mut bench = Bench::full();
    for n in 0..limits::QUESTIONS_OPEN_MAX {
        bench.question(ANN, &format!("{n}？")).expect("asked");
    }
    assert_eq!(bench.question(BOB, "我呢？"), Err(Code::TooManyQuestions));
    bench.say(BOB, "那就聊天").expect("talk goes on");
    bench.act(MAKER, 1, QuestionAct::Answer).expect("answered");
    bench.question(BOB, "我呢？").expect("there is room again");
}
