//! Who asks: a Bearer token (everywhere), or the sign-in cookie (pages of this site only).
//!
//! A cookie is sent by the browser whatever page asks for it, so a request that changes something
//! by a cookie must show that it comes from a page of this very site ([`hold_origin`]). A Bearer is
//! put there by a program on purpose and needs no such proof. An account is looked up for each
//! request: its role and name are those of now, and a sign-out everywhere counts at once.

use auth::{Identity, Role, secrets};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, header, request::Parts},
};
use community::Who;
use protocol::{Code, MemberId};
use store::{Account, SignIn};

use super::{
    Doors,
    front::Peer,
    problem::{Failure, Outcome},
};

pub(crate) const COOKIE: &str = "weiquan_sign_in";

/// A sign-in that nobody used for so long is over.
pub(crate) const SIGN_IN_DAYS: u64 = 180;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// How exactly we note when a sign-in was last used: each note is a write with fsync.
const TOUCH_EVERY_MS: u64 = 60 * 60 * 1_000;

/// Somebody with a good token or cookie, or nobody.
pub(crate) struct Caller(pub(crate) Option<Identity>);

/// Somebody with a good token or cookie.
pub(crate) struct Known(pub(crate) Identity);

/// The sign-in of this browser.
pub(crate) struct SignedIn {
    pub(crate) sign_in: SignIn,
    pub(crate) account: Account,
}

/// The caller's address, for throttles and logs.
pub(crate) struct Address(pub(crate) std::net::IpAddr);

impl Caller {
    pub(crate) fn who(&self) -> Option<Who> {
        self.0.as_ref().map(Identity::who)
    }
}

impl FromRequestParts<Doors> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Outcome<Self> {
        if let Some(token) = bearer(&parts.headers)? {
            return by_token(doors, token).await.map(|it| Self(Some(it)));
        }
        match by_cookie(parts, doors).await? {
            Some(it) => Ok(Self(Some(identity_of(&it.account, clock::unix_ms())))),
            None => Ok(Self(None)),
        }
    }
}

impl FromRequestParts<Doors> for Known {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Outcome<Self> {
        let Caller(identity) = Caller::from_request_parts(parts, doors).await?;
        identity.map(Self).ok_or_else(missing)
    }
}

impl FromRequestParts<Doors> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Outcome<Self> {
        by_cookie(parts, doors).await?.ok_or_else(missing)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        let Some(peer) = parts.extensions.get::<Peer>() else {
            return Err(Failure::internal(
                "a request has no peer",
                &"served without front",
            ));
        };
        let told: Vec<&str> = parts
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|it| it.to_str().ok())
            .collect();
        Ok(Self(peer.address(told.last().copied())))
    }
}

/// The token of `Authorization: Bearer`. Another scheme, or two headers, is a mistake to be told.
pub(crate) fn bearer(headers: &HeaderMap) -> Outcome<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(header::AUTHORIZATION) {
            Err(Failure::new(
                Code::TokenInvalid,
                "there is more than one Authorization header",
            ))
        } else {
            Ok(None)
        };
    };
    let text = value.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Failure::new(
            Code::TokenInvalid,
            "Authorization must be a Bearer token",
        )),
    }
}

/// Reads a token, and holds it against the account that it is for.
pub(crate) async fn by_token(doors: &Doors, token: &str) -> Outcome<Identity> {
    let identity = doors
        .tokens
        .read(token, clock::unix_ms())
        .map_err(protocol::Refusal::from)?;
    let Some(epoch) = identity.epoch else {
        return Ok(identity);
    };
    let account = doors.store.account(identity.id.clone()).await?;
    let account = account
        .filter(|it| it.token_epoch == epoch)
        .ok_or_else(|| {
            Failure::new(Code::TokenRevoked, "this account was signed out everywhere")
        })?;
    Ok(Identity {
        expires_ms: identity.expires_ms,
        ..identity_of(&account, 0)
    })
}

/// The identity of an account as it is now.
pub(crate) fn identity_of(account: &Account, now_ms: u64) -> Identity {
    Identity {
        id: account.id.clone(),
        name: account.name.clone(),
        role: role_of(account.role),
        expires_ms: now_ms + auth::tokens::LIFETIME.as_millis() as u64,
        epoch: Some(account.token_epoch),
        foreign: false,
    }
}

pub(crate) const fn role_of(role: store::Role) -> Role {
    match role {
        store::Role::Member => Role::Member,
        store::Role::Moderator => Role::Moderator,
        store::Role::Owner => Role::Owner,
    }
}

/// The account behind a name that a stored thing carries; `None` where it is gone.
pub(crate) async fn who_is(doors: &Doors, id: MemberId) -> Outcome<Option<Who>> {
    let account = doors.store.account(id).await?;
    Ok(account.map(|it| identity_of(&it, 0).who()))
}

pub(crate) fn missing() -> Failure {
    Failure::new(Code::TokenMissing, "sign in, or send a Bearer token")
}

async fn by_cookie(parts: &Parts, doors: &Doors) -> Outcome<Option<SignedIn>> {
    let Some(secret) = cookie(&parts.headers) else {
        return Ok(None);
    };
    let changes = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if changes {
        hold_origin(&parts.headers, &doors.settings.origin, Proof::Needed)?;
    }
    let hash = secrets::hash(secret);
    let Some((sign_in, account)) = doors.store.sign_in(hash).await? else {
        return Ok(None);
    };
    let now_ms = clock::unix_ms();
    if sign_in.used_ms + SIGN_IN_DAYS * DAY_MS < now_ms {
        doors.store.remove_sign_in(hash).await?;
        return Ok(None);
    }
    if sign_in.used_ms + TOUCH_EVERY_MS < now_ms {
        doors.store.touch_sign_in(hash, now_ms).await?;
    }
    Ok(Some(SignedIn { sign_in, account }))
}

/// The secret of the sign-in cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// Whether a request without any word on where it comes from is fine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is not: there is a cookie, and the browser would have told.
    Needed,
    /// It is: a program without cookies.
    Welcome,
}

/// Holds that the request comes from a page of this site, by what browsers say and pages cannot
/// change: `Sec-Fetch-Site`, and `Origin` (which must be this site's own, or the host that was
/// asked).
pub(crate) fn hold_origin(headers: &HeaderMap, own: &str, proof: Proof) -> Outcome<()> {
    let text = |name: header::HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    let foreign = || {
        Err(Failure::new(
            Code::OriginForeign,
            "a page of another site asked for this",
        ))
    };
    let site = headers
        .get("sec-fetch-site")
        .map(|it| it.to_str().unwrap_or("?"));
    // `none`: typed by the person, or from a bookmark; never a page's doing.
    if site.is_some_and(|it| it != "same-origin" && it != "none") {
        return foreign();
    }
    match text(header::ORIGIN) {
        Some(origin) => {
            let allowed = origin.eq_ignore_ascii_case(own)
                || ws::origin_allowed(Some(origin), text(header::HOST), &[]);
            if allowed { Ok(()) } else { foreign() }
        }
        None if site.is_some() || proof == Proof::Welcome => Ok(()),
        None => Err(Failure::new(
            Code::OriginForeign,
            "a request by cookie must say where it comes from (Origin)",
        )),
    }
}

/// Holds the same of a download that a cookie opens: it changes nothing, and yet no page of another site is to
/// make it begin. Where a browser says nothing of it (a site without HTTPS), the address of the page does.
pub(crate) fn hold_download(headers: &HeaderMap, own: &str) -> Outcome<()> {
    let says = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    let page = headers.get(header::REFERER).and_then(|it| it.to_str().ok());
    match page.and_then(origin_of).filter(|_| !says) {
        None => hold_origin(headers, own, Proof::Needed),
        Some(origin) => {
            let mut page = HeaderMap::new();
            let host = headers.get(header::HOST).cloned();
            page.extend(host.map(|it| (header::HOST, it)));
            page.extend(origin.parse().ok().map(|it| (header::ORIGIN, it)));
            hold_origin(&page, own, Proof::Needed)
        }
    }
}

/// `scheme://host[:port]` of an address.
fn origin_of(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    address.get(..scheme.len() + 3 + host.len())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_download_by_cookie_begins_on_a_page_of_this_site() {
        const OWN: &str = "https://live.example";
        let held = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            hold_download(&headers, OWN).is_ok()
        };
        let own_page = ("referer", "https://live.example/settings?x=1");
        let other_page = ("referer", "https://evil.example/?https://live.example/");
        assert!(held(&[("sec-fetch-site", "same-origin")]));
        assert!(held(&[("sec-fetch-site", "none")]), "typed by the person");
        assert!(held(&[own_page]));
        assert!(held(&[
            ("host", "10.0.0.7:8080"),
            ("referer", "http://10.0.0.7:8080/me")
        ]));
        assert!(!held(&[]), "it says nothing");
        assert!(!held(&[other_page]));
        assert!(!held(&[("referer", "https://live.example.evil.example/")]));
        assert!(!held(&[("referer", "nonsense")]));
        // What the browser says itself comes first.
        for site in ["cross-site", "same-site"] {
            assert!(!held(&[("sec-fetch-site", site), own_page]), "{site}");
        }
        assert!(!held(&[("origin", "https://evil.example"), own_page]));
    }
}
