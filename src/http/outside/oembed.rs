//! oEmbed (oembed.com, 1.0): what another site shows where somebody passes a topic's address on.

use axum::{
    Json as Answer,
    extract::{Query, State},
};
use protocol::{Slug, name};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{address, open_topic};
use crate::http::{
    Doors,
    problem::{Failure, Outcome},
    share::DEFAULT_LANG,
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    url: String,
    format: Option<String>,
}

/// A topic of this site as a link with its title, starter and picture.
pub(crate) async fn oembed(
    State(doors): State<Doors>,
    Query(asked): Query<Asked>,
) -> Outcome<Answer<Value>> {
    if asked.format.is_some_and(|it| it != "json") {
        return Err(Failure::malformed("the format here is json"));
    }
    let origin = &doors.settings.origin;
    let slug = asked.url.strip_prefix(&format!("{origin}/t/"));
    let slug = slug.map(|it| it.split(['?', '#', '/']).next().unwrap_or_default());
    let topic = match slug {
        Some(slug) => open_topic(&doors, &Slug::new(slug)).await?,
        None => None,
    };
    let topic = topic.ok_or_else(|| Failure::not_found("topic"))?;
    let circle = doors.store.circle().await?;
    Ok(Answer(json!({
        "version": "1.0",
        "type": "link",
        "title": topic.topic.title,
        "author_name": name::shown(&topic.topic.by.name, DEFAULT_LANG),
        "provider_name": circle.map(|it| it.name),
        "provider_url": origin,
        "url": address(&doors, &topic.slug),
        "thumbnail_url": format!("{origin}/t/{}/cover.png", topic.slug),
        "thumbnail_width": 1200,
        "thumbnail_height": 630,
    })))
}
