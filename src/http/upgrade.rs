//! `/ws`: a request becomes a WebSocket, and its socket leaves HTTP for a shard.
//!
//! Two ways lead here and both end in [`Upgrades::adopt`]: an upgrade as a connection's first
//! request (read by `front`, hyper never sees it), and one after keep-alive requests (by hyper's
//! upgrade, in [`handle`]). Who somebody is comes later, in the `hello` frame: no token is ever in
//! the address. The page's origin is held here, before the 101.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper_util::rt::TokioIo;
use protocol::{Code, limits};
use ws::{Rejection, Upgrade};

use super::{
    front::{Head, Peer},
    io::Io,
    live::Live,
    places::{Place, Places},
    problem::Failure,
    seam::{Adopt, Adopted, Stage},
};

/// What upgrading needs.
pub(crate) struct Upgrades {
    /// Names the sites whose pages may open a WebSocket here; a page whose origin is the Host always may.
    pub(crate) live: Live,
    pub(crate) adopt: Adopt,
    pub(crate) stage: Arc<dyn Stage>,
    pub(crate) places: Arc<Places>,
}

/// A request that is upgraded, and its answer.
pub(crate) struct Accepted {
    pub(crate) upgrade: Upgrade,
    pub(crate) place: Option<Place>,
    pub(crate) bytes: Vec<u8>,
}

/// The upgrade that a connection's first head asks for. `None`: it is not a good one, and hyper's
/// way words the refusal.
pub(crate) fn of_head(upgrades: &Upgrades, head: &Head, peer: Peer) -> Option<Accepted> {
    let head = head.head();
    if !(head.starts_with(b"GET /ws ") || head.starts_with(b"GET /ws?")) {
        return None;
    }
    let upgrade = Upgrade::parse(head).ok()?;
    let place = upgrades.hold(&upgrade, peer).ok()?;
    let bytes = upgrade.response();
    Some(Accepted {
        upgrade,
        place,
        bytes,
    })
}

impl Upgrades {
    /// What else must hold for a well-formed upgrade, and the place that it gets.
    fn hold(&self, upgrade: &Upgrade, peer: Peer) -> Result<Option<Place>, Failure> {
        if self.stage.is_draining() {
            return Err(Failure::new(
                Code::Draining,
                "the server is going: come back in a moment",
            ));
        }
        self.stage.takes_newcomers()?;
        let (origin, host) = (upgrade.origin.as_deref(), upgrade.host.as_deref());
        if !ws::origin_allowed(origin, host, &self.live.now().origins) {
            return Err(refused(Rejection::Origin));
        }
        let address = peer.address(upgrade.forwarded_for.as_deref());
        Ok(self.places.take(address)?)
    }

    /// Hands the socket over. `read` is what the client sent after the head.
    pub(crate) fn adopt(
        &self,
        io: Io,
        peer: Peer,
        upgrade: Upgrade,
        place: Option<Place>,
        mut read: Vec<u8>,
    ) {
        let left = match io.leave() {
            Ok(it) => it,
            Err(error) => {
                tracing::warn!(%error, "a socket could not leave its runtime");
                return;
            }
        };
        read.extend_from_slice(&left.unread);
        let address = peer.address(upgrade.forwarded_for.as_deref());
        (self.adopt)(Adopted {
            socket: left.socket,
            tls: left.tls,
            peer: SocketAddr::new(address, peer.0.port()),
            room_hint: upgrade.room_hint,
            origin: upgrade.origin,
            place,
            read,
        });
    }
}

/// `GET /ws` by way of hyper.
pub(crate) async fn handle(
    Extension(upgrades): Extension<Arc<Upgrades>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
) -> Response {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/ws", |it| it.as_str());
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    let upgrade = match Upgrade::from_parts(request.method().as_str(), target, headers) {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let mut response = refused(rejection).into_response();
            for (name, value) in rejection.headers() {
                if let Ok(name) = HeaderName::try_from(name) {
                    response
                        .headers_mut()
                        .insert(name, HeaderValue::from_static(value));
                }
            }
            return response;
        }
    };
    let place = match upgrades.hold(&upgrade, peer) {
        Ok(place) => place,
        Err(failure) => return failure.into_response(),
    };
    let accept = ws::accept_key(&upgrade.key);
    let upgraded = hyper::upgrade::on(&mut request);
    // Ends at once: hyper resolves it when the 101 is written or the connection is gone.
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        // The type is the one that `front` serves; another would be a bug of ours.
        let Ok(parts) = upgraded.downcast::<TokioIo<Io>>() else {
            tracing::error!("an upgraded connection is not of the type it was served as");
            return;
        };
        upgrades.adopt(
            parts.io.into_inner(),
            peer,
            upgrade,
            place,
            parts.read_buf.to_vec(),
        );
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .header(header::SEC_WEBSOCKET_PROTOCOL, limits::SUBPROTOCOL)
        .body(Body::empty())
        .expect("the key's hash is base64, the rest is fixed")
}

fn refused(rejection: Rejection) -> Failure {
    let code = match rejection {
        Rejection::Origin => Code::OriginForeign,
        _ => Code::Malformed,
    };
    let status = StatusCode::from_u16(rejection.status()).expect("a rejection has a status");
    Failure::new(code, rejection.to_string()).with_status(status)
}
