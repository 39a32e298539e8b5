//! Finds words in a folded text, all of them in one walk over it (the automaton of Aho and Corasick,
//! 1975), and then holds each find against the borders of words.
//!
//! Between characters of a script without spaces anything may be inserted. A word of letters is found
//! only as a whole word ("ass" is not in "assassin"), and through a space only where the word has one
//! there, or where it is spaced out letter by letter.

use std::collections::{BTreeMap, VecDeque};

use super::{Gap, Letter, fold, is_unspaced};

/// Words to look for, and what each of them stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Finder<T> {
    words: Vec<(Vec<Letter>, T)>,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    next: BTreeMap<char, u32>,
    /// The longest proper end of what was read here that begins a word.
    fallback: u32,
    /// The nearest node on the way of fallbacks at which a word ends; 0: none.
    shorter: u32,
    /// The words that end here.
    ends: Vec<u32>,
}

impl<T: Copy> Finder<T> {
    pub fn new<'a>(words: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let mut it = Self {
            words: Vec::new(),
            nodes: vec![Node::default()],
        };
        for (word, what) in words {
            it.add(fold(word), what);
        }
        it.link();
        it
    }

    /// What the words stand for that are in the text, in the order in which they end.
    pub fn find(&self, text: &[Letter]) -> impl Iterator<Item = T> {
        let mut at = 0;
        text.iter().enumerate().flat_map(move |(n, letter)| {
            at = self.step(at, letter.char);
            self.ending_at(at)
                .filter(move |word| stands(&word.0, text, n + 1 - word.0.len()))
                .map(|word| word.1)
        })
    }

    fn add(&mut self, word: Vec<Letter>, what: T) {
        // Of nothing but marks: it would be everywhere.
        if word.is_empty() {
            return;
        }
        let mut at = 0;
        for letter in &word {
            let free = self.nodes.len() as u32;
            let next = *self.nodes[at as usize]
                .next
                .entry(letter.char)
                .or_insert(free);
            if next == free {
                self.nodes.push(Node::default());
            }
            at = next;
        }
        let number = self.words.len() as u32;
        self.nodes[at as usize].ends.push(number);
        self.words.push((word, what));
    }

    /// Nodes nearer to the root are done before those that lean on them.
    fn link(&mut self) {
        let mut queue = VecDeque::from([0_u32]);
        while let Some(at) = queue.pop_front() {
            let next = self.nodes[at as usize].next.clone();
            for (char, child) in next {
                let fallback = if at == 0 {
                    0
                } else {
                    self.step(self.nodes[at as usize].fallback, char)
                };
                let ends = !self.nodes[fallback as usize].ends.is_empty();
                let shorter = if ends {
                    fallback
                } else {
                    self.nodes[fallback as usize].shorter
                };
                let node = &mut self.nodes[child as usize];
                (node.fallback, node.shorter) = (fallback, shorter);
                queue.push_back(child);
            }
        }
    }

    fn step(&self, mut at: u32, char: char) -> u32 {
        loop {
            let node = &self.nodes[at as usize];
            match node.next.get(&char) {
                Some(next) => return *next,
                None if at == 0 => return 0,
                None => at = node.fallback,
            }
        }
    }

    fn ending_at(&self, at: u32) -> impl Iterator<Item = &(Vec<Letter>, T)> {
        let nodes = std::iter::successors(Some(at), |it| Some(self.nodes[*it as usize].shorter));
        nodes
            .take_while(|it| *it != 0)
            .flat_map(|it| &self.nodes[it as usize].ends)
            .map(|it| &self.words[*it as usize])
    }
}

/// Whether a word whose letters are in the text at this place stands there as a word.
fn stands(word: &[Letter], text: &[Letter], from: usize) -> bool {
    let to = from + word.len();
    let whole = (from == 0 || is_border(text, from)) && (to == text.len() || is_border(text, to));
    whole && (1..word.len()).all(|n| may_cross(word[n].gap, text, from + n))
}

/// Between the letter before and this one a word may begin or end: something stands between them, one
/// of them needs no spaces, or a number meets a name.
fn is_border(text: &[Letter], at: usize) -> bool {
    let (before, here) = (text[at - 1].char, text[at]);
    here.gap != Gap::None
        || is_unspaced(before)
        || is_unspaced(here.char)
        || before.is_numeric() != here.char.is_numeric()
}

fn may_cross(in_word: Gap, text: &[Letter], at: usize) -> bool {
    let here = text[at];
    here.gap != Gap::Space
        || in_word == Gap::Space
        || is_unspaced(text[at - 1].char)
        || is_unspaced(here.char)
        || (is_alone(text, at - 1) && is_alone(text, at))
}

fn is_alone(text: &[Letter], at: usize) -> bool {
    let ends = |n: usize| text.get(n).is_none_or(|it| n == 0 || it.gap != Gap::None);
    ends(at) && ends(at + 1)
}
