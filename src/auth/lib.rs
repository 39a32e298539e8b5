//! Who somebody is: a token in, an [`Identity`] out; and everything that proves or makes one:
//! passwords, sign-in secrets, stream keys, guest devices, fit names, throttles.
//!
//! It is told the time and holds no connection and no database: `http` and `connection` ask it,
//! `store` keeps what it makes. What an identity *may do* is decided in `community`. The libraries
//! for JWT and for password hashing live only here.
//!
//! Reading order: [`identity`], [`secrets`], [`tokens`], [`passwords`], [`stream_keys`],
//! [`letter_links`], [`guests`], [`relays`], [`names`], [`throttle`].

pub mod guests;
pub mod identity;
pub mod letter_links;
pub mod names;
pub mod passwords;
pub mod relays;
pub mod secrets;
pub mod stream_keys;
pub mod throttle;
pub mod tokens;

pub use identity::{Identity, Role, mark_of};
pub use passwords::Passwords;
pub use secrets::{Secret, ServerSecret};
pub use tokens::{Grant, Minted, TokenError, Tokens, TrustedKey};
