//! A client that stays: it reconnects with jitter, resumes from its position, checks every delivery
//! and says everything exactly once.

use std::{collections::VecDeque, future::Future, net::SocketAddr, time::Duration};

use protocol::{
    ClientFrame, ClientId, Refusal, RoomNumber, Seq,
    client::Position,
    server::{Answer, Joined, Outcome, Page, Person, Push, Reply},
};
use tokio::{sync::mpsc, task::JoinHandle, time};

use crate::{
    AfterClose, AfterRefusal, Breach, Connection, Error, Incoming, Ledger, Pace,
    connection::new_client_id,
};

/// Wishes that wait for the follower; then [`Follower::wish`] waits.
pub const WISHES_MAX: usize = 1_024;
/// Happenings that wait for their reader. A reader that is slower holds its own line back, and the
/// server names what it could not have (C5).
pub const HAPPENINGS_MAX: usize = 1_024;
/// Fresh tokens in a row that the server did not take.
const NEW_TOKENS_MAX: u32 = 2;
/// A connection that held so long was a good one: the next loss starts from the shortest wait.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// Where a follower gets its sockets and tokens from, each time anew.
pub trait Door: Send + Sync + 'static {
    /// An open socket, and the token to say hello with.
    fn open(&mut self) -> impl Future<Output = Result<(Connection, String), Error>> + Send;

    /// The server did not take the token. False where there is no other to be had.
    fn token_refused(&mut self) -> bool;
}

/// A server by address, and one token for good.
#[derive(Clone, Debug)]
pub struct Direct {
    pub server: SocketAddr,
    pub token: String,
    pub room: String,
}

impl Door for Direct {
    async fn open(&mut self) -> Result<(Connection, String), Error> {
        let line = Connection::open(self.server, Some(&self.room)).await?;
        Ok((line, self.token.clone()))
    }

    fn token_refused(&mut self) -> bool {
        false
    }
}

/// What a follower's owner wants of the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Now, or as soon as the line is back.
    Say { text: String, re: Option<Seq> },
    /// The `n` records before a seq, while the line is up.
    Before { seq: Seq, n: u32 },
    /// A vote in a poll, while the line is up: the numbers of options, from 0.
    Vote { of: Seq, picks: Vec<u8> },
}

/// A message that the server acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub client_id: ClientId,
    pub text: String,
    pub seq: Seq,
}

/// What a follower tells its owner.
#[derive(Clone, Debug)]
pub enum Happening {
    /// In the room, for the first time or `again`, and who one is there.
    Joined {
        joined: Box<Joined>,
        me: Person,
        again: bool,
    },
    Push(Push),
    /// The records before a seq, as wished.
    Page {
        before: Seq,
        page: Page,
    },
    Said(Said),
    /// The vote in that poll is on the server's disk.
    Voted {
        of: Seq,
    },
    /// It is not, and will not be said again by itself.
    VoteRefused {
        of: Seq,
        refusal: Refusal,
    },
    /// It will be said again by itself, after `after`.
    Waits {
        refusal: Refusal,
        after: Duration,
    },
    /// It will not be said again by itself: here it is, for a person to read the words.
    Refused {
        text: String,
        re: Option<Seq>,
        refusal: Refusal,
    },
    /// The line is gone; a new one is tried after `again_after`, or never (the follower is over).
    Lost {
        why: String,
        again_after: Option<Duration>,
    },
    Breach(Breach),
}

/// A room followed through everything that may happen to the line or the server.
pub struct Follower {
    wishes: mpsc::Sender<Wish>,
    task: JoinHandle<()>,
}

struct Waiting {
    client_id: ClientId,
    text: String,
    re: Option<Seq>,
    request: Option<u32>,
}

struct Follow<D> {
    door: D,
    pace: Pace,
    device: String,
    room: String,
    ledger: Ledger,
    outbox: VecDeque<Waiting>,
    /// Pages asked for on this connection: request and seq.
    pages: Vec<(u32, Seq)>,
    /// Votes said on this connection: request and poll.
    votes: Vec<(u32, Seq)>,
    joined_before: bool,
    joined_at: Option<time::Instant>,
    /// The position is not taken: the next join begins afresh.
    forget: bool,
    /// When to say again what was refused with `retry`.
    again_at: Option<time::Instant>,
    /// When to come back to a server that said `goaway`.
    come_back_at: Option<time::Instant>,
    out: mpsc::Sender<Happening>,
}

/// Nobody listens any more.
struct Over;

/// Why one connection's life ended.
enum End {
    Over,
    /// Not in the room any more, or not yet: join anew on another connection, after this.
    Again(String, Duration),
    Error(Error),
}

impl From<Over> for End {
    fn from(_: Over) -> Self {
        Self::Over
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Follower {
    /// Starts following at the protocol's pace. Happenings come in order; the channel closes with the
    /// follower.
    pub fn start(
        door: impl Door,
        device: String,
        room: String,
    ) -> (Self, mpsc::Receiver<Happening>) {
        Self::start_at(Pace::PROTOCOL, door, device, room)
    }

    /// The same at a pace of one's own.
    pub fn start_at(
        pace: Pace,
        door: impl Door,
        device: String,
        room: String,
    ) -> (Self, mpsc::Receiver<Happening>) {
        let (wishes, wished) = mpsc::channel(WISHES_MAX);
        let (out, happenings) = mpsc::channel(HAPPENINGS_MAX);
        let follow = Follow {
            door,
            pace,
            device,
            room,
            ledger: Ledger::default(),
            outbox: VecDeque::new(),
            pages: Vec::new(),
            votes: Vec::new(),
            joined_before: false,
            joined_at: None,
            forget: false,
            again_at: None,
            come_back_at: None,
            out,
        };
        let task = tokio::spawn(follow.run(wished));
        (Self { wishes, task }, happenings)
    }

    /// Wishes something. A follower that is over hears nothing; its channel said so.
    pub async fn wish(&self, wish: Wish) {
        let _ = self.wishes.send(wish).await;
    }

    /// Says a text, now or as soon as the line is back.
    pub async fn say(&self, text: String) {
        self.wish(Wish::Say { text, re: None }).await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn due(at: Option<time::Instant>) {
    match at {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl<D: Door> Follow<D> {
    async fn run(mut self, mut wished: mpsc::Receiver<Wish>) {
        let (mut tries, mut new_tokens) = (0, 0);
        loop {
            self.joined_at = None;
            let Err(end) = self.live(&mut wished).await;
            if let Some(at) = self.joined_at {
                new_tokens = 0;
                if at.elapsed() >= SETTLED_AFTER {
                    tries = 0;
                }
            }
            let (why, again_after) = match end {
                End::Over => return,
                End::Again(why, after) => (why, Some(after)),
                End::Error(error) => {
                    let after = self.after(&error, &mut new_tokens, tries);
                    tries += 1;
                    (words(error), after)
                }
            };
            if self
                .tell(Happening::Lost { why, again_after })
                .await
                .is_err()
            {
                return;
            }
            let Some(wait) = again_after else { return };
            time::sleep(wait).await;
            for waiting in &mut self.outbox {
                waiting.request = None;
            }
        }
    }

    /// How long to wait before the next try; `None` is never.
    fn after(&mut self, error: &Error, new_tokens: &mut u32, tries: u32) -> Option<Duration> {
        let usual = match self.come_back_at.take() {
            Some(at) => at.saturating_duration_since(time::Instant::now()),
            None => self.pace.wait(tries, chance()),
        };
        let closed = match error {
            Error::Closed { code, .. } => AfterClose::of(*code),
            // What could not be joined or greeted: a hello, or the room.
            Error::Refused(refusal) => match AfterRefusal::of(refusal) {
                AfterRefusal::Tell => AfterClose::Stop,
                AfterRefusal::NewToken => AfterClose::NewToken,
                AfterRefusal::SayAgain { after } => return Some(usual.max(after)),
                AfterRefusal::Join => {
                    self.forget = true;
                    AfterClose::Reconnect
                }
            },
            _ => AfterClose::Reconnect,
        };
        match closed {
            AfterClose::Reconnect => Some(usual),
            AfterClose::Stop => None,
            AfterClose::NewToken => {
                *new_tokens += 1;
                (*new_tokens <= NEW_TOKENS_MAX && self.door.token_refused()).then_some(usual)
            }
        }
    }

    /// One connection's life.
    async fn live(
        &mut self,
        wished: &mut mpsc::Receiver<Wish>,
    ) -> Result<std::convert::Infallible, End> {
        let (mut line, token) = self.door.open().await?;
        let me = line.hello(&token, &self.device).await?.me;
        let since = self.since();
        let joined = line.join(&self.room, since).await?;
        let a = self.joined(joined, me).await?;
        self.say_waiting(&mut line, a).await?;
        loop {
            tokio::select! {
                incoming = line.next() => self.take(incoming?).await?,
                wish = wished.recv() => self.wished(wish.ok_or(Over)?, &mut line, a).await?,
                () = due(self.again_at) => {
                    self.again_at = None;
                    self.say_waiting(&mut line, a).await?;
                }
                () = due(self.come_back_at) => {
                    self.come_back_at = None;
                    return Err(End::Again("the server is going".into(), Duration::ZERO));
                }
                () = self.out.closed() => return Err(End::Over),
            }
        }
    }

    fn since(&mut self) -> Option<Position> {
        if std::mem::take(&mut self.forget) {
            self.ledger = Ledger::default();
        }
        self.ledger.position()
    }

    async fn joined(&mut self, joined: Joined, me: Person) -> Result<RoomNumber, End> {
        self.pages.clear();
        for (_, of) in std::mem::take(&mut self.votes) {
            let words = "the line broke before the answer: vote again";
            let refusal = Refusal::new(protocol::Code::NotJoined, words);
            self.tell(Happening::VoteRefused { of, refusal }).await?;
        }
        self.come_back_at = None;
        self.joined_at = Some(time::Instant::now());
        let verdict = self.ledger.join(&joined);
        let a = joined.a;
        let happening = Happening::Joined {
            joined: Box::new(joined),
            me,
            again: self.joined_before,
        };
        self.joined_before = true;
        self.tell_breach(verdict).await?;
        self.tell(happening).await?;
        Ok(a)
    }

    async fn wished(
        &mut self,
        wish: Wish,
        line: &mut Connection,
        a: RoomNumber,
    ) -> Result<(), End> {
        match wish {
            Wish::Say { text, re } => {
                self.outbox.push_back(Waiting {
                    client_id: new_client_id(),
                    text,
                    re,
                    request: None,
                });
                self.say_waiting(line, a).await
            }
            Wish::Vote { of, picks } => {
                let i = line.next_request();
                self.votes.push((i, of));
                let said = ClientFrame::Vote { i, a, of, picks };
                Ok(line.send(&said).await?)
            }
            Wish::Before { seq, n } => {
                let i = line.next_request();
                self.pages.push((i, seq));
                let (before, after) = (Some(seq), None);
                let asked = ClientFrame::History {
                    i,
                    a,
                    before,
                    after,
                    n,
                };
                Ok(line.send(&asked).await?)
            }
        }
    }

    async fn say_waiting(&mut self, line: &mut Connection, a: RoomNumber) -> Result<(), End> {
        // What was refused with a time keeps everything behind it waiting: the order stays.
        if self.again_at.is_some() {
            return Ok(());
        }
        for waiting in self.outbox.iter_mut().filter(|it| it.request.is_none()) {
            let i = line.next_request();
            waiting.request = Some(i);
            let said = ClientFrame::Pub {
                i,
                a,
                cid: waiting.client_id.clone(),
                text: waiting.text.clone(),
                re: waiting.re,
                question: false,
                card: None,
                to: Vec::new(),
            };
            line.send(&said).await?;
        }
        Ok(())
    }

    async fn take(&mut self, incoming: Incoming) -> Result<(), End> {
        let push = match incoming {
            Incoming::Answer(answer) => return self.answered(answer).await,
            Incoming::Push(push) => push,
        };
        let verdict = self.ledger.push(&push);
        self.tell_breach(verdict).await?;
        match &push {
            Push::Goaway {
                after_ms: (from, to),
            } => {
                let spread = f64::from(to.saturating_sub(*from)) * chance();
                let wait = Duration::from_millis(u64::from(*from) + spread as u64);
                self.come_back_at = Some(time::Instant::now() + wait);
            }
            Push::Out { why, .. } => {
                let why = why.clone();
                self.tell(Happening::Push(push)).await?;
                return Err(Error::from(why).into());
            }
            _ => {}
        }
        Ok(self.tell(Happening::Push(push)).await?)
    }

    async fn answered(&mut self, answer: Answer) -> Result<(), End> {
        if let Some(at) = self.pages.iter().position(|it| it.0 == answer.i) {
            let (_, before) = self.pages.swap_remove(at);
            // A page that was refused may be wished again.
            if let Outcome::Ok(Reply::Page(page)) = answer.outcome {
                self.tell(Happening::Page { before, page }).await?;
            }
            return Ok(());
        }
        if let Some(at) = self.votes.iter().position(|it| it.0 == answer.i) {
            let (_, of) = self.votes.swap_remove(at);
            let happening = match answer.outcome {
                Outcome::Ok(_) => Happening::Voted { of },
                Outcome::Err(refusal) => Happening::VoteRefused { of, refusal },
            };
            return Ok(self.tell(happening).await?);
        }
        let mine = |it: &Waiting| it.request == Some(answer.i);
        let Some(at) = self.outbox.iter().position(mine) else {
            return Ok(());
        };
        match answer.outcome {
            Outcome::Ok(Reply::Ack(ack)) => {
                let it = self.outbox.remove(at).expect("found above");
                let said = Said {
                    client_id: it.client_id,
                    text: it.text,
                    seq: ack.s,
                };
                Ok(self.tell(Happening::Said(said)).await?)
            }
            Outcome::Ok(other) => Err(Error::Unreadable(format!("no ack: {other:?}")).into()),
            Outcome::Err(refusal) => self.refused(at, refusal).await,
        }
    }

    async fn refused(&mut self, at: usize, refusal: Refusal) -> Result<(), End> {
        match AfterRefusal::of(&refusal) {
            // It is still wanted, and saying it again with the same client id is safe.
            AfterRefusal::SayAgain { after } => {
                self.outbox[at].request = None;
                let again_at = time::Instant::now() + after;
                self.again_at = Some(self.again_at.map_or(again_at, |it| it.max(again_at)));
                Ok(self.tell(Happening::Waits { refusal, after }).await?)
            }
            AfterRefusal::NewToken => Err(Error::from(refusal).into()),
            AfterRefusal::Join => Err(End::Again(refusal.say, Duration::ZERO)),
            AfterRefusal::Tell => {
                let Waiting { text, re, .. } = self.outbox.remove(at).expect("found by its owner");
                Ok(self.tell(Happening::Refused { text, re, refusal }).await?)
            }
        }
    }

    async fn tell_breach(&self, verdict: Result<(), Breach>) -> Result<(), Over> {
        match verdict {
            Ok(()) => Ok(()),
            Err(breach) => self.tell(Happening::Breach(breach)).await,
        }
    }

    async fn tell(&self, happening: Happening) -> Result<(), Over> {
        self.out.send(happening).await.map_err(|_| Over)
    }
}

/// What a person wants to read: a refusal's own words, without our names for it.
fn words(error: Error) -> String {
    match error {
        Error::Refused(refusal) => refusal.say,
        other => other.to_string(),
    }
}

/// A random number from 0 to 1: a UUID of version 7 ends in 62 random bits.
fn chance() -> f64 {
    let random = uuid::Uuid::now_v7().as_u128() as u32;
    f64::from(random) / f64::from(u32::MAX)
}
