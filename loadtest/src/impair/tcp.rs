//! Streams: a line for each connection. Every byte that is handed over is whole and in its place; when,
//! how fast and whether at all is what the line decides.

use std::{io, net::Shutdown, sync::Arc, time::Instant};

use bytes::{Buf as _, Bytes};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time,
};

use super::{
    Direction,
    line::Line,
    relay::{Shared, socket_for},
    way::{Ending, Gate},
};

/// What one segment carries on an Ethernet: a loss and a delay meet so much at once.
const SEGMENT_BYTES: usize = 1_448;
/// One read.
const READ_BYTES: usize = 16 * 1024;

pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        // Out of descriptors, for one: whoever dials waits until there are some.
        let Ok((near, from)) = listener.accept().await else {
            time::sleep(time::Duration::from_millis(20)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if let Some(line) = shared.open(from) {
            connections.spawn(connection(shared.clone(), line, near));
        }
    }
}

async fn connection(shared: Arc<Shared>, line: Arc<Line>, near: TcpStream) {
    let ending = match dial(&shared, &line).await {
        Ok(far) => {
            let ended = tokio::try_join!(
                pump(&line, Direction::Up, &near, &far),
                pump(&line, Direction::Down, &far, &near),
            );
            let ending = ended.err();
            if ending == Some(Ending::Reset) {
                abort(&far);
            }
            ending
        }
        Err(ending) => Some(ending),
    };
    if ending == Some(Ending::Reset) {
        abort(&near);
    }
    shared.close(&line);
}

/// Has a socket closed by RST instead of FIN.
fn abort(stream: &TcpStream) {
    // It may be broken already, which is as good.
    let _ = stream.set_zero_linger();
}

/// Connects to the server, as soon as the line lets a handshake through.
async fn dial(shared: &Shared, line: &Line) -> Result<TcpStream, Ending> {
    loop {
        let (cut, ending) = {
            let state = line.state();
            (state.is_cut(), state.ending)
        };
        match (cut, ending) {
            (_, Some(ending)) => return Err(ending),
            (true, None) => line.woken(Direction::Up).await,
            (false, None) => break,
        }
    }
    let route = &shared.route;
    let far = async {
        let far = socket_for(route.to, route.window)?
            .connect(route.to)
            .await?;
        far.set_nodelay(true)?;
        io::Result::Ok(far)
    };
    // Nobody listens there: the client hears it as it would have.
    far.await.map_err(|_| Ending::Reset)
}

/// What a pump may do now.
struct Look {
    room: usize,
    deadline: Option<Instant>,
    may_write: bool,
}

/// Carries one direction until its stream ends, or until the connection does.
async fn pump(
    line: &Line,
    direction: Direction,
    from: &TcpStream,
    to: &TcpStream,
) -> Result<(), Ending> {
    // The accepted side needs it as well; it may be gone already, which the first read will tell.
    let _ = to.set_nodelay(true);
    let mut buffer = vec![0; READ_BYTES];
    let mut out = Bytes::new();
    let mut read_all = false;
    loop {
        let look = {
            let mut state = line.state();
            if let Some(ending) = state.ending {
                return Err(ending);
            }
            let way = state.way(direction);
            let now = Instant::now();
            if out.is_empty() {
                match way.poll(now) {
                    Some(end) if end.is_empty() => break,
                    Some(segment) => out = segment,
                    None if way.is_spent() && way.conditions().cut_by != Ending::Blackhole => {
                        return Err(way.conditions().cut_by);
                    }
                    None => {}
                }
            }
            look(way, &out, read_all, now)
        };
        if !out.is_empty() && look.may_write {
            match to.try_write(&out) {
                Ok(n) => {
                    out.advance(n);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Ending::Reset),
            }
        }
        let until = look.deadline.map(time::Instant::from_std);
        tokio::select! {
            () = line.woken(direction) => {}
            _ = to.writable(), if !out.is_empty() && look.may_write => {}
            _ = from.readable(), if look.room > 0 => {
                read_all = read(line, direction, from, &mut buffer[..look.room])?;
            }
            () = time::sleep_until(until.unwrap_or_else(time::Instant::now)),
                if out.is_empty() && until.is_some() => {}
        }
    }
    // Its end travels as its bytes do. The other side may be gone already.
    let _ = socket2::SockRef::from(to).shutdown(Shutdown::Write);
    Ok(())
}

fn look(way: &super::way::Way<Bytes>, out: &Bytes, read_all: bool, now: Instant) -> Look {
    let deadline = way.deadline();
    // Where the receiver is what is slow, nothing is read for it: the sender shall notice.
    let receiver_is_slow = !out.is_empty() && deadline.is_some_and(|it| it <= now);
    let room = if read_all || receiver_is_slow {
        0
    } else {
        usize::try_from(way.room()).map_or(READ_BYTES, |it| it.min(READ_BYTES))
    };
    Look {
        room,
        deadline,
        may_write: way.gate() != Gate::Cut,
    }
}

/// Reads once; answers whether that was the end.
fn read(
    line: &Line,
    direction: Direction,
    from: &TcpStream,
    buffer: &mut [u8],
) -> Result<bool, Ending> {
    let n = match from.try_read(buffer) {
        Ok(n) => n,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
        Err(_) => return Err(Ending::Reset),
    };
    let now = Instant::now();
    let mut state = line.state();
    let way = state.way(direction);
    if n == 0 {
        way.take(Bytes::new(), 0, now);
    }
    for segment in buffer[..n].chunks(SEGMENT_BYTES) {
        way.take(Bytes::copy_from_slice(segment), segment.len() as u64, now);
    }
    Ok(n == 0)
}
