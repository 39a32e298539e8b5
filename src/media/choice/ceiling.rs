//! What somebody wants to be sent at the most, beside what their page shows: a line is not filled above it.

use super::place_of;
use crate::{Layer, LayerSeen};

/// Nothing set is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    pub layer: Option<Layer>,
    /// In pixels of the picture.
    pub width: Option<u16>,
    pub height: Option<u16>,
}

impl Ceiling {
    /// The largest of some layers, the smallest first, that is within it; the smallest where none is. A
    /// layer that does not say its size is within any.
    pub(super) fn within(self, layers: &[LayerSeen]) -> usize {
        let fits = |it: &LayerSeen| {
            let wide = self.width.zip(it.width).is_some_and(|(max, is)| is > max);
            let high = self.height.zip(it.height).is_some_and(|(max, is)| is > max);
            !wide && !high
        };
        let sized = layers.iter().rposition(fits).unwrap_or(0);
        match self.layer {
            Some(layer) => place_of(layers, layer).min(sized),
            None => sized,
        }
    }
}
