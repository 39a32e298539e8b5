//! What the server and the one who started it tell each other: systemd's protocols, without systemd.
//!
//! A socket that it opened beforehand (`LISTEN_FDS`), "ready" and "stopping" (`NOTIFY_SOCKET`), and a
//! sign of life (`WATCHDOG_USEC`). Whoever starts the program otherwise notices nothing of it.

use std::{convert::Infallible, future::Future, net::TcpListener, time::Duration};

use anyhow::{Context, Result, bail};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::time;

/// A sign of life is due so often within the time that the supervisor waits for one.
const SIGNS_IN_TIME: u32 = 3;

/// The public port, where it was opened for us. To be asked before there is a second thread.
pub fn inherited_port() -> Result<Option<TcpListener>> {
    let mut given = ListenFd::from_env();
    match given.len() {
        0 => Ok(None),
        1 => {
            let listener = given
                .take_tcp_listener(0)
                .context("LISTEN_FDS: the socket that was handed over listens on no TCP port")?;
            Ok(listener)
        }
        count => bail!(
            "LISTEN_FDS: {count} sockets were handed over; the unit's socket has one ListenStream, for the \
             public port"
        ),
    }
}

/// Everything is served from now on.
pub fn ready() {
    say(NotifyState::Ready);
}

/// The end has begun.
pub fn stopping() {
    say(NotifyState::Stopping);
}

/// Gives a sign of life for ever, as long as `lives` answers in time; nothing where nobody wants
/// one. What is silent too long is started anew by whoever watches.
pub async fn watch<F: Future<Output = ()>>(lives: impl Fn() -> F) -> Infallible {
    let Some(within) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let every = within / SIGNS_IN_TIME;
    loop {
        if time::timeout(every, lives()).await.is_ok() {
            say(NotifyState::Watchdog);
        } else {
            tracing::error!(
                "a shard does not take its turn; the supervisor is not told that we live"
            );
        }
        time::sleep(every.max(Duration::from_millis(1))).await;
    }
}

/// Where nobody listens nothing happens.
fn say(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the supervisor could not be told (NOTIFY_SOCKET)");
    }
}
