//! What a relay is told while it runs, as JSON: one object a line.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Direction,
    line::Line,
    relay::Registry,
    way::{Ending, Gate},
};

/// What to do. A direction that is not named is both.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Change conditions: what is named changes, the rest stays. `both` first, then `up` and `down`.
    Set {
        #[serde(default)]
        both: Map<String, Value>,
        #[serde(default)]
        up: Map<String, Value>,
        #[serde(default)]
        down: Map<String, Value>,
    },
    /// A dead network: nothing passes and nobody is told.
    Cut {
        #[serde(default)]
        way: Option<Direction>,
    },
    /// Read nothing more, as a program that hangs (TCP).
    Stall {
        #[serde(default)]
        way: Option<Direction>,
    },
    /// The end of a cut and of a stall.
    Heal {
        #[serde(default)]
        way: Option<Direction>,
    },
    /// Break the connections that are there by RST (TCP).
    Reset {},
    /// End the connections that are there by FIN; forget the source addresses of datagrams.
    HangUp {},
    /// Go on from another port, and from another address if one is named, as from another network (UDP).
    Rebind {
        #[serde(default)]
        from: Option<IpAddr>,
    },
    /// Tell the counters.
    Counters {},
}

/// An order, and to which line; without one, to all there are and all to come.
#[derive(Clone, Debug)]
pub struct Wish {
    pub line: Option<u64>,
    pub order: Order,
}

impl Wish {
    /// Reads `{"do":"cut","way":"down","line":3}`.
    pub fn read(text: &str) -> Result<Self> {
        let mut value: Map<String, Value> =
            serde_json::from_str(text).context("an order is a JSON object")?;
        let line = value
            .remove("line")
            .map(|it| it.as_u64().context("line is a number"))
            .transpose()?;
        let order = serde_json::from_value(Value::Object(value)).context("no such order")?;
        Ok(Self { line, order })
    }
}

impl Order {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Set { .. } => "set",
            Self::Cut { .. } => "cut",
            Self::Stall { .. } => "stall",
            Self::Heal { .. } => "heal",
            Self::Reset {} => "reset",
            Self::HangUp {} => "hang_up",
            Self::Rebind { .. } => "rebind",
            Self::Counters {} => "counters",
        }
    }

    /// Whether it makes sense for datagrams, or for streams.
    pub(super) fn check(&self, is_stream: bool) -> Result<()> {
        let (fits, whose) = match self {
            Self::Stall { .. } | Self::Reset {} => (is_stream, "TCP"),
            Self::Rebind { .. } => (!is_stream, "UDP"),
            _ => (true, ""),
        };
        ensure!(fits, "{} is for {whose}", self.word());
        Ok(())
    }

    /// Has it done for the lines to come.
    pub(super) fn prepare(&self, registry: &mut Registry) -> Result<()> {
        let start = &mut registry.start;
        match self {
            Self::Set { both, up, down } => {
                let mut changed = start.conditions;
                for (conditions, one) in changed.iter_mut().zip([up, down]) {
                    *conditions = conditions.with(both)?.with(one)?;
                }
                start.conditions = changed;
            }
            Self::Cut { way } => set_gates(&mut start.gates, *way, Gate::Cut),
            Self::Stall { way } => set_gates(&mut start.gates, *way, Gate::Stalled),
            Self::Heal { way } => set_gates(&mut start.gates, *way, Gate::Open),
            Self::Reset {} | Self::HangUp {} | Self::Rebind { .. } | Self::Counters {} => {}
        }
        Ok(())
    }

    /// Does it to one line.
    pub(super) fn carry_out(&self, line: &Line) -> Result<()> {
        let gate = |way: Option<Direction>, gate: Gate| {
            line.change(|state| {
                for direction in Direction::BOTH {
                    if way.is_none_or(|it| it == direction) {
                        state.way(direction).set_gate(gate);
                    }
                }
            });
        };
        match self {
            Self::Set { both, up, down } => {
                let now = std::time::Instant::now();
                for (direction, one) in Direction::BOTH.into_iter().zip([up, down]) {
                    let before = *line.state().way(direction).conditions();
                    let after = before.with(both)?.with(one)?;
                    line.change(|state| state.way(direction).set(after, now));
                }
            }
            Self::Cut { way } => gate(*way, Gate::Cut),
            Self::Stall { way } => gate(*way, Gate::Stalled),
            Self::Heal { way } => gate(*way, Gate::Open),
            Self::Reset {} => line.change(|state| state.ending = Some(Ending::Reset)),
            Self::HangUp {} => line.change(|state| state.ending = Some(Ending::HangUp)),
            Self::Rebind { from } => line.change(|state| state.rebind = Some(*from)),
            Self::Counters {} => {}
        }
        Ok(())
    }
}

fn set_gates(gates: &mut [Gate; 2], way: Option<Direction>, gate: Gate) {
    for direction in Direction::BOTH {
        if way.is_none_or(|it| it == direction) {
            gates[direction as usize] = gate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_with_its_line() {
        let wish = Wish::read(r#"{"do":"cut","way":"down","line":3}"#).expect("an order");
        assert_eq!(wish.line, Some(3));
        let way = Some(Direction::Down);
        assert!(matches!(wish.order, Order::Cut { way: it } if it == way));
        let wish = Wish::read(r#"{"do":"set","both":{"loss":"5%"},"down":{"rate":"1mbit"}}"#);
        assert!(matches!(wish.expect("an order").order, Order::Set { .. }));
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for wrong in [
            "cut",
            "[]",
            r#"{"do":"explode"}"#,
            r#"{"do":"cut","wya":"down"}"#,
            r#"{"do":"reset","hard":true}"#,
            r#"{"do":"cut","line":"three"}"#,
        ] {
            assert!(Wish::read(wrong).is_err(), "{wrong}");
        }
    }
}
