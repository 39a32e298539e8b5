//! The HTTP edge: the API under `/api/v1`, WHIP and WHEP, health, metrics, the web app's files, and
//! the door through which `/ws` leaves for the shards.
//!
//! It turns requests into questions to the store, to `auth` and to the rooms (through [`seam`]),
//! and answers into JSON or `application/problem+json`. It decides nothing about rooms. axum and
//! hyper live only here.
//!
//! Reading order: [`seam`] (what it needs of the shell), [`front`] (the port), `io`, `secure`,
//! `upgrade`, `places`, [`Live`] (what may change meanwhile), `guard` (what holds for every
//! request), `caller` (who asks), `body`, `throttles`, `problem`, then one file for each noun of
//! the API, `whip`, `pages`, `share`, `cover`, `check`, `openapi`, `health`.

mod accounts;
mod asked;
mod audit;
pub mod blobs;
mod boards;
mod body;
mod calendar;
mod caller;
mod check;
mod cover;
mod erasure;
mod exports;
mod file_body;
pub mod front;
mod guard;
mod handing;
mod health;
mod history;
mod io;
mod live;
mod mail;
mod members;
mod merging;
mod missed;
mod moments;
mod notices;
mod openapi;
mod outside;
mod pages;
mod passwords;
mod places;
mod polls;
mod problem;
mod push;
mod quotes;
mod redirect;
mod reminders;
mod rooms;
pub mod seam;
mod search;
mod secure;
mod server;
mod share;
mod splitting;
mod stream_keys;
mod summary;
mod throttles;
mod topics;
mod upgrade;
mod whip;

use std::sync::Arc;

use auth::{
    Passwords, ServerSecret, Tokens, guests::Guests, letter_links::LetterLinks, relays::Relays,
};
use axum::{
    Extension, Router,
    extract::FromRef,
    middleware::{from_fn, from_fn_with_state},
    routing::{any, delete, get, post, put},
};
use store::Store;
use tokio::{net::TcpListener, sync::Semaphore};

pub use blobs::Blobs;
pub use front::{Front, adopt_listener, listen};
pub use health::admin;
pub use live::Live;
pub use openapi::document;
pub use places::Place;

use cover::Covers;
use places::Places;
use seam::{Adopt, Stage};
use throttles::Throttles;
use upgrade::Upgrades;
use whip::{Events, Seal};

/// Password hashes at once: each takes 19 MiB and a core for tens of milliseconds. What comes above
/// waits its turn, bounded by the throttles.
const HASHES_AT_ONCE: usize = 2;

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `scheme://host[:port]` that people see, without a slash at the end.
    pub origin: String,
    /// Other sites whose pages may open `/ws`.
    pub origins: Vec<String>,
    /// Whether anybody may make an account.
    pub sign_up: bool,
    /// Whether letters can be sent.
    pub mail: bool,
    /// WebSocket connections of one client address; 0: no limit.
    pub connections_per_address: u32,
}

impl Settings {
    fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

/// What HTTP is built from.
pub struct Parts {
    pub store: Store,
    pub tokens: Arc<Tokens>,
    pub guests: Arc<Guests>,
    pub secret: ServerSecret,
    pub stage: Arc<dyn Stage>,
    pub settings: Settings,
    pub blobs: Arc<Blobs>,
    /// Where there is a relay.
    pub relays: Option<Arc<Relays>>,
    /// Makes the public port HTTPS.
    pub tls: Option<tls::Acceptor>,
}

/// The state of every handler: the doors to the rest of the server.
#[derive(Clone)]
pub(crate) struct Doors(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) stage: Arc<dyn Stage>,
    /// As they were at the start: for what stays, such as the origin.
    pub(crate) settings: Arc<Settings>,
    pub(crate) live: Live,
    pub(crate) guests: Arc<Guests>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) hashing: Semaphore,
    /// One appointment at a time.
    pub(crate) appointing: Semaphore,
    /// Uploads of line checks.
    pub(crate) uploading: Semaphore,
    /// Exports that are being written.
    pub(crate) exporting: Arc<Semaphore>,
    pub(crate) throttles: Throttles,
    pub(crate) seal: Seal,
    pub(crate) events: Events,
    pub(crate) letter_links: LetterLinks,
    pub(crate) covers: Covers,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) relays: Option<Arc<Relays>>,
}

impl std::ops::Deref for Doors {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl FromRef<Doors> for Arc<Settings> {
    fn from_ref(doors: &Doors) -> Self {
        doors.settings.clone()
    }
}

/// Serves the public port: everything of this folder, and `/ws` for the shards.
/// The second part of the answer changes what the operator may change meanwhile.
pub fn serve(
    listener: TcpListener,
    mut parts: Parts,
    adopt: Adopt,
) -> std::io::Result<(Front, Live)> {
    let origin: Arc<str> = parts.settings.origin.as_str().into();
    let secure = parts.tls.take().map(|acceptor| (acceptor, origin));
    let places = Places::new(parts.settings.connections_per_address);
    let live = Live::new(parts.settings.clone(), places.clone());
    let upgrades = Arc::new(Upgrades {
        live: live.clone(),
        adopt,
        stage: parts.stage.clone(),
        places,
    });
    let router = router(doors(parts, live.clone())).layer(Extension(upgrades.clone()));
    Ok((Front::serve(listener, router, upgrades, secure)?, live))
}

fn doors(parts: Parts, live: Live) -> Doors {
    Doors(Arc::new(Inner {
        store: parts.store,
        tokens: parts.tokens,
        stage: parts.stage,
        settings: Arc::new(parts.settings),
        live,
        guests: parts.guests,
        passwords: Arc::new(Passwords::new()),
        hashing: Semaphore::new(HASHES_AT_ONCE),
        appointing: Semaphore::new(1),
        uploading: Semaphore::new(protocol::limits::CHECKS_AT_ONCE),
        exporting: Arc::new(Semaphore::new(protocol::limits::EXPORTS_AT_ONCE)),
        throttles: Throttles::new(),
        seal: Seal::new(&parts.secret),
        events: Events::new(),
        letter_links: LetterLinks::new(&parts.secret),
        covers: Covers::new(),
        blobs: parts.blobs,
        relays: parts.relays,
    }))
}

fn router(doors: Doors) -> Router {
    let settings = doors.settings.clone();
    Router::new()
        .nest("/api/v1", api(settings.clone()))
        .merge(whip::endpoints())
        .route("/ws", any(upgrade::handle))
        .route("/r/{room}", get(share::page))
        .route("/r/{room}/qr.svg", get(share::qr))
        .route("/r/{room}/cover.png", get(share::cover))
        .route("/t/{room}", get(outside::page))
        .route("/t/{room}/cover.png", get(share::cover))
        .route("/t/{room}/feed.atom", get(outside::replies))
        .route("/talk", get(outside::list))
        .route("/talk.atom", get(outside::fresh))
        .route("/oembed", get(outside::oembed))
        .route("/sitemap.xml", get(outside::sitemap))
        .route("/robots.txt", get(outside::robots))
        .route("/mail/stop", get(pages::page).post(mail::stop))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(pages::page)
        .method_not_allowed_fallback(server::wrong_method)
        .layer(from_fn_with_state(settings, guard::all))
        .with_state(doors)
}

fn api(settings: Arc<Settings>) -> Router<Doors> {
    let ours = Router::new()
        .route("/server", get(server::info))
        .route("/check", get(check::point))
        .route("/check/upload", post(check::upload))
        .route("/set-up", post(accounts::set_up))
        .route("/accounts", post(accounts::sign_up))
        .route("/sign-in", post(accounts::sign_in))
        .route("/sign-out", post(accounts::sign_out))
        .route("/token", post(accounts::token))
        .route("/guests", post(accounts::guest))
        .route("/me", get(accounts::me).delete(erasure::erase))
        .route("/me/export", get(exports::own))
        .route("/circle/export", get(exports::whole_circle))
        .route("/circle/owner", put(handing::hand_over))
        .route("/audit", get(audit::list))
        .route("/penalties", get(audit::own))
        .route("/members", get(members::list))
        .route("/members/{id}/role", put(members::set_role))
        .route("/notices", get(notices::list))
        .route("/notices/seen", post(notices::seen))
        .route(
            "/notices/settings",
            get(notices::settings).put(notices::set),
        )
        .route("/missed", get(missed::list))
        .route("/missed/seen", post(missed::seen))
        .route("/mail", get(mail::show).put(mail::ask).delete(mail::end))
        .route("/mail/confirm", post(mail::confirm))
        .route("/password", post(passwords::reset).put(passwords::change))
        .route("/password/forgotten", post(passwords::forgotten))
        .route("/push/key", get(push::key))
        .route(
            "/push/subscription",
            put(push::subscribe).delete(push::unsubscribe),
        )
        .route("/search", get(search::find))
        .route("/rooms", get(rooms::list).post(rooms::make))
        .route("/rooms/{room}", get(rooms::show))
        .route("/rooms/{room}/broadcast", post(rooms::broadcast))
        .route("/rooms/{room}/broadcast.ics", get(reminders::calendar))
        .route(
            "/rooms/{room}/reminder",
            get(reminders::show)
                .put(reminders::set)
                .delete(reminders::unset),
        )
        .route("/rooms/{room}/history", get(history::page))
        .route("/rooms/{room}/asked", get(asked::list))
        .route("/rooms/{room}/blobs", post(blobs::upload))
        .route("/blobs/{id}", get(blobs::show))
        .route("/blobs/{id}/preview", get(blobs::preview))
        .route("/rooms/{room}/broadcasts/{id}/summary", get(summary::show))
        .route(
            "/rooms/{room}/broadcasts/{id}/export",
            get(exports::broadcast),
        )
        .route("/lately", get(summary::lately))
        .route("/topics", get(topics::list).post(topics::start))
        .route("/topics/blobs", post(blobs::upload_ahead))
        .route("/topics/{room}", get(topics::show))
        .route("/topics/{room}/export", get(exports::topic))
        .route("/topics/{room}/reading", put(topics::reading))
        .route("/topics/{room}/following", put(topics::follow))
        .route(
            "/topics/{room}/into",
            put(merging::merge).delete(merging::part),
        )
        .route("/topics/{room}/split", post(splitting::split))
        .route("/unread", get(topics::unread))
        .route("/tags", get(topics::tags))
        .route("/boards", get(boards::list))
        .route("/boards/{slug}", put(boards::put).delete(boards::remove))
        .route("/boards/{slug}/export", get(exports::board))
        .route("/boards/{slug}/following", put(boards::follow))
        .route("/rooms/{room}/polls/{seq}", get(polls::result))
        .route(
            "/rooms/{room}/stream-keys",
            get(stream_keys::list).post(stream_keys::make),
        )
        .route(
            "/rooms/{room}/stream-keys/{id}",
            delete(stream_keys::revoke),
        )
        .route("/openapi.json", get(openapi::show))
        .fallback(server::no_such_route)
        .layer(from_fn_with_state(settings, guard::api));
    // Open to other sites' pages: these take no cookie, only Bearer.
    let media = whip::room_endpoints().layer(from_fn(whip::open_to_all));
    ours.merge(media)
}
