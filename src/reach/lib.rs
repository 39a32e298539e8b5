//! Reaching people who are not here: Web Push (RFC 8030), sealed for one browser (RFC 8291) and signed
//! by this server (RFC 8292), and letters by SMTP (RFC 5321).
//!
//! It is handed what to say and to whom, and knows neither the store nor the rooms. Where a push goes
//! was chosen by somebody outside, so it goes to public addresses by HTTPS only, follows no redirect,
//! and waits for nobody long. Letters go to the one server that the operator named.
//!
//! Reading order: `endpoint` (where it may go), `seal` (for one browser's eyes), `key` (who sends),
//! `sender` (the queue and the tries); apart from these, `mailer`.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")
)]

mod endpoint;
mod key;
mod mailer;
mod seal;
mod sender;

use std::path::PathBuf;

pub use endpoint::{Unfit, check};
pub use key::{Key, KeyError};
pub use mailer::{
    ADDRESS_BYTES_MAX, Letter, MailError, MailSettings, Mailer, Posted, Secrecy, address,
};
pub use seal::{Browser, SealError};
pub use sender::{Gone, PUSHES_WAITING_MAX, Push, Sender, StartError, Urgency, start};

/// Where pushes may go.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whom a push service may write to about this server: `mailto:…` or `https://…`.
    pub contact: String,
    /// Addresses that are not public are fine: for tests, and services inside of one's own network.
    pub private: bool,
    /// PEM: who vouches for push services, where that is nobody the machine knows.
    pub ca: Option<PathBuf>,
}
