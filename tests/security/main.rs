//! The security checklist against the whole server: attacks as an attacker makes them, and one exact
//! answer to each. `checklist` holds what is asked, our answer and where it is proven; this prints it
//! with its count, and fails where a point is neither proven by a test that exists nor said not to
//! apply yet. The page for people is `docs/SECURITY-CHECKLIST.md`, which is made from the same table.

#![allow(
    unreachable_pub,
    reason = "a test binary exports nothing; the support is shared"
)]

#[path = "../support/mod.rs"]
mod support;

mod checklist;
mod page;
mod wire;

mod banned;
mod flood;
mod frames;
mod handshake;
mod headers;
mod idor;
mod logs;
mod matrix;
mod program;
mod rest;
mod udp;
mod uploads;
