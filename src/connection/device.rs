//! The state of one connection, and the first word on it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::IpAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use auth::{Identity, guests, mark_of, relays::Relays};
use community::Who;
use fanout::{Form, Handler, Link};
use protocol::{
    ClientFrame, CloseCode, Code, FrameError, MemberId, Refusal, RoomNumber, limits, parse,
    rest::GuestWish,
    server::{Person, Push, Reply, Turn, Welcome},
};
use store::GuestDevice;

use super::{
    Shared, token_refusal,
    watched::{Views, Words},
};
use crate::actor::{Asked, RoomHandle, Waiting, Wish, answer_frame, push_frame};

/// Frames that could not be read before the connection is closed: by then nobody is learning.
const NONSENSE_MAX: u32 = 64;

/// Characters of a device's name.
const DEVICE_CHARS_MAX: usize = 80;

/// One connection.
pub struct Device {
    pub(super) link: Link,
    pub(super) shared: Arc<Shared>,
    pub(super) known: Option<Known>,
    /// Ways into rooms that had to be started first, until the next frame takes them over.
    pub(super) starting: Rc<RefCell<Vec<RoomHandle>>>,
    /// Where it watches; its answers come from tasks of their own.
    pub(super) views: Rc<RefCell<Views>>,
    nonsense: u32,
    /// It was opened before its hello is known to come. That is granted once.
    ahead: bool,
    /// Where it comes from: looked at once, for its hash.
    address: IpAddr,
}

/// What a hello says of who it is: one of these.
struct Proof {
    token: Option<String>,
    guest: Option<GuestWish>,
}

/// What is known after hello.
pub(super) struct Known {
    pub(super) who: Who,
    pub(super) device: Arc<str>,
    form: Form,
    /// Ways into the rooms this connection has asked for, by their numbers.
    pub(super) rooms: BTreeMap<RoomNumber, RoomHandle>,
    /// What keeps its wishes in their order.
    pub(super) waiting: Waiting,
    /// Requests that wait for their answer; rooms lower it from wherever they live.
    pub(super) open: Arc<AtomicU32>,
    pub(super) hearts: Hearts,
    pub(super) words: Words,
}

impl Handler for Device {
    fn text(&mut self, text: &str) {
        match parse(text) {
            Ok(frames) => {
                for frame in frames {
                    self.frame(frame);
                }
            }
            Err(FrameError { request, refusal }) => self.unreadable(request, refusal),
        }
    }

    fn closed(&mut self) {
        let Some(known) = self.known.take() else {
            return;
        };
        let connection = self.link.id();
        self.shared.people.went(&known.who.id, connection);
        self.shared
            .directory
            .stage()
            .let_go(connection, clock::now());
        let mut rooms = known.rooms;
        for room in self.starting.borrow_mut().drain(..) {
            rooms.insert(room.number, room);
        }
        for room in rooms.into_values() {
            // Said surely, in the order of this connection's other wishes: a room that missed it
            // would count this person for ever.
            tokio::task::spawn_local(async move {
                room.wish_surely(Wish::Left { connection }).await;
            });
        }
    }
}

impl Device {
    pub(super) fn new(link: Link, shared: Arc<Shared>, address: IpAddr) -> Self {
        Self {
            link,
            shared,
            known: None,
            starting: Rc::default(),
            views: Rc::default(),
            nonsense: 0,
            ahead: false,
            address,
        }
    }

    fn frame(&mut self, frame: ClientFrame) {
        match frame {
            ClientFrame::Ping {} => {
                if self.known.is_none() && !std::mem::replace(&mut self.ahead, true) {
                    self.link.expect_within(limits::HELLO_AHEAD_WITHIN);
                }
                self.link.send(push_frame(&Push::Pong {}));
            }
            ClientFrame::Pong {} => {}
            ClientFrame::Hello {
                i,
                token,
                guest,
                device,
                z,
            } => self.hello(i, &Proof { token, guest }, &device, z),
            other if self.known.is_none() => {
                if let Some(i) = other.request() {
                    self.refuse(i, Refusal::new(Code::HelloFirst, "say hello first"));
                }
            }
            other => self.dispatch(other),
        }
    }

    /// Checks who it is, or makes a guest, and takes the person's name for this connection.
    fn hello(&mut self, i: u32, proof: &Proof, device: &str, z: Option<u32>) {
        if self.known.is_some() {
            return self.refuse(i, Refusal::new(Code::Malformed, "hello was said already"));
        }
        if device.is_empty() || device.chars().count() > DEVICE_CHARS_MAX {
            let say = format!("`device` has 1 to {DEVICE_CHARS_MAX} characters");
            return self.refuse(i, Refusal::new(Code::Malformed, say));
        }
        let (identity, guest) = match self.identify(proof) {
            Ok(it) => it,
            Err(refusal) => {
                self.refuse(i, refusal);
                return self
                    .link
                    .close(CloseCode::BadToken, "who it is cannot be taken");
            }
        };
        self.link.met();
        let traces = self.shared.tracer.traces(device, self.address);
        let who = self.shared.directory.roles().as_now(identity.who());
        let who = Who { traces, ..who };
        self.shared.people.came(&who.id, device, self.link.id());
        self.end_with_foreign_token(&identity);
        self.hold_against_account(&identity, &who);
        let token = guest.map(|guest| {
            self.keep_guest(guest, identity.name.clone());
            self.shared.tokens.hand_out(&identity, clock::unix_ms())
        });
        let z = z.filter(|it| *it == limits::DICTIONARY);
        if z.is_some() {
            self.link.take_deflated();
        }
        let welcome = Welcome {
            connection: self.link.id().to_string(),
            me: person(&who),
            now_ms: clock::unix_ms(),
            ping_s: u32::try_from(limits::PING_AFTER.as_secs()).unwrap_or(u32::MAX),
            z,
            token,
            turn: self.shared.relays.as_ref().map(|it| turn(it, &who.id)),
        };
        self.link.send(answer_frame(i, Ok(Reply::Welcome(welcome))));
        self.known = Some(Known {
            who,
            device: device.into(),
            form: z.map_or(Form::Text, |_| Form::Deflated),
            rooms: BTreeMap::new(),
            waiting: Waiting::default(),
            open: Arc::default(),
            hearts: Hearts::default(),
            words: Words::default(),
        });
    }

    fn identify(&self, proof: &Proof) -> Result<(Identity, Option<guests::Device>), Refusal> {
        match proof {
            Proof {
                token: Some(token),
                guest: None,
            } => Ok((self.by_token(token)?, None)),
            Proof {
                token: None,
                guest: Some(wish),
            } => {
                let guest = self
                    .shared
                    .guests
                    .recognise(wish, self.address, clock::unix_ms())?;
                Ok((guest.identity(), Some(guest)))
            }
            _ => {
                let say = "hello has either `token` or `guest`";
                Err(Refusal::new(Code::Malformed, say))
            }
        }
    }

    fn by_token(&self, token: &str) -> Result<Identity, Refusal> {
        let identity = self
            .shared
            .tokens
            .read(token, clock::unix_ms())
            .map_err(|it| token_refusal(&it))?;
        if self.shared.people.is_good(&identity.id, identity.epoch) {
            Ok(identity)
        } else {
            Err(Refusal::new(
                Code::TokenRevoked,
                "this sign-in was ended; sign in again",
            ))
        }
    }

    /// Keeps a guest that was welcomed as `called`: who it is follows from its device alone, so nobody waits for the
    /// disk. A disk that takes nothing is the next renewal's: a guest may watch meanwhile.
    fn keep_guest(&self, guest: guests::Device, called: String) {
        let (link, store) = (self.link.clone(), self.shared.store.clone());
        tokio::task::spawn_local(async move {
            let circle = match store.circle().await {
                Ok(Some(circle)) => circle.id,
                Ok(None) => {
                    return link.close(CloseCode::BadToken, "this server is not set up yet");
                }
                Err(error) => return tracing::warn!(%error, "a guest waits to be kept"),
            };
            let wish = GuestDevice {
                circle,
                device: guest.hash,
                new_id: guest.id,
                name: guest.name,
                made_name: guest.made_name,
                now_ms: clock::unix_ms(),
            };
            match store.guest(wish).await {
                Ok(kept) if kept.name == called => {}
                // It has a name from before and said none: its next token has it.
                Ok(_) => link.close(CloseCode::BadToken, "this device has another name"),
                Err(error) => tracing::warn!(%error, "a guest waits to be kept"),
            }
        });
    }

    /// Another site vouches for its people only as long as its token says. Accounts of this server are
    /// told otherwise: their connections close when they sign out.
    fn end_with_foreign_token(&self, identity: &Identity) {
        if !identity.foreign {
            return;
        }
        let left_ms = identity.expires_ms.saturating_sub(clock::unix_ms());
        let left = Duration::from_millis(left_ms) + limits::TOKEN_LEEWAY;
        let link = self.link.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(left).await;
            link.close(CloseCode::BadToken, "the token has expired");
        });
    }

    /// A token outlives a restart of the server, and this process does not know who signed out or
    /// was given another role before it: the store does.
    fn hold_against_account(&self, identity: &Identity, who: &Who) {
        let Some(epoch) = identity.epoch else { return };
        let (link, shared, who) = (self.link.clone(), self.shared.clone(), who.clone());
        tokio::task::spawn_local(async move {
            let Ok(Some(account)) = shared.store.account(who.id.clone()).await else {
                return;
            };
            if account.token_epoch > epoch {
                return link.close(CloseCode::BadToken, "signed out");
            }
            let role = match account.role {
                store::Role::Member => community::Role::Member,
                store::Role::Moderator => community::Role::Moderator,
                store::Role::Owner => community::Role::Owner,
            };
            let unread = shared.store.unread_notices(who.id.clone()).await;
            if let Ok(Some(unread)) = unread {
                let notice = None;
                link.send(push_frame(&Push::Notice { unread, notice }));
            }
            if role != who.role {
                shared.directory.learned(&Who { role, ..who }).await;
            }
        });
    }

    fn unreadable(&mut self, request: Option<u32>, refusal: Refusal) {
        metrics::counter!("weiquan_frames_unreadable_total").increment(1);
        self.nonsense += 1;
        if self.nonsense > NONSENSE_MAX {
            return self
                .link
                .close(CloseCode::BadFrame, "too many frames that cannot be read");
        }
        // Without a number nobody waits for it, but a person at a console sees why.
        self.refuse(request.unwrap_or(0), refusal);
    }

    pub(super) fn refuse(&self, i: u32, refusal: Refusal) {
        self.link.send(answer_frame(i, Err(refusal)));
    }

    /// Counts one more open request, unless there are too many.
    pub(super) fn opened(&self, i: u32) -> Option<Asked> {
        let known = self.known.as_ref()?;
        let limit = u32::try_from(limits::IN_FLIGHT_MAX).unwrap_or(u32::MAX);
        if known.open.load(Ordering::Relaxed) >= limit {
            let say = format!("at most {limit} requests may wait for their answer");
            self.refuse(i, Refusal::new(Code::TooManyInFlight, say).after_ms(200));
            return None;
        }
        known.open.fetch_add(1, Ordering::Relaxed);
        Some(Asked::Connection {
            id: self.link.id(),
            i,
            form: known.form,
            open: known.open.clone(),
        })
    }

    /// One request was answered here and not by a room.
    pub(super) fn settled(asked: Asked) {
        if let Asked::Connection { open, .. } = asked {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// How many frames of hearts a connection may send: more are dropped, as bursts may be.
#[derive(Default)]
pub(super) struct Hearts {
    second: u64,
    sent: u32,
}

impl Hearts {
    const FRAMES_PER_SECOND_MAX: u32 = 8;

    pub(super) fn allow(&mut self, unix_ms: u64) -> bool {
        let second = unix_ms / 1_000;
        if self.second != second {
            *self = Self { second, sent: 0 };
        }
        self.sent += 1;
        self.sent <= Self::FRAMES_PER_SECOND_MAX
    }
}

fn person(who: &Who) -> Person {
    Person {
        id: who.id.clone(),
        name: who.name.to_string(),
        mark: mark_of(who.role),
    }
}

/// What lets this person in at the relays, from now on.
fn turn(relays: &Relays, who: &MemberId) -> Turn {
    let pass = relays.pass(who.as_str(), clock::unix_ms());
    Turn {
        urls: relays.urls().to_vec(),
        username: pass.username,
        credential: pass.credential,
    }
}
