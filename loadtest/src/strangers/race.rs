//! Sessions in each of which a stranger says hello before the viewer does. A session is lost when its
//! viewer does not come to a picture all the same.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use socket2::{Domain, Socket, Type};

use super::Common;
use crate::media::{Heard, Line};

/// A viewer whose handshake is done hears the room within this.
const HEARS_WITHIN: Duration = Duration::from_secs(10);
/// Hellos that a stranger says before the viewer says anything.
const HELLOS_FIRST: usize = 4;
/// A DTLS record's header, a handshake message's, and what of a ClientHello stands before its session.
const BEFORE_SESSION: usize = 13 + 12 + 2 + 32;

/// Where a stranger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stranger {
    /// At another port of the viewer's machine.
    OtherPort,
    /// At another address; the server is on this machine, so another one of loopback.
    OtherAddress,
    /// Under the viewer's own address and port, before the viewer has proven them.
    SameAddress,
}

impl Stranger {
    const ALL: [Self; 3] = [Self::OtherPort, Self::OtherAddress, Self::SameAddress];

    /// A socket of this stranger of a viewer.
    fn socket(self, viewer: &Line) -> Result<Socket> {
        let own = viewer.socket.local_addr()?;
        let socket = Socket::new(Domain::for_address(own), Type::DGRAM, None)?;
        let at: SocketAddr = match self {
            Self::OtherPort => (own.ip(), 0).into(),
            Self::OtherAddress => ([127, 77, 0, 1], 0).into(),
            Self::SameAddress => {
                // Only once the viewer has its port: a port that may be shared is given out twice.
                viewer.socket.options().set_reuse_port(true)?;
                socket.set_reuse_port(true)?;
                own
            }
        };
        socket.bind(&at.into()).with_context(|| format!("{at}"))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Of one kind of stranger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Outcome {
    pub(super) sessions: u64,
    pub(super) lost: u64,
}

#[derive(Debug, Default)]
pub(super) struct Races {
    pub(super) strangers: BTreeMap<Stranger, Outcome>,
    /// Why the lost ones were lost.
    pub(super) why: Vec<String>,
}

impl Races {
    pub(super) fn all(&self) -> u64 {
        self.strangers.values().map(|it| it.sessions).sum()
    }

    pub(super) fn lost(&self) -> u64 {
        self.strangers.values().map(|it| it.lost).sum()
    }

    fn end(&mut self, stranger: Stranger, outcome: Result<()>) {
        let of = self.strangers.entry(stranger).or_default();
        of.sessions += 1;
        if let Err(error) = outcome {
            of.lost += 1;
            self.why.push(format!("{stranger:?}: {error:#}"));
        }
    }
}

/// All races of a run, some at a time.
pub(super) async fn all(common: &Arc<Common>) -> Result<Races> {
    let races = Arc::new(Mutex::new(Races::default()));
    let next = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..common.plan.at_once)
        .map(|_| {
            let (common, races, next) = (common.clone(), races.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= common.plan.races {
                        return anyhow::Ok(());
                    }
                    let stranger = Stranger::ALL[n % Stranger::ALL.len()];
                    // Who gets no session at all races nobody: that is an error and not a loss.
                    let viewer = common.session().await?;
                    let outcome = race(&common, viewer, stranger).await;
                    let mut races = races.lock().unwrap_or_else(PoisonError::into_inner);
                    races.end(stranger, outcome);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.context("a worker died")??;
    }
    let races = Arc::into_inner(races).context("all workers ended")?;
    Ok(races.into_inner().unwrap_or_else(PoisonError::into_inner))
}

async fn race(common: &Common, mut viewer: Line, stranger: Stranger) -> Result<()> {
    let to = viewer.socket.peer_addr()?.into();
    let mut strange = Some(stranger.socket(&viewer)?);
    for n in 0..HELLOS_FIRST {
        let hello = &common.hellos[n % common.hellos.len()];
        strange
            .iter()
            .try_for_each(|it| it.send_to(hello, &to).map(drop))?;
    }
    if stranger == Stranger::SameAddress {
        // From here on this address is the viewer's alone, and what comes for it too.
        strange = None;
    }
    hears(&mut viewer, || {
        // The others go on while the viewer proves where it is and shakes hands.
        strange
            .iter()
            .try_for_each(|it| it.send_to(&common.hellos[0], &to).map(drop))
    })
    .await?;
    viewer.close(&common.http).await
}

/// Lets the viewer connect until it hears the room; `each_tick` comes before each of its own ticks.
async fn hears(
    viewer: &mut Line,
    mut each_tick: impl FnMut() -> std::io::Result<()>,
) -> Result<()> {
    let mut tick = Line::ticks();
    let mut buffer = [0; 2_048];
    let mut ready: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {
                if ready.is_none() {
                    each_tick()?;
                }
                viewer.tick(Instant::now())?;
                if ready.is_some_and(|it| it.elapsed() > HEARS_WITHIN) {
                    bail!("nothing was heard after the handshake");
                }
                if viewer.is_gone() {
                    bail!("the server is gone");
                }
            }
            readable = viewer.socket.readable() => {
                readable?;
                while let Some(n) = viewer.receive(&mut buffer) {
                    let packet = match viewer.hear(&buffer[..n])? {
                        Heard::Ready => {
                            ready = Some(Instant::now());
                            continue;
                        }
                        Heard::Rtp(packet) => packet,
                        Heard::Rtcp(_) | Heard::Nothing => continue,
                    };
                    // Under its own keys: a stranger's would not open it.
                    if let Some(inbound) = &mut viewer.inbound {
                        inbound.decrypt_rtp(packet)?;
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The same ClientHello with TLS_NULL_WITH_NULL_NULL for every cipher. `None` where there are none.
pub(super) fn with_the_null_cipher(hello: &[u8]) -> Option<Vec<u8>> {
    let mut at = BEFORE_SESSION;
    // The session and the cookie stand behind their lengths.
    for _ in 0..2 {
        at += 1 + usize::from(*hello.get(at)?);
    }
    let size = usize::from(u16::from_be_bytes([*hello.get(at)?, *hello.get(at + 1)?]));
    let mut null = hello.to_vec();
    let ciphers = null.get_mut(at + 2..at + 2 + size)?;
    ciphers.fill(0);
    (size > 0).then_some(null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Identity;

    #[test]
    fn a_hello_can_ask_for_no_cipher_at_all() {
        let hello = Identity::make().expect("made").hello().expect("a hello");
        let null = with_the_null_cipher(&hello).expect("it has ciphers");
        assert_eq!(hello.len(), null.len());
        let changed: Vec<usize> = (0..hello.len())
            .filter(|it| hello[*it] != null[*it])
            .collect();
        let (first, last) = (changed[0], changed[changed.len() - 1]);
        // No cookie yet, so the ciphers stand behind two lengths of zero and their own.
        assert_eq!(hello[BEFORE_SESSION..BEFORE_SESSION + 2], [0, 0]);
        assert_eq!(first, BEFORE_SESSION + 4);
        let size = usize::from(u16::from_be_bytes([hello[first - 2], hello[first - 1]]));
        assert!(last < first + size);
        assert_eq!(with_the_null_cipher(&hello[..BEFORE_SESSION]), None);
    }

    #[test]
    fn what_was_lost_is_told_by_stranger() {
        let mut races = Races::default();
        races.end(Stranger::OtherPort, Ok(()));
        races.end(Stranger::SameAddress, Err(anyhow::anyhow!("late")));
        races.end(Stranger::SameAddress, Ok(()));
        assert_eq!((races.all(), races.lost()), (3, 1));
        assert_eq!(races.strangers[&Stranger::SameAddress].lost, 1);
        assert_eq!(races.why, ["SameAddress: late"]);
    }
}
