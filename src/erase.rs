//! Erases what is left of members whose accounts are gone: what rooms that run hold of them, then what logs do, which is
//! their names, and where they wished it what they wrote.
//!
//! An account ends at once, and from then on nobody is shown the name: every room that runs lets go of it, whether
//! whoever asked waits for that or is gone. But logs are long. They are gone through behind that, once no room has
//! anything with the name on its way to its log any more; room by room in small parts, each that changes something
//! stored with how far it came: after a start it goes on from there, and doing a part twice changes nothing. Between two
//! parts it rests, so that rooms come first. What somebody wrote is taken away by its room, as a delete that nobody
//! brings back, so that everything that hangs on a message (counts, pins, questions, blobs, what can be found) follows
//! as it always does.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use community::{Command, Record, Role, Traces, Who};
use protocol::{CircleId, ClientId, Code, MemberId, Refusal, RoomNumber, Seq};
use store::{Entry, Erasing, Erasure, LogError, PageOf, Rewritten, RowError, Store, Writings};
use tokio::{sync::watch, task::JoinSet, time};

use crate::{
    actor::{Directory, People, storing},
    giving_way::GivingWay,
};

/// Records of one part: 2 ms of the writer's time.
const PART_RECORDS: usize = 100;
/// After the store failed, or a room could not be opened: twice as long each time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);

/// The erasures of this process.
pub struct Erasures {
    store: Store,
    directory: Arc<Directory>,
    people: Arc<People>,
    /// Whom no room that runs knows any more.
    let_go: watch::Sender<BTreeSet<MemberId>>,
    /// Those of before the start: no room ran then.
    earlier: Arc<Erasing>,
}

impl Erasures {
    /// Made before a room runs.
    pub fn new(store: Store, directory: Arc<Directory>, people: Arc<People>) -> Self {
        let earlier = store.erasing();
        let let_go = earlier.since(&Erasing::default()).iter().cloned().collect();
        Self {
            store,
            directory,
            people,
            let_go: watch::Sender::new(let_go),
            earlier,
        }
    }

    /// Erases for as long as the server runs.
    pub async fn run(&self) {
        tokio::join!(self.tell(), self.go_through());
    }

    /// Returns once no running room shows the name of somebody who erased their account.
    pub async fn let_go_of(&self, member: &MemberId) {
        let mut let_go = self.let_go.subscribe();
        // The sender lives here.
        let _ = let_go.wait_for(|it| it.contains(member)).await;
    }

    /// Tells all that runs of each who erases their account. One whom a room does not let go of holds up no other.
    async fn tell(&self) {
        let mut seen = self.earlier.clone();
        let mut telling = JoinSet::new();
        loop {
            tokio::select! {
                () = self.store.erasure_begun(&seen) => {}
                Some(told) = telling.join_next() => {
                    if let Err(error) = told {
                        tracing::error!(%error, "rooms were not told of an erased account");
                    }
                    continue;
                }
            }
            let now = self.store.erasing();
            for member in now.since(&seen) {
                self.directory.stage().end_of_person(member);
                self.people.revoke(member, u64::MAX);
                let (member, directory, let_go) =
                    (member.clone(), self.directory.clone(), self.let_go.clone());
                telling.spawn(async move {
                    directory.erased(&member).await;
                    let_go.send_if_modified(|it| it.insert(member));
                });
            }
            seen = now;
        }
    }

    /// Goes through the logs, of each whom the rooms have let go of.
    async fn go_through(&self) {
        let mut eraser = Eraser {
            giving_way: GivingWay::new(self.store.clone()),
            store: self.store.clone(),
            directory: self.directory.clone(),
        };
        let mut let_go = self.let_go.subscribe();
        let mut again = AGAIN_AFTER;
        loop {
            let of = let_go.borrow_and_update().clone();
            match eraser.erase_all(&of).await {
                Ok(()) => {
                    again = AGAIN_AFTER;
                    // The sender lives here.
                    let _ = let_go.changed().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "what a member left cannot be erased yet");
                    // Who erases their account meanwhile does not wait for what others wait for.
                    let _ = time::timeout(again, let_go.changed()).await;
                    again = AGAIN_AFTER_MAX.min(again * 2);
                }
            }
        }
    }
}

/// Why it stopped for now.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Row(#[from] RowError),
    #[error("a room did not take a message away: {0}")]
    Room(Refusal),
}

struct Eraser {
    store: Store,
    directory: Arc<Directory>,
    giving_way: GivingWay,
}

/// What is read of a log at once.
struct Part {
    entries: Vec<Entry>,
    /// Where it ends, whatever could be read of it.
    upto: Seq,
    is_end: bool,
}

impl Eraser {
    /// All that are under way, of these members. One that a room holds up holds up no other.
    async fn erase_all(&mut self, of: &BTreeSet<MemberId>) -> Result<(), Failed> {
        let mut outcome = Ok(());
        for erasure in self.store.erasures().await? {
            // Something that a room has decided but not stored may still have the name.
            if !of.contains(&erasure.member) {
                continue;
            }
            let member = erasure.member.clone();
            match self.erase(erasure).await {
                Ok(()) => {
                    self.store.erased(member.clone()).await?;
                    tracing::info!(%member, "nothing is left of an erased account");
                }
                Err(held_up @ Failed::Room(_)) => outcome = Err(held_up),
                Err(error) => return Err(error),
            }
        }
        outcome
    }

    /// Goes through every log from where the last part ended.
    async fn erase(&mut self, mut erasure: Erasure) -> Result<(), Failed> {
        // The room that it stands in, and those behind it.
        let mut above = erasure.room.saturating_sub(1);
        while let Some((room, circle)) = self.store.room_above(above).await? {
            if room != erasure.room {
                (erasure.room, erasure.seq) = (room, 0);
            }
            self.erase_in_room(&mut erasure, circle).await?;
            above = room;
        }
        Ok(())
    }

    async fn erase_in_room(
        &mut self,
        erasure: &mut Erasure,
        circle: CircleId,
    ) -> Result<(), Failed> {
        loop {
            let started = clock::now();
            let part = self.part(erasure.room, erasure.seq).await?;
            if self.is_rewritten(erasure, circle, &part).await? {
                erasure.seq = part.upto;
                if part.is_end {
                    return Ok(());
                }
            }
            self.giving_way.rest(clock::now() - started).await;
        }
    }

    /// Stores a part without the name. False where something of it changed meanwhile, by this or by others.
    async fn is_rewritten(
        &self,
        erasure: &Erasure,
        circle: CircleId,
        part: &Part,
    ) -> Result<bool, Failed> {
        let mut rewritten = Vec::new();
        let mut is_changed = false;
        for was in &part.entries {
            if !names(was, erasure) {
                continue;
            }
            let Some(mut record) = readable(erasure.room, circle, was) else {
                continue;
            };
            if erasure.writings == Writings::Remove {
                is_changed |= self.take_away(erasure, &record).await?;
            }
            if record.unname(&erasure.member) {
                let columns = record.columns();
                rewritten.push(Rewritten {
                    was: was.clone(),
                    name: columns.author.name,
                    body: columns.body,
                });
            }
        }
        if is_changed {
            return Ok(false);
        }
        // Most logs hold nothing of them: reading on is noted with the next that does.
        if rewritten.is_empty() {
            return Ok(true);
        }
        let upto = Erasure {
            seq: part.upto,
            ..erasure.clone()
        };
        Ok(self.store.rewrite(upto, circle, rewritten).await?)
    }

    /// Has the room take away what its writer wants gone. True where something was.
    async fn take_away(&self, erasure: &Erasure, record: &Record) -> Result<bool, Failed> {
        if record.can_bring_back_words_of(&erasure.member) {
            // An awake room erases it by itself when its time is over.
            self.room(erasure.room).await?;
        }
        if !record.holds_words_of(&erasure.member) {
            return Ok(false);
        }
        let who = Who {
            id: erasure.member.clone(),
            name: "".into(),
            role: Role::Member,
            traces: Traces::default(),
        };
        let forget = Command::Forget {
            client_id: ClientId::from(uuid::Uuid::now_v7().to_string()),
            of: record.seq,
        };
        match self.room(erasure.room).await?.ask(who, forget).await {
            Ok(_) => Ok(true),
            // Somebody else was faster.
            Err(refusal) if refusal.code == Code::NoSuchMessage => Ok(true),
            Err(refusal) => Err(Failed::Room(refusal)),
        }
    }

    async fn room(&self, number: RoomNumber) -> Result<crate::actor::RoomHandle, Failed> {
        let found = self.directory.find_number(number).await;
        found.map_err(Failed::Room)
    }

    /// What comes next in a log. A record that the disk changed or lost is left out: nobody can read it.
    async fn part(&self, room: RoomNumber, after: Seq) -> Result<Part, LogError> {
        let bad = match self
            .store
            .page(room, PageOf::After(after), PART_RECORDS)
            .await
        {
            Ok(page) => {
                return Ok(Part {
                    upto: page.entries.last().map_or(after, |it| it.seq),
                    is_end: page.end,
                    entries: page.entries,
                });
            }
            Err(LogError::Damaged { seq, .. }) if seq > after => seq,
            Err(error) => return Err(error),
        };
        tracing::error!(room, seq = bad, "a damaged record cannot be gone through");
        let mut entries = Vec::new();
        for seq in after + 1..bad {
            entries.extend(self.store.entry(room, seq).await?);
        }
        Ok(Part {
            entries,
            upto: bad,
            is_end: false,
        })
    }
}

/// Whether there may be anything of the member in it: wherever their name stands, their id does.
fn names(entry: &Entry, erasure: &Erasure) -> bool {
    let id = erasure.member.as_str().as_bytes();
    entry.author.id == erasure.member || entry.body.windows(id.len()).any(|it| it == id)
}

fn readable(room: RoomNumber, circle: CircleId, entry: &Entry) -> Option<Record> {
    storing::record_as_stored(circle, entry.clone())
        .inspect_err(|error| {
            let seq = entry.seq;
            tracing::error!(room, seq, %error, "a record cannot be read to be erased");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use community::{Rates, TalkRate};
    use fanout::Prepared;
    use store::{NewAccount, Role as Rank, StoreConfig};

    use super::*;
    use crate::actor::{Nobody, Stage, directory::Shards};

    fn account(id: &str) -> NewAccount {
        NewAccount {
            id: id.into(),
            name: format!("the name of {id}"),
            password: String::new(),
            made_ms: 0,
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn logs_are_gone_through_once_the_rooms_have_let_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), &StoreConfig::default()).expect("opens");
        let owner = store.set_up("Circle".into(), account("m_owner")).await;
        let circle = owner.expect("empty").circle;
        let anna = MemberId::from("m_anna");
        let added = store.add_account(circle, Rank::Member, account(anna.as_str()));
        added.await.expect("added");
        let prepared = Prepared::new(fanout::Config::default());
        let handles = Shards::new(prepared.handles().to_vec());
        let shards = prepared.start(Nobody).expect("starts");
        let rates = Rates {
            talk: TalkRate::new(0, 0),
            readable: 0,
        };
        let stage = Stage::new().0;
        let directory = Directory::new(handles.clone(), store.clone(), stage, rates, None);
        let directory = Arc::new(directory);
        let people = Arc::new(People::new(handles));
        let erasures = Erasures::new(store.clone(), directory.clone(), people);
        let mut eraser = Eraser {
            giving_way: GivingWay::new(store.clone()),
            store: store.clone(),
            directory,
        };

        let asked = store.erase_account(anna.clone(), Writings::Keep, 9);
        asked.await.expect("erased");
        let let_go = erasures.let_go.borrow().clone();
        eraser.erase_all(&let_go).await.expect("nothing to do yet");
        assert_eq!(store.erasures().await.expect("read").len(), 1);

        {
            let mut told = std::pin::pin!(erasures.tell());
            let telling = told.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(telling, Poll::Pending);
            erasures.let_go_of(&anna).await;
        }
        let let_go = erasures.let_go.borrow().clone();
        eraser.erase_all(&let_go).await.expect("done");
        assert!(store.erasures().await.expect("read").is_empty());

        tokio::task::spawn_blocking(move || shards.stop())
            .await
            .expect("stops");
        store.close().await;
    }
}
