//! What is tried, our answer, and where it is proven. The numbers are those of the project's list.

mod doors;
mod inside;

/// Where a point stands.
pub enum Proof {
    /// Files and the names of tests in them.
    By(&'static [(&'static str, &'static str)]),
    /// Why it does not apply yet.
    NotYet(&'static str),
}

pub struct Point {
    pub number: u32,
    pub asks: &'static str,
    pub answer: &'static str,
    pub proof: Proof,
}

pub struct Chapter {
    pub title: &'static str,
    pub points: &'static [Point],
}

pub fn chapters() -> impl Iterator<Item = &'static Chapter> {
    doors::CHAPTERS.iter().chain(inside::CHAPTERS)
}
