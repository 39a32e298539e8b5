//! Sends pushes: a bounded queue, a few at once, a deadline for each. A push is worth one or two tries
//! more and no crowd that waits: what is lost here still lies in the inbox.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::crypto::aws_lc_rs;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Settings,
    endpoint::{self, Resolver},
    key::Key,
    seal::Browser,
};

/// Pushes that wait to be sent; more are left out, and counted.
pub const PUSHES_WAITING_MAX: usize = 1_024;
/// Pushes on their way at once.
const AT_ONCE: usize = 16;
/// Pushes that wait because a service asked for time.
const PUT_OFF_MAX: usize = 256;
/// One request and its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const TRIES: u32 = 3;
/// Where a service does not say how long.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// A service that asks for more time than this gets this push not at all.
const AGAIN_WITHIN: Duration = Duration::from_secs(120);

/// How soon a push matters (RFC 8030 5.3): a telephone that saves its battery may wait for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Normal,
    High,
}

/// One push to one browser.
#[derive(Clone, Debug)]
pub struct Push {
    pub endpoint: String,
    pub browser: Browser,
    pub words: Vec<u8>,
    /// How long it is worth keeping for a browser that is not there.
    pub ttl: Duration,
    pub urgency: Urgency,
    /// A push takes the place of the one of this topic that waits: at most 32 of the letters of
    /// base64url (RFC 8030 5.4).
    pub topic: String,
}

/// A subscription that is over: nothing is to be sent there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    pub endpoint: String,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no certificates of authorities are on this machine: {0}")]
    NoRoots(String),
    #[error("push.ca = {path}: {error}")]
    Ca { path: String, error: tls::Untrusted },
}

type Http = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// Takes pushes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender(mpsc::Sender<Push>);

impl Sender {
    /// Queues a push without waiting.
    pub fn send(&self, push: Push) {
        if self.0.try_send(push).is_err() {
            count("left_out");
        }
    }
}

/// What sends, and the task of it: it ends when every [`Sender`] is gone or it is aborted.
pub fn start(
    settings: &Settings,
    key: Arc<Key>,
    gone: mpsc::Sender<Gone>,
) -> Result<(Sender, impl Future<Output = ()> + Send + 'static), StartError> {
    let (sender, pushes) = mpsc::channel(PUSHES_WAITING_MAX);
    let line = Arc::new(Line {
        http: client(settings)?,
        key,
        contact: settings.contact.clone(),
        private: settings.private,
        at_once: Semaphore::new(AT_ONCE),
        put_off: Semaphore::new(PUT_OFF_MAX),
        gone,
    });
    Ok((Sender(sender), run(line, pushes)))
}

async fn run(line: Arc<Line>, mut pushes: mpsc::Receiver<Push>) {
    // Dropped with this task: what is on its way ends with it.
    let mut under_way = JoinSet::new();
    while let Some(push) = pushes.recv().await {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= AT_ONCE + PUT_OFF_MAX {
            under_way.join_next().await;
        }
        under_way.spawn(line.clone().deliver(push));
    }
    under_way.join_all().await;
}

struct Line {
    http: Http,
    key: Arc<Key>,
    contact: String,
    private: bool,
    at_once: Semaphore,
    put_off: Semaphore,
    gone: mpsc::Sender<Gone>,
}

/// What came of a try.
enum Tried {
    Taken,
    Gone,
    /// Not now.
    Again(Duration),
    /// Never so.
    Refused(String),
}

impl Line {
    async fn deliver(self: Arc<Self>, push: Push) {
        for attempt in 1..=TRIES {
            let tried = {
                let _turn = self.at_once.acquire().await.expect("it is never closed");
                self.attempt(&push).await
            };
            match tried {
                Tried::Taken => return count("sent"),
                Tried::Gone => {
                    count("gone");
                    let endpoint = push.endpoint;
                    // An error means that the server is going.
                    let _ = self.gone.send(Gone { endpoint }).await;
                    return;
                }
                Tried::Refused(why) => {
                    tracing::warn!(%why, "a push was refused");
                    return count("refused");
                }
                Tried::Again(after) if attempt < TRIES && after <= AGAIN_WITHIN => {
                    let Ok(_place) = self.put_off.try_acquire() else {
                        break;
                    };
                    sleep(after).await;
                }
                Tried::Again(_) => break,
            }
        }
        count("given_up");
    }

    async fn attempt(&self, push: &Push) -> Tried {
        let refused = |why: &dyn std::fmt::Display| Tried::Refused(why.to_string());
        let to = match endpoint::check(&push.endpoint, self.private) {
            Ok(it) => it,
            Err(error) => return refused(&error),
        };
        let sealed = match push.browser.seal(&push.words) {
            Ok(it) => it,
            Err(error) => return refused(&error),
        };
        let now_ms = clock::unix_ms();
        let authorization = match self.key.authorization(&to, &self.contact, now_ms) {
            Ok(it) => it,
            Err(error) => return refused(&error),
        };
        let urgency = match push.urgency {
            Urgency::Normal => "normal",
            Urgency::High => "high",
        };
        let request = Request::post(to)
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header("ttl", push.ttl.as_secs())
            .header("urgency", urgency)
            .header("topic", &push.topic)
            .body(Full::new(Bytes::from(sealed)));
        let request = match request {
            Ok(it) => it,
            Err(error) => return refused(&error),
        };
        match timeout(ANSWER_WITHIN, self.http.request(request)).await {
            Ok(Ok(response)) => judge(response.status(), response.headers()),
            // The service, or the way to it, is down.
            Ok(Err(_)) | Err(_) => Tried::Again(AGAIN_AFTER),
        }
    }
}

fn judge(status: StatusCode, headers: &HeaderMap) -> Tried {
    match status {
        it if it.is_success() => Tried::Taken,
        StatusCode::NOT_FOUND | StatusCode::GONE => Tried::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Tried::Again(retry_after(headers).unwrap_or(AGAIN_AFTER))
        }
        it if it.is_server_error() => Tried::Again(AGAIN_AFTER),
        it => Tried::Refused(format!("the push service answered {it}")),
    }
}

/// `Retry-After` in seconds; as a date it is too rare to read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn client(settings: &Settings) -> Result<Http, StartError> {
    let tls = match &settings.ca {
        Some(path) => {
            let config = tls::trusting(path).map_err(|error| StartError::Ca {
                path: path.display().to_string(),
                error,
            })?;
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
        None => HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(aws_lc_rs::default_provider())
            .map_err(|error| StartError::NoRoots(error.to_string()))?,
    };
    let mut tcp = HttpConnector::new_with_resolver(Resolver {
        private: settings.private,
    });
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(ANSWER_WITHIN / 2));
    let connector = tls.https_only().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

fn count(what: &'static str) {
    metrics::counter!("weiquan_pushes_total", "outcome" => what).increment(1);
}

#[cfg(test)]
#[path = "sender_tests.rs"]
mod tests;
