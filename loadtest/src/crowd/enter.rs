//! How a client of the crowd comes in: the upgrade, hello and join; and how it comes back after a cut,
//! as the SDKs do.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::{
    Act, Refusal,
    client::Position,
    limits,
    server::{Answer, Joined, Outcome, Reply},
};
use tokio::time::{self, Instant};

use super::{
    Common,
    wire::{Frame, Wire},
};
use crate::door::Caller;

/// The wait between two tries doubles from the first to the second; each is spread over its whole length.
const WAIT_MIN: Duration = Duration::from_millis(20);
const WAIT_MAX: Duration = Duration::from_secs(2);
/// One try.
const ENTER_WITHIN: Duration = Duration::from_secs(20);
/// All tries: a server that is away for longer did not restart.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Who comes, and where to.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    /// Its number among all sockets of the crowd.
    pub(super) n: usize,
    /// Which token of the file.
    pub(super) token: usize,
    pub(super) device: String,
    pub(super) room: String,
    /// See [`Caller::window`].
    pub(super) window: Option<u32>,
}

impl Ticket {
    fn caller(&self) -> Caller {
        Caller {
            n: self.n,
            window: self.window,
        }
    }
}

pub(super) struct Entered {
    pub(super) wire: Wire,
    pub(super) joined: Box<Joined>,
    /// What came behind the answer in the same read.
    pub(super) pushes: Vec<Vec<u8>>,
}

/// One try to come in, from a position or afresh.
pub(super) async fn enter(
    common: &Common,
    ticket: &Ticket,
    since: Option<&Position>,
) -> Result<Entered> {
    time::timeout(ENTER_WITHIN, try_to(common, ticket, since))
        .await
        .with_context(|| format!("not in {} within {ENTER_WITHIN:?}", ticket.room))?
}

/// Comes in again, however long the server is away (but a minute at most).
pub(super) async fn enter_again(
    common: &Common,
    ticket: &Ticket,
    since: Option<&Position>,
) -> Result<Entered> {
    let deadline = Instant::now() + BACK_WITHIN;
    let mut wait = WAIT_MIN;
    loop {
        time::sleep(wait.mul_f64(rand::random::<f64>())).await;
        match enter(common, ticket, since).await {
            Ok(entered) => return Ok(entered),
            Err(error) if is_final(&error) || Instant::now() > deadline => {
                return Err(error.context("could not come back"));
            }
            Err(_) => wait = (wait * 2).min(WAIT_MAX),
        }
    }
}

/// A refusal that no waiting mends. A broken line is always worth another try.
fn is_final(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refusal>()
        .is_some_and(|it| it.act != Act::Retry)
}

async fn try_to(common: &Common, ticket: &Ticket, since: Option<&Position>) -> Result<Entered> {
    let room = &ticket.room;
    let path = format!("/ws?room={room}");
    let protocol = Some(limits::SUBPROTOCOL);
    let mut wire = Wire::open(&common.door, ticket.caller(), &path, protocol).await?;
    let token = &common.tokens[ticket.token];
    let device = &ticket.device;
    let since = since
        .map(|it| format!(r#","since":{{"e":"{}","s":{}}}"#, it.e, it.s))
        .unwrap_or_default();
    let z = match common.plan.deflate {
        true => format!(r#","z":{}"#, limits::DICTIONARY),
        false => String::new(),
    };
    let hello = format!(
        r#"[{{"op":"hello","i":1,"token":"{token}","device":"{device}"{z}}},{{"op":"join","i":2,"room":"{room}"{since}}}]"#
    );
    wire.send(hello.as_bytes()).await?;
    let (mut joined, mut pushes, mut failure) = (None, Vec::new(), None);
    while joined.is_none() {
        let open = wire
            .read(|frame| match (&joined, frame) {
                (None, Frame::Text(text)) => match answer(text) {
                    Ok(it) => joined = it,
                    Err(error) => failure = Some(error),
                },
                (Some(_), Frame::Text(text)) => pushes.push(text.to_vec()),
                _ => {}
            })
            .await?;
        if let Some(error) = failure {
            return Err(error);
        }
        ensure!(open, "closed before it had joined {room}");
    }
    Ok(Entered {
        wire,
        joined: joined.expect("the loop ends with it"),
        pushes,
    })
}

/// The answer to a join; nothing for any other frame; an error for a refusal.
fn answer(text: &[u8]) -> Result<Option<Box<Joined>>> {
    if text.starts_with(br#"{"op":"#) {
        return Ok(None);
    }
    let answer: Answer = serde_json::from_slice(text).context("an unreadable answer")?;
    match answer.outcome {
        Outcome::Ok(Reply::Joined(joined)) => Ok(Some(joined)),
        Outcome::Ok(_) => Ok(None),
        Outcome::Err(refusal) => Err(refusal.into()),
    }
}
