//! Ports for the programs that a test starts.
//!
//! A port that the kernel gave out and that was closed again may be somebody's next socket before
//! our program binds it. So ours lie below the range that the kernel gives out by itself
//! (32,768 and above, `ip_local_port_range`), and each test program holds its own block of them:
//! whoever listens on a block's first port has the block, as long as it lives.

use std::{
    net::{TcpListener, UdpSocket},
    sync::Mutex,
};

/// The first block's first port; the last block ends below 32,768.
const FIRST: u16 = 12_000;
const BLOCKS: u16 = 600;
/// Ports of a block, with the one that is held.
const BLOCK: u16 = 32;

/// What is left of the last block; the ones before stay held, their programs may still run.
struct Ours {
    held: Vec<TcpListener>,
    next: u16,
    end: u16,
}

static OURS: Mutex<Ours> = Mutex::new(Ours {
    held: Vec::new(),
    next: 0,
    end: 0,
});

/// Ports that nobody uses and nobody else is given, TCP and UDP alike.
pub fn free_ports(count: usize) -> Vec<u16> {
    let mut ours = OURS.lock().expect("no test fell while it chose a port");
    (0..count).map(|_| ours.port()).collect()
}

impl Ours {
    fn port(&mut self) -> u16 {
        loop {
            if self.next == self.end {
                self.hold_a_block();
            }
            let port = self.next;
            self.next += 1;
            let tcp = TcpListener::bind(("127.0.0.1", port));
            if tcp.is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    }

    fn hold_a_block(&mut self) {
        let start = u16::try_from(std::process::id() % u32::from(BLOCKS)).expect("below 600");
        let (first, held) = (0..BLOCKS)
            .map(|step| FIRST + (start + step) % BLOCKS * BLOCK)
            .find_map(|first| Some((first, TcpListener::bind(("127.0.0.1", first)).ok()?)))
            .expect("a block of ports that no other test program holds");
        self.held.push(held);
        self.next = first + 1;
        self.end = first + BLOCK;
    }
}
