//! The room's rules about words and links, made ready to hold texts against.

use std::sync::Arc;

use protocol::{
    Code, Refusal, Seq, limits,
    server::{HeldWhy, LinkRule, Rules},
};

use crate::{
    fold::{Finder, fold, links},
    member::Role,
};

/// What a word of the rules does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Refuse,
    Hold,
}

/// Rules and the record that set them.
#[derive(Clone, Debug)]
pub(super) struct RuleBook {
    pub(super) record: Seq,
    pub(super) rules: Arc<Rules>,
    words: Arc<Finder<Does>>,
}

impl PartialEq for RuleBook {
    fn eq(&self, other: &Self) -> bool {
        // The finder is made of the rules alone.
        (self.record, &self.rules) == (other.record, &other.rules)
    }
}

impl RuleBook {
    pub(super) fn new(record: Seq, rules: Arc<Rules>) -> Self {
        let refuse = rules.refuse.iter().map(|it| (it.as_str(), Does::Refuse));
        let hold = rules.hold.iter().map(|it| (it.as_str(), Does::Hold));
        let words = Arc::new(Finder::new(refuse.chain(hold)));
        Self {
            record,
            rules,
            words,
        }
    }

    /// Why a text of somebody in this role is to be held, if it is. What refuses counts first; nobody is
    /// told which word it was, or the list would be read out of the refusals.
    pub(super) fn check(&self, role: Role, text: &str) -> Result<Option<HeldWhy>, Refusal> {
        let mut held = None;
        for does in self.words.find(&fold(text)) {
            match does {
                Does::Refuse => {
                    let words = "a rule of this room refuses a word of this message";
                    return Err(Refusal::new(Code::WordRefused, words));
                }
                Does::Hold => held = Some(HeldWhy::Word),
            }
        }
        if self.rules.links == LinkRule::Allow || !self.has_foreign_link(text) {
            return Ok(held);
        }
        match self.rules.links {
            LinkRule::Refuse => Err(no_links("this room takes no such links")),
            LinkRule::Members if role == Role::Guest => {
                Err(no_links("in this room links are for members: sign in"))
            }
            LinkRule::Hold => Ok(held.or(Some(HeldWhy::Link))),
            LinkRule::Members | LinkRule::Allow => Ok(held),
        }
    }

    fn has_foreign_link(&self, text: &str) -> bool {
        links::hosts(text)
            .iter()
            .any(|host| !links::is_within(host, &self.rules.domains))
    }
}

fn no_links(words: &str) -> Refusal {
    Refusal::new(Code::LinkRefused, words)
}

/// Rules as they are kept: trimmed, each once, within the limits.
pub(super) fn fit(rules: &Rules) -> Result<Rules, Refusal> {
    let refuse = fit_words(&rules.refuse)?;
    let hold = fit_words(&rules.hold)?;
    if refuse.len() + hold.len() > limits::WORDS_MAX {
        let words = format!("a room's rules hold up to {} words", limits::WORDS_MAX);
        return Err(Refusal::new(Code::Malformed, words));
    }
    let domains: Vec<String> = rules
        .domains
        .iter()
        .map(|it| {
            links::domain(it).ok_or_else(|| {
                let words = format!("“{it}” is no domain, such as example.org");
                Refusal::new(Code::Malformed, words)
            })
        })
        .collect::<Result<_, _>>()?;
    let domains = each_once(domains);
    if domains.len() > limits::DOMAINS_MAX {
        let words = format!("a room's rules name up to {} domains", limits::DOMAINS_MAX);
        return Err(Refusal::new(Code::Malformed, words));
    }
    Ok(Rules {
        refuse,
        hold,
        links: rules.links,
        domains,
    })
}

fn fit_words(words: &[String]) -> Result<Vec<String>, Refusal> {
    let mut kept = Vec::with_capacity(words.len());
    for word in words {
        let word = word.trim();
        if word.chars().count() > limits::WORD_CHARS_MAX || fold(word).is_empty() {
            let words = format!(
                "a word of the rules has 1 to {} characters, and at least a letter",
                limits::WORD_CHARS_MAX
            );
            return Err(Refusal::new(Code::Malformed, words));
        }
        kept.push(word.to_owned());
    }
    Ok(each_once(kept))
}

fn each_once(words: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    words
        .into_iter()
        .filter(|it| seen.insert(it.clone()))
        .collect()
}
