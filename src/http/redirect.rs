//! Plain HTTP where HTTPS is spoken: everything is sent to the public address.
//!
//! 308, so that a POST stays one; 307 for WHIP and WHEP, whose clients know no other (RFC 9725 §4.5).
//! The address comes from the configuration, never from the request.

use std::{sync::Arc, time::Duration};

use protocol::limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::io::Io;

/// How long a client may take to hang up after its answer.
const HANG_UP_WITHIN: Duration = Duration::from_secs(1);

/// Reads one request and answers it. What is not HTTP is hung up on.
pub(crate) async fn answer(mut io: Io, origin: Arc<str>) {
    let mut head = Vec::with_capacity(1_024);
    let path = timeout(limits::HEAD_WITHIN, async {
        loop {
            let room = limits::HEAD_BYTES_MAX - head.len();
            match (&mut io).take(room as u64).read_buf(&mut head).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            match path(&head) {
                Path::Unfinished => {}
                Path::None => return None,
                Path::Some(path) => return Some(path),
            }
        }
    })
    .await;
    let Ok(Some(path)) = path else { return };
    let status = match is_media(&path) {
        true => "307 Temporary Redirect",
        false => "308 Permanent Redirect",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nLocation: {origin}{path}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    // Hung up on first, it might lose the answer to a reset; if it does not read it, it is its loss.
    let _ = timeout(limits::HEAD_WITHIN, async {
        io.write_all(answer.as_bytes()).await?;
        io.shutdown().await
    })
    .await;
    let mut rest = [0; 1_024];
    let _ = timeout(HANG_UP_WITHIN, async {
        while matches!(io.read(&mut rest).await, Ok(1..)) {}
    })
    .await;
}

/// `/whip`, `/api/v1/rooms/{room}/whip` and `…/whep`, and the resources of both.
fn is_media(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let ours = path.starts_with("/api/v1/") || path.starts_with("/whip");
    ours && path.split('/').any(|it| matches!(it, "whip" | "whep"))
}

#[derive(Debug, PartialEq, Eq)]
enum Path {
    Some(String),
    Unfinished,
    /// Not a request for a path of ours.
    None,
}

fn path(head: &[u8]) -> Path {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => match request.path {
            // A whole address instead of a path is for proxies.
            Some(path) if path.starts_with('/') => Path::Some(path.to_owned()),
            _ => Path::None,
        },
        Ok(httparse::Status::Partial) if head.len() < limits::HEAD_BYTES_MAX => Path::Unfinished,
        _ => Path::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_has_the_status_that_its_clients_know() {
        for path in [
            "/whip",
            "/whip?x=1",
            "/whip/p_1.seal",
            "/api/v1/rooms/hall/whip",
            "/api/v1/rooms/hall/whep",
            "/api/v1/whep/v0-1.seal",
        ] {
            assert!(is_media(path), "{path}");
        }
        for path in ["/", "/r/whip", "/whipped", "/api/v1/rooms", "/?a=/whip"] {
            assert!(!is_media(path), "{path}");
        }
    }

    #[test]
    fn only_a_path_is_taken_over() {
        let whole = |head: &str| path(head.as_bytes());
        let found = |text: &str| Path::Some(text.to_owned());
        assert_eq!(
            whole("GET /r/a?b=1 HTTP/1.1\r\nHost: evil\r\n\r\n"),
            found("/r/a?b=1")
        );
        assert_eq!(whole("POST /whip HTTP/1.1\r\n\r\n"), found("/whip"));
        assert_eq!(whole("GET /r/a HTTP/1.1\r\nHos"), Path::Unfinished);
        assert_eq!(whole("GET http://evil/ HTTP/1.1\r\n\r\n"), Path::None);
        assert_eq!(whole("GET /\r\nX: y HTTP/1.1\r\n\r\n"), Path::None);
        assert_eq!(whole("\u{16}\u{3}\u{1}"), Path::None);
    }
}
