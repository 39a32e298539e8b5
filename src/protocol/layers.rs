//! The layers of a picture as players by WHEP hear of them, and what they ask for (PROTOCOL W7, W8).

use serde::Deserialize;

/// A layer that somebody publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerTold {
    /// Its name for players, in digits.
    pub layer: u8,
    /// 0 where nothing comes of it now, or what comes is not measured yet.
    pub kbps: u32,
    /// In pixels, where the codec tells.
    pub width: Option<u16>,
    pub height: Option<u16>,
}

/// What is published in a room, as far as players are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageTold {
    pub on: bool,
    /// By their numbers; empty where there is no picture.
    pub layers: Vec<LayerTold>,
}

/// What a viewer is sent at the most. Nothing set is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerCeiling {
    pub layer: Option<u8>,
    /// In pixels of the picture.
    pub width: Option<u16>,
    pub height: Option<u16>,
}

/// `POST /api/v1/whep/{resource}/layer`: which layer a player wants to be sent at the most. Nothing set
/// leaves the choice to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LayerWish {
    /// The number of the picture's section in the offer, from 0, in digits.
    pub media_id: Option<String>,
    /// A layer by its name in the event `layers`.
    pub rid: Option<String>,
    /// The same, as drafts before 2025 called it.
    pub encoding_id: Option<String>,
    /// In pixels.
    pub max_width: Option<u32>,
    pub max_height: Option<u32>,
    /// Layers within one stream are not told apart here: 0 is all there is.
    pub spatial_layer_id: Option<u32>,
    /// Not chosen here.
    pub temporal_layer_id: Option<u32>,
    pub max_spatial_layer_id: Option<u32>,
    /// Not chosen here.
    pub max_temporal_layer_id: Option<u32>,
}
