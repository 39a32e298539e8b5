//! The log's own queries: a room's part of a commit, its records, and what pages and rooms read of them.

pub(crate) mod append;
pub(crate) mod entry;
pub(crate) mod read;
pub(crate) mod split;
pub(crate) mod tallies;
