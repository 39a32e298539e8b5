//! From a frame to the room it is for. Each arm is one line into its noun.

use community::{Command, Past, Whose};
use protocol::{ClientFrame, Code, Refusal, RoomNumber, client::Wanted, limits};

use super::device::Device;
use crate::actor::{Asked, Reading, RoomHandle, Wish};

impl Device {
    pub(super) fn dispatch(&mut self, frame: ClientFrame) {
        match frame {
            ClientFrame::Hello { .. } | ClientFrame::Ping {} | ClientFrame::Pong {} => {}
            ClientFrame::Join { i, want } => self.join(i, want),
            ClientFrame::Leave { i, a } => self.leave(i, a),
            ClientFrame::Pub {
                i,
                a,
                cid: client_id,
                text,
                re: reply_to,
                card: Some(card),
                ..
            } => self.command(
                i,
                a,
                Command::Share {
                    client_id,
                    text,
                    reply_to,
                    card: Box::new(card),
                },
            ),
            ClientFrame::Pub {
                i,
                a,
                cid: client_id,
                text,
                re: reply_to,
                question,
                card: None,
                to,
            } => {
                self.command(
                    i,
                    a,
                    Command::Publish {
                        client_id,
                        text,
                        reply_to,
                        question,
                        to,
                    },
                );
            }
            ClientFrame::Edit {
                i,
                a,
                cid: client_id,
                of,
                text,
            } => {
                self.command(
                    i,
                    a,
                    Command::Edit {
                        client_id,
                        of,
                        text,
                    },
                );
            }
            ClientFrame::Delete {
                i,
                a,
                cid: client_id,
                of,
            } => {
                self.command(i, a, Command::Delete { client_id, of });
            }
            ClientFrame::Undelete {
                i,
                a,
                cid: client_id,
                of,
            } => {
                self.command(i, a, Command::Undelete { client_id, of });
            }
            ClientFrame::Hold {
                i,
                a,
                cid: client_id,
                of,
            } => {
                self.command(i, a, Command::Hold { client_id, of });
            }
            ClientFrame::Held { i, a, after } => self.command(i, a, Command::Held { after }),
            ClientFrame::Review {
                i,
                a,
                cid: client_id,
                of,
                act,
                reason,
            } => {
                self.command(
                    i,
                    a,
                    Command::Review {
                        client_id,
                        of,
                        act,
                        reason,
                    },
                );
            }
            ClientFrame::Rules { i, a } => self.command(i, a, Command::Rules),
            ClientFrame::SetRules {
                i,
                a,
                cid: client_id,
                rules,
            } => {
                self.command(i, a, Command::SetRules { client_id, rules });
            }
            ClientFrame::Kick {
                i,
                a,
                cid: client_id,
                who,
                reason,
            } => {
                self.command(
                    i,
                    a,
                    Command::Kick {
                        client_id,
                        who,
                        reason,
                    },
                );
            }
            ClientFrame::Burst { a, kind, n } => self.burst(a, kind, n),
            ClientFrame::History {
                i,
                a,
                before,
                after,
                n,
            } => {
                self.history(i, a, before, after, n);
            }
            ClientFrame::Roster { i, a } => self.command(i, a, Command::Roster),
            ClientFrame::Who { i, a, q, after, n } => {
                let n = usize::try_from(n).unwrap_or(usize::MAX);
                self.command(i, a, Command::Who(Whose { q, after, n }));
            }
            ClientFrame::Questions { i, a } => self.command(i, a, Command::Questions),
            ClientFrame::Mode {
                i,
                a,
                cid: client_id,
                mode,
                for_ms,
            } => {
                self.command(
                    i,
                    a,
                    Command::Mode {
                        client_id,
                        mode,
                        for_ms,
                    },
                );
            }
            ClientFrame::Pin {
                i,
                a,
                cid: client_id,
                of,
                text,
            } => {
                self.command(
                    i,
                    a,
                    Command::Pin {
                        client_id,
                        of,
                        text,
                    },
                );
            }
            ClientFrame::Question {
                i,
                a,
                cid: client_id,
                of,
                act,
            } => {
                self.command(i, a, Command::Question { client_id, of, act });
            }
            ClientFrame::Poll {
                i,
                a,
                cid: client_id,
                question,
                options,
                multiple,
                for_ms,
            } => {
                self.command(
                    i,
                    a,
                    Command::Poll {
                        client_id,
                        question,
                        options,
                        multiple,
                        for_ms,
                    },
                );
            }
            ClientFrame::ClosePoll {
                i,
                a,
                cid: client_id,
                of,
            } => {
                self.command(i, a, Command::ClosePoll { client_id, of });
            }
            ClientFrame::Vote { i, a, of, picks } => {
                self.command(i, a, Command::Vote { of, picks });
            }
            ClientFrame::Like { i, a, of, on } => self.command(i, a, Command::Like { of, on }),
            ClientFrame::Liked { i, a, from, to } => self.liked(i, a, from, to),
            ClientFrame::Thread { i, a, of, after, n } => {
                let n = usize::try_from(n).unwrap_or(usize::MAX);
                self.read(i, a, Reading::Thread { of, after, n });
            }
            ClientFrame::Typing { a } => self.typing(a),
            ClientFrame::Watched { a, how } => self.watched(a, &how),
            ClientFrame::Mute {
                i,
                a,
                cid: client_id,
                who,
                for_ms,
                reason,
            } => {
                self.command(
                    i,
                    a,
                    Command::Mute {
                        client_id,
                        who,
                        for_ms,
                        reason,
                    },
                );
            }
            ClientFrame::Unmute {
                i,
                a,
                cid: client_id,
                who,
            } => {
                self.command(i, a, Command::Unmute { client_id, who });
            }
            ClientFrame::Ban {
                i,
                a,
                cid: client_id,
                who,
                for_ms,
                reason,
            } => {
                self.command(
                    i,
                    a,
                    Command::Ban {
                        client_id,
                        who,
                        for_ms,
                        reason,
                    },
                );
            }
            ClientFrame::Unban {
                i,
                a,
                cid: client_id,
                who,
            } => {
                self.command(i, a, Command::Unban { client_id, who });
            }
            ClientFrame::SlowMode {
                i,
                a,
                cid: client_id,
                gap_ms,
                auto,
            } => {
                self.command(
                    i,
                    a,
                    Command::SlowMode {
                        client_id,
                        gap_ms,
                        auto,
                    },
                );
            }
            ClientFrame::CoHost {
                i,
                a,
                cid: client_id,
                who,
                on,
            } => {
                self.command(i, a, Command::CoHost { client_id, who, on });
            }
            ClientFrame::Broadcast {
                i,
                a,
                cid: client_id,
                act,
                title,
                starts_ms,
            } => {
                self.command(
                    i,
                    a,
                    Command::Broadcast {
                        client_id,
                        act,
                        title,
                        starts_ms,
                    },
                );
            }
            ClientFrame::Topic {
                i,
                a,
                cid: client_id,
                act,
            } => {
                self.command(i, a, Command::Topic { client_id, act });
            }
            ClientFrame::Offer { i, a, role, sdp } => self.offer(i, a, role, sdp),
            // A hint: our side learns the client's address from its checks (RFC 8445 §7.3.1.3).
            ClientFrame::Candidate { .. } => {}
            ClientFrame::Restart { i, peer, sdp } => self.restart_peer(i, peer, sdp),
            ClientFrame::Show {
                i,
                peer,
                video,
                height,
            } => self.show_peer(i, peer, video, height),
            ClientFrame::Resume { i, peer } => self.resume_peer(i, peer),
            ClientFrame::Close { i, peer } => self.close_peer(i, peer),
        }
    }

    /// Joins a room: at once where it runs, after one load where it does not.
    fn join(&mut self, i: u32, want: Wanted) {
        let Some(known) = &mut self.known else { return };
        if known.rooms.len() >= limits::ROOMS_PER_CONNECTION_MAX {
            let say = format!(
                "a connection is in at most {} rooms",
                limits::ROOMS_PER_CONNECTION_MAX
            );
            return self.refuse(i, Refusal::new(Code::TooLarge, say));
        }
        if let Err(refusal) = self.shared.memory.takes_newcomers() {
            return self.refuse(i, refusal);
        }
        let Some(asked) = self.opened(i) else { return };
        match self.shared.directory.running(&want.room) {
            Some(room) => self.enter(room, want, asked),
            None => self.start_and_enter(want, asked),
        }
    }

    fn enter(&mut self, room: RoomHandle, want: Wanted, asked: Asked) {
        let Some(known) = &mut self.known else { return };
        known.rooms.retain(|_, it| !it.is_over());
        // Joined again, it keeps the way in that it has, and so the order of what it says.
        let room = known
            .rooms
            .entry(room.number)
            .or_insert_with(|| room.own(&known.waiting))
            .clone();
        let command = Command::Join { since: want.since };
        self.wish(&room, command, asked);
    }

    /// The room has to be started first: the wish goes in from a task, and the way in is known to this
    /// connection as soon as the client can name the room by its number.
    fn start_and_enter(&mut self, want: Wanted, asked: Asked) {
        let (shared, link) = (self.shared.clone(), self.link.clone());
        let Some(known) = &self.known else { return };
        let (who, waiting) = (known.who.clone(), known.waiting.clone());
        let starting = self.starting.clone();
        tokio::task::spawn_local(async move {
            match shared.directory.find(&want.room).await {
                Ok(room) if !link.is_over() => {
                    let room = room.own(&waiting);
                    starting.borrow_mut().push(room.clone());
                    let command = Command::Join { since: want.since };
                    room.wish_surely(Wish::Command {
                        who,
                        command,
                        asked,
                    })
                    .await;
                }
                Ok(_) => Self::settled(asked),
                Err(refusal) => {
                    if let Asked::Connection { i, .. } = &asked {
                        link.send(crate::actor::answer_frame(*i, Err(refusal)));
                    }
                    Self::settled(asked);
                }
            }
        });
    }

    fn leave(&mut self, i: u32, a: RoomNumber) {
        self.command(i, a, Command::Leave);
        if let Some(known) = &mut self.known {
            known.rooms.remove(&a);
        }
    }

    fn command(&mut self, i: u32, a: RoomNumber, command: Command) {
        let Some(room) = self.room(a) else {
            return self.refuse(i, not_joined());
        };
        let Some(asked) = self.opened(i) else { return };
        self.wish(&room, command, asked);
    }

    fn wish(&self, room: &RoomHandle, command: Command, asked: Asked) {
        let Some(known) = &self.known else { return };
        let i = match &asked {
            Asked::Connection { i, .. } => Some(*i),
            _ => None,
        };
        let wish = Wish::Command {
            who: known.who.clone(),
            command,
            asked,
        };
        if let Err(refusal) = room.wish(wish)
            && let Some(i) = i
        {
            known
                .open
                .fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            self.refuse(i, refusal);
        }
    }

    fn burst(&mut self, a: RoomNumber, kind: String, n: u32) {
        let Some(room) = self.room(a) else { return };
        let Some(known) = &mut self.known else { return };
        if known.hearts.allow(clock::unix_ms()) && !self.shared.memory.is_scarce() {
            let asked = Asked::Nobody { id: self.link.id() };
            self.wish(&room, Command::Burst { kind, n }, asked);
        }
    }

    fn typing(&mut self, a: RoomNumber) {
        let Some(room) = self.room(a) else { return };
        let Some(known) = &mut self.known else { return };
        // As hearts are: what is too much is dropped.
        if known.hearts.allow(clock::unix_ms()) && !self.shared.memory.is_scarce() {
            let asked = Asked::Nobody { id: self.link.id() };
            self.wish(&room, Command::Typing, asked);
        }
    }

    fn liked(&mut self, i: u32, a: RoomNumber, from: protocol::Seq, to: protocol::Seq) {
        let Some(known) = &self.known else { return };
        let member = known.who.id.clone();
        self.read(i, a, Reading::Liked { member, from, to });
    }

    fn read(&mut self, i: u32, a: RoomNumber, reading: Reading) {
        let Some(room) = self.room(a) else {
            return self.refuse(i, not_joined());
        };
        let Some(asked) = self.opened(i) else { return };
        if let Err(refusal) = room.wish(Wish::Read { reading, asked }) {
            if let Some(known) = &self.known {
                known
                    .open
                    .fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            }
            self.refuse(i, refusal);
        }
    }

    fn history(
        &mut self,
        i: u32,
        a: RoomNumber,
        before: Option<protocol::Seq>,
        after: Option<protocol::Seq>,
        n: u32,
    ) {
        let past = match (before, after) {
            (Some(seq), None) => Past::Before(seq),
            (None, Some(seq)) => Past::After(seq),
            (None, None) => Past::Last,
            (Some(_), Some(_)) => {
                let say = "history is asked for before a seq or after one, not both";
                return self.refuse(i, Refusal::new(Code::Malformed, say));
            }
        };
        let Some(room) = self.room(a) else {
            return self.refuse(i, not_joined());
        };
        let Some(asked) = self.opened(i) else { return };
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        if let Err(refusal) = room.wish(Wish::History { past, n, asked }) {
            if let Some(known) = &self.known {
                known
                    .open
                    .fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            }
            self.refuse(i, refusal);
        }
    }

    /// The way into a room that this connection has asked to join.
    pub(super) fn room(&mut self, a: RoomNumber) -> Option<RoomHandle> {
        let known = self.known.as_mut()?;
        for room in self.starting.borrow_mut().drain(..) {
            known.rooms.retain(|_, it| !it.is_over());
            known.rooms.entry(room.number).or_insert(room);
        }
        known.rooms.get(&a).cloned()
    }
}

pub(super) fn not_joined() -> Refusal {
    Refusal::new(Code::NotJoined, "join the room first")
}
