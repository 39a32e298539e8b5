//! The way in: a guest's token by REST, and the socket by an upgrade of the same kind of request, so that
//! TLS, proxies and certificates are treated alike.

use std::{io, time::Duration};

use protocol::{
    Refusal, limits,
    rest::{GuestWish, Problem, Token},
};
use reqwest::{Client, Response, StatusCode};
use weiquan_client::{Connection, Door, Error, Upgrade};

/// A server that takes longer is tried again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Opens sockets for one person in one room.
pub(crate) struct Entrance {
    http: Client,
    /// Without a slash at the end.
    server: String,
    room: String,
    pass: Pass,
}

enum Pass {
    /// From the person at the keyboard: there is no other.
    Given(String),
    Guest {
        wish: GuestWish,
        token: Option<String>,
    },
}

impl Entrance {
    /// With a token, or as a guest who is the same one for as long as the program runs.
    pub(crate) fn new(
        server: &str,
        room: &str,
        token: Option<String>,
        name: Option<String>,
    ) -> anyhow::Result<Self> {
        let http = Client::builder()
            .http1_only()
            .connect_timeout(ANSWERS_WITHIN)
            .user_agent(concat!("weiquan-chat/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let pass = match token {
            Some(token) => Pass::Given(token),
            None => Pass::Guest {
                wish: GuestWish {
                    device: uuid::Uuid::new_v4().simple().to_string(),
                    name,
                },
                token: None,
            },
        };
        Ok(Self {
            http,
            server: server.trim_end_matches('/').to_owned(),
            room: room.to_owned(),
            pass,
        })
    }

    async fn token(&mut self) -> Result<String, Error> {
        match &mut self.pass {
            Pass::Given(token)
            | Pass::Guest {
                token: Some(token), ..
            } => Ok(token.clone()),
            Pass::Guest { wish, token } => {
                let url = format!("{}/api/v1/guests", self.server);
                let asked = self.http.post(url).timeout(ANSWERS_WITHIN).json(&wish);
                let answer = asked.send().await.map_err(broken)?;
                if !answer.status().is_success() {
                    return Err(refused(answer).await);
                }
                let made: Token = answer.json().await.map_err(broken)?;
                Ok(token.insert(made.token).clone())
            }
        }
    }

    async fn socket(&self) -> Result<Connection, Error> {
        let upgrade = Upgrade::new();
        let mut asked = self.http.get(format!("{}/ws", self.server));
        // A hint where to place the connection, for what can be a room's name at all.
        if protocol::Slug::from(self.room.as_str()).is_well_formed() {
            asked = self
                .http
                .get(format!("{}/ws?room={}", self.server, self.room));
        }
        for (name, value) in upgrade.headers() {
            asked = asked.header(name, value);
        }
        let answer = tokio::time::timeout(ANSWERS_WITHIN, asked.send())
            .await
            .map_err(|_| Error::Connect(io::ErrorKind::TimedOut.into()))?
            .map_err(broken)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refused(answer).await);
        }
        let accept = answer.headers().get("sec-websocket-accept");
        if !accept.is_some_and(|it| upgrade.is_accepted(it.as_bytes())) {
            return Err(Error::Unreadable(
                "it answered as no WebSocket server does".into(),
            ));
        }
        let stream = answer.upgrade().await.map_err(broken)?;
        Ok(Connection::over(stream).await)
    }
}

impl Door for Entrance {
    async fn open(&mut self) -> Result<(Connection, String), Error> {
        let token = self.token().await?;
        Ok((self.socket().await?, token))
    }

    fn token_refused(&mut self) -> bool {
        match &mut self.pass {
            Pass::Given(_) => false,
            Pass::Guest { token, .. } => {
                *token = None;
                true
            }
        }
    }
}

/// reqwest hides the reason in the chain of sources; a person wants that one.
fn broken(error: reqwest::Error) -> Error {
    let mut reason: &dyn std::error::Error = &error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    Error::Connect(io::Error::other(reason.to_string()))
}

/// A no of the server's, or of something before it that is none of ours.
async fn refused(answer: Response) -> Error {
    let status = answer.status();
    let body = answer.bytes().await.unwrap_or_default();
    let start = &body[..body.len().min(limits::BODY_BYTES_MAX)];
    match serde_json::from_slice::<Problem>(start) {
        Ok(problem) => Error::Refused(Refusal {
            code: problem.code,
            say: problem.detail,
            act: problem.act,
            ms: problem.ms,
            place: problem.place,
        }),
        Err(_) => Error::Connect(io::Error::other(format!(
            "the server answered {status}: is this the address of a weiquan server?"
        ))),
    }
}
