//! A connection from adoption to goodbye: one small task that reads, tells the handler, and leaves
//! nothing behind however it ends.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use bytes::{Buf, Bytes};
use protocol::CloseCode;
use socket2::SockRef;
use ws::{Event, Reader};

use crate::{
    Adopt, Config, Handler, Link, Open,
    connection::{Connection, Ending},
    shard::Shard,
};

/// Bytes of unsent data above which the kernel calls a socket full. Without it a stalled viewer
/// hides 1.5 MB in the kernel and the policy for slow viewers never sees it; with it 51 KiB.
const NOTSENT_BYTES: u32 = 16 * 1024;
/// Bytes of one read.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    /// Where every connection of the shard is read into, so that a silent one owns no buffer.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
    /// Where TLS writes what it has decrypted of one read.
    static PLAIN: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Takes a socket over: inserts it, opens its handler, and only then feeds what came with the
/// upgrade, so that the first message finds everything in place.
pub(crate) fn adopt<O: Open>(shard: &Rc<Shard>, open: &O, adopt: Adopt) {
    let Adopt {
        socket,
        tls,
        peer,
        held,
        mut read,
    } = adopt;
    if shard.is_draining.get() {
        return;
    }
    let socket = match set_up(socket, &shard.config) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(%error, "a socket was gone before it was adopted");
            return;
        }
    };
    let connection = shard.insert(socket, tls);
    let link = Link::new(&connection, shard);
    let Ok(handler) = catch_unwind(AssertUnwindSafe(|| open.open(link, peer))) else {
        tracing::error!(connection = %connection.id, "opening a connection panicked");
        shard.lose(&connection);
        shard.remove(&connection);
        return;
    };
    shard.count(1);
    let mut life = Life {
        shard: shard.clone(),
        connection,
        handler: Some(handler),
        reader: Reader::new(),
        _held: held,
    };
    life.hear(&mut read);
    drop(read);
    tokio::task::spawn_local(life.run());
}

fn set_up(socket: std::net::TcpStream, config: &Config) -> io::Result<tokio::net::TcpStream> {
    let options = SockRef::from(&socket);
    options.set_nonblocking(true)?;
    options.set_tcp_nodelay(true)?;
    options.set_tcp_notsent_lowat(NOTSENT_BYTES)?;
    options.set_tcp_user_timeout(Some(config.dead_after))?;
    tokio::net::TcpStream::from_std(socket)
}

struct Life<H: Handler> {
    shard: Rc<Shard>,
    connection: Rc<Connection>,
    /// Absent once it was told of the end.
    handler: Option<H>,
    reader: Reader,
    /// See [`Adopt::held`].
    _held: Option<Box<dyn Any + Send>>,
}

impl<H: Handler> Life<H> {
    async fn run(mut self) {
        while !self.connection.is_ending() {
            poll_fn(|context| self.connection.poll_heard(context)).await;
            if self.read() == READ_BYTES {
                // A client that sends much waits for the others after each full buffer.
                tokio::task::yield_now().await;
            }
        }
        self.leave();
        if let Some(ending) = self.connection.take_ending() {
            self.shard.meters.closed(ending.code);
            // Boxed, so that the many who only read do not carry the room for a goodbye.
            Box::pin(say_goodbye(&self.shard, &self.connection, *ending)).await;
        }
    }

    /// One read into the shard's buffer, and how many bytes it gave.
    fn read(&mut self) -> usize {
        BUFFER.with_borrow_mut(|buffer| match self.connection.socket.try_read(buffer) {
            _ if self.connection.is_ending() => 0,
            Ok(n @ 1..) => {
                self.take(&mut buffer[..n]);
                n
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Ok(0) | Err(_) => {
                self.shard.lose(&self.connection);
                0
            }
        })
    }

    /// What came from the socket.
    fn take(&mut self, received: &mut [u8]) {
        let mut plain = PLAIN.take();
        let heard = self.connection.open(received, &mut plain);
        // Before anything that hearing makes us say.
        self.shard.write_due(&self.connection, &heard.due);
        self.hear(heard.plain);
        if heard.is_over {
            self.shard.lose(&self.connection);
        }
        plain.clear();
        PLAIN.set(plain);
    }

    fn hear(&mut self, bytes: &mut [u8]) {
        if bytes.is_empty() {
            return;
        }
        let (shard, connection) = (&self.shard, &self.connection);
        connection.heard_ms.set(shard.now_ms());
        connection.is_pinged.set(false);
        let Some(handler) = &mut self.handler else {
            return;
        };
        // Of several pings only the last need be answered (RFC 6455 5.5.3): a flood of them costs
        // one pong a read.
        let mut pong = None;
        let heard = catch_unwind(AssertUnwindSafe(|| {
            self.reader.feed(bytes, |event| match event {
                _ if connection.is_ending() => {}
                Event::Text(text) => handler.text(text),
                Event::Ping(payload) => pong = Some(ws::pong(payload)),
                Event::Pong => {}
                Event::Close(_) => shard.close(connection, CloseCode::Normal, ""),
            })
        }));
        if let Some(pong) = pong {
            shard.send(connection, pong);
        }
        match heard {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => shard.close(connection, fault.code(), &fault.to_string()),
            Err(_) => {
                tracing::error!(connection = %connection.id, "a handler panicked: its connection is closed");
                shard.close(connection, CloseCode::Forced, "the server made a mistake");
            }
        }
    }

    /// Out of the rooms and out of the shard; the handler hears of it once.
    fn leave(&mut self) {
        let Some(mut handler) = self.handler.take() else {
            return;
        };
        self.shard.lose(&self.connection);
        self.shard.remove(&self.connection);
        let told = catch_unwind(AssertUnwindSafe(|| {
            handler.closed();
            drop(handler);
        }));
        if told.is_err() {
            tracing::error!(connection = %self.connection.id, "a handler panicked at the end");
        }
    }
}

/// Also when the shard ends with the connection still open.
impl<H: Handler> Drop for Life<H> {
    fn drop(&mut self) {
        self.leave();
        self.shard.count(-1);
    }
}

/// Writes what was begun, the answers that wait and the close frame, then reads until the client
/// hangs up: closing a socket with unread bytes would reset it, and a reset may overtake the reason.
async fn say_goodbye(shard: &Shard, connection: &Connection, ending: Ending) {
    let lag = connection.lag.borrow_mut().take();
    if ending.goodbye.is_empty() {
        return;
    }
    let mut last = Vec::new();
    if let Some(mut lag) = lag {
        last.push(std::mem::take(&mut lag.partial));
        last.extend(std::iter::from_fn(|| lag.next_answer()).map(|it| connection.sealed(it)));
    }
    last.push(connection.sealed(ending.goodbye));
    last.push(connection.last_word());
    // A client that does not read or does not hang up is left alone at the end of its time.
    let _ = tokio::time::timeout(shard.config.close_within, async {
        write_all(connection, last).await?;
        SockRef::from(&connection.socket).shutdown(std::net::Shutdown::Write)?;
        read_out(connection).await
    })
    .await;
}

async fn write_all(connection: &Connection, frames: Vec<Bytes>) -> io::Result<()> {
    for mut frame in frames {
        while !frame.is_empty() {
            poll_fn(|context| connection.socket.poll_write_ready(context)).await?;
            match connection.socket.try_write(&frame) {
                Ok(n) => frame.advance(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

async fn read_out(connection: &Connection) -> io::Result<()> {
    loop {
        poll_fn(|context| connection.socket.poll_read_ready(context)).await?;
        match BUFFER.with_borrow_mut(|buffer| connection.socket.try_read(buffer)) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
