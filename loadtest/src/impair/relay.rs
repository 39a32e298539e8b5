//! A relay: where it listens, the lines through it, and what it is told.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::{
    net::{TcpSocket, UdpSocket},
    task::JoinHandle,
};

use super::{
    Conditions, Counters, Direction, Order, Protocol, Wish,
    line::{Line, Start},
    tcp, udp,
    way::{Gate, Kind},
};

/// Lines at once. A datagram from one more source is dropped, one more connection is closed; both are
/// counted as refused.
const LINES_MAX: usize = 4_096;

/// Where a relay leads, and how bad it is.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub protocol: Protocol,
    pub listen: SocketAddr,
    pub to: SocketAddr,
    pub up: Conditions,
    pub down: Conditions,
    pub seed: u64,
    /// TCP: bytes that the kernel may keep of what it received on either side (`SO_RCVBUF`); its own
    /// choice if nothing is said.
    pub window: Option<u32>,
}

impl Route {
    /// A good line for datagrams, from a loopback port that the kernel chooses.
    pub fn udp(to: SocketAddr) -> Self {
        Self {
            protocol: Protocol::Udp,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            to,
            up: Conditions::default(),
            down: Conditions::default(),
            seed: 0,
            window: None,
        }
    }

    /// A good line for connections, from a loopback port that the kernel chooses.
    pub fn tcp(to: SocketAddr) -> Self {
        Self {
            protocol: Protocol::Tcp,
            ..Self::udp(to)
        }
    }

    /// The same conditions both ways.
    #[must_use]
    pub const fn both(self, conditions: Conditions) -> Self {
        Self {
            up: conditions,
            down: conditions,
            ..self
        }
    }

    fn check(&self) -> Result<()> {
        for conditions in [&self.up, &self.down] {
            conditions.check()?;
            let of_datagrams =
                conditions.reorder > 0.0 || conditions.duplicate > 0.0 || conditions.overtake;
            ensure!(
                self.protocol == Protocol::Udp || !of_datagrams,
                "a TCP stream is never reordered or doubled: --reorder, --duplicate and --overtake are for UDP"
            );
        }
        Ok(())
    }
}

/// How many lines there are and were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    pub open: usize,
    pub opened: u64,
    pub refused: u64,
}

/// What a relay says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    pub protocol: Protocol,
    pub listening: SocketAddr,
    pub to: SocketAddr,
    pub seed: u64,
    pub lines: Lines,
    pub up: Counters,
    pub down: Counters,
}

/// A relay at work. It ends, with all its lines, when it is dropped.
pub struct Relay {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What the tasks of a relay share.
pub(super) struct Shared {
    pub(super) route: Route,
    address: SocketAddr,
    registry: Mutex<Registry>,
}

pub(super) struct Registry {
    /// What the lines to come begin with.
    pub(super) start: Start,
    lines: BTreeMap<u64, Arc<Line>>,
    opened: u64,
    refused: u64,
    /// Of the lines that are over.
    past: [Counters; 2],
}

impl Relay {
    /// Listens, and relays from now on.
    pub async fn open(route: Route) -> Result<Self> {
        route.check()?;
        let kind = match route.protocol {
            Protocol::Udp => Kind::Datagrams,
            Protocol::Tcp => Kind::Stream,
        };
        let registry = Registry {
            start: Start {
                kind,
                seed: route.seed,
                conditions: [route.up, route.down],
                gates: [Gate::Open; 2],
            },
            lines: BTreeMap::new(),
            opened: 0,
            refused: 0,
            past: Default::default(),
        };
        let shared = |address| {
            Arc::new(Shared {
                route,
                address,
                registry: Mutex::new(registry),
            })
        };
        let cannot = || format!("cannot listen on {}", route.listen);
        let (shared, task) = match route.protocol {
            Protocol::Udp => {
                let socket = UdpSocket::bind(route.listen).await.with_context(cannot)?;
                let shared = shared(socket.local_addr()?);
                (shared.clone(), tokio::spawn(udp::serve(shared, socket)))
            }
            Protocol::Tcp => {
                let listener = listen(&route).with_context(cannot)?;
                let shared = shared(listener.local_addr()?);
                (shared.clone(), tokio::spawn(tcp::serve(shared, listener)))
            }
        };
        Ok(Self { shared, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Carries out an order; it is in force when this returns. Answers how many lines it met.
    pub fn tell(&self, wish: &Wish) -> Result<usize> {
        let order = &wish.order;
        order.check(self.shared.route.protocol == Protocol::Tcp)?;
        let mut registry = self.shared.registry();
        let met: Vec<Arc<Line>> = match wish.line {
            Some(number) => {
                let line = registry.lines.get(&number);
                vec![
                    line.with_context(|| format!("there is no line {number}"))?
                        .clone(),
                ]
            }
            None => {
                order.prepare(&mut registry)?;
                registry.lines.values().cloned().collect()
            }
        };
        drop(registry);
        for line in &met {
            order.carry_out(line)?;
        }
        Ok(met.len())
    }

    /// As [`Self::tell`], to all lines, for orders that always make sense to this relay.
    fn order(&self, order: Order) {
        let wish = Wish { line: None, order };
        self.tell(&wish).expect("an order of its own kind");
    }

    /// A dead network, both ways.
    pub fn cut(&self) {
        self.order(Order::Cut { way: None });
    }

    /// Nothing more is read of what comes down (TCP): the server's buffers fill.
    pub fn stall(&self) {
        self.order(Order::Stall {
            way: Some(Direction::Down),
        });
    }

    /// The end of a cut and of a stall.
    pub fn heal(&self) {
        self.order(Order::Heal { way: None });
    }

    /// Every connection breaks by RST (TCP).
    pub fn reset(&self) {
        self.order(Order::Reset {});
    }

    /// Everybody's address changes, as seen by the server (UDP).
    pub fn rebind(&self, from: Option<IpAddr>) {
        self.order(Order::Rebind { from });
    }

    /// Other conditions from now on, for all lines.
    pub fn set(&self, up: Conditions, down: Conditions) -> Result<()> {
        let all = |it: Conditions| match serde_json::to_value(it) {
            Ok(serde_json::Value::Object(all)) => all,
            _ => unreachable!("conditions are an object"),
        };
        let order = Order::Set {
            both: serde_json::Map::new(),
            up: all(up),
            down: all(down),
        };
        self.tell(&Wish { line: None, order }).map(drop)
    }

    /// What became of everything so far.
    pub fn told(&self) -> Told {
        let registry = self.shared.registry();
        let mut counters = registry.past;
        for line in registry.lines.values() {
            let mut state = line.state();
            for direction in Direction::BOTH {
                counters[direction as usize].add(&state.way(direction).counters());
            }
        }
        let [up, down] = counters;
        Told {
            protocol: self.shared.route.protocol,
            listening: self.shared.address,
            to: self.shared.route.to,
            seed: self.shared.route.seed,
            lines: Lines {
                open: registry.lines.len(),
                opened: registry.opened,
                refused: registry.refused,
            },
            up,
            down,
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // The lines' tasks are the listening task's own and end with it.
        self.task.abort();
    }
}

impl Shared {
    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry
            .lock()
            .expect("nobody panics with the registry in hand")
    }

    /// A new line, if there is room for one.
    pub(super) fn open(&self, from: SocketAddr) -> Option<Arc<Line>> {
        let mut registry = self.registry();
        if registry.lines.len() >= LINES_MAX {
            registry.refused += 1;
            return None;
        }
        registry.opened += 1;
        let number = registry.opened;
        let line = Arc::new(Line::new(number, from, &registry.start));
        registry.lines.insert(number, line.clone());
        Some(line)
    }

    /// A line is over: what it counted is kept.
    pub(super) fn close(&self, line: &Line) {
        let mut registry = self.registry();
        registry.lines.remove(&line.number);
        let mut state = line.state();
        state.over = true;
        for direction in Direction::BOTH {
            registry.past[direction as usize].add(&state.way(direction).counters());
        }
    }

    /// A socket towards the server; of datagrams, from `from` if it is named.
    pub(super) async fn dial_udp(&self, from: Option<IpAddr>) -> io::Result<UdpSocket> {
        let any: IpAddr = match self.route.to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((from.unwrap_or(any), 0)).await?;
        socket.connect(self.route.to).await?;
        Ok(socket)
    }
}

fn listen(route: &Route) -> io::Result<tokio::net::TcpListener> {
    let socket = socket_for(route.listen, route.window)?;
    socket.set_reuseaddr(true)?;
    socket.bind(route.listen)?;
    socket.listen(1_024)
}

/// A TCP socket whose buffer for what is received has the wanted size, before anybody is told of it.
pub(super) fn socket_for(address: SocketAddr, window: Option<u32>) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(window) = window {
        socket.set_recv_buffer_size(window)?;
    }
    Ok(socket)
}
