//! Writes to members by e-mail: letters with a link, the notices that they have not seen, and digests.
//!
//! What is to be written lies in the store until the mail server took it. Where that one is not there,
//! nothing is lost and nobody is asked over and over: the whole round waits.

mod digest;
mod digest_words;
mod hour;
mod page;
mod words;

pub use digest::Digests;
pub use hour::{Hour, HourError};

use std::{sync::Arc, time::Duration};

use auth::letter_links::LetterLinks;
use protocol::{
    limits,
    notices::{Notice, NoticeKind},
};
use reach::{Letter, Mailer, Posted};
use store::{DueLink, DueNotices, LetterFate, LetterKind, RowError, Store};
use tokio::time;

use page::{Block, Page};
use words::Words;

/// The longest that something due is not looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After the mail server was not there, or would not have us at all.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// After it would not have one letter for now: twice as long after each further try.
const LETTER_AGAIN_AFTER: Duration = Duration::from_secs(60);
const LETTER_AGAIN_MAX: Duration = Duration::from_secs(3_600);
/// Characters of a room's title in a subject.
const SUBJECT_CHARS_MAX: usize = 120;

/// What letters are written with.
#[derive(Clone)]
pub struct Desk {
    pub store: Store,
    pub mailer: Mailer,
    pub links: Arc<LetterLinks>,
    /// `scheme://host[:port]` that people see.
    pub origin: String,
}

/// Writes what is to be written, for as long as the server runs.
pub async fn write(desk: Desk) {
    loop {
        let pause = match desk.round(clock::unix_ms()).await {
            Ok(Round::Done) => LOOK_EVERY,
            Ok(Round::NobodyThere) => {
                // Not even a letter that was just asked for can go now.
                time::sleep(AGAIN_AFTER).await;
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "letters cannot be written yet");
                LOOK_EVERY
            }
        };
        tokio::select! {
            () = desk.store.letter_asked() => {}
            () = time::sleep(pause) => {}
        }
    }
}

enum Round {
    Done,
    NobodyThere,
}

impl Desk {
    /// Posts everything that is due.
    async fn round(&self, now_ms: u64) -> Result<Round, RowError> {
        let Some(circle) = self.store.circle().await? else {
            return Ok(Round::Done);
        };
        for due in self.store.due_links(now_ms).await? {
            let letter = self.link_letter(&due, &circle.name);
            let Some(fate) = self
                .post(due.letter.kind.as_str(), &letter, due.tries)
                .await
            else {
                return Ok(Round::NobodyThere);
            };
            self.store.link_posted(due.letter, fate).await?;
        }
        for due in self.store.due_notices(now_ms).await? {
            let fate = match self.notices_letter(&due, &circle.name, now_ms) {
                Some(letter) => match self.post("notices", &letter, due.tries).await {
                    Some(LetterFate::Later(_)) if is_too_old(&due, now_ms) => LetterFate::GivenUp,
                    Some(fate) => fate,
                    None => return Ok(Round::NobodyThere),
                },
                None => LetterFate::GivenUp,
            };
            let now_ms = clock::unix_ms();
            self.store
                .notices_posted(due.member, due.upto, now_ms, fate)
                .await?;
        }
        Ok(Round::Done)
    }

    /// Where a notice leads.
    fn address(&self, notice: &Notice) -> String {
        if notice.kind.is_of_the_circle() {
            return format!("{}/members", self.origin);
        }
        let page = if notice.topic { "t" } else { "r" };
        let address = format!("{}/{page}/{}", self.origin, notice.room);
        match notice.s {
            Some(s) => format!("{address}?s={s}"),
            None => address,
        }
    }

    /// A notice as a letter tells it.
    fn item(&self, it: &Notice, words: Words, now_ms: u64) -> Block {
        Block::Item {
            head: words.headline(it, now_ms),
            place: it.title.clone(),
            text: said(it).to_owned(),
            open: words.open().into(),
            to: self.address(it),
        }
    }

    /// `None`: the mail server is not there.
    async fn post(&self, kind: &'static str, letter: &Letter, tries: u32) -> Option<LetterFate> {
        let posted = self.mailer.send(letter).await;
        let (outcome, fate) = match &posted {
            Posted::Taken => ("sent", Some(LetterFate::Taken)),
            Posted::Later(why) => {
                tracing::warn!(kind, %why, "the mail server will have a letter later");
                let wait = LETTER_AGAIN_AFTER.saturating_mul(1 << tries.min(10));
                let at_ms = clock::unix_ms() + wait.min(LETTER_AGAIN_MAX).as_millis() as u64;
                ("later", Some(LetterFate::Later(at_ms)))
            }
            Posted::Refused(why) => {
                tracing::warn!(kind, %why, "the mail server refused a letter");
                ("refused", Some(LetterFate::Refused))
            }
            Posted::NobodyThere(why) => {
                tracing::warn!(%why, "no letter can be sent: `weiquan doctor` looks at the mail server");
                ("nobody_there", None)
            }
        };
        metrics::counter!("weiquan_letters_total", "kind" => kind, "outcome" => outcome)
            .increment(1);
        fate
    }

    fn link_letter(&self, due: &DueLink, circle: &str) -> Letter {
        let of = &due.letter;
        let words = Words::of(&of.lang);
        let link = self.links.make(of.kind.as_str(), &of.member, of.made_ms);
        let (subject, say, act, path) = match of.kind {
            LetterKind::Confirm => (
                words.confirm_subject(circle),
                words.confirm_say(circle),
                words.confirm_act(),
                "mail/confirm",
            ),
            LetterKind::Password => (
                words.password_subject(circle),
                words.password_say(circle),
                words.password_act(),
                "password",
            ),
        };
        let page = Page {
            lang: words.tag(),
            hello: words.hello(&due.name),
            blocks: vec![
                Block::Say(say),
                Block::Act {
                    say: act.into(),
                    // After a #, so that no server and no log on the way sees it.
                    to: format!("{}/{path}#{link}", self.origin),
                },
            ],
            foot: vec![Block::Say(words.not_you().into())],
        };
        Letter {
            to: of.address.clone(),
            subject,
            text: page.text(),
            html: page.html(),
            id: format!("{}-{}-{}", of.kind.as_str(), of.member, of.made_ms),
            stop: None,
        }
    }

    /// `None` where nothing of it is worth a letter any more.
    fn notices_letter(&self, due: &DueNotices, circle: &str, now_ms: u64) -> Option<Letter> {
        let words = Words::of(&due.lang);
        let is_over = |it: &&protocol::notices::Notice| {
            it.kind == NoticeKind::Reminder && it.starts_ms.is_some_and(|at| at <= now_ms)
        };
        let told: Vec<_> = due.notices.iter().filter(|it| !is_over(it)).collect();
        let newest = told.first()?;
        let n = told.len() + due.more as usize;
        let subject = match n {
            1 => {
                let head = words.headline(newest, now_ms);
                let title: String = newest.title.chars().take(SUBJECT_CHARS_MAX).collect();
                format!("{head} — {title}")
            }
            _ => words.several(n, circle),
        };
        let mut blocks: Vec<Block> = told.iter().map(|it| self.item(it, words, now_ms)).collect();
        if told.iter().any(|it| it.kind == NoticeKind::Handed) {
            blocks.push(Block::Say(words.not_handed().into()));
        }
        if due.more > 0 {
            blocks.push(Block::Link {
                say: words.more(due.more),
                to: format!("{}/notices", self.origin),
            });
        }
        let seal = self.links.stop_seal(&due.member);
        let stop = format!("{}/mail/stop?of={}&seal={seal}", self.origin, due.member);
        let page = Page {
            lang: words.tag(),
            hello: words.hello(&due.name),
            blocks,
            foot: vec![
                Block::Say(words.why(circle)),
                Block::Link {
                    say: words.choose().into(),
                    to: format!("{}/notices", self.origin),
                },
                Block::Link {
                    say: words.stop().into(),
                    to: stop.clone(),
                },
            ],
        };
        Some(Letter {
            to: due.address.clone(),
            subject,
            text: page.text(),
            html: page.html(),
            id: format!("notices-{}-{}", due.member, due.upto),
            stop: Some(stop),
        })
    }
}

/// What a notice quotes. The first word of one that tells of a step is in its headline.
fn said(notice: &Notice) -> &str {
    match notice.kind {
        NoticeKind::Changed => notice.text.split_once(' ').map_or("", |it| it.1),
        // The circle's name is where it is.
        NoticeKind::Owner | NoticeKind::Handed => "",
        _ => &notice.text,
    }
}

/// Whether a letter of notices was tried for long enough.
fn is_too_old(due: &DueNotices, now_ms: u64) -> bool {
    let tried_ms = limits::MAIL_TRIED_FOR.as_millis() as u64;
    due.notices
        .iter()
        .all(|it| it.t.saturating_add(tried_ms) < now_ms)
}
