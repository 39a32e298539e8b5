//! A new password: by the one that is, or for who forgot it by a letter to the address that they
//! confirmed.

use std::net::IpAddr;

use auth::{Identity, passwords};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use protocol::{
    Code,
    mail::{PasswordChange, PasswordForgotten, PasswordWish},
    rest::{Problem, Token},
};
use store::{Account, LetterKind, LinkLetter, RowError};

use super::{
    Doors,
    accounts::{hashing, signed_in},
    audit::act,
    body::Json,
    caller::{Address, Known, identity_of},
    mail::{hold_mail, spent},
    problem::{Failure, Outcome},
    push::language,
    seam::Revoked,
    throttles::ByAddress,
};

/// Have a link sent that sets a new password; the answer says nothing about who has an account
#[utoipa::path(
    post, path = "/api/v1/password/forgotten", tag = "mail", security(()),
    request_body = PasswordForgotten,
    responses((status = 202), (status = "default", body = Problem)),
)]
pub(crate) async fn forgotten(
    State(doors): State<Doors>,
    Address(address): Address,
    Json(wish): Json<PasswordForgotten>,
) -> Outcome<StatusCode> {
    hold_mail(&doors)?;
    doors.throttles.address(ByAddress::Letter, address)?;
    // Beside the answer, whose time would tell as well.
    tokio::spawn(async move {
        if let Err(error) = ask(&doors, &wish).await {
            tracing::warn!(%error, "a letter for a new password cannot be written");
        }
    });
    Ok(StatusCode::ACCEPTED)
}

async fn ask(doors: &Doors, wish: &PasswordForgotten) -> Result<(), RowError> {
    let Some(account) = doors.store.account_by_name(&wish.name).await? else {
        return Ok(());
    };
    let mail = doors.store.mail_of(account.id.clone()).await?;
    let Some(mail) = mail.address else {
        return Ok(());
    };
    if doors.throttles.letter(&account.id).is_err() {
        return Ok(());
    }
    let letter = LinkLetter {
        member: account.id,
        kind: LetterKind::Password,
        address: mail.address,
        lang: language(&wish.lang),
        made_ms: clock::unix_ms(),
    };
    match doors.store.ask_letter(letter).await {
        // Enough of them lie there already.
        Err(RowError::Full) => Ok(()),
        other => other,
    }
}

/// Set a new password by the one that is: every device is signed out, and this one in
#[utoipa::path(
    put, path = "/api/v1/password", tag = "identity", request_body = PasswordChange,
    responses((status = 200, body = Token), (status = "default", body = Problem)),
)]
pub(crate) async fn change(
    State(doors): State<Doors>,
    Address(address): Address,
    Known(by): Known,
    headers: HeaderMap,
    Json(wish): Json<PasswordChange>,
) -> Outcome<Response> {
    let account = shown_again(&doors, address, &by, wish.current).await?;
    let password = hashed(&doors, &account, wish.password).await?;
    let done = act(&identity_of(&account, 0), "password_changed", String::new());
    let account = doors.store.change_password(password, done).await?;
    doors.stage.revoke(Revoked::Member(by.id));
    signed_in(&doors, StatusCode::OK, &account, &headers).await
}

/// Set a new password by the link of a letter: every device is signed out, and this one in
#[utoipa::path(
    post, path = "/api/v1/password", tag = "mail", security(()), request_body = PasswordWish,
    responses((status = 200, body = Token), (status = "default", body = Problem)),
)]
pub(crate) async fn reset(
    State(doors): State<Doors>,
    Address(address): Address,
    headers: HeaderMap,
    Json(wish): Json<PasswordWish>,
) -> Outcome<Response> {
    doors.throttles.address(ByAddress::Resource, address)?;
    let kind = LetterKind::Password;
    let (member, made_ms) = doors
        .letter_links
        .read(kind.as_str(), &wish.link)
        .ok_or_else(spent)?;
    let account: Account = doors
        .store
        .account(member.clone())
        .await?
        .ok_or_else(spent)?;
    // Before the link is used: a word that is too weak costs nobody their link.
    let password = hashed(&doors, &account, wish.password).await?;
    let by: Identity = identity_of(&account, 0);
    let done = act(&by, "password_reset", String::new());
    let account = doors
        .store
        .reset_password(member.clone(), made_ms, password, done)
        .await?
        .ok_or_else(spent)?;
    doors.stage.revoke(Revoked::Member(member));
    signed_in(&doors, StatusCode::OK, &account, &headers).await
}

/// The account of somebody who says its password once more.
pub(super) async fn shown_again(
    doors: &Doors,
    address: IpAddr,
    by: &Identity,
    password: String,
) -> Outcome<Account> {
    let account = match by.epoch {
        Some(_) => doors.store.account(by.id.clone()).await?,
        None => None,
    };
    let account = account
        .ok_or_else(|| Failure::new(Code::NotAMember, "this identity has no account here"))?;
    // Guessing here is guessing at the door.
    doors.throttles.sign_in(address, &account.name)?;
    let stored = account.password.clone();
    if !hashing(doors, move |it| it.verify(&password, Some(&stored))).await? {
        return Err(Failure::new(
            Code::SignInFailed,
            "the password that is now is another one",
        ));
    }
    doors.throttles.signed_in(address, &account.name);
    Ok(account)
}

async fn hashed(doors: &Doors, of: &Account, password: String) -> Outcome<String> {
    passwords::check(&password, &of.name)
        .map_err(|it| Failure::new(Code::PasswordWeak, it.to_string()))?;
    hashing(doors, move |it| it.hash(&password)).await
}
