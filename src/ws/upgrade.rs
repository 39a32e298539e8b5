//! The request that asks for a WebSocket, and the answers to it (RFC 6455 4.2).
//!
//! It says whether a request is a proper upgrade to `weiquan.v1.json`; whether its origin may be
//! served is the caller's policy, for which [`origin_allowed`] holds the rule.

use protocol::limits;
use thiserror::Error;
use tokio_tungstenite::tungstenite::handshake;

/// Headers beyond which a request is refused.
const HEADERS_MAX: usize = 64;
/// Names under which people put a token into an address, where it ends up in logs.
pub const TOKEN_KEYS: [&str; 5] = [
    "token",
    "access_token",
    "jwt",
    "stream_key",
    "authorization",
];

/// A proper upgrade request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The path without the query.
    pub path: String,
    /// `?room=`: which room the client is about to join. A hint for placement, checked nowhere.
    pub room_hint: Option<String>,
    /// `Sec-WebSocket-Key`.
    pub key: String,
    pub origin: Option<String>,
    pub host: Option<String>,
    /// `X-Forwarded-For`, `-Proto` and `-Host` as they came: believed only from a known proxy.
    pub forwarded_for: Option<String>,
    pub forwarded_proto: Option<String>,
    pub forwarded_host: Option<String>,
    pub user_agent: Option<String>,
}

/// Why a request was not upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    #[error("not a complete HTTP/1.1 request head")]
    Malformed,
    #[error("more headers than are read")]
    TooManyHeaders,
    #[error("a WebSocket is opened by GET")]
    Method,
    #[error(
        "not a WebSocket upgrade: the headers Upgrade, Connection or Sec-WebSocket-Key are wrong"
    )]
    NotAnUpgrade,
    #[error("only WebSocket version 13 is spoken here")]
    Version,
    #[error("the subprotocol weiquan.v1.json must be offered")]
    Subprotocol,
    #[error("a token in the address would end up in logs: send it in the hello frame")]
    TokenInAddress,
    #[error("the page's origin may not use this server")]
    Origin,
}

impl Upgrade {
    /// Reads a whole request head, up to and with its empty line.
    pub fn parse(head: &[u8]) -> Result<Self, Rejection> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Rejection::TooManyHeaders),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Rejection::Malformed),
        }
        let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version)
        else {
            return Err(Rejection::Malformed);
        };
        Self::from_parts(
            method,
            target,
            request.headers.iter().map(|it| (it.name, it.value)),
        )
    }

    /// The same for a request that was parsed already (an upgrade after keep-alive requests).
    pub fn from_parts<'a>(
        method: &str,
        target: &str,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Rejection> {
        if method != "GET" {
            return Err(Rejection::Method);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let room_hint = room_of(query)?;
        let seen = Seen::read(headers)?;
        if !(seen.upgrade && seen.connection) {
            return Err(Rejection::NotAnUpgrade);
        }
        let key = seen
            .key
            .filter(|it| is_key(it))
            .ok_or(Rejection::NotAnUpgrade)?;
        if seen.version.as_deref() != Some("13") {
            return Err(Rejection::Version);
        }
        if !seen.subprotocol {
            return Err(Rejection::Subprotocol);
        }
        Ok(Self {
            path: path.to_owned(),
            room_hint,
            key,
            origin: seen.origin,
            host: seen.host,
            forwarded_for: seen.forwarded_for,
            forwarded_proto: seen.forwarded_proto,
            forwarded_host: seen.forwarded_host,
            user_agent: seen.user_agent,
        })
    }

    /// The 101 that opens the WebSocket.
    pub fn response(&self) -> Vec<u8> {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
            accept_key(&self.key),
            limits::SUBPROTOCOL,
        )
        .into_bytes()
    }
}

impl Rejection {
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::NotAnUpgrade | Self::TokenInAddress => 400,
            Self::Origin => 403,
            Self::Method => 405,
            Self::Version | Self::Subprotocol => 426,
            Self::TooManyHeaders => 431,
        }
    }

    /// Headers that go with the status: what the client should have said.
    pub fn headers(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Method => vec![("Allow", "GET")],
            Self::Version | Self::Subprotocol => vec![
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Protocol", limits::SUBPROTOCOL),
            ],
            _ => Vec::new(),
        }
    }

    /// The whole answer; the connection is closed after it.
    pub fn response(self) -> Vec<u8> {
        let phrase = match self.status() {
            403 => "Forbidden",
            405 => "Method Not Allowed",
            426 => "Upgrade Required",
            431 => "Request Header Fields Too Large",
            _ => "Bad Request",
        };
        let mut out = format!("HTTP/1.1 {} {phrase}\r\n", self.status());
        for (name, value) in self.headers() {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = format!("{self}\n");
        out.push_str(&format!(
            "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len(),
        ));
        out.into_bytes()
    }
}

/// `Sec-WebSocket-Accept` for a key.
pub fn accept_key(key: &str) -> String {
    handshake::derive_accept_key(key.as_bytes())
}

/// Whether a page of this origin may open a WebSocket here.
///
/// Cookies and networks must not be lent to foreign pages (cross-site WebSocket hijacking): allowed
/// are our own pages (`Origin` names the `Host` that was asked), origins that the operator listed,
/// compared whole, and programs, which send no `Origin`. `null` (sandboxed frames, files) is not.
pub fn origin_allowed(origin: Option<&str>, host: Option<&str>, allow_list: &[String]) -> bool {
    let Some(origin) = origin else {
        return true;
    };
    let Some((scheme @ ("http" | "https"), authority)) = origin.split_once("://") else {
        return false;
    };
    if allow_list.iter().any(|it| it.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    host.is_some_and(|host| {
        let bare = |it: &str| {
            it.strip_suffix(default_port)
                .unwrap_or(it)
                .to_ascii_lowercase()
        };
        bare(host) == bare(authority)
    })
}

/// What the headers said.
#[derive(Default)]
struct Seen {
    upgrade: bool,
    connection: bool,
    subprotocol: bool,
    key: Option<String>,
    version: Option<String>,
    origin: Option<String>,
    host: Option<String>,
    forwarded_for: Option<String>,
    forwarded_proto: Option<String>,
    forwarded_host: Option<String>,
    user_agent: Option<String>,
}

impl Seen {
    fn read<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Rejection> {
        let mut seen = Self::default();
        for (name, value) in headers {
            let text = || String::from_utf8_lossy(value).trim().to_owned();
            let lists = |word: &str| {
                text()
                    .split(',')
                    .any(|it| it.trim().eq_ignore_ascii_case(word))
            };
            match name.to_ascii_lowercase().as_str() {
                "upgrade" => seen.upgrade |= lists("websocket"),
                "connection" => seen.connection |= lists("upgrade"),
                // Subprotocol names are compared with their case (RFC 6455 4.1).
                "sec-websocket-protocol" => {
                    seen.subprotocol |=
                        text().split(',').any(|it| it.trim() == limits::SUBPROTOCOL);
                }
                "sec-websocket-key" => once(&mut seen.key, text())?,
                "sec-websocket-version" => once(&mut seen.version, text())?,
                "origin" => once(&mut seen.origin, text())?,
                "host" => once(&mut seen.host, text())?,
                "x-forwarded-for" => join(&mut seen.forwarded_for, text()),
                "x-forwarded-proto" => seen.forwarded_proto = Some(text()),
                "x-forwarded-host" => seen.forwarded_host = Some(text()),
                "user-agent" => seen.user_agent = Some(text()),
                _ => {}
            }
        }
        Ok(seen)
    }
}

/// A header that decides something must not come twice: two readers could believe different ones.
fn once(place: &mut Option<String>, value: String) -> Result<(), Rejection> {
    if place.is_some() {
        return Err(Rejection::Malformed);
    }
    *place = Some(value);
    Ok(())
}

/// A list header may come in several lines (RFC 9110 5.3).
fn join(place: &mut Option<String>, value: String) {
    *place = Some(match place.take() {
        Some(before) => format!("{before}, {value}"),
        None => value,
    });
}

/// The hint of a query string, or the refusal of a token in it.
fn room_of(query: &str) -> Result<Option<String>, Rejection> {
    let mut room = None;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name);
        if TOKEN_KEYS.iter().any(|it| name.eq_ignore_ascii_case(it)) {
            return Err(Rejection::TokenInAddress);
        }
        if name == "room" && !value.is_empty() {
            room = Some(decoded(value));
        }
    }
    Ok(room)
}

/// Percent-decoding, so that `%74oken` is a token too. What is not UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|it| (*it as char).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'+', ..) => {
                out.push(b' ');
                at += 1;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A key is 16 bytes in base64: 24 characters (RFC 6455 4.1).
fn is_key(key: &str) -> bool {
    key.len() == 24
        && key.ends_with("==")
        && key[..22]
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

#[cfg(test)]
#[path = "upgrade_tests.rs"]
mod tests;
