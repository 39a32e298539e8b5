//! What many ask in the talk, for who runs the room: questions that say about the same, as one.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json as Answer,
    extract::{Path, State},
};
use community::{Record, RecordBody, Verb};
use folding::alike;
use protocol::{
    MemberId, Seq, limits,
    rest::{Asked, AskedList, Problem},
    topic::TopicPlace,
};
use store::PageOf;

use super::{Doors, caller::Known, history, problem::Outcome, rooms};

/// Questions that several people asked, those that most asked first
///
/// Looked for among the newest 2,000 records of the room. What is a question is seen by its words; what says about
/// the same is seen by the pairs of letters that two texts share.
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}/asked", tag = "rooms",
    params(("room" = String, Path, description = "the room's slug")),
    responses((status = 200, body = AskedList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
) -> Outcome<Answer<AskedList>> {
    let room = rooms::find(&doors, room).await?;
    doors
        .stage
        .admit(room.number, Some(by.who()), Verb::Questions)
        .await?;
    let mut questions = Vec::new();
    let mut of = PageOf::Last;
    let mut looked = 0;
    while looked < limits::ASKED_LOOKED_MAX {
        let page = doors
            .store
            .page(room.number, of, limits::PAGE_RECORDS_MAX)
            .await?;
        looked += page.entries.len();
        let (first, is_end) = (page.entries.first().map(|it| it.seq), page.end);
        for entry in page.entries {
            questions.extend(question(history::read(&doors, room.circle, entry)?));
        }
        match first.filter(|_| !is_end) {
            Some(seq) => of = PageOf::Before(seq),
            None => break,
        }
    }
    questions.sort_unstable_by_key(|it| it.seq);
    let first = questions.first().map_or(0, |it| it.seq);
    let made = doors.store.made_of(room.number, first).await?;
    Ok(Answer(AskedList {
        asked: grouped(&questions, &made),
    }))
}

struct Question {
    seq: Seq,
    at_ms: u64,
    by: MemberId,
    text: String,
}

fn question(record: Record) -> Option<Question> {
    let RecordBody::Message(it) = record.body else {
        return None;
    };
    let asks = !it.deleted && is_short(&it.text) && (it.question.is_some() || asks(&it.text));
    asks.then(|| Question {
        seq: record.seq,
        at_ms: record.at_ms,
        by: record.author.id,
        text: it.text.to_string(),
    })
}

/// What is compared costs time with its length.
fn is_short(text: &str) -> bool {
    text.chars().nth(limits::ASKED_CHARS_MAX).is_none()
}

/// Whether somebody asks something, as far as words tell.
fn asks(text: &str) -> bool {
    const SIGNS: &[&str] = &[
        "?",
        "？",
        "吗",
        "嗎",
        "什么",
        "什麼",
        "怎么",
        "怎麼",
        "哪",
        "几点",
        "幾點",
        "几号",
        "幾號",
        "多少",
        "谁",
        "誰",
        "为何",
        "為何",
        "如何",
        "是否",
        "能不能",
        "可不可以",
        "有没有",
        "有沒有",
        "是不是",
        "请问",
        "請問",
    ];
    const FIRST: &[&str] = &[
        "what", "when", "where", "who", "why", "how", "which", "can", "could", "is", "are", "do",
        "does", "will",
    ];
    let first = text.split_whitespace().next().unwrap_or_default();
    let first = first.to_lowercase();
    // An address asks nothing.
    let words = text.split_whitespace().filter(|it| !it.contains("://"));
    let mut words = words.peekable();
    words.peek().is_some()
        && (FIRST.contains(&first.as_str())
            || words.any(|it| SIGNS.iter().any(|sign| it.contains(sign))))
}

/// In the order of their seqs they come, as groups they go.
fn grouped(questions: &[Question], made: &BTreeMap<Seq, TopicPlace>) -> Vec<Asked> {
    let texts: Vec<&str> = questions.iter().map(|it| it.text.as_str()).collect();
    let mut asked: Vec<Asked> = alike::groups(&texts)
        .into_iter()
        .filter_map(|group| of(questions, &group, made))
        .collect();
    asked.sort_by_key(|it| std::cmp::Reverse((it.people, it.at_ms)));
    asked.truncate(limits::ASKED_LISTED);
    asked
}

/// Absent where one person asks again and again.
fn of(questions: &[Question], group: &[usize], made: &BTreeMap<Seq, TopicPlace>) -> Option<Asked> {
    let of: Vec<&Question> = group.iter().map(|at| &questions[*at]).collect();
    let people: BTreeSet<&MemberId> = of.iter().map(|it| &it.by).collect();
    if people.len() < 2 {
        return None;
    }
    // As most of them said it, and of these as it was said first.
    let mut ways: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for it in &of {
        let way = ways
            .entry(folding::normal(&it.text))
            .or_insert((0, it.text.as_str()));
        way.0 += 1;
    }
    let first = |text: &str| of.iter().position(|it| it.text == text);
    let text = ways
        .into_values()
        .max_by_key(|(n, text)| (*n, std::cmp::Reverse(first(text))))
        .map(|it| it.1.to_owned())?;
    // Everybody who asked once, as far as a topic is made of so many.
    let mut seen = BTreeSet::new();
    let mut seqs: Vec<Seq> = of
        .iter()
        .filter(|it| seen.insert(&it.by))
        .map(|it| it.seq)
        .take(limits::TOPIC_QUOTES_MAX)
        .collect();
    seqs.sort_unstable();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Some(Asked {
        topic: of.iter().find_map(|it| made.get(&it.seq)).cloned(),
        text,
        people: count(people.len()),
        times: count(of.len()),
        at_ms: of.iter().map(|it| it.at_ms).max()?,
        seqs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(all: &[(&str, &str)]) -> Vec<Question> {
        let made = |(seq, (by, text)): (Seq, &(&str, &str))| Question {
            seq,
            at_ms: 1_000 * seq,
            by: (*by).into(),
            text: (*text).to_owned(),
        };
        (1..).zip(all).map(made).collect()
    }

    #[test]
    fn what_most_ask_comes_first_in_the_words_of_most() {
        let said = said(&[
            ("ann", "录音在哪里听？"),
            ("bob", "今天几点开始啊"),
            ("ann", "今天几点开始？"),
            ("eve", "今天几点开始？"),
            ("eve", "录音在哪听"),
            ("ann", "今天几点开始？"),
            ("bob", "可以回放吗"),
        ]);
        let made = TopicPlace {
            room: "t9".into(),
            title: "几点开始".into(),
        };
        let made = BTreeMap::from([(6, made), (7, place_of_another())]);
        let asked = grouped(&said, &made);
        let told: Vec<_> = asked
            .iter()
            .map(|it| (it.text.as_str(), it.people, it.times, it.seqs.clone()))
            .collect();
        assert_eq!(
            told,
            [
                ("今天几点开始？", 3, 4, vec![2, 3, 4]),
                ("录音在哪里听？", 2, 2, vec![1, 5]),
            ]
        );
        // What was made a topic already, by whichever of its messages, leads there.
        let made: Vec<_> = asked.iter().map(|it| it.topic.as_ref()).collect();
        let slugs: Vec<_> = made
            .iter()
            .map(|it| it.map(|it| it.room.as_str()))
            .collect();
        assert_eq!(slugs, [Some("t9"), None]);
    }

    fn place_of_another() -> TopicPlace {
        TopicPlace {
            room: "t8".into(),
            title: "回放".into(),
        }
    }

    #[test]
    fn who_asks_alone_asks_for_themselves() {
        let again = said(&[("ann", "在吗？"), ("ann", "在吗"), ("ann", "在吗？？")]);
        assert!(grouped(&again, &BTreeMap::new()).is_empty());
    }

    #[test]
    fn what_is_long_is_compared_with_nothing() {
        let as_long = "问".repeat(limits::ASKED_CHARS_MAX);
        assert!(is_short(&as_long) && !is_short(&format!("{as_long}？")));
    }

    #[test]
    fn a_question_is_seen_by_its_words() {
        for text in [
            "几点开始",
            "有人吗",
            "How do I join",
            "why",
            "这个多少钱",
            "真的？",
        ] {
            assert!(asks(text), "{text}");
        }
        for text in ["", "好的", "https://example.org/?q=1", "hello", "however"] {
            assert!(!asks(text), "{text}");
        }
    }
}
