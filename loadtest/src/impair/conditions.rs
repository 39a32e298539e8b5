//! What one direction of a line does to what passes it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{units, way::Ending};

/// What one direction of a line does. As made by default it is a good line: everything passes at once.
///
/// In JSON every value is written as in a flag: `{"loss":"5%","delay":"40ms","rate":"1mbit"}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "snake_case")]
pub struct Conditions {
    /// The share that is lost, over a long time.
    #[serde(with = "units::as_share")]
    pub loss: f64,
    /// How many packets a bad spell lasts in the mean; 0: losses are independent of each other.
    #[serde(with = "units::as_number")]
    pub burst: f64,
    /// The share that is lost in a bad spell.
    #[serde(with = "units::as_share")]
    pub burst_loss: f64,
    /// The share that is lost between bad spells.
    #[serde(with = "units::as_share")]
    pub calm_loss: f64,
    /// How long everything takes.
    #[serde(with = "units::as_time")]
    pub delay: Duration,
    /// By how much that varies, as `shape` says.
    #[serde(with = "units::as_time")]
    pub jitter: Duration,
    pub shape: Shape,
    /// Whether a datagram with less jitter overtakes one with more. Otherwise order is kept, as in a queue.
    pub overtake: bool,
    /// The share of datagrams that is held back, so that those behind overtake it.
    #[serde(with = "units::as_share")]
    pub reorder: f64,
    /// For how long they are held back.
    #[serde(with = "units::as_time")]
    pub reorder_by: Duration,
    /// The share of datagrams that come twice.
    #[serde(with = "units::as_share")]
    pub duplicate: f64,
    /// Bits a second.
    #[serde(with = "units::as_rate")]
    pub rate: Option<u64>,
    /// Bytes that may leave at once after a pause (the token bucket's depth).
    #[serde(with = "units::as_bytes")]
    pub bucket: u64,
    /// Bytes that wait where the line is narrow. What comes when it is full is dropped (UDP) or not
    /// read (TCP).
    #[serde(with = "units::as_bytes")]
    pub queue: u64,
    /// TCP: what a lost segment waits until it is sent again; twice that after the next loss.
    #[serde(with = "units::as_time")]
    pub retransmit: Duration,
    /// After so many bytes of one line it is cut.
    #[serde(with = "units::as_some_bytes")]
    pub cut_after: Option<u64>,
    /// How it is cut then: for a stream also by RST or FIN.
    pub cut_by: Ending,
}

/// How jitter is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Evenly, from `delay - jitter` to `delay + jitter`.
    #[default]
    Uniform,
    /// A normal distribution around `delay`; `jitter` is its standard deviation, cut off at three of them.
    Normal,
    /// `delay` and exponentially more, `jitter` in the mean, cut off at ten of them: what queues of others do.
    Tail,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            loss: 0.0,
            burst: 0.0,
            burst_loss: 1.0,
            calm_loss: 0.0,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            shape: Shape::Uniform,
            overtake: false,
            reorder: 0.0,
            reorder_by: Duration::from_millis(10),
            duplicate: 0.0,
            rate: None,
            bucket: 1_514,
            queue: 64 * 1024,
            // Linux waits at least so long (TCP_RTO_MIN).
            retransmit: Duration::from_millis(200),
            cut_after: None,
            cut_by: Ending::Blackhole,
        }
    }
}

impl Conditions {
    /// These, with what a JSON object says otherwise. What it does not name stays.
    pub fn with(self, change: &Map<String, Value>) -> Result<Self> {
        let Ok(Value::Object(mut all)) = serde_json::to_value(self) else {
            unreachable!("conditions are an object")
        };
        all.extend(change.clone());
        let changed: Self = serde_json::from_value(Value::Object(all))?;
        changed.check()?;
        Ok(changed)
    }

    /// As [`Self::with`], from `loss=5%,delay=40ms`.
    pub fn with_text(self, text: &str) -> Result<Self> {
        let mut change = Map::new();
        for pair in text.split(',').filter(|it| !it.trim().is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .with_context(|| format!("{pair:?} is no NAME=VALUE"))?;
            let value = match value.trim() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                text => Value::String(text.to_owned()),
            };
            change.insert(name.trim().replace('-', "_"), value);
        }
        self.with(&change)
    }

    /// Whether such a line can be.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.burst == 0.0 || self.burst >= 1.0,
            "burst {} is less than one packet",
            self.burst
        );
        if let Some(bad) = self.bad_share() {
            ensure!(
                (0.0..1.0).contains(&bad),
                "a loss of {} in all lies outside of {} between bad spells and {} in them",
                self.loss,
                self.calm_loss,
                self.burst_loss
            );
            ensure!(
                bad / (1.0 - bad) <= self.burst,
                "a loss of {} in spells of {} packets cannot be: good spells would last less than a packet",
                self.loss,
                self.burst
            );
        }
        Ok(())
    }

    /// The share of packets that meet the line in a bad spell; nothing where losses are independent.
    pub(super) fn bad_share(&self) -> Option<f64> {
        (self.burst > 0.0 && self.loss > 0.0)
            .then(|| (self.loss - self.calm_loss) / (self.burst_loss - self.calm_loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let bad = Conditions::default()
            .with_text("loss=5%, delay=40ms, cut-after=1kib, cut-by=hang-up, overtake=true")
            .expect("conditions");
        assert_eq!(
            (bad.loss, bad.delay.as_millis(), bad.cut_after, bad.overtake),
            (0.05, 40, Some(1_024), true)
        );
        assert_eq!(bad.cut_by, Ending::HangUp);
        let Value::Object(change) = serde_json::json!({ "loss": 0.1, "rate": "1mbit" }) else {
            unreachable!("an object")
        };
        let worse = bad.with(&change).expect("conditions");
        assert_eq!(
            worse,
            Conditions {
                loss: 0.1,
                rate: Some(1_000_000),
                ..bad
            }
        );
    }

    #[test]
    fn a_line_that_cannot_be_is_refused() {
        for wrong in [
            "speed=1",
            "loss",
            "loss=2",
            "loss=50%,burst=0.5",
            "loss=90%,burst=2",
            "loss=50%,burst=4,burst-loss=40%",
        ] {
            let found = Conditions::default().with_text(wrong);
            assert!(found.is_err(), "{wrong}: {found:?}");
        }
    }
}
