//! Polls in words, and `/vote 2`.

use protocol::{
    Seq,
    server::{OpenPoll, Votes},
};
use weiquan_client::Wish;

use crate::text::one_line;

/// What a line that begins with `/vote` wishes: numbers as they are shown, from 1. `None` where the
/// line is no such command.
pub(crate) fn wish(polls: &[OpenPoll], line: &str) -> Option<Result<Wish, String>> {
    let rest = line.trim().strip_prefix("/vote")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let Some(open) = polls.last() else {
        return Some(Err("No poll is open.".into()));
    };
    let options = open.poll.options.len();
    let numbers: Result<Vec<usize>, _> = rest.split_whitespace().map(str::parse).collect();
    let picks: Option<Vec<u8>> = numbers.ok().and_then(|all| {
        let fits = |it: &usize| (1..=options).contains(it);
        let pick = |it: usize| u8::try_from(it - 1).ok();
        all.iter()
            .all(fits)
            .then(|| all.into_iter().filter_map(pick).collect())
    });
    Some(match picks {
        Some(picks) if !picks.is_empty() => Ok(Wish::Vote { of: open.of, picks }),
        _ => Err(format!("Vote by a number from 1 to {options}: /vote 2")),
    })
}

/// A poll on one line: `Poll: 几点？  1 八点 (3)  2 九点 (1)  /vote 1`.
pub(crate) fn line(open: &OpenPoll, votes: &[Votes]) -> String {
    let counted = counted(votes, open.of);
    format!(
        "Poll: {}{}  /vote 1",
        one_line(&open.poll.question),
        options(&open.poll.options, counted)
    )
}

/// The options with their numbers, and their votes where these are known.
pub(crate) fn options(options: &[String], votes: Option<&Votes>) -> String {
    let mut words = String::new();
    for (at, option) in options.iter().enumerate() {
        words.push_str(&format!("  {} {}", at + 1, one_line(option)));
        if let Some(n) = votes.and_then(|it| it.n.get(at)) {
            words.push_str(&format!(" ({n})"));
        }
    }
    words
}

fn counted(votes: &[Votes], of: Seq) -> Option<&Votes> {
    votes.iter().find(|it| it.of == of)
}
