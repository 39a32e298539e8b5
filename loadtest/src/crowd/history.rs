//! The proof in the end: a fresh client reads the history of each room and holds it against every
//! acknowledgement and against what every viewer saw.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use protocol::{
    ClientFrame, limits,
    server::{Answer, Body, Outcome, Page, Reply},
};
use serde::Serialize;

use super::{
    Common, STAMP,
    enter::{Ticket, enter, enter_again},
    sight::{Sight, digest},
    spoken::Spoken,
    wire::{Frame, Wire},
};

/// What the history says.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Proof {
    /// Records read.
    pub(crate) records: u64,
    /// Acknowledged messages that were looked for.
    pub(crate) acknowledged: u64,
    /// Of them: not there, or another text at their seq.
    pub(crate) not_kept: u64,
    /// Texts that are there more than once.
    pub(crate) twice: u64,
    /// Seqs without a record.
    pub(crate) missing: u64,
    /// Viewers that saw something else than the history holds.
    pub(crate) viewers_differ: u64,
}

impl Proof {
    pub(crate) fn wrong(&self) -> u64 {
        self.not_kept + self.twice + self.missing + self.viewers_differ
    }
}

/// One room's history from some position on.
#[derive(Default)]
struct History {
    /// Seq → digest of a text of ours; nothing for any other record.
    records: BTreeMap<u64, Option<u64>>,
    texts: BTreeSet<u64>,
    twice: u64,
}

/// Reads every room and compares.
pub(super) async fn prove(
    common: &Arc<Common>,
    spoken: &Spoken,
    viewers: &[Sight],
) -> Result<Proof> {
    let mut proof = Proof::default();
    for (room, said) in spoken.rooms() {
        let in_room = || {
            let all = viewers.iter().enumerate();
            all.filter(|(n, _)| common.room(*n) == *room)
                .map(|(_, it)| it)
        };
        let from = in_room().map(|it| it.first).min();
        let from = from.unwrap_or(said.first).min(said.first);
        let history = read(common, room, from).await?;
        eprintln!(
            "  {room}: {} records of the history read",
            history.records.len()
        );
        compare(&mut proof, &history, from, &said.acks, in_room());
    }
    Ok(proof)
}

fn compare<'a>(
    proof: &mut Proof,
    history: &History,
    from: u64,
    acks: &[(u64, u64)],
    viewers: impl Iterator<Item = &'a Sight> + Clone,
) {
    let last = history.records.keys().next_back().copied().unwrap_or(from);
    proof.records += history.records.len() as u64;
    proof.missing += (last - from) - history.records.len() as u64;
    proof.twice += history.twice;
    proof.acknowledged += acks.len() as u64;
    let kept = |(seq, digest): &&(u64, u64)| history.records.get(seq) == Some(&Some(*digest));
    proof.not_kept += (acks.len() - acks.iter().filter(kept).count()) as u64;
    // Sums up to each seq, so that each viewer costs two look-ups.
    let mut sum = 0_u64;
    let mut sums = BTreeMap::from([(from, 0)]);
    for (seq, digest) in &history.records {
        sum = sum.wrapping_add(digest.unwrap_or(0));
        sums.insert(*seq, sum);
    }
    let left_out = left_out(history, viewers.clone());
    for viewer in viewers {
        let up_to = |seq: u64| sums.range(..=seq).next_back().map_or(0, |it| *it.1);
        let said = up_to(viewer.last).wrapping_sub(up_to(viewer.first));
        let [unsaid, unshown] = left_out.between(viewer.first, viewer.last);
        let shown = said.wrapping_sub(unsaid);
        let same = shown == viewer.digest && unshown == viewer.left_out;
        // Who comes back is shown all that was said meanwhile.
        let whole = viewer.tally.sampled > 0 && viewer.tally.cuts > 0;
        proof.viewers_differ += u64::from(!same && !whole);
    }
}

/// What a room left out, as the one viewer knows who kept it: sums up to each seq, of the texts and of
/// the bare seqs.
#[derive(Default)]
struct LeftOut(BTreeMap<u64, [u64; 2]>);

impl LeftOut {
    fn between(&self, first: u64, last: u64) -> [u64; 2] {
        let up_to = |seq: u64| self.0.range(..=seq).next_back().map_or([0, 0], |it| *it.1);
        let ([a, b], [c, d]) = (up_to(last), up_to(first));
        [a.wrapping_sub(c), b.wrapping_sub(d)]
    }
}

fn left_out<'a>(history: &History, mut viewers: impl Iterator<Item = &'a Sight>) -> LeftOut {
    let mut sums = LeftOut::default();
    let (mut texts, mut seqs) = (0_u64, 0_u64);
    for seq in viewers
        .find_map(|it| it.witnessed.as_ref())
        .into_iter()
        .flatten()
    {
        let text = history.records.get(seq).copied().flatten().unwrap_or(0);
        texts = texts.wrapping_add(text);
        seqs = seqs.wrapping_add(digest(*seq, b""));
        sums.0.insert(*seq, [texts, seqs]);
    }
    sums
}

async fn read(common: &Common, room: &str, after: u64) -> Result<History> {
    let ticket = Ticket {
        n: 0,
        token: common.plan.viewers,
        device: "reader".into(),
        room: room.to_owned(),
        window: None,
    };
    let entered = match enter(common, &ticket, None).await {
        Err(_) if common.plan.through_restarts => enter_again(common, &ticket, None).await?,
        first => first?,
    };
    let (mut wire, a, end) = (entered.wire, entered.joined.a, entered.joined.s);
    let mut history = History::default();
    let mut at = after;
    let mut request = 10;
    while at < end {
        request += 1;
        let wish = ClientFrame::History {
            i: request,
            a,
            before: None,
            after: Some(at),
            n: limits::PAGE_RECORDS_MAX as u32,
        };
        let wish = serde_json::to_vec(&wish).expect("plain data");
        wire.send(&wish).await?;
        let page = page(&mut wire, request).await?;
        let Some(last) = page.page.last().map(|it| it.s) else {
            break;
        };
        ensure!(last > at, "a page of the history that goes back");
        at = last;
        history.take(page);
    }
    Ok(history)
}

async fn page(wire: &mut Wire, request: u32) -> Result<Page> {
    loop {
        let mut answers = Vec::new();
        let open = wire
            .read(|frame| {
                if let Frame::Text(text) = frame
                    && text.starts_with(br#"{"i":"#)
                {
                    answers.push(serde_json::from_slice::<Answer>(text));
                }
            })
            .await?;
        for answer in answers {
            let answer = answer.context("an unreadable page")?;
            if answer.i == request {
                return match answer.outcome {
                    Outcome::Ok(Reply::Page(page)) => Ok(page),
                    Outcome::Ok(_) => bail!("an answer of another kind"),
                    Outcome::Err(refusal) => Err(refusal.into()),
                };
            }
        }
        ensure!(open, "closed while the history was read");
    }
}

impl History {
    fn take(&mut self, page: Page) {
        for record in page.page {
            let text = match &record.body {
                Body::Msg { text, .. } if text.as_bytes().starts_with(STAMP) => Some(text),
                _ => None,
            };
            let at_seq = text.map(|it| digest(record.s, it.as_bytes()));
            let fresh = text.is_none_or(|it| self.texts.insert(digest(0, it.as_bytes())));
            let known = self.records.insert(record.s, at_seq).is_some();
            self.twice += u64::from(!fresh || known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(records: &[(u64, &str)]) -> Page {
        let records: Vec<String> = records
            .iter()
            .map(|(s, text)| {
                format!(r#"{{"s":{s},"t":1,"u":{{"id":"m_1","name":"n","mark":"member"}},"k":"msg","b":{{"text":"{text}"}}}}"#)
            })
            .collect();
        let text = format!(r#"{{"page":[{}],"end":true}}"#, records.join(","));
        serde_json::from_str(&text).expect("a page")
    }

    /// A history after 4, three acks, and a viewer that saw 5 to 7.
    fn proof_of(records: &[(u64, &str)]) -> Proof {
        let said = [(5, "wq@1 a"), (6, "wq@2 b"), (7, "wq@3 c")];
        let acks: Vec<(u64, u64)> = (said.iter())
            .map(|(s, text)| (*s, digest(*s, text.as_bytes())))
            .collect();
        let mut viewer = Sight::anywhere(false);
        (viewer.first, viewer.last) = (4, 7);
        viewer.digest = (acks.iter()).fold(0, |sum, it| sum.wrapping_add(it.1));
        let mut history = History::default();
        history.take(page(records));
        let mut proof = Proof::default();
        compare(&mut proof, &history, 4, &acks, [&viewer].into_iter());
        proof
    }

    #[test]
    fn a_whole_history_passes_with_others_words_in_it() {
        let proof = proof_of(&[(5, "wq@1 a"), (6, "wq@2 b"), (7, "wq@3 c"), (8, "hello")]);
        assert_eq!(
            (proof.wrong(), proof.acknowledged, proof.records),
            (0, 3, 4)
        );
    }

    #[test]
    fn what_was_left_out_is_the_same_for_all_and_in_the_history() {
        let all = [(5, "wq@1 a"), (6, "wq@2 b"), (7, "wq@3 c")];
        let mut history = History::default();
        history.take(page(&all));
        let seen = |seqs: &[u64]| {
            let mut viewer = Sight::anywhere(false);
            (viewer.first, viewer.last) = (4, 7);
            viewer.tally.sampled = 3 - seqs.len() as u64;
            for (seq, text) in all {
                let (sum, text) = match seqs.contains(&seq) {
                    true => (&mut viewer.digest, text.as_bytes()),
                    false => (&mut viewer.left_out, &b""[..]),
                };
                *sum = sum.wrapping_add(digest(seq, text));
            }
            viewer
        };
        let mut witness = seen(&[6]);
        witness.witnessed = Some(vec![5, 7]);
        let differ = |other: Sight| {
            let mut proof = Proof::default();
            compare(&mut proof, &history, 4, &[], [&witness, &other].into_iter());
            proof.viewers_differ
        };
        assert_eq!(differ(seen(&[6])), 0);
        assert_eq!(differ(seen(&[5])), 1, "another part");
    }

    #[test]
    fn what_the_history_lost_doubled_or_changed_is_named() {
        let lost = proof_of(&[(5, "wq@1 a"), (7, "wq@3 c")]);
        assert_eq!(
            (lost.missing, lost.not_kept, lost.viewers_differ),
            (1, 1, 1)
        );
        let doubled = proof_of(&[(5, "wq@1 a"), (6, "wq@2 b"), (7, "wq@3 c"), (8, "wq@3 c")]);
        assert_eq!((doubled.twice, doubled.wrong()), (1, 1));
        let changed = proof_of(&[(5, "wq@1 a"), (6, "wq@3 c"), (7, "wq@2 b")]);
        assert_eq!((changed.not_kept, changed.viewers_differ), (2, 1));
    }
}
