//! The store from outside. `suite` is the contract of a log, held by SQLite, by PostgreSQL and by the
//! simulated disk alike; the rest is one file per promise.
#![allow(clippy::unwrap_used)]

mod alike;
mod blobs;
mod damage;
mod database;
mod digests;
mod disks;
mod erase;
mod erasures;
mod exports;
mod mail;
mod members;
mod moments;
mod notices;
mod opening;
#[path = "../../../../tests/support/ports.rs"]
#[allow(unreachable_pub, reason = "whole-server tests hand it on")]
mod ports;
#[path = "../../../../tests/support/postgres.rs"]
mod postgres;
mod quotes;
mod restored;
mod rows;
mod search;
mod simulated;
mod splits;
mod suite;
mod topics;
mod writer;

/// Waits for what must come about by itself.
async fn until(fact: impl Fn() -> bool) {
    let fact = async {
        while !fact() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), fact)
        .await
        .expect("it happens by itself");
}
