//! weiquan (微圈): a real-time livestream and topic room server.
//!
//! The pure parts and the edges are crates of their own under `src/`; here is the shell that joins
//! them. Reading order: [`cli`] (what can be asked of the program), [`config`] (what the operator
//! wrote), [`certificates`] (HTTPS of the public port), [`database`] (where PostgreSQL is), [`server`] (builds the parts in order and
//! ends them in reverse), [`actor`] (runs the rooms), [`connection`] (one device), [`http`]
//! (everything that is not a socket), [`join`] (the ends that may not name each other), [`post`]
//! (carries notices to people), [`export`] (what people said, as archives), [`erase`] (takes out of logs what a member left), `giving_way` (how that and the search leave the writer to rooms), [`search`] (makes what is said findable), [`letters`] (writes to them by e-mail), [`memory`] (what is given up when little of it is left), [`operate`] (what is done beside
//! the server: backups), [`reload`] (what changes while it runs), [`supervisor`] (systemd), [`watched`] (how rooms are watched, as viewers say).

pub mod actor;
pub mod certificates;
pub mod cli;
pub mod cli_exports;
pub mod config;
pub mod connection;
pub mod database;
pub mod erase;
pub mod export;
mod giving_way;
pub mod http;
pub mod join;
mod layers;
pub mod letters;
pub mod mail;
pub mod memory;
pub mod operate;
mod places;
pub mod post;
pub mod push;
pub mod reload;
pub mod search;
pub mod server;
pub mod supervisor;
pub mod turn;
pub mod watched;
