//! Texts that say about the same, by the pairs of letters that they share: no dictionary, and nobody is asked.
//!
//! How alike two texts are is how many of their pairs they share, of all that they have (Jaccard). Comparing each
//! with each is not needed: texts that share much agree in the smallest of their hashed pairs about as often as
//! they share (MinHash: A. Broder, "On the resemblance and containment of documents", 1997), so only those are
//! compared which agree in both values of at least one of 24 bands.

use std::collections::HashMap;

use super::{fold, is_unspaced, plainly};

/// From here on two texts say the same.
pub const ALIKE: f64 = 0.5;

/// At 0.5 one pair of texts in a thousand shares no band: 1 − (1 − 0.5²)²⁴.
const BANDS: usize = 24;
const ROWS: usize = 2;
/// Texts of one band that a further one is compared with. More of them are alike among each other, or were made to
/// cost us time.
const COMPARED: usize = 16;

/// What people put around a question without saying anything by it, as it is folded.
const AROUND: &[&str] = &["请问一下", "请问", "想问一下", "问一下", "问下"];
const AT_THE_END: &[char] = &[
    '吗', '呢', '啊', '呀', '吧', '哦', '嘛', '么', '哈', '啦', '咯', '的', '了',
];

/// The texts that say about the same, by their places: of each group in order, and the groups by their firsts. What
/// is like no other is in none, and so is what has fewer than two letters.
pub fn groups(texts: &[&str]) -> Vec<Vec<usize>> {
    let pairs: Vec<Vec<u64>> = texts.iter().map(|it| pairs(it)).collect();
    let mut sets = Sets::new(texts.len());
    let mut bands: HashMap<(usize, [u64; ROWS]), Vec<usize>> = HashMap::new();
    for (at, mine) in pairs.iter().enumerate().filter(|it| !it.1.is_empty()) {
        let signature = signature(mine);
        for (band, values) in signature.chunks_exact(ROWS).enumerate() {
            let key = (band, [values[0], values[1]]);
            let others = bands.entry(key).or_default();
            for other in others.iter().copied() {
                if sets.root(other) != sets.root(at) && alike(&pairs[other], mine) >= ALIKE {
                    sets.join(other, at);
                }
            }
            if others.len() < COMPARED {
                others.push(at);
            }
        }
    }
    let mut found: HashMap<usize, Vec<usize>> = HashMap::new();
    for at in 0..texts.len() {
        found.entry(sets.root(at)).or_default().push(at);
    }
    let mut found: Vec<_> = found.into_values().filter(|it| it.len() > 1).collect();
    found.sort_unstable_by_key(|it| it[0]);
    found
}

/// The pairs of a text's letters, hashed, each once and in order. A word of a script with spaces is in it by its
/// letters, too: `start` and `starts` share most of them.
fn pairs(text: &str) -> Vec<u64> {
    let folded = plainly(&fold(text));
    let mut rest = folded.as_str();
    for around in AROUND {
        rest = rest.strip_prefix(around).unwrap_or(rest);
    }
    let whole: Vec<char> = rest.chars().collect();
    let said = rest.trim_end_matches(AT_THE_END);
    // What has nothing else is what was said.
    let letters: Vec<char> = match said.is_empty() {
        true => whole,
        false => said.chars().collect(),
    };
    let mut pairs: Vec<u64> = letters
        .windows(2)
        .map(|it| mixed(u64::from(u32::from(it[0])) << 32 | u64::from(u32::from(it[1]))))
        .collect();
    // One character of Chinese is a word.
    if let [one] = letters[..]
        && is_unspaced(one)
    {
        pairs.push(mixed(u64::from(u32::from(one))));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Of both in order: what they share of what they have.
fn alike(one: &[u64], other: &[u64]) -> f64 {
    let (mut i, mut j, mut both) = (0, 0, 0_u32);
    while i < one.len() && j < other.len() {
        match one[i].cmp(&other[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, both) = (i + 1, j + 1, both + 1),
        }
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let all = count(one.len() + other.len()) - both;
    f64::from(both) / f64::from(all.max(1))
}

/// The smallest of the pairs under each of the hash functions.
fn signature(pairs: &[u64]) -> [u64; BANDS * ROWS] {
    std::array::from_fn(|n| {
        let seed = mixed(n as u64 + 1);
        let least = pairs.iter().map(|it| mixed(it ^ seed)).min();
        least.unwrap_or_default()
    })
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014): each bit of the result hangs on each bit of the value.
const fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Which belong together (union-find).
struct Sets {
    parent: Vec<usize>,
}

impl Sets {
    fn new(n: usize) -> Self {
        Self {
            parent: (0..n).collect(),
        }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parent[at] != at {
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parent[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_about_the_same_is_one_group() {
        let texts = [
            "今天几点开始？",
            "好的",
            "請問今天幾點開始",
            "今天几点开始呀",
            "主播今天几点开始啊？？",
            "录音在哪里听",
            "哪里可以报名",
            "在哪里听录音",
            "When does it start?",
            "when does it START",
        ];
        assert_eq!(groups(&texts), [vec![0, 2, 3, 4], vec![5, 7], vec![8, 9]]);
    }

    #[test]
    fn what_is_like_nothing_or_says_nothing_is_in_no_group() {
        assert_eq!(groups(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(
            groups(&["", "？？", "😀", "a", "a"]),
            Vec::<Vec<usize>>::new()
        );
        assert_eq!(
            groups(&["几点", "哪里", "为什么不行"]),
            Vec::<Vec<usize>>::new()
        );
        assert_eq!(groups(&["好", "好！"]), [[0, 1]], "a character is a word");
        assert_eq!(
            groups(&["吗", "吗？"]),
            [[0, 1]],
            "and so is what usually says nothing"
        );
    }

    /// Every two texts that are alike end in one group, whatever the bands: compared with each other as they are.
    #[test]
    fn few_that_are_alike_are_missed() {
        let mut seed = 7_u64;
        let mut draw = move |n: u64| {
            seed = mixed(seed);
            seed % n
        };
        let letters: Vec<char> = ('\u{4e00}'..'\u{4e40}').collect();
        let mut texts: Vec<String> = Vec::new();
        for _ in 0..120 {
            let own: String = (0..6 + draw(8))
                .map(|_| letters[draw(64) as usize])
                .collect();
            texts.push(own.clone());
            let more: String = (0..draw(5)).map(|_| letters[draw(64) as usize]).collect();
            texts.push(format!("{own}{more}"));
        }
        let all: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = groups(&all);
        let group = |at: usize| found.iter().position(|it| it.contains(&at));
        let sets: Vec<Vec<u64>> = all.iter().map(|it| pairs(it)).collect();
        let (mut close, mut missed) = (0, 0);
        for i in 0..all.len() {
            for j in 0..i {
                if alike(&sets[i], &sets[j]) >= ALIKE {
                    close += 1;
                    missed += usize::from(group(i).is_none() || group(i) != group(j));
                }
            }
        }
        assert!(
            close > 60 && missed * 100 <= close,
            "{missed} of {close} missed"
        );
    }

    #[test]
    fn ten_thousand_of_one_mould_cost_no_more_than_others() {
        let texts: Vec<String> = (0..10_000)
            .map(|n| format!("加微信领红包，先到先得，私聊我{n}"))
            .collect();
        let all: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = groups(&all);
        assert!(found.iter().any(|it| it.len() > 5_000), "{}", found.len());
    }
}
