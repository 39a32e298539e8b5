//! Erases what logs hold of members whose accounts are gone: their names, and where they wished it what they wrote.
//!
//! An account ends at once, and from then on nobody is shown the name; but logs are long. So they are gone through
//! behind that, room by room in small parts, each that changes something stored with how far it came: after a start it
//! goes on from there, and doing a part twice changes nothing. Between two parts it rests, so that rooms come first.
//! What somebody wrote is taken away by its room, as a delete that nobody brings back, so that everything that hangs on
//! a message (counts, pins, questions, blobs, what can be found) follows as it always does.

use std::{sync::Arc, time::Duration};

use community::{Command, Record, Role, Traces, Who};
use protocol::{CircleId, ClientId, Code, Refusal, RoomNumber, Seq};
use store::{Entry, Erasure, LogError, PageOf, Rewritten, RowError, Store, Writings};
use tokio::time;

use crate::{
    actor::{Directory, storing},
    giving_way::GivingWay,
};

/// Records of one part: 2 ms of the writer's time.
const PART_RECORDS: usize = 100;
/// After the store failed, or a room could not be opened: twice as long each time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);

/// Erases for as long as the server runs.
pub async fn follow(store: Store, directory: Arc<Directory>) {
    let mut eraser = Eraser {
        giving_way: GivingWay::new(store.clone()),
        store,
        directory,
    };
    let mut again = AGAIN_AFTER;
    loop {
        let seen = eraser.store.erasing();
        match eraser.erase_all().await {
            Ok(()) => {
                again = AGAIN_AFTER;
                eraser.store.erasure_begun(&seen).await;
            }
            Err(error) => {
                tracing::warn!(%error, "what a member left cannot be erased yet");
                // Who erases their account meanwhile does not wait for what others wait for.
                let _ = time::timeout(again, eraser.store.erasure_begun(&seen)).await;
                again = AGAIN_AFTER_MAX.min(again * 2);
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
    /// All that are under way. One that a room holds up holds up no other.
    async fn erase_all(&mut self) -> Result<(), Failed> {
        let mut outcome = Ok(());
        for erasure in self.store.erasures().await? {
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
