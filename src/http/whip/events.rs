//! What a player may hear beside the media: WHEP's server-sent events (PROTOCOL W8), `text/event-stream`
//! of the HTML standard.
//!
//! A player makes an *event stream* and reads it. A stream ends with its viewer, and before that when its
//! player says so; whoever reads it anew takes the place of who read it before. Nothing waits for a slow
//! reader: it hears what is so when it reads on.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{Code, PeerId, Refusal, limits, rest::Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{
    resources::{no_such_peer, peer_of},
    told::{Reading, Wants},
};
use crate::http::{
    Doors,
    body::json_if_any,
    caller::Address,
    places::{Place, Places},
    problem::{Failure, Outcome},
    seam::Tidings,
};

/// As the `Link` of a 201 and what is subscribed to name them.
pub(super) const EVENTS: &str = "active,inactive,layers,viewercount";
const EVENT_STREAM: &str = "text/event-stream";
const BUSY_MS: u64 = 5_000;
/// Streams of viewers who left are forgotten with every so many that are made.
const SWEEP_EVERY: u64 = 256;

/// The event streams of this server.
pub(crate) struct Events {
    streams: Mutex<Streams>,
    viewers_max: usize,
    reading: Arc<Semaphore>,
    places: Arc<Places>,
}

#[derive(Default)]
struct Streams {
    /// So many were made: the number of the newest.
    made: u64,
    of: HashMap<PeerId, Vec<Stream>>,
}

struct Stream {
    number: u64,
    wants: Wants,
    tidings: Tidings,
    /// Whose turn it is to read; dropped with the stream.
    turn: watch::Sender<u64>,
}

/// The right to read a stream: one of so many at once.
pub(super) struct Seat {
    _permit: OwnedSemaphorePermit,
    _place: Option<Place>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self::bounded(
            limits::EVENT_VIEWERS_MAX,
            limits::EVENT_READERS_MAX,
            Places::new(limits::EVENT_READERS_PER_ADDRESS_MAX),
        )
    }

    fn bounded(viewers_max: usize, readers_max: usize, places: Arc<Places>) -> Self {
        Self {
            streams: Mutex::default(),
            viewers_max,
            reading: Arc::new(Semaphore::new(readers_max)),
            places,
        }
    }

    /// Makes a stream of a viewer; its oldest one ends where it has too many.
    fn make(&self, peer: PeerId, wants: Wants, tidings: Tidings) -> Result<u64, Refusal> {
        let mut streams = self.lock();
        streams.made += 1;
        let number = streams.made;
        let is_full = |it: &Streams| it.of.len() >= self.viewers_max && !it.of.contains_key(&peer);
        if number.is_multiple_of(SWEEP_EVERY) || is_full(&streams) {
            streams
                .of
                .retain(|_, own| own.iter().any(|it| !it.is_over()));
        }
        if is_full(&streams) {
            let words = "as many viewers hear events as may: try again later";
            return Err(Refusal::new(Code::Busy, words).after_ms(BUSY_MS));
        }
        let own = streams.of.entry(peer).or_default();
        if own.len() >= limits::EVENT_STREAMS_PER_VIEWER_MAX {
            own.remove(0);
        }
        own.push(Stream {
            number,
            wants,
            tidings,
            turn: watch::channel(0).0,
        });
        Ok(number)
    }

    /// Begins to read a stream of this viewer; whoever reads it stops. `None`: there is no such stream.
    fn read(&self, peer: &PeerId, number: u64) -> Option<Reading> {
        let streams = self.lock();
        let mut own = streams.of.get(peer)?.iter();
        let stream = own.find(|it| it.number == number && !it.is_over())?;
        stream.turn.send_modify(|turn| *turn += 1);
        let (tidings, turn) = (stream.tidings.clone(), stream.turn.subscribe());
        Some(Reading::new(stream.wants, tidings, turn))
    }

    /// Ends a stream of this viewer; false where there is none.
    fn end(&self, peer: &PeerId, number: u64) -> bool {
        let mut streams = self.lock();
        let Some(own) = streams.of.get_mut(peer) else {
            return false;
        };
        let Some(at) = own.iter().position(|it| it.number == number) else {
            return false;
        };
        let was_over = own.remove(at).is_over();
        if own.is_empty() {
            streams.of.remove(peer);
        }
        !was_over
    }

    fn seat(&self, address: IpAddr) -> Result<Seat, Refusal> {
        let place = self.places.take(address)?;
        let permit = self.reading.clone().try_acquire_owned().map_err(|_| {
            let words = "as many read events as may at once: try again later";
            Refusal::new(Code::Busy, words).after_ms(BUSY_MS)
        })?;
        Ok(Seat {
            _permit: permit,
            _place: place,
        })
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// Its viewer is gone.
    fn is_over(&self) -> bool {
        self.tidings.life.has_changed().is_err()
    }
}

/// Make an event stream
///
/// Without a body it says everything there is: `active`, `inactive`, `layers` and `viewercount`.
#[utoipa::path(
    post, path = "/api/v1/whep/{resource}/sse", tag = "media",
    params(("resource" = String, Path, description = "from Location")),
    security((), ("bearer" = [])),
    request_body(content = Option<Vec<String>>, description = "the events that are wanted"),
    responses(
        (status = 201, description = "its address is in Location"),
        (status = 422, description = "none of these is said here", body = Problem),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn make(
    State(doors): State<Doors>,
    Address(address): Address,
    Path(resource): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Outcome<Response> {
    let peer = peer_of(&doors, address, &resource, &headers).await?;
    let wants = match json_if_any::<Vec<String>>(request).await? {
        None => Wants::all(),
        Some(names) => Wants::of(&names).ok_or_else(|| {
            Failure::malformed(format!("what is said here are {EVENTS}"))
                .with_status(StatusCode::UNPROCESSABLE_ENTITY)
        })?,
    };
    let tidings = doors.stage.tidings(peer.clone()).await?;
    let number = doors.events.make(peer, wants, tidings)?;
    let location = format!("/api/v1/whep/{resource}/sse/{number}");
    let location = HeaderValue::try_from(location)
        .map_err(|it| Failure::internal("an address fits no header", &it))?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

/// Read an event stream
#[utoipa::path(
    get, path = "/api/v1/whep/{resource}/sse/{stream}", tag = "media",
    params(
        ("resource" = String, Path, description = "from Location"),
        ("stream" = String, Path, description = "from its Location"),
    ),
    security((), ("bearer" = [])),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = 406, description = "events are text/event-stream", body = Problem),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn read(
    State(doors): State<Doors>,
    Address(address): Address,
    Path((resource, stream)): Path<(String, String)>,
    headers: HeaderMap,
) -> Outcome<Response> {
    let peer = peer_of(&doors, address, &resource, &headers).await?;
    if !takes_events(&headers) {
        return Err(
            Failure::malformed("events are text/event-stream: ask for that by Accept")
                .with_status(StatusCode::NOT_ACCEPTABLE),
        );
    }
    let number = stream.parse().map_err(|_| no_such_peer())?;
    let seat = doors.events.seat(address)?;
    let reading = doors.events.read(&peer, number);
    let reading = reading.ok_or_else(no_such_peer)?;
    let body = Body::from_stream(reading.told(doors.stage.clone(), seat));
    let headers = [
        (header::CONTENT_TYPE, EVENT_STREAM),
        // nginx would keep the events back until there are many.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, body).into_response())
}

/// End an event stream
#[utoipa::path(
    delete, path = "/api/v1/whep/{resource}/sse/{stream}", tag = "media",
    params(
        ("resource" = String, Path, description = "from Location"),
        ("stream" = String, Path, description = "from its Location"),
    ),
    security((), ("bearer" = [])),
    responses((status = 200), (status = "default", body = Problem)),
)]
pub(crate) async fn end(
    State(doors): State<Doors>,
    Address(address): Address,
    Path((resource, stream)): Path<(String, String)>,
    headers: HeaderMap,
) -> Outcome<StatusCode> {
    let peer = peer_of(&doors, address, &resource, &headers).await?;
    let number = stream.parse().map_err(|_| no_such_peer())?;
    match doors.events.end(&peer, number) {
        true => Ok(StatusCode::OK),
        false => Err(no_such_peer()),
    }
}

/// Whether `Accept` (RFC 9110 §12.5.1) lets events through; without one everything is taken.
fn takes_events(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all(header::ACCEPT).iter().peekable();
    if said.peek().is_none() {
        return true;
    }
    let mut ranges = said
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','));
    ranges.any(|range| {
        let essence = range.split(';').next().unwrap_or_default().trim();
        ["*/*", "text/*", EVENT_STREAM]
            .iter()
            .any(|it| essence.eq_ignore_ascii_case(it))
    })
}

#[cfg(test)]
mod tests {
    use protocol::layers::StageTold;

    use super::*;

    /// A viewer, and what ends it.
    fn viewer() -> (Tidings, watch::Sender<()>) {
        let (life, lives) = watch::channel(());
        let tidings = Tidings {
            room: 1,
            section: Some(0),
            stage: watch::channel(StageTold::default()).1,
            life: lives,
        };
        (tidings, life)
    }

    fn events(viewers_max: usize, readers_max: usize) -> Events {
        Events::bounded(viewers_max, readers_max, Places::of_everybody(2))
    }

    #[test]
    fn a_stream_is_its_viewers_and_ends_with_it() {
        let events = events(10, 10);
        let (mine, other) = (PeerId::from("v0-1"), PeerId::from("v0-2"));
        let (tidings, life) = viewer();
        let made = |peer: &PeerId| events.make(peer.clone(), Wants::all(), tidings.clone());
        let (one, two) = (made(&mine).expect("room"), made(&mine).expect("room"));
        assert!(events.read(&mine, one).is_some() && events.read(&other, one).is_none());
        assert!(!events.end(&other, one));
        assert!(events.end(&mine, one) && !events.end(&mine, one));
        assert!(events.read(&mine, one).is_none() && events.read(&mine, two).is_some());
        drop(life);
        assert!(events.read(&mine, two).is_none());
        assert!(!events.end(&mine, two));
        assert!(events.lock().of.is_empty(), "nothing is kept");
    }

    #[test]
    fn a_viewer_has_so_many_streams_and_the_oldest_goes() {
        let events = events(10, 10);
        let peer = PeerId::from("v0-1");
        let (tidings, _life) = viewer();
        let numbers: Vec<u64> = (0..=limits::EVENT_STREAMS_PER_VIEWER_MAX)
            .map(|_| events.make(peer.clone(), Wants::all(), tidings.clone()))
            .map(|it| it.expect("room"))
            .collect();
        assert!(events.read(&peer, numbers[0]).is_none());
        assert!(
            numbers[1..]
                .iter()
                .all(|it| events.read(&peer, *it).is_some())
        );
    }

    #[test]
    fn so_many_viewers_hear_events_and_those_who_left_make_room() {
        let events = events(2, 10);
        let make = |peer: &str, tidings: &Tidings| {
            let made = events.make(PeerId::from(peer), Wants::all(), tidings.clone());
            made.map(drop).map_err(|it| it.code)
        };
        let (first, ends) = viewer();
        let (second, _life) = viewer();
        assert_eq!(make("v0-1", &first), Ok(()));
        assert_eq!(make("v0-2", &second), Ok(()));
        assert_eq!(make("v0-3", &second), Err(Code::Busy));
        assert_eq!(make("v0-2", &second), Ok(()), "who is there has more");
        drop(ends);
        assert_eq!(make("v0-3", &second), Ok(()));
    }

    #[test]
    fn so_many_read_at_once_in_all_and_from_one_address() {
        let events = events(10, 3);
        let seat = |address: &str| {
            let address = address.parse().expect("an address");
            events.seat(address).map_err(|it| it.code)
        };
        let held = [seat("203.0.113.7"), seat("203.0.113.7")];
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(seat("203.0.113.7").err(), Some(Code::TooManyConnections));
        let third = seat("203.0.113.8");
        assert!(third.is_ok());
        assert_eq!(seat("203.0.113.9").err(), Some(Code::Busy));
        drop(third);
        assert!(seat("203.0.113.9").is_ok());
    }

    #[test]
    fn accept_names_events_or_everything() {
        let takes = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::ACCEPT, HeaderValue::from_str(value).expect("text"));
            }
            takes_events(&headers)
        };
        assert!(takes(&[]) && takes(&["*/*"]) && takes(&["Text/Event-Stream;q=1"]));
        assert!(takes(&["text/html, text/*;q=0.1"]) && takes(&["text/html", "*/*"]));
        assert!(!takes(&["application/json"]) && !takes(&["text/html, image/*"]));
    }
}
