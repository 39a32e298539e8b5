//! A client that stays: it reconnects with jitter, resumes from its position, checks every delivery
//! and says everything exactly once.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use protocol::{
    Act, ClientFrame, ClientId, Refusal, RoomNumber, Seq,
    server::{Answer, Outcome, Push, RecordFrame, Reply},
};
use tokio::{sync::mpsc, task::JoinHandle, time};

use crate::{Breach, Connection, Error, Incoming, Ledger, connection::new_client_id};

/// Longest wait between two tries to connect.
const RETRY_MAX: Duration = Duration::from_secs(2);
const WISHES_MAX: usize = 1_024;

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
    Joined {
        seq: Seq,
        again: bool,
    },
    Record(RecordFrame),
    Gap {
        from: Seq,
        to: Seq,
    },
    Said(Said),
    Refused {
        client_id: ClientId,
        refusal: Refusal,
    },
    Lost(String),
    Breach(Breach),
}

/// A room followed through everything that may happen to the line or the server.
pub struct Follower {
    wishes: mpsc::Sender<String>,
    task: JoinHandle<()>,
}

struct Waiting {
    client_id: ClientId,
    text: String,
    request: Option<u32>,
}

struct Follow {
    server: SocketAddr,
    token: String,
    device: String,
    room: String,
    ledger: Ledger,
    outbox: VecDeque<Waiting>,
    joined_before: bool,
    /// When to say again what was refused with `retry`.
    again_at: Option<time::Instant>,
    out: mpsc::UnboundedSender<Happening>,
}

impl Follower {
    /// Starts following. Happenings come in order; the channel closes with the follower.
    pub fn start(
        server: SocketAddr,
        token: String,
        device: String,
        room: String,
    ) -> (Self, mpsc::UnboundedReceiver<Happening>) {
        let (wishes, wished) = mpsc::channel(WISHES_MAX);
        let (out, happenings) = mpsc::unbounded_channel();
        let follow = Follow {
            server,
            token,
            device,
            room,
            ledger: Ledger::default(),
            outbox: VecDeque::new(),
            joined_before: false,
            again_at: None,
            out,
        };
        (
            Self {
                wishes,
                task: tokio::spawn(follow.run(wished)),
            },
            happenings,
        )
    }

    /// Says a text, now or as soon as the line is back.
    pub async fn say(&self, text: String) {
        // The task ends only when this handle is dropped, so the channel is open.
        let _ = self.wishes.send(text).await;
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

impl Follow {
    async fn run(mut self, mut wished: mpsc::Receiver<String>) {
        let mut wait = Duration::from_millis(20);
        loop {
            match self.live(&mut wished, &mut wait).await {
                Ok(()) => return,
                Err(error) => {
                    let stop = matches!(
                        &error,
                        Error::Closed {
                            code: 4500..=4999,
                            ..
                        }
                    ) || matches!(&error, Error::Refused(it) if it.act == Act::Stop);
                    if self.out.send(Happening::Lost(error.to_string())).is_err() || stop {
                        return;
                    }
                }
            }
            // Full jitter over the lower half keeps a crowd from coming back in step.
            let spread = u64::try_from(wait.as_millis()).unwrap_or(1_000).max(1);
            let jitter = uuid::Uuid::now_v7().as_u128() as u64 % spread;
            time::sleep(Duration::from_millis(jitter)).await;
            wait = (wait * 2).min(RETRY_MAX);
            for waiting in &mut self.outbox {
                waiting.request = None;
            }
        }
    }

    /// One connection's life. Ends well only when nobody listens any more.
    async fn live(
        &mut self,
        wished: &mut mpsc::Receiver<String>,
        wait: &mut Duration,
    ) -> Result<(), Error> {
        let mut line = Connection::open(self.server, Some(&self.room)).await?;
        line.hello(&self.token, &self.device).await?;
        let joined = line.join(&self.room, self.ledger.position()).await?;
        *wait = Duration::from_millis(20);
        let a = joined.a;
        let verdict = self.ledger.join(&joined);
        self.tell_breach(verdict);
        if let Some((from, to)) = joined.gap {
            self.tell(Happening::Gap { from, to });
        }
        self.tell(Happening::Joined {
            seq: joined.s,
            again: self.joined_before,
        });
        self.joined_before = true;
        for record in joined.ev {
            self.tell(Happening::Record(record));
        }
        self.say_waiting(&mut line, a).await?;
        loop {
            tokio::select! {
                incoming = line.next() => self.take(incoming?)?,
                text = wished.recv() => match text {
                    Some(text) => {
                        self.outbox.push_back(Waiting { client_id: new_client_id(), text, request: None });
                        self.say_waiting(&mut line, a).await?;
                    }
                    None => return Ok(()),
                },
                () = due(self.again_at) => {
                    self.again_at = None;
                    self.say_waiting(&mut line, a).await?;
                }
            }
            if self.out.is_closed() {
                return Ok(());
            }
        }
    }

    async fn say_waiting(&mut self, line: &mut Connection, a: RoomNumber) -> Result<(), Error> {
        for waiting in self.outbox.iter_mut().filter(|it| it.request.is_none()) {
            let i = line.next_request();
            waiting.request = Some(i);
            let (cid, text) = (waiting.client_id.clone(), waiting.text.clone());
            line.send(&ClientFrame::Pub {
                i,
                a,
                cid,
                text,
                re: None,
                question: false,
            })
            .await?;
        }
        Ok(())
    }

    fn take(&mut self, incoming: Incoming) -> Result<(), Error> {
        match incoming {
            Incoming::Answer(answer) => self.answered(answer),
            Incoming::Push(push) => {
                let verdict = self.ledger.push(&push);
                self.tell_breach(verdict);
                match push {
                    Push::Ev { ev, .. } => {
                        for record in ev {
                            self.tell(Happening::Record(record));
                        }
                    }
                    Push::Gap { from, to, .. } => self.tell(Happening::Gap { from, to }),
                    Push::Out { why, .. } => return Err(why.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) {
        let Some(at) = self
            .outbox
            .iter()
            .position(|it| it.request == Some(answer.i))
        else {
            return;
        };
        match answer.outcome {
            Outcome::Ok(Reply::Ack(ack)) => {
                let it = self.outbox.remove(at).expect("found above");
                self.tell(Happening::Said(Said {
                    client_id: it.client_id,
                    text: it.text,
                    seq: ack.s,
                }));
            }
            // It is still wanted, and saying it again with the same client id is safe.
            Outcome::Err(refusal) if refusal.act == Act::Retry => {
                self.outbox[at].request = None;
                let wait = Duration::from_millis(refusal.ms.unwrap_or(200));
                self.again_at = Some(time::Instant::now() + wait);
            }
            Outcome::Err(refusal) => {
                let it = self.outbox.remove(at).expect("found above");
                self.tell(Happening::Refused {
                    client_id: it.client_id,
                    refusal,
                });
            }
            Outcome::Ok(_) => {}
        }
    }

    fn tell_breach(&self, verdict: Result<(), Breach>) {
        if let Err(breach) = verdict {
            self.tell(Happening::Breach(breach));
        }
    }

    fn tell(&self, happening: Happening) {
        // Nobody listening is noticed by the loop.
        let _ = self.out.send(happening);
    }
}
