//! What one shard owns: its connections, its rooms, and how an order changes them.
//!
//! INVARIANT: `connections` and `rooms` are borrowed for one step only, and nothing of a handler runs
//! inside such a step, so a borrow never meets another.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use protocol::{CloseCode, RoomNumber, Seq};
use slab::Slab;

use crate::{
    Config, ConnectionId, Frame, Order, ShardHandle,
    connection::{Broken, Connection, Ending, Kind, Lag, Written},
    flush,
    meters::Meters,
    ring,
    room::Room,
    schedule::Schedule,
};

pub(crate) struct Shard {
    pub(crate) handle: ShardHandle,
    pub(crate) config: Config,
    pub(crate) meters: Meters,
    pub(crate) rooms: RefCell<HashMap<RoomNumber, Room>>,
    pub(crate) connections: RefCell<Slab<Rc<Connection>>>,
    pub(crate) schedule: RefCell<Schedule>,
    pub(crate) is_draining: Cell<bool>,
    pub(crate) ping: Bytes,
    born: Instant,
    generation: Cell<u32>,
    /// Connections, with those that still say goodbye.
    lives: Cell<usize>,
    gap: Box<dyn Fn(RoomNumber, Seq, Seq) -> Bytes>,
}

impl Shard {
    pub(crate) fn new(
        config: Config,
        handle: ShardHandle,
        gap: Box<dyn Fn(RoomNumber, Seq, Seq) -> Bytes>,
    ) -> Rc<Self> {
        Rc::new(Self {
            meters: Meters::new(handle.index()),
            schedule: RefCell::new(Schedule::new(config.duty_percent, clock::now())),
            handle,
            config,
            rooms: RefCell::default(),
            connections: RefCell::default(),
            is_draining: Cell::new(false),
            ping: ws::encode_text(br#"{"op":"ping"}"#),
            born: clock::now(),
            generation: Cell::new(0),
            lives: Cell::new(0),
            gap,
        })
    }

    /// Milliseconds since the shard was born.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(clock::now().duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn since(&self, then_ms: u64) -> Duration {
        Duration::from_millis(self.now_ms().saturating_sub(then_ms))
    }

    pub(crate) fn gap(&self, room: RoomNumber, from: Seq, to: Seq) -> Bytes {
        self.meters.gap_told();
        (self.gap)(room, from, to)
    }

    // Connections.

    pub(crate) fn insert(
        &self,
        socket: tokio::net::TcpStream,
        tls: Option<tls::Session>,
    ) -> Rc<Connection> {
        let mut connections = self.connections.borrow_mut();
        let entry = connections.vacant_entry();
        self.generation.set(self.generation.get().wrapping_add(1));
        let id = ConnectionId {
            shard: u16::try_from(self.handle.index()).expect("fewer shards than 65,536"),
            slot: u32::try_from(entry.key()).expect("fewer sockets than 2^32"),
            generation: self.generation.get(),
        };
        let connection = Connection::new(id, socket, tls, self.now_ms());
        entry.insert(connection.clone());
        connection
    }

    /// Takes a connection out of its rooms and forgets it.
    pub(crate) fn remove(&self, connection: &Connection) {
        let rooms = std::mem::take(&mut *connection.rooms.borrow_mut());
        for (number, key) in rooms {
            self.take_out(number, key);
        }
        self.connections
            .borrow_mut()
            .remove(connection.id.slot as usize);
    }

    /// A connection is there, or its goodbye is over.
    pub(crate) fn count(&self, change: isize) {
        self.lives
            .set(self.lives.get().saturating_add_signed(change));
        self.handle.shared.set_connections(self.lives.get());
        self.meters.connections(self.lives.get());
    }

    fn find(&self, id: ConnectionId) -> Option<Rc<Connection>> {
        let connections = self.connections.borrow();
        let found = connections.get(id.slot as usize)?;
        (found.id == id && !found.is_ending()).then(|| found.clone())
    }

    // Orders.

    pub(crate) fn carry_out(self: &Rc<Self>, order: Order) {
        match order {
            Order::Join {
                connection,
                room,
                first,
                after,
            } => {
                if let Some(connection) = self.find(connection) {
                    self.join(&connection, room, first, after);
                }
            }
            Order::Leave { connection, room } => {
                if let Some(connection) = self.find(connection) {
                    self.leave(&connection, room);
                }
            }
            Order::Publish { room, frame, class } => self.publish(room, frame, class),
            Order::Dissolve { room, frame } => self.dissolve(room, &frame),
            Order::Send { connection, frame } => {
                if let Some(connection) = self.find(connection) {
                    self.send(&connection, frame);
                }
            }
            Order::Close {
                connection,
                code,
                reason,
            } => {
                if let Some(connection) = self.find(connection) {
                    self.close(&connection, code, reason);
                }
            }
        }
    }

    fn join(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        number: RoomNumber,
        first: Bytes,
        after: Seq,
    ) {
        self.give(connection, first, Kind::Join);
        let mut rooms = self.rooms.borrow_mut();
        let room = rooms
            .entry(number)
            .or_insert_with(|| Room::new(number, after));
        let mut places = connection.rooms.borrow_mut();
        let must_catch_up = match places.iter().find(|it| it.0 == number) {
            Some((_, key)) => room.rejoin(*key, after),
            None => {
                let (key, must_catch_up) = room.join(connection.clone(), after);
                places.push((number, key));
                must_catch_up
            }
        };
        drop((rooms, places));
        if must_catch_up {
            self.catch_up(connection);
        }
    }

    fn leave(&self, connection: &Connection, number: RoomNumber) {
        let mut places = connection.rooms.borrow_mut();
        if let Some(at) = places.iter().position(|it| it.0 == number) {
            let (_, key) = places.swap_remove(at);
            drop(places);
            self.take_out(number, key);
        }
    }

    fn take_out(&self, number: RoomNumber, key: usize) {
        let mut rooms = self.rooms.borrow_mut();
        if let Some(room) = rooms.get_mut(&number) {
            room.leave(key);
            if room.is_empty() {
                rooms.remove(&number);
            }
        }
    }

    fn dissolve(self: &Rc<Self>, number: RoomNumber, frame: &Bytes) {
        let members: Vec<Rc<Connection>> = match self.rooms.borrow().get(&number) {
            Some(room) => room.members().map(|it| it.connection.clone()).collect(),
            None => return,
        };
        for connection in members {
            self.leave(&connection, number);
            self.give(&connection, frame.clone(), Kind::Answer);
        }
    }

    fn publish(&self, number: RoomNumber, frame: Frame, class: crate::Class) {
        let mut rooms = self.rooms.borrow_mut();
        let Some(room) = rooms.get_mut(&number) else {
            return;
        };
        let limits = ring::Limits {
            frames_max: self.config.ring_frames_max,
            bytes_max: self.config.ring_bytes_max,
        };
        room.ring.push(class, frame, limits);
        if !room.is_waiting {
            room.is_waiting = true;
            let mut schedule = self.schedule.borrow_mut();
            match room.ready_at.filter(|it| *it > clock::now()) {
                Some(at) => schedule.rest(number, at),
                None => schedule.enqueue(number),
            }
        }
    }

    // Writing to one connection.

    /// Writes a frame for this connection alone, or queues it behind its blocked socket.
    pub(crate) fn send(self: &Rc<Self>, connection: &Rc<Connection>, frame: Bytes) {
        self.give(connection, frame, Kind::Answer);
    }

    fn give(self: &Rc<Self>, connection: &Rc<Connection>, frame: Bytes, kind: Kind) {
        if connection.is_ending() || frame.is_empty() {
            return;
        }
        if !connection.is_lagging() {
            return self.write(connection, &frame);
        }
        let has_room = match &mut *connection.lag.borrow_mut() {
            Some(lag) => lag.queue(frame, kind, &self.config),
            None => true,
        };
        if !has_room {
            self.close(
                connection,
                CloseCode::Slow,
                "more answers wait than this connection reads",
            );
        }
    }

    /// Writes inline to a socket that is not blocked; what it does not take begins a lag.
    pub(crate) fn write(self: &Rc<Self>, connection: &Rc<Connection>, bytes: &Bytes) {
        match connection.write(bytes) {
            Written::All => {}
            Written::Part { rest, .. } => self.begin_lag(connection, rest),
            Written::Lost => self.lose(connection),
        }
    }

    /// Writes what TLS itself has to say: behind what was begun, before anything else.
    pub(crate) fn write_due(self: &Rc<Self>, connection: &Rc<Connection>, due: &[u8]) {
        if due.is_empty() || connection.is_ending() {
            return;
        }
        if let Some(lag) = &mut *connection.lag.borrow_mut() {
            return lag.append(due);
        }
        match connection.write_raw(due) {
            Ok(n) if n == due.len() => {}
            Ok(n) => self.begin_lag(connection, Bytes::copy_from_slice(&due[n..])),
            Err(Broken) => self.lose(connection),
        }
    }

    fn begin_lag(self: &Rc<Self>, connection: &Rc<Connection>, partial: Bytes) {
        let flusher = tokio::task::spawn_local(flush::run(self.clone(), connection.clone()));
        connection.begin_lag(Lag::new(partial, self.now_ms(), flusher.abort_handle()));
        self.meters.lagged();
    }

    /// Lets the flusher read the rooms on from where this connection stands.
    fn catch_up(self: &Rc<Self>, connection: &Rc<Connection>) {
        if !(connection.is_lagging() || connection.is_ending()) {
            self.begin_lag(connection, Bytes::new());
        }
    }

    // Ends.

    pub(crate) fn close(&self, connection: &Connection, code: CloseCode, reason: &str) {
        if !connection.is_ending() {
            connection.end(Ending {
                code: Some(code),
                goodbye: ws::close(code, reason),
            });
        }
    }

    /// The socket is broken, or the client went without a word.
    pub(crate) fn lose(&self, connection: &Connection) {
        connection.end(Ending {
            code: None,
            goodbye: Bytes::new(),
        });
    }
}
