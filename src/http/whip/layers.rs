//! Which layer of the picture a player is sent at the most: the layer selection of WHEP's extensions
//! (PROTOCOL W7). The bandwidth still decides below it.

use axum::{
    extract::{FromRequest as _, Path, Request, State},
    http::{HeaderMap, StatusCode},
};
use protocol::{
    layers::{LayerCeiling, LayerWish, StageTold},
    rest::Problem,
};

use super::resources::peer_of;
use crate::http::{
    Doors,
    body::Json,
    caller::Address,
    problem::{Failure, Outcome},
};

/// Choose which layer one is sent at the most; an empty object leaves it to the server
#[utoipa::path(
    post, path = "/api/v1/whep/{resource}/layer", tag = "media",
    params(("resource" = String, Path, description = "from Location")),
    security((), ("bearer" = [])),
    request_body(content = LayerWish),
    responses(
        (status = 200, description = "chosen"),
        (status = 422, description = "there is no such layer here", body = Problem),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn choose(
    State(doors): State<Doors>,
    Address(address): Address,
    Path(resource): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Outcome<StatusCode> {
    let peer = peer_of(&doors, address, &resource, &headers).await?;
    let Json(wish) = Json::<LayerWish>::from_request(request, &()).await?;
    let tidings = doors.stage.tidings(peer.clone()).await?;
    let ceiling = {
        let stage = tidings.stage.borrow();
        ceiling_of(&wish, tidings.section, &stage)?
    };
    doors.stage.hold_to(peer, ceiling).await?;
    Ok(StatusCode::OK)
}

/// What a wish comes to, or why it cannot be done.
fn ceiling_of(
    wish: &LayerWish,
    section: Option<usize>,
    stage: &StageTold,
) -> Outcome<LayerCeiling> {
    let section = section.ok_or_else(|| unfit("you are sent no picture, so there is no layer"))?;
    if wish
        .media_id
        .as_ref()
        .is_some_and(|it| it.parse() != Ok(section))
    {
        return Err(unfit(format!("mediaId: your picture is in \"{section}\"")));
    }
    if wish.spatial_layer_id.is_some_and(|it| it != 0)
        || wish.temporal_layer_id.is_some()
        || wish.max_temporal_layer_id.is_some()
    {
        return Err(unfit(
            "layers within one stream are not chosen here: name one of the event \"layers\" by rid",
        ));
    }
    let layer = match (&wish.rid, &wish.encoding_id) {
        (Some(one), Some(other)) if one != other => {
            return Err(unfit("rid and encodingId name two layers: send one"));
        }
        (None, None) => None,
        (named, also) => {
            let named = named.as_ref().or(also.as_ref());
            let mut layers = stage.layers.iter().map(|it| it.layer);
            let layer = layers.find(|it| named.is_some_and(|named| *named == it.to_string()));
            let layer = layer.ok_or_else(|| {
                unfit("there is no layer of that name: the event \"layers\" has them")
            })?;
            Some(layer)
        }
    };
    Ok(LayerCeiling {
        layer,
        width: pixels(wish.max_width, "maxWidth")?,
        height: pixels(wish.max_height, "maxHeight")?,
    })
}

/// A bound that no picture reaches is none.
fn pixels(max: Option<u32>, field: &str) -> Outcome<Option<u16>> {
    match max {
        Some(0) => Err(unfit(format!("{field} is at least 1 pixel"))),
        Some(max) => Ok(u16::try_from(max).ok()),
        None => Ok(None),
    }
}

fn unfit(say: impl Into<String>) -> Failure {
    Failure::malformed(say).with_status(StatusCode::UNPROCESSABLE_ENTITY)
}

#[cfg(test)]
mod tests {
    use protocol::layers::LayerTold;

    use super::*;

    fn stage() -> StageTold {
        let layer = |layer| LayerTold {
            layer,
            kbps: 100,
            width: None,
            height: None,
        };
        StageTold {
            on: true,
            layers: vec![layer(0), layer(2)],
        }
    }

    fn ceiling(wish: &str, section: Option<usize>) -> Outcome<LayerCeiling> {
        let wish = serde_json::from_str(wish).expect("a wish");
        ceiling_of(&wish, section, &stage())
    }

    #[test]
    fn a_wish_names_a_layer_or_a_size_or_nothing() {
        let none = LayerCeiling::default();
        let layer = Some(2);
        for (wish, wanted) in [
            ("{}", none),
            (r#"{"mediaId":"1"}"#, none),
            (r#"{"rid":"2"}"#, LayerCeiling { layer, ..none }),
            (r#"{"encodingId":"2"}"#, LayerCeiling { layer, ..none }),
            (
                r#"{"mediaId":"1","rid":"2","encodingId":"2","more":[]}"#,
                LayerCeiling { layer, ..none },
            ),
            (
                r#"{"maxWidth":640,"maxHeight":360}"#,
                LayerCeiling {
                    width: Some(640),
                    height: Some(360),
                    ..none
                },
            ),
            (r#"{"maxWidth":4000000000}"#, none),
            (r#"{"spatialLayerId":0,"maxSpatialLayerId":3}"#, none),
        ] {
            assert_eq!(ceiling(wish, Some(1)).expect(wish), wanted, "{wish}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for wish in [
            r#"{"mediaId":"0"}"#,
            r#"{"mediaId":"video"}"#,
            r#"{"rid":"1"}"#,
            r#"{"rid":""}"#,
            r#"{"rid":"02"}"#,
            r#"{"rid":"0","encodingId":"2"}"#,
            r#"{"maxWidth":0}"#,
            r#"{"maxHeight":0}"#,
            r#"{"spatialLayerId":1}"#,
            r#"{"temporalLayerId":0}"#,
            r#"{"maxTemporalLayerId":1}"#,
        ] {
            assert!(ceiling(wish, Some(1)).is_err(), "{wish}");
        }
        assert!(ceiling("{}", None).is_err(), "who hears only");
    }
}
