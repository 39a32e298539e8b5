//! Datagrams: a line for each source address, each with an upstream socket of its own.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{net::UdpSocket, task::JoinSet, time};

use super::{Direction, line::Line, relay::Shared};

/// A line on which nothing came for so long is forgotten, as a NAT forgets it.
const IDLE_MAX: Duration = Duration::from_secs(120);
/// Datagrams that are read before others have their turn.
const AT_ONCE: usize = 64;
/// As much as the kernel lets us have; a burst shall not be lost by accident.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

pub(super) async fn serve(shared: Arc<Shared>, socket: UdpSocket) {
    let near = Arc::new(socket);
    enlarge(&near);
    let mut known: HashMap<SocketAddr, Arc<Line>> = HashMap::new();
    let mut sessions = JoinSet::new();
    let mut buffer = vec![0; 65_536];
    while near.readable().await.is_ok() {
        for _ in 0..AT_ONCE {
            // An error is an ICMP message about a client that left, or nothing to read.
            let Ok((n, from)) = near.try_recv_from(&mut buffer) else {
                break;
            };
            let now = Instant::now();
            let datagram = Bytes::copy_from_slice(&buffer[..n]);
            if let Some(line) = known.get(&from).filter(|it| take(it, &datagram, now)) {
                line.wake(Direction::Up);
                continue;
            }
            let Some(line) = shared.open(from) else {
                continue;
            };
            take(&line, &datagram, now);
            known.retain(|_, it| !it.state().over);
            known.insert(from, line.clone());
            while sessions.try_join_next().is_some() {}
            sessions.spawn(session(shared.clone(), line, near.clone()));
        }
    }
}

fn enlarge(socket: &UdpSocket) {
    let socket = socket2::SockRef::from(socket);
    // The kernel gives what it allows; less is only more likely to overflow.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
}

/// Puts a datagram on its way up, if the line is still served.
fn take(line: &Line, datagram: &Bytes, now: Instant) -> bool {
    let mut state = line.state();
    if state.over {
        return false;
    }
    let bytes = datagram.len() as u64;
    state.way(Direction::Up).take(datagram.clone(), bytes, now);
    true
}

async fn session(shared: Arc<Shared>, line: Arc<Line>, near: Arc<UdpSocket>) {
    if let Ok(far) = shared.dial_udp(None).await {
        enlarge(&far);
        relay(&shared, &line, &near, far).await;
    }
    shared.close(&line);
}

async fn relay(shared: &Shared, line: &Line, near: &UdpSocket, mut far: UdpSocket) {
    let mut buffer = vec![0; 65_536];
    let mut due = [Vec::new(), Vec::new()];
    let mut heard = time::Instant::now();
    loop {
        let now = Instant::now();
        let (deadline, rebind) = {
            let mut state = line.state();
            if state.ending.is_some() {
                return;
            }
            for direction in Direction::BOTH {
                let way = state.way(direction);
                due[direction as usize].extend(std::iter::from_fn(|| way.poll(now)));
            }
            let deadlines = Direction::BOTH.map(|it| state.way(it).deadline());
            let deadline = deadlines.into_iter().flatten().min();
            (deadline, state.rebind.take())
        };
        if let Some(from) = rebind
            && let Ok(other) = shared.dial_udp(from).await
        {
            enlarge(&other);
            far = other;
        }
        if due.iter().any(|it| !it.is_empty()) {
            heard = time::Instant::now();
        }
        let [up, down] = &mut due;
        // What the kernel does not take is lost, as on a line.
        for datagram in up.drain(..) {
            let _ = far.send(&datagram).await;
        }
        for datagram in down.drain(..) {
            let _ = near.send_to(&datagram, line.from).await;
        }
        let idle = heard + IDLE_MAX;
        let until = deadline.map_or(idle, |it| idle.min(it.into()));
        tokio::select! {
            () = line.woken(Direction::Up) => {}
            _ = far.readable() => receive(line, &far, &mut buffer),
            () = time::sleep_until(until) => if time::Instant::now() >= idle {
                return;
            }
        }
    }
}

/// Puts what came from the server on its way down.
fn receive(line: &Line, far: &UdpSocket, buffer: &mut [u8]) {
    for _ in 0..AT_ONCE {
        // An error is nothing to read, or that nobody listens there at the moment.
        let Ok(n) = far.try_recv(buffer) else { return };
        let datagram = Bytes::copy_from_slice(&buffer[..n]);
        let mut state = line.state();
        let way = state.way(Direction::Down);
        way.take(datagram, n as u64, Instant::now());
    }
}
