//! The store from outside. `suite` is the contract of a log, held by SQLite and by the simulated
//! disk alike; the rest is one file per promise.
#![allow(clippy::unwrap_used)]

mod alike;
mod blobs;
mod damage;
mod disks;
mod erase;
mod mail;
mod members;
mod notices;
mod opening;
mod restored;
mod rows;
mod simulated;
mod suite;
mod writer;
