//! Where a member is written to, the link that shows that the address is theirs, and the end of letters
//! by one click (RFC 8058).

use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use protocol::{
    Code, MemberId,
    mail::{Mail, MailLink, MailWish},
    notices::Digest,
    rest::Problem,
};
use serde::Deserialize;
use store::{LetterKind, LinkLetter, MailAddress, MailOf, RowError};

use super::{
    Doors,
    body::Json,
    caller::{Address, Known},
    notices::hold_member,
    problem::{Failure, Outcome},
    push::language,
    throttles::ByAddress,
};

/// Where you are written to
#[utoipa::path(
    get, path = "/api/v1/mail", tag = "mail",
    responses((status = 200, body = Mail), (status = "default", body = Problem)),
)]
pub(crate) async fn show(State(doors): State<Doors>, Known(by): Known) -> Outcome<Answer<Mail>> {
    hold_member(&by)?;
    Ok(Answer(card(doors.store.mail_of(by.id).await?)))
}

/// Be written to at an address: a letter with a link goes there
#[utoipa::path(
    put, path = "/api/v1/mail", tag = "mail", request_body = MailWish,
    responses((status = 202, body = Mail), (status = "default", body = Problem)),
)]
pub(crate) async fn ask(
    State(doors): State<Doors>,
    Known(by): Known,
    Json(wish): Json<MailWish>,
) -> Outcome<(StatusCode, Answer<Mail>)> {
    hold_member(&by)?;
    hold_mail(&doors)?;
    let address = doors.stage.mail_address(&wish.address).ok_or_else(|| {
        Failure::new(
            Code::AddressUnfit,
            "this is no address of e-mail: it looks like name@example.org",
        )
    })?;
    doors.throttles.letter(&by.id)?;
    let letter = LinkLetter {
        member: by.id.clone(),
        kind: LetterKind::Confirm,
        address,
        lang: language(&wish.lang),
        made_ms: clock::unix_ms(),
    };
    doors.store.ask_letter(letter).await.map_err(|it| match it {
        RowError::Full => Failure::new(
            Code::TooManyTries,
            "several letters went to this address today: open the newest, or come again tomorrow",
        ),
        other => other.into(),
    })?;
    let mail = card(doors.store.mail_of(by.id).await?);
    Ok((StatusCode::ACCEPTED, Answer(mail)))
}

/// Be written to no more
#[utoipa::path(
    delete, path = "/api/v1/mail", tag = "mail",
    responses((status = 200, body = Mail), (status = "default", body = Problem)),
)]
pub(crate) async fn end(State(doors): State<Doors>, Known(by): Known) -> Outcome<Answer<Mail>> {
    hold_member(&by)?;
    doors.store.remove_mail(by.id).await?;
    Ok(Answer(card(MailOf::default())))
}

/// The link of a letter shows that its address is its member's; whoever opens it need not be signed in
#[utoipa::path(
    post, path = "/api/v1/mail/confirm", tag = "mail", security(()), request_body = MailLink,
    responses((status = 200, body = Mail), (status = "default", body = Problem)),
)]
pub(crate) async fn confirm(
    State(doors): State<Doors>,
    Address(address): Address,
    Json(wish): Json<MailLink>,
) -> Outcome<Answer<Mail>> {
    doors.throttles.address(ByAddress::Resource, address)?;
    let kind = LetterKind::Confirm;
    let (member, made_ms) = doors
        .letter_links
        .read(kind.as_str(), &wish.link)
        .ok_or_else(spent)?;
    let now_ms = clock::unix_ms();
    let address = doors.store.confirm_mail(member, made_ms, now_ms).await?;
    Ok(Answer(card(MailOf {
        address: Some(address.ok_or_else(spent)?),
        asked: None,
    })))
}

#[derive(Deserialize)]
pub(crate) struct Stop {
    of: String,
    seal: String,
    #[serde(default)]
    what: StopWhat,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StopWhat {
    #[default]
    Notices,
    Digest,
}

/// No more letters of notices, or no more digests, by the address in them: a mail program sends this with no cookie and no
/// token, and a body that says nothing.
pub(crate) async fn stop(
    State(doors): State<Doors>,
    Address(address): Address,
    stop: Result<Query<Stop>, QueryRejection>,
) -> Outcome<StatusCode> {
    doors.throttles.address(ByAddress::Resource, address)?;
    let Query(stop) = stop.map_err(|it| Failure::malformed(it.body_text()))?;
    let links = &doors.letter_links;
    let holds = match stop.what {
        StopWhat::Notices => links.stops(&stop.of, &stop.seal),
        StopWhat::Digest => links.stops_digest(&stop.of, &stop.seal),
    };
    if !holds {
        return Err(Failure::not_found("letter"));
    }
    let of = MemberId::new(stop.of);
    match stop.what {
        StopWhat::Notices => doors.store.stop_mail(of).await?,
        StopWhat::Digest => {
            let never = Digest::Never;
            doors.store.put_digest(of, never, clock::unix_ms()).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn hold_mail(doors: &Doors) -> Outcome<()> {
    if doors.settings.mail {
        return Ok(());
    }
    Err(Failure::new(
        Code::MailOff,
        "this server sends no e-mail: its operator sets [mail] for that",
    ))
}

pub(super) fn spent() -> Failure {
    Failure::new(
        Code::LinkSpent,
        "this link is good no more: it was used, it is too old, or a newer letter has another",
    )
}

fn card(of: MailOf) -> Mail {
    Mail {
        works: of.address.as_ref().is_none_or(MailAddress::works),
        address: of.address.map(|it| it.address),
        asked: of.asked,
    }
}
