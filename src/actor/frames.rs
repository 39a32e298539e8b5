//! What the server says, as bytes for the WebSocket: encoded once, whoever and however many get it.
//!
//! Where somebody asked for it a frame is deflated, once as well. The state that this needs is a
//! thread's, never a connection's or a room's.

use std::cell::RefCell;

use bytes::Bytes;
use deflate::Deflater;
use fanout::{Form, Frame};
use protocol::{
    Refusal,
    server::{Answer, Outcome, Push, Reply},
};

thread_local! {
    /// Made when the first frame of this thread is deflated.
    static DEFLATER: RefCell<Deflater> = RefCell::new(Deflater::new());
}

/// A push as text, to be shared by all who get it.
pub fn push_frame(push: &Push) -> Bytes {
    ws::encode_text(&text_of_push(push))
}

/// A push in the form that its only hearer takes.
pub(super) fn push_in(form: Form, push: &Push) -> Bytes {
    encode(form, &text_of_push(push))
}

/// A push in both forms, to be shared by all who get it.
pub(super) fn push_in_both(push: &Push) -> Frame {
    let text = text_of_push(push);
    Frame {
        deflated: deflated(&text),
        text: ws::encode_text(&text),
    }
}

/// An answer as text.
pub fn answer_frame(i: u32, outcome: Result<Reply, Refusal>) -> Bytes {
    answer_in(Form::Text, i, outcome)
}

/// An answer in the form that the asker takes.
pub(super) fn answer_in(form: Form, i: u32, outcome: Result<Reply, Refusal>) -> Bytes {
    let outcome = match outcome {
        Ok(reply) => Outcome::Ok(reply),
        Err(refusal) => {
            metrics::counter!("weiquan_refusals_total", "code" => refusal.code.as_str())
                .increment(1);
            Outcome::Err(refusal)
        }
    };
    let text = serde_json::to_vec(&Answer { i, outcome }).expect("frames are plain data");
    encode(form, &text)
}

fn text_of_push(push: &Push) -> Vec<u8> {
    serde_json::to_vec(push).expect("frames are plain data")
}

fn encode(form: Form, text: &[u8]) -> Bytes {
    let deflated = match form {
        Form::Text => None,
        Form::Deflated => deflated(text),
    };
    deflated.unwrap_or_else(|| ws::encode_text(text))
}

/// Nothing where it would not be smaller.
fn deflated(text: &[u8]) -> Option<Bytes> {
    DEFLATER.with_borrow_mut(|it| it.deflate(text).map(ws::encode_binary))
}
