//! Becoming somebody: the first owner, accounts, signing in and out, tokens, guests.
//!
//! A sign-in is a cookie that no script can read; a page turns it into tokens of ten minutes. A
//! wrong name and a wrong password get the same answer in the same time, and few tries.

use std::time::Duration;

use auth::{Identity, guests, names, passwords, secrets};
use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{
    Code, MemberId,
    limits::{self, TITLE_CHARS_MAX},
    rest::{Credentials, GuestWish, Me, Problem, SetUp, SignOut, Token},
};
use store::{Account, GuestDevice, NewAccount, SignIn};

use super::{
    Doors,
    audit::act,
    body::Json,
    caller::{self, Address, COOKIE, Caller, Known, SIGN_IN_DAYS, SignedIn, identity_of},
    problem::{Failure, Outcome},
    rooms::fit_title,
    seam::Revoked,
    throttles::ByAddress,
};

/// Longest wait for one's turn to have a password hashed.
const HASH_WITHIN: Duration = Duration::from_secs(10);
/// Characters of the device's words in the list of sign-ins.
const DEVICE_CHARS_MAX: usize = 120;

/// Make the owner's account and the first circle, once, by the printed link's code
#[utoipa::path(
    post, path = "/api/v1/set-up", tag = "identity", security(()), request_body = SetUp,
    responses((status = 201, body = Token), (status = "default", body = Problem)),
)]
pub(crate) async fn set_up(
    State(doors): State<Doors>,
    Address(address): Address,
    headers: HeaderMap,
    Json(wish): Json<SetUp>,
) -> Outcome<Response> {
    doors.throttles.address(ByAddress::Account, address)?;
    let Some(expected) = doors.store.set_up_code().await? else {
        return Err(Failure::new(
            Code::SetUpDone,
            "this server is set up already",
        ));
    };
    if !secrets::same(&secrets::hash(&wish.code), &expected) {
        return Err(Failure::new(
            Code::NotPermitted,
            "this link is not the one that was printed",
        ));
    }
    let circle = fit_title(&wish.circle, TITLE_CHARS_MAX)?;
    let owner = new_account(&doors, &wish.name, wish.password).await?;
    let account = doors.store.set_up(circle, owner).await?;
    tracing::info!("the server is set up");
    signed_in(&doors, StatusCode::CREATED, &account, &headers).await
}

/// Make an account, where sign-up is open
#[utoipa::path(
    post, path = "/api/v1/accounts", tag = "identity", security(()), request_body = Credentials,
    responses((status = 201, body = Token), (status = "default", body = Problem)),
)]
pub(crate) async fn sign_up(
    State(doors): State<Doors>,
    Address(address): Address,
    headers: HeaderMap,
    Json(wish): Json<Credentials>,
) -> Outcome<Response> {
    let circle = doors
        .store
        .circle()
        .await?
        .filter(|_| doors.live.now().sign_up);
    let Some(circle) = circle else {
        return Err(Failure::new(
            Code::SignUpClosed,
            "accounts are not made here by oneself",
        ));
    };
    doors.throttles.address(ByAddress::Account, address)?;
    let new = new_account(&doors, &wish.name, wish.password).await?;
    let account = doors
        .store
        .add_account(circle.id, store::Role::Member, new)
        .await?;
    signed_in(&doors, StatusCode::CREATED, &account, &headers).await
}

/// Sign in by name and password
#[utoipa::path(
    post, path = "/api/v1/sign-in", tag = "identity", security(()), request_body = Credentials,
    responses((status = 200, body = Token), (status = "default", body = Problem)),
)]
pub(crate) async fn sign_in(
    State(doors): State<Doors>,
    Address(address): Address,
    headers: HeaderMap,
    Json(wish): Json<Credentials>,
) -> Outcome<Response> {
    doors.throttles.sign_in(address, &wish.name)?;
    let account = doors.store.account_by_name(&wish.name).await?;
    let stored = account.as_ref().map(|it| it.password.clone());
    let right = hashing(&doors, move |it| {
        it.verify(&wish.password, stored.as_deref())
    })
    .await?;
    let Some(account) = account.filter(|_| right) else {
        return Err(Failure::new(
            Code::SignInFailed,
            "the name or the password is wrong",
        ));
    };
    doors.throttles.signed_in(address, &wish.name);
    signed_in(&doors, StatusCode::OK, &account, &headers).await
}

/// Sign out this browser, or the account everywhere
#[utoipa::path(
    post, path = "/api/v1/sign-out", tag = "identity", request_body = SignOut,
    responses((status = 204), (status = "default", body = Problem)),
)]
pub(crate) async fn sign_out(
    State(doors): State<Doors>,
    Known(identity): Known,
    headers: HeaderMap,
    Json(wish): Json<SignOut>,
) -> Outcome<Response> {
    if wish.everywhere {
        if identity.epoch.is_none() {
            return Err(Failure::new(
                Code::NotPermitted,
                "this identity has no account here",
            ));
        }
        let signed_out = act(&identity, "sign_out_everywhere", String::new());
        doors.store.sign_out_everywhere(signed_out).await?;
        doors.stage.revoke(Revoked::Member(identity.id));
    } else if let Some(secret) = caller::cookie(&headers) {
        doors.store.remove_sign_in(secrets::hash(secret)).await?;
    }
    Ok((StatusCode::NO_CONTENT, no_cookie(&doors)).into_response())
}

/// A new token by the sign-in cookie
#[utoipa::path(
    post, path = "/api/v1/token", tag = "identity",
    responses((status = 200, body = Token), (status = "default", body = Problem)),
)]
pub(crate) async fn token(State(doors): State<Doors>, by: SignedIn) -> Answer<Token> {
    tracing::debug!(used_ms = by.sign_in.used_ms, "a sign-in renews its token");
    Answer(hand_out(&doors, &identity_of(&by.account, 0)))
}

/// A guest identity that is stable per device
#[utoipa::path(
    post, path = "/api/v1/guests", tag = "identity", security(()), request_body = GuestWish,
    responses((status = 200, body = Token), (status = "default", body = Problem)),
)]
pub(crate) async fn guest(
    State(doors): State<Doors>,
    Address(address): Address,
    Json(wish): Json<GuestWish>,
) -> Outcome<Answer<Token>> {
    let now_ms = clock::unix_ms();
    let device = doors.guests.recognise(&wish, address, now_ms)?;
    let Some(circle) = doors.store.circle().await? else {
        return Err(Failure::new(
            Code::GuestsNotAllowed,
            "this server is not set up yet",
        ));
    };
    let guest = doors
        .store
        .guest(GuestDevice {
            circle: circle.id,
            device: device.hash,
            new_id: device.id,
            name: device.name,
            made_name: device.made_name,
            now_ms,
        })
        .await?;
    let identity = guests::guest(guest.id, guest.name);
    Ok(Answer(hand_out(&doors, &identity)))
}

/// Who one is
#[utoipa::path(
    get, path = "/api/v1/me", tag = "identity",
    responses((status = 200, body = Me), (status = "default", body = Problem)),
)]
pub(crate) async fn me(by: Caller) -> Outcome<Answer<Me>> {
    let identity = by.0.ok_or_else(caller::missing)?;
    Ok(Answer(identity.card()))
}

async fn new_account(doors: &Doors, name: &str, password: String) -> Outcome<NewAccount> {
    let name = fit_name(name)?;
    passwords::check(&password, &name)
        .map_err(|it| Failure::new(Code::PasswordWeak, it.to_string()))?;
    let password = hashing(doors, move |it| it.hash(&password)).await?;
    Ok(NewAccount {
        id: MemberId::new(secrets::random_id("m_")),
        name,
        password,
        made_ms: clock::unix_ms(),
    })
}

fn fit_name(name: &str) -> Outcome<String> {
    names::fit(name).map_err(|it| Failure::new(Code::NameUnfit, it.to_string()))
}

/// Runs a password hash on a blocking thread, a few at once.
pub(super) async fn hashing<T: Send + 'static>(
    doors: &Doors,
    work: impl FnOnce(&auth::Passwords) -> T + Send + 'static,
) -> Outcome<T> {
    let waiting = tokio::time::timeout(HASH_WITHIN, doors.hashing.acquire());
    let Ok(place) = waiting.await else {
        return Err(Failure::new(
            Code::Busy,
            "too many people sign in at once: try again in a moment",
        ));
    };
    let _place = place.expect("the semaphore is never closed");
    let passwords = doors.passwords.clone();
    tokio::task::spawn_blocking(move || work(&passwords))
        .await
        .map_err(|it| Failure::internal("a password hash did not end", &it))
}

/// Signs this browser in: keeps the hash of a new secret, sets the cookie, answers a first token.
pub(super) async fn signed_in(
    doors: &Doors,
    status: StatusCode,
    account: &Account,
    headers: &HeaderMap,
) -> Outcome<Response> {
    let secret = secrets::Secret::make("");
    let now_ms = clock::unix_ms();
    doors
        .store
        .add_sign_in(SignIn {
            hash: secret.hash,
            account: account.id.clone(),
            device: device_of(headers),
            made_ms: now_ms,
            used_ms: now_ms,
        })
        .await?;
    let kept = Duration::from_secs(SIGN_IN_DAYS * 24 * 60 * 60);
    let cookie = set_cookie(doors, &secret.text, kept);
    let token = hand_out(doors, &identity_of(account, 0));
    Ok((status, [(header::SET_COOKIE, cookie)], Answer(token)).into_response())
}

fn hand_out(doors: &Doors, identity: &Identity) -> Token {
    doors.tokens.hand_out(identity, clock::unix_ms())
}

/// Takes the sign-in cookie away.
pub(super) fn no_cookie(doors: &Doors) -> [(header::HeaderName, HeaderValue); 1] {
    [(header::SET_COOKIE, set_cookie(doors, "", Duration::ZERO))]
}

/// Not readable by scripts, not sent with another site's requests, only to the API.
fn set_cookie(doors: &Doors, secret: &str, kept: Duration) -> HeaderValue {
    let secure = if doors.settings.is_https() {
        "; Secure"
    } else {
        ""
    };
    let text = format!(
        "{COOKIE}={secret}; Path=/api/v1; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        kept.as_secs()
    );
    HeaderValue::try_from(text).expect("a secret is base64url")
}

/// Words for the list of devices: what the browser calls itself, without what could break a page.
fn device_of(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|it| it.to_str().ok())
        .unwrap_or("");
    agent
        .chars()
        .filter(|it| !it.is_control())
        .take(DEVICE_CHARS_MAX)
        .collect()
}

// A sign-in outlives many tokens; a token must not outlive what the limits say of it.
const _: () = assert!(auth::tokens::LIFETIME.as_secs() > limits::TOKEN_LEEWAY.as_secs());
