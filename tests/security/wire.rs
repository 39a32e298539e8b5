//! A client that says what no client should.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{SOON, Server};

pub const MIB: u64 = 1024 * 1024;

pub const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d2VpcXVhbi10ZXN0cy0xMg==\r\n\
     Sec-WebSocket-Protocol: weiquan.v1.json\r\n";

/// The first byte of a whole text message, of a ping, and of a part of a message that goes on.
pub const TEXT: u8 = 0x81;
pub const PING: u8 = 0x89;
pub const FIRST_PART: u8 = 0x01;
pub const NEXT_PART: u8 = 0x00;

/// Sends a head as it is; the head of the answer.
pub async fn head(address: SocketAddr, request: &str) -> (u16, String, TcpStream) {
    let mut socket = TcpStream::connect(address).await.expect("connects");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut read = Vec::new();
    let whole = async {
        while !read.windows(4).any(|it| it == b"\r\n\r\n") {
            let mut byte = [0];
            match socket.read(&mut byte).await {
                Ok(1) => read.push(byte[0]),
                _ => break,
            }
        }
    };
    timeout(SOON, whole).await.expect("answered in time");
    let text = String::from_utf8(read).expect("ASCII");
    let status = text.get(9..12).and_then(|it| it.parse().ok());
    (status.unwrap_or(0), text.to_ascii_lowercase(), socket)
}

/// A socket after its upgrade.
pub async fn upgraded(server: &Server) -> TcpStream {
    let (status, text, socket) = head(server.address, &format!("{UPGRADE}\r\n")).await;
    assert_eq!(status, 101, "{text}");
    socket
}

/// A client frame with a mask of zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..=125 => bytes.push(0x80 | n as u8),
        n @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// The close code that the server ends a socket with, and how many bytes it said in all.
pub async fn close_code(socket: &mut (impl AsyncReadExt + Unpin)) -> (u16, usize) {
    let mut all = Vec::new();
    let mut chunk = [0; 4_096];
    let ends = async {
        while let Ok(n @ 1..) = socket.read(&mut chunk).await {
            all.extend_from_slice(&chunk[..n]);
        }
    };
    timeout(SOON, ends).await.expect("the server ends it");
    let at = all.windows(2).rposition(|it| it[0] == 0x88);
    let code = at.map_or(1006, |it| u16::from_be_bytes([all[it + 2], all[it + 3]]));
    (code, all.len())
}

/// The memory of the server that is in use now, in bytes.
pub fn resident_bytes(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.pid());
    let status = std::fs::read_to_string(path).expect("it runs");
    let line = status.lines().find(|it| it.starts_with("VmRSS:"));
    let kib = line.and_then(|it| it.split_whitespace().nth(1));
    kib.and_then(|it| it.parse::<u64>().ok()).expect("a number") * 1_024
}
