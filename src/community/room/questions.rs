//! Questions: messages that wait for the host, who picks one, and another, until they are answered.

use protocol::{
    Code, Refusal, Seq,
    client::QuestionAct,
    limits,
    server::{Page, QuestionPhase, Reply},
};

use super::Room;
use crate::{
    command::Origin,
    effect::{Effect, RowChange},
    record::RecordBody,
    rights::Verb,
};

impl Room {
    pub(super) fn check_may_ask(&self) -> Result<(), Refusal> {
        if self.decided.questions.len() < limits::QUESTIONS_OPEN_MAX {
            return Ok(());
        }
        let words = format!(
            "{} questions wait for an answer: ask again when some have theirs",
            limits::QUESTIONS_OPEN_MAX
        );
        Err(Refusal::new(Code::TooManyQuestions, words))
    }

    pub(super) fn question(
        &self,
        from: &Origin,
        of: Seq,
        act: QuestionAct,
    ) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::Questions)?;
        if !self.decided.questions.contains_key(&of) {
            let words = "this is no question that waits for an answer";
            return Err(Refusal::new(Code::NoSuchQuestion, words));
        }
        let picked = self.decided.picked == Some(of);
        let to = match act {
            QuestionAct::Pick if picked => {
                let words = "this question is being answered already";
                return Err(Refusal::new(Code::WrongPhase, words));
            }
            QuestionAct::Unpick if !picked => {
                let words = "this question is not being answered";
                return Err(Refusal::new(Code::WrongPhase, words));
            }
            QuestionAct::Pick => QuestionPhase::Picked,
            QuestionAct::Unpick => QuestionPhase::Asked,
            QuestionAct::Answer => QuestionPhase::Answered,
        };
        let before = self.decided.picked.filter(|it| *it != of);
        let done = before.filter(|_| to == QuestionPhase::Picked);
        Ok(RecordBody::Question { of, to, done })
    }

    /// The messages whose phase a new record changes.
    pub(super) fn questions_revised(&self, body: &RecordBody) -> Vec<RowChange> {
        let RecordBody::Question { of, to, done } = body else {
            return Vec::new();
        };
        let moved = [(Some(*of), *to), (*done, QuestionPhase::Answered)];
        let revise = |(seq, to): (Option<Seq>, QuestionPhase)| {
            let seq = seq?;
            let mut message = self.decided.question(seq)?.1.clone();
            message.question = Some(to);
            let body = RecordBody::Message(message);
            Some(RowChange::Revise { seq, body })
        };
        moved.into_iter().filter_map(revise).collect()
    }

    /// Answers with the questions that wait, as they are committed, oldest first.
    pub(super) fn questions(&self, from: &Origin, fx: &mut Vec<Effect>) {
        let outcome = self.check_joined(from).map(|()| {
            let waiting = self.committed.questions.values();
            Reply::Page(Page {
                page: waiting.map(|it| it.frame()).collect(),
                end: true,
            })
        });
        fx.push(Effect::Answer {
            to: from.asker(),
            outcome,
        });
    }
}
