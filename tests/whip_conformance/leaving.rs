//! Sent elsewhere, and sent away (RFC 9725 §4.5).

use std::time::Duration;

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    ask::{FFMPEG, SDP, Show, client},
    support::{SOON, Server},
    table::Table,
};

/// Plain HTTP where HTTPS is spoken is the one case in which we redirect.
pub async fn redirected(table: &mut Table) {
    let folder = TempDir::new().expect("a folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
        .expect("a certificate is made");
    let (key, certificate) = (
        folder.path().join("key.pem"),
        folder.path().join("cert.pem"),
    );
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    let server = Server::start_with(&[
        "tls.mode=files",
        &format!("tls.certificate={}", certificate.display()),
        &format!("tls.key={}", key.display()),
        "server.public_url=https://live.example",
    ]);
    let mut rule = table.rule(
        "RFC 9725 §4.5",
        "a redirect is 307 and keeps the method; never 301 or 302",
    );
    for path in [
        "/whip",
        "/api/v1/rooms/hall/whip",
        "/api/v1/rooms/hall/whep",
    ] {
        let post = client().post(server.url(path)).header("content-type", SDP);
        let said = post.body(FFMPEG).send().await.expect("answered");
        let location = said.headers()["location"].to_str().unwrap_or_default();
        rule.is(path, said.status().as_u16(), 307);
        rule.is(path, location, &format!("https://live.example{path}"));
    }
}

/// An encoder whose offer is on its way when the server begins to go down.
pub async fn draining(table: &mut Table, mut show: Show) {
    let mut line = TcpStream::connect(show.server.address)
        .await
        .expect("connects");
    let head = format!(
        "POST /whip HTTP/1.1\r\nHost: live.example\r\nAuthorization: Bearer {}\r\n\
         Content-Type: {SDP}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        show.key,
        FFMPEG.len()
    );
    line.write_all(head.as_bytes()).await.expect("taken");
    let mut heard = [0; 64];
    let read = timeout(SOON, line.read(&mut heard))
        .await
        .expect("in time")
        .expect("read");
    assert!(
        heard[..read].starts_with(b"HTTP/1.1 100 "),
        "it waits for the offer"
    );
    let pid = rustix::process::Pid::from_raw(show.server.pid() as i32).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let ready = format!("http://{}/readyz", show.server.admin);
    let down = async {
        let mut every = tokio::time::interval(Duration::from_millis(10));
        while client()
            .get(&ready)
            .send()
            .await
            .is_ok_and(|it| it.status() == 200)
        {
            every.tick().await;
        }
    };
    timeout(SOON, down).await.expect("it goes down");
    line.write_all(FFMPEG.as_bytes()).await.expect("taken");
    let mut answer = String::new();
    // It may hang up without a goodbye after that.
    let _ = timeout(SOON, line.read_to_string(&mut answer))
        .await
        .expect("in time");
    let lower = answer.to_ascii_lowercase();
    table
        .rule(
            "RFC 9725 §4.5",
            "while the server goes down it is 503 with Retry-After",
        )
        .holds(&answer, answer.starts_with("HTTP/1.1 503 "))
        .holds("Retry-After", lower.contains("\r\nretry-after: 2\r\n"))
        .holds("a problem", lower.contains("application/problem+json"));
    assert_eq!(show.server.stop(), 0, "it ends well");
}
