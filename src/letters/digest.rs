//! Digests: once a day or a week, by the circle's hour, what a member did not see, as one letter.
//!
//! It is made when it goes, from what is so then and from what its reader may see then. A page of members is read at
//! once, and between two pages the store is left to the rooms. Nothing is sent where nothing is to be told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use community::{RecordBody, Role, Who};
use protocol::{
    CircleId, RoomNumber, Seq, Slug, client::PeerRole, limits, notices::Digest, server::Quoted,
    topic::TopicPlace,
};
use reach::Letter;
use store::{
    Circle, ComingRow, DueDigest, EndedRow, Heat, LetterFate, NewIn, RowError, TakenDigest,
    TopicOrder, TopicRow, TopicsOf,
};
use tokio::time;

use super::{
    AGAIN_AFTER, Desk, LOOK_EVERY,
    hour::Hour,
    page::{Block, Page, Told},
    words::Words,
};
use crate::{
    actor::{Directory, QuoteError, Stretch, is_missed_by, storing},
    giving_way::GivingWay,
};

const DAY_MS: u64 = 24 * 3_600_000;
/// Featured and hot topics, broadcasts that are over and those that come, of which each reader is told some.
const SHARED_MAX: usize = 20;

/// What digests are written with.
pub struct Digests {
    desk: Desk,
    directory: Arc<Directory>,
    hour: Hour,
    giving_way: GivingWay,
}

enum Round {
    Done,
    NobodyThere,
}

/// What every reader of a page may be told of.
struct Edition {
    now_ms: u64,
    circle: Circle,
    missed: Vec<Missed>,
    coming: Vec<ComingRow>,
    best: Vec<TopicRow>,
    /// Newest replies that were read already.
    lines: BTreeMap<(RoomNumber, Seq), Option<String>>,
}

/// A broadcast that is over, with what is left of it.
struct Missed {
    row: EndedRow,
    answered: Vec<Quoted>,
    recap: Option<TopicPlace>,
}

impl Digests {
    pub fn new(desk: Desk, directory: Arc<Directory>, hour: Hour) -> Self {
        Self {
            giving_way: GivingWay::new(desk.store.clone()),
            desk,
            directory,
            hour,
        }
    }

    /// Writes those that are due, for as long as the server runs.
    pub async fn write(mut self) {
        loop {
            let pause = match self.round().await {
                Ok(Round::Done) => LOOK_EVERY,
                Ok(Round::NobodyThere) => AGAIN_AFTER,
                Err(error) => {
                    tracing::warn!(%error, "digests cannot be written yet");
                    AGAIN_AFTER
                }
            };
            time::sleep(pause).await;
        }
    }

    async fn round(&mut self) -> Result<Round, RowError> {
        let store = self.desk.store.clone();
        let Some(circle) = store.circle().await? else {
            return Ok(Round::Done);
        };
        store.mend_digests(clock::unix_ms()).await?;
        loop {
            let (now_ms, started) = (clock::unix_ms(), clock::now());
            let due = store.due_digests(self.hour.last(now_ms), now_ms).await?;
            if due.is_empty() {
                return Ok(Round::Done);
            }
            let mut edition = self.edition(circle.clone(), now_ms).await?;
            let mut nothing = Vec::new();
            let mut took = clock::now() - started;
            for due in due {
                let started = clock::now();
                let taken = TakenDigest {
                    member: due.member.clone(),
                    before_ms: due.taken_ms,
                    taken_ms: now_ms,
                    last_notice: due.last_notice,
                };
                let letter = self.letter(&mut edition, &due).await?;
                took += clock::now() - started;
                match letter {
                    None => nothing.push(taken),
                    Some(letter) => {
                        if let Round::NobodyThere = self.send(&due, &letter, taken).await? {
                            return Ok(Round::NobodyThere);
                        }
                    }
                }
            }
            if !nothing.is_empty() {
                store.leave_digests(nothing).await?;
            }
            self.giving_way.rest(took).await;
        }
    }

    /// Takes one and sends it: in this order, so that none goes twice.
    async fn send(
        &self,
        due: &DueDigest,
        letter: &Letter,
        taken: TakenDigest,
    ) -> Result<Round, RowError> {
        let store = &self.desk.store;
        if !store.take_digest(taken.clone()).await? {
            return Ok(Round::Done);
        }
        let Some(fate) = self.desk.post("digest", letter, due.tries).await else {
            store.give_back_digest(taken).await?;
            return Ok(Round::NobodyThere);
        };
        let hours = self.hour.last(taken.taken_ms);
        let hour_ms = match due.often {
            Digest::Daily => hours.daily_ms,
            Digest::Weekly | Digest::Never => hours.weekly_ms,
        };
        let tried_ms = limits::MAIL_TRIED_FOR.as_millis() as u64;
        let fate = match fate {
            LetterFate::Later(_) if hour_ms + tried_ms < taken.taken_ms => LetterFate::GivenUp,
            fate => fate,
        };
        store.digest_posted(taken, fate).await?;
        Ok(Round::Done)
    }

    async fn edition(&self, circle: Circle, now_ms: u64) -> Result<Edition, RowError> {
        let store = &self.desk.store;
        let week_ms = 7 * DAY_MS;
        let since_ms = now_ms.saturating_sub(limits::MISSED_WITHIN.as_millis() as u64);
        let mut missed = Vec::new();
        for row in store.ended_since(circle.id, since_ms, SHARED_MAX).await? {
            let stretch = Stretch {
                store,
                room: row.summary.room,
                circle: circle.id,
                seqs: row.summary.seqs,
            };
            // What the disk has lost of one holds up nobody's digest.
            let answered = stretch.answered().await.unwrap_or_else(|error| {
                tracing::error!(room = row.summary.room, %error, "a broadcast is told without its questions");
                Vec::new()
            });
            missed.push(Missed {
                answered,
                recap: store.recap(row.summary.broadcast.id.clone()).await?,
                row,
            });
        }
        let featured = TopicsOf {
            featured: true,
            ..TopicsOf::default()
        };
        let hot = TopicsOf {
            order: TopicOrder::Hot {
                from: Heat::hot_from(now_ms.saturating_sub(week_ms)),
            },
            ..TopicsOf::default()
        };
        let mut best = store.topics(featured, SHARED_MAX).await?.0;
        for row in store.topics(hot, SHARED_MAX).await?.0 {
            if !best.iter().any(|it| it.room == row.room) {
                best.push(row);
            }
        }
        Ok(Edition {
            missed,
            coming: store
                .coming_between(circle.id, (now_ms, now_ms + week_ms), SHARED_MAX)
                .await?,
            best,
            lines: BTreeMap::new(),
            now_ms,
            circle,
        })
    }

    /// `None` where there is nothing to tell.
    async fn letter(
        &self,
        edition: &mut Edition,
        due: &DueDigest,
    ) -> Result<Option<Letter>, RowError> {
        let words = Words::of(&due.lang);
        let shut = self.shut(due).await?;
        let mut blocks = self.missed(edition, due, &shut, words);
        blocks.extend(self.for_you(due, &shut, words, edition.now_ms));
        blocks.extend(self.followed(edition, due, &shut, words).await?);
        let best = self.best(edition, due, &shut, words).await?;
        // The best of others' talk makes a letter only for who was not here since the last one.
        if blocks.is_empty() && (best.is_empty() || due.here_ms > due.told_ms) {
            return Ok(None);
        }
        blocks.extend(best);
        blocks.extend(self.coming(edition, due, &shut, words));
        Ok(Some(self.bound(edition, due, words, blocks)))
    }

    fn bound(
        &self,
        edition: &Edition,
        due: &DueDigest,
        words: Words,
        blocks: Vec<Block>,
    ) -> Letter {
        let origin = &self.desk.origin;
        let circle = &edition.circle.name;
        let seal = self.desk.links.stop_digest_seal(&due.member);
        let stop = format!(
            "{origin}/mail/stop?of={}&seal={seal}&what=digest",
            due.member
        );
        let page = Page {
            lang: words.tag(),
            hello: words.hello(&due.name),
            blocks,
            foot: vec![
                Block::Say(words.why_digest(circle)),
                Block::Link {
                    say: words.choose_digest().into(),
                    to: format!("{origin}/notices"),
                },
                Block::Link {
                    say: words.stop_digest().into(),
                    to: stop.clone(),
                },
            ],
        };
        Letter {
            to: due.address.clone(),
            subject: words.digest_subject(circle),
            text: page.text(),
            html: page.html(),
            // The same where it is tried again: what was told before it names it.
            id: format!("digest-{}-{}", due.member, due.taken_ms),
            stop: Some(stop),
        }
    }

    /// Rooms that the reader may not look into now. Only where they were banned once a room is asked.
    async fn shut(&self, due: &DueDigest) -> Result<Shut, RowError> {
        let mut shut = Shut::default();
        if due.banned.is_empty() {
            return Ok(shut);
        }
        let account = self.desk.store.account(due.member.clone()).await?;
        let role = account.map_or(Role::Guest, |it| match it.role {
            store::Role::Member => Role::Member,
            store::Role::Moderator => Role::Moderator,
            store::Role::Owner => Role::Owner,
        });
        for (number, slug) in &due.banned {
            let who = Who {
                id: due.member.clone(),
                name: due.name.as_str().into(),
                role,
                traces: community::Traces::default(),
            };
            // A room that cannot be asked lets nobody in either.
            let admitted = match self.directory.find_number(*number).await {
                Ok(room) => room.may(PeerRole::View, who).await,
                Err(refusal) => Err(refusal),
            };
            if admitted.is_err() {
                shut.rooms.insert(*number);
                shut.slugs.insert(slug.clone());
            }
        }
        Ok(shut)
    }

    fn missed(&self, edition: &Edition, due: &DueDigest, shut: &Shut, words: Words) -> Vec<Block> {
        let since_ms = due.told_ms.max(due.caught_up_ms);
        let is_told = |it: &&Missed| {
            it.row.ended_ms > since_ms
                && !shut.rooms.contains(&it.row.summary.room)
                && is_missed_by(&it.row, &due.member)
        };
        let told = edition
            .missed
            .iter()
            .filter(is_told)
            .take(limits::MISSED_MAX);
        section(
            words.missed(),
            told.map(|it| self.one_missed(it, words)).collect(),
        )
    }

    fn one_missed(&self, it: &Missed, words: Words) -> Block {
        let (broadcast, origin) = (&it.row.summary.broadcast, &self.desk.origin);
        let (open, to) = match &it.recap {
            Some(recap) => (words.recap(), format!("{origin}/t/{}", recap.room)),
            None => {
                let to = format!("{origin}/r/{}/b/{}", it.row.slug, broadcast.id);
                (words.summary(), to)
            }
        };
        let questions = it.answered.iter().filter_map(|it| {
            let by = it.author.as_ref().map_or("", |it| it.name.as_str());
            let text = first_line(&it.text)?;
            Some(words.answered(by, &text))
        });
        Block::Told(Told {
            title: broadcast.title.clone(),
            about: words.was_live(
                &broadcast.host.name,
                &self.hour.say(it.row.ended_ms, words),
                it.row.summary.turnout.played_ms,
            ),
            lines: questions.take(limits::DIGEST_QUESTIONS_MAX).collect(),
            open: open.into(),
            to,
        })
    }

    fn for_you(&self, due: &DueDigest, shut: &Shut, words: Words, now_ms: u64) -> Vec<Block> {
        let told: Vec<_> = due
            .notices
            .iter()
            .filter(|it| !shut.slugs.contains(&it.room))
            .collect();
        let items = told
            .iter()
            .take(limits::DIGEST_NOTICES_MAX)
            .map(|it| self.desk.item(it, words, now_ms))
            .collect();
        let mut blocks = section(words.for_you(), items);
        let more = told.len().saturating_sub(limits::DIGEST_NOTICES_MAX);
        blocks.extend(self.more(more, words, "notices"));
        blocks
    }

    async fn followed(
        &self,
        edition: &mut Edition,
        due: &DueDigest,
        shut: &Shut,
        words: Words,
    ) -> Result<Vec<Block>, RowError> {
        let told: Vec<_> = due
            .topics
            .iter()
            .filter(|it| !shut.rooms.contains(&it.room))
            .collect();
        let mut items = Vec::new();
        for it in told.iter().take(limits::DIGEST_TOPICS_MAX) {
            let line = self.newest(edition, it).await;
            let line = line.map(|line| words.newest(&it.last_by.name, &line));
            items.push(Block::Told(Told {
                title: it.title.clone(),
                about: words.new_in(it.unread),
                lines: line.into_iter().collect(),
                open: words.open().into(),
                to: format!("{}/t/{}", self.desk.origin, it.slug),
            }));
        }
        let mut blocks = section(words.followed(), items);
        let more = told.len().saturating_sub(limits::DIGEST_TOPICS_MAX);
        blocks.extend(self.more(more, words, "talk?news=true"));
        Ok(blocks)
    }

    /// The first line of a topic's newest message, where that is still to be read.
    async fn newest(&self, edition: &mut Edition, of: &NewIn) -> Option<String> {
        let key = (of.room, of.last_seq);
        if let Some(known) = edition.lines.get(&key) {
            return known.clone();
        }
        let line = self.line(edition.circle.id, key).await.unwrap_or_else(|error| {
            tracing::error!(room = of.room, seq = of.last_seq, %error, "a topic is told without its newest message");
            None
        });
        edition.lines.insert(key, line.clone());
        line
    }

    async fn line(
        &self,
        circle: CircleId,
        (room, seq): (RoomNumber, Seq),
    ) -> Result<Option<String>, QuoteError> {
        let store = &self.desk.store;
        let Some(entry) = store.entry(room, seq).await? else {
            return Ok(None);
        };
        let record = storing::record(&store.erasing(), circle, entry)?;
        Ok(match record.body {
            RecordBody::Message(it) if !it.deleted && it.md => {
                let line = it.text.lines().find(|it| !it.trim().is_empty());
                line.and_then(|it| first_line(&markdown::plain(&markdown::parse(it))))
            }
            RecordBody::Message(it) if !it.deleted => first_line(&it.text),
            _ => None,
        })
    }

    async fn best(
        &self,
        edition: &Edition,
        due: &DueDigest,
        shut: &Shut,
        words: Words,
    ) -> Result<Vec<Block>, RowError> {
        let is_fresh = |it: &&TopicRow| {
            it.last_ms > due.told_ms
                && (it.topic.featured || it.heat >= Heat::hot_from(due.told_ms))
                && !shut.rooms.contains(&it.room)
                && !due.topics.iter().any(|told| told.room == it.room)
        };
        let fresh: Vec<_> = edition.best.iter().filter(is_fresh).collect();
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let rooms = fresh.iter().map(|it| it.room).collect();
        let known = self
            .desk
            .store
            .known_topics(due.member.clone(), rooms)
            .await?;
        let items = fresh
            .into_iter()
            .filter(|it| !known.contains(&it.room))
            .take(limits::DIGEST_BEST_MAX)
            .map(|it| {
                Block::Told(Told {
                    title: it.topic.title.clone(),
                    about: words.standing(it.topic.featured, it.replies),
                    lines: first_line(&it.excerpt).into_iter().collect(),
                    open: words.open().into(),
                    to: format!("{}/t/{}", self.desk.origin, it.slug),
                })
            })
            .collect();
        Ok(section(words.best(), items))
    }

    fn coming(&self, edition: &Edition, due: &DueDigest, shut: &Shut, words: Words) -> Vec<Block> {
        let days = match due.often {
            Digest::Daily => 1,
            Digest::Weekly | Digest::Never => 7,
        };
        let until_ms = edition.now_ms + days * DAY_MS;
        let is_told = |it: &&ComingRow| it.starts_ms <= until_ms && !shut.rooms.contains(&it.room);
        let told = edition
            .coming
            .iter()
            .filter(is_told)
            .take(limits::DIGEST_COMING_MAX);
        let items = told.map(|it| {
            let starts = self.hour.say(it.starts_ms, words);
            Block::Told(Told {
                title: it.broadcast.title.clone(),
                about: words.is_announced(&starts, &it.broadcast.host.name, &it.room_title),
                lines: Vec::new(),
                open: words.see().into(),
                to: format!("{}/r/{}", self.desk.origin, it.slug),
            })
        });
        section(words.coming(), items.collect())
    }

    fn more(&self, n: usize, words: Words, path: &str) -> Option<Block> {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        (n > 0).then(|| Block::Link {
            say: words.more(n),
            to: format!("{}/{path}", self.desk.origin),
        })
    }
}

/// Rooms that a reader may not look into.
#[derive(Default)]
struct Shut {
    rooms: BTreeSet<RoomNumber>,
    slugs: BTreeSet<Slug>,
}

/// Nothing where there is nothing in it.
fn section(title: &str, items: Vec<Block>) -> Vec<Block> {
    let title = (!items.is_empty()).then(|| Block::Section(title.to_owned()));
    title.into_iter().chain(items).collect()
}

/// The first line of a text, and no more of it than a letter quotes. `None` where there is none.
fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|it| !it.is_empty())?;
    let mut chars = line.chars();
    let mut short: String = chars.by_ref().take(limits::DIGEST_LINE_CHARS_MAX).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    Some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_quotes_one_line_and_no_more_than_so_much_of_it() {
        assert_eq!(first_line("\n  one \n two"), Some("one".into()));
        assert_eq!(first_line(" \n"), None);
        let long = "字".repeat(limits::DIGEST_LINE_CHARS_MAX + 1);
        let short = first_line(&long).expect("a line");
        assert_eq!(short.chars().count(), limits::DIGEST_LINE_CHARS_MAX + 1);
        assert!(short.ends_with('…'));
    }

    #[test]
    fn nothing_has_no_title() {
        assert!(section("title", Vec::new()).is_empty());
        assert_eq!(section("title", vec![Block::Say("it".into())]).len(), 2);
    }
}
