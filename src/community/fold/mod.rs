//! Words and links in a text as a reader means it: what the rules of a room look for.
//!
//! What makes texts that look alike the same is [`folding`]'s. [`finder`] looks for words in what is
//! folded, [`links`] for links. It knows no rule.

pub mod finder;
pub mod links;

pub use finder::Finder;
pub use folding::{Gap, Letter, fold};
pub(crate) use folding::{is_unspaced, plain, plainly};

#[cfg(test)]
mod tests;
