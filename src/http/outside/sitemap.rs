//! The map of the site (sitemaps.org): every topic that guests may read, and where robots find it.

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::{address, moment};
use crate::http::{Doors, problem::Outcome};

/// As many addresses as one map may have.
const ADDRESSES_MAX: usize = 50_000;

pub(crate) async fn sitemap(State(doors): State<Doors>) -> Outcome<Response> {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for (slug, last_ms) in doors.store.open_topics(ADDRESSES_MAX).await? {
        let _ = writeln!(
            xml,
            "  <url><loc>{}</loc><lastmod>{}</lastmod></url>",
            address(&doors, &slug),
            moment(last_ms)
        );
    }
    xml.push_str("</urlset>\n");
    Ok(([(header::CONTENT_TYPE, "application/xml")], xml).into_response())
}

/// Robots may read what guests may read; the rest answers nothing to them.
pub(crate) async fn robots(State(doors): State<Doors>) -> Response {
    let text = format!(
        "User-agent: *\nDisallow: /api/\nAllow: /\nSitemap: {}/sitemap.xml\n",
        doors.settings.origin
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
