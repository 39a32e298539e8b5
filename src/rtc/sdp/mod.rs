//! Offers of viewers, and our answers. Only what a viewer's session needs; publishers' offers go
//! through the `webrtc` stack.

mod answer;
mod candidates;
mod choose;
mod fragment;
mod offer;

pub(crate) use answer::{Transport, answer};
pub(crate) use candidates::{Tcp, candidates};
pub(crate) use fragment::Fragment;
pub(crate) use offer::{Fingerprint, Offer};

use protocol::{Code, Refusal};

fn invalid(say: &str) -> Refusal {
    Refusal::new(Code::SdpInvalid, say)
}

fn unfit(say: &str) -> Refusal {
    Refusal::new(Code::SdpUnfit, say)
}

#[cfg(test)]
mod tests;
