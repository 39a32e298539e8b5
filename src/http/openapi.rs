//! The API as OpenAPI 3.1, made from the handlers themselves.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use protocol::rest;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{
    accounts, asked, audit, blobs, boards, caller::COOKIE, check, erasure, exports, handing,
    health, history, mail, members, merging, missed, notices, passwords, polls, push, reminders,
    rooms, search, server, splitting, stream_keys, summary, topics, whip,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "weiquan",
        description = "Everything but the room itself, which is spoken on /ws (weiquan.v1.json). \
            Errors are application/problem+json with a stable `code`; what to do is in `act`."
    ),
    paths(
        server::info,
        check::point,
        check::upload,
        accounts::set_up,
        accounts::sign_up,
        accounts::sign_in,
        accounts::sign_out,
        accounts::token,
        accounts::guest,
        accounts::me,
        erasure::erase,
        audit::list,
        audit::own,
        members::list,
        members::set_role,
        handing::hand_over,
        notices::list,
        notices::seen,
        notices::settings,
        notices::set,
        missed::list,
        missed::seen,
        mail::show,
        mail::ask,
        mail::end,
        mail::confirm,
        passwords::forgotten,
        passwords::reset,
        passwords::change,
        push::key,
        push::subscribe,
        push::unsubscribe,
        search::find,
        rooms::list,
        rooms::make,
        rooms::show,
        rooms::broadcast,
        reminders::show,
        reminders::set,
        reminders::unset,
        reminders::calendar,
        asked::list,
        exports::topic,
        exports::board,
        exports::broadcast,
        exports::whole_circle,
        exports::own,
        history::page,
        blobs::upload,
        blobs::upload_ahead,
        blobs::show,
        blobs::preview,
        summary::show,
        summary::lately,
        polls::result,
        topics::start,
        topics::list,
        topics::show,
        topics::reading,
        topics::follow,
        merging::merge,
        merging::part,
        splitting::split,
        topics::unread,
        topics::tags,
        boards::list,
        boards::put,
        boards::remove,
        boards::follow,
        stream_keys::list,
        stream_keys::make,
        stream_keys::revoke,
        whip::offers::publish_by_key,
        whip::offers::publish_by_token,
        whip::offers::view,
        whip::resources::update_publish,
        whip::resources::update_view,
        whip::resources::end_publish,
        whip::resources::end_view,
        whip::layers::choose,
        whip::events::make,
        whip::events::read,
        whip::events::end,
        show,
        health::alive,
        health::ready,
    ),
    components(schemas(rest::Problem)),
    modifiers(&Schemes),
    security(("bearer" = []), ("sign_in" = [])),
)]
struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let bearer = |format: &str, words: &str| {
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format(format)
                    .description(Some(words))
                    .build(),
            )
        };
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "bearer",
            bearer(
                "JWT",
                "A token of `sign-in`, `token` or `guests`, or of a configured site.",
            ),
        );
        components.add_security_scheme(
            "stream_key",
            bearer("stream key", "A room's stream key, for encoders."),
        );
        components.add_security_scheme(
            "sign_in",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                COOKIE,
                "A browser's sign-in. What changes something must come from this site's pages.",
            ))),
        );
    }
}

/// The document, for a file or a client generator.
pub fn document() -> String {
    Api::openapi()
        .to_pretty_json()
        .expect("the document is plain JSON")
}

/// This document
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "server", security(()),
    responses((status = 200, content_type = "application/json", body = Object)),
)]
pub(crate) async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document()).into_response()
}
