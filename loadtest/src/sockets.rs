//! What the kernel holds for a server's sockets on this machine, as `ss` (Debian's iproute2) tells it. Linux only,
//! as the server is.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// The server's end of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Neither side has said that it is done.
    pub(crate) established: bool,
    /// Bytes that were written and that the other side's kernel has not taken.
    pub(crate) queue_bytes: u64,
    /// Kernel memory of this end: `r` (received and not read), `t` and `w` (to be sent) and `f` (set aside
    /// for it) of `skmem`. What the other end holds is not in it.
    pub(crate) kernel_bytes: u64,
}

/// The server's ends of all connections to its port, by where the client is.
pub(crate) async fn ends(server: SocketAddr) -> Result<HashMap<SocketAddr, End>> {
    let port = server.port().to_string();
    let output = Command::new("ss")
        .args(["-tmnHO", "state", "connected", "sport", "=", &port])
        .output()
        .await
        .context("`ss` is needed (Debian's iproute2)")?;
    ensure!(
        output.status.success(),
        "ss failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter(|it| !it.trim().is_empty())
        .map(|line| end(line).with_context(|| format!("an unreadable line of ss: {line}")))
        .collect()
}

/// `ESTAB 0 4096 127.0.0.1:8080 127.0.0.1:40000 skmem:(r0,rb131072,t0,tb2626560,f0,w4352,o0,bl0,d0)`
fn end(line: &str) -> Option<(SocketAddr, End)> {
    let mut words = line.split_whitespace();
    let established = words.next()? == "ESTAB";
    let _unread = words.next()?;
    let queue_bytes = words.next()?.parse().ok()?;
    let _server = words.next()?;
    let client: SocketAddr = words.next()?.parse().ok()?;
    // A connection that only waits to be forgotten has no memory to tell of.
    let memory = words.find_map(|it| it.strip_prefix("skmem:("));
    let end = End {
        established,
        queue_bytes,
        kernel_bytes: memory.map_or(0, kernel_bytes),
    };
    Some((canonical(client), end))
}

fn kernel_bytes(memory: &str) -> u64 {
    let counted = |part: &str| {
        let digits = part.find(|it: char| it.is_ascii_digit())?;
        let (name, bytes) = part.split_at(digits);
        matches!(name, "r" | "t" | "f" | "w").then(|| bytes.parse::<u64>().ok())?
    };
    let parts = memory.trim_end_matches(')').split(',');
    parts.filter_map(counted).sum()
}

/// A client of IPv4 may be told in the words of IPv6.
fn canonical(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn a_line_of_ss_is_read() {
        let line = "ESTAB 0 4096 127.0.0.1:8080 127.0.0.2:40000 skmem:(r1,rb131072,t20,tb2626560,f300,w4000,o50000,bl0,d0)";
        let read = end(line).expect("a line");
        assert_eq!(read.0, SocketAddr::from(([127, 0, 0, 2], 40_000)));
        let expected = End {
            established: true,
            queue_bytes: 4096,
            kernel_bytes: 4_321,
        };
        assert_eq!(read.1, expected);
        let closing = "FIN-WAIT-1 0 1 [::ffff:127.0.0.1]:8080 [::ffff:127.0.0.1]:40000 timer:(on,1sec,1) skmem:(r0,rb1,t0,tb1,f0,w5,o0,bl0,d0)";
        let (client, closing) = end(closing).expect("a line");
        assert_eq!(client, SocketAddr::from(([127, 0, 0, 1], 40_000)));
        assert_eq!((closing.established, closing.kernel_bytes), (false, 5));
        let over = end("TIME-WAIT 0 0 127.0.0.1:8080 127.0.0.1:40000").expect("a line");
        assert_eq!(over.1.kernel_bytes, 0);
        assert_eq!(end("State Recv-Q Send-Q"), None);
    }

    #[tokio::test]
    async fn what_a_reader_does_not_take_stands_at_the_other_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = listener.local_addr().expect("bound");
        let client = TcpStream::connect(server).await.expect("connects");
        let (mut stream, _) = listener.accept().await.expect("arrives");
        let address = client.local_addr().expect("bound");
        let before = ends(server).await.expect("ss")[&address];
        assert_eq!((before.established, before.queue_bytes), (true, 0));
        stream.writable().await.expect("it holds");
        // Until the kernel takes no more at once: both buffers are full then.
        while stream.try_write(&[7; 16_384]).is_ok() {}
        let full = ends(server).await.expect("ss")[&address];
        assert!(full.queue_bytes > 0, "{full:?}");
        assert!(full.kernel_bytes >= full.queue_bytes, "{full:?}");
        drop(client);
        // The reset of who left with unread bytes has arrived when nothing can be written any more.
        while stream.write_all(&[7; 16_384]).await.is_ok() {}
        let after = ends(server).await.expect("ss");
        assert!(after.get(&address).is_none_or(|it| !it.established));
    }
}
