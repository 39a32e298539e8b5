//! The web app: its files inside this binary, and its one page for every address that people see.
//!
//! A file with a hash in its name never changes, so browsers keep it for ever; everything else is
//! asked for again by its ETag. Built without the web app, the server says how to get it.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use super::problem::Failure;

/// What `make web` built. In a debug build it is read from the folder, so that a page under work is
/// served as it is.
#[derive(RustEmbed)]
#[folder = "clients/web/dist"]
struct Dist;

const INDEX: &str = "index.html";
/// Vite puts a hash into the name of everything below it.
const HASHED: &str = "assets/";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
pub(super) const ASK_AGAIN: &str = "no-cache";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <title>weiquan</title><h1>This server was built without the web app</h1>\
    <p>Run <code>make run</code>, or <code>make web</code> and build again. \
    The API, <code>/ws</code>, <code>/whip</code> and WHEP work all the same.</p></html>";

/// A file of the web app.
struct File {
    bytes: Cow<'static, [u8]>,
    hash: [u8; 32],
}

fn embedded(path: &str) -> Option<File> {
    let file = Dist::get(path)?;
    Some(File {
        bytes: file.data,
        hash: file.metadata.sha256_hash(),
    })
}

/// The app's page as it was built; `None` where it was not.
pub(super) fn index() -> Option<String> {
    String::from_utf8(embedded(INDEX)?.bytes.into_owned()).ok()
}

/// Everything that is not the API. What looks like it, or like the operator's side, is nothing here.
pub(crate) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if ["/api", "/whip", "/metrics", "/debug"]
        .iter()
        .any(|it| is_below(uri.path(), it))
    {
        return Failure::not_found("address").into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return super::server::wrong_method().await.into_response();
    }
    answer(uri.path(), &headers, embedded)
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|it| it.is_empty() || it.starts_with('/'))
}

fn answer(path: &str, headers: &HeaderMap, find: impl Fn(&str) -> Option<File>) -> Response {
    let path = path.trim_start_matches('/');
    // Notes of the build (`.built`) are no pages, and nothing has a reason to climb.
    if path.split('/').any(|it| it.starts_with('.')) {
        return Failure::not_found("page").into_response();
    }
    if !path.is_empty()
        && let Some((file, encoding)) = encoded(path, headers, &find)
    {
        let kept = if path.starts_with(HASHED) {
            FOR_EVER
        } else {
            ASK_AGAIN
        };
        return served(path, file, encoding, kept, headers);
    }
    // An address with an extension is a file, and there is none of that name.
    if path.rsplit('/').next().is_some_and(|it| it.contains('.')) {
        return Failure::not_found("file").into_response();
    }
    match encoded(INDEX, headers, &find) {
        Some((file, encoding)) => served(INDEX, file, encoding, ASK_AGAIN, headers),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            NOT_BUILT,
        )
            .into_response(),
    }
}

/// The file, compressed where the build made such a twin and the browser takes it.
fn encoded(
    path: &str,
    headers: &HeaderMap,
    find: &impl Fn(&str) -> Option<File>,
) -> Option<(File, Option<&'static str>)> {
    let takes = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|it| it.to_str().ok())
        .unwrap_or("");
    for (encoding, extension) in [("br", "br"), ("gzip", "gz")] {
        let wanted = takes
            .split(',')
            .any(|it| it.split(';').next().map(str::trim) == Some(encoding));
        if wanted && let Some(file) = find(&format!("{path}.{extension}")) {
            return Some((file, Some(encoding)));
        }
    }
    find(path).map(|it| (it, None))
}

fn served(
    path: &str,
    file: File,
    encoding: Option<&'static str>,
    kept: &'static str,
    headers: &HeaderMap,
) -> Response {
    let hash: String = file.hash[..16]
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let tag = format!("\"{hash}\"");
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|it| it.to_str().ok())
        .is_some_and(|it| {
            it.split(',')
                .any(|it| it.trim().trim_start_matches("W/") == tag)
        });
    let body = if is_known {
        Body::empty()
    } else {
        Body::from(file.bytes.into_owned())
    };
    let mut response = Response::new(body);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let out = response.headers_mut();
    let tag = HeaderValue::try_from(tag).expect("hexadecimal digits in quotes");
    out.insert(header::ETAG, tag);
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    out.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(type_of(path)),
    );
    if let Some(encoding) = encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The types that a web app is made of. `nosniff` makes the right one necessary.
fn type_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(path: &str) -> Option<File> {
        let bytes: &'static [u8] = match path {
            "index.html" => b"<!doctype html>app",
            "assets/app-1a2b.js" => b"let x",
            "assets/app-1a2b.js.br" => b"br",
            "assets/app-1a2b.js.gz" => b"gz",
            "robots.txt" | ".built" => b"note",
            _ => return None,
        };
        let mut hash = [0; 32];
        hash[..bytes.len()].copy_from_slice(bytes);
        Some(File {
            bytes: bytes.into(),
            hash,
        })
    }

    fn ask(path: &str, headers: &[(header::HeaderName, &'static str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, it)| (name.clone(), HeaderValue::from_static(it)))
            .collect();
        answer(path, &headers, built)
    }

    #[test]
    fn pages_files_and_what_is_neither() {
        for (path, status, content_type, kept) in [
            ("/", 200, "text/html; charset=utf-8", ASK_AGAIN),
            ("/r/friday", 200, "text/html; charset=utf-8", ASK_AGAIN),
            ("/set-up", 200, "text/html; charset=utf-8", ASK_AGAIN),
            (
                "/assets/app-1a2b.js",
                200,
                "text/javascript; charset=utf-8",
                FOR_EVER,
            ),
            ("/robots.txt", 200, "text/plain; charset=utf-8", ASK_AGAIN),
            ("/assets/old-9z.js", 404, "application/problem+json", ""),
            ("/.built", 404, "application/problem+json", ""),
            ("/../Cargo.toml", 404, "application/problem+json", ""),
            ("//etc/passwd", 200, "text/html; charset=utf-8", ASK_AGAIN),
        ] {
            let response = ask(path, &[]);
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(
                response.headers()[header::CONTENT_TYPE],
                content_type,
                "{path}"
            );
            if status == 200 {
                assert_eq!(response.headers()[header::CACHE_CONTROL], kept, "{path}");
            }
        }
    }

    #[test]
    fn a_known_file_is_not_sent_again() {
        let first = ask("/", &[]);
        let tag = first.headers()[header::ETAG]
            .to_str()
            .expect("ASCII")
            .to_owned();
        let headers = |it: &str| {
            let value = HeaderValue::try_from(it).expect("fits");
            HeaderMap::from_iter([(header::IF_NONE_MATCH, value)])
        };
        let status = |it: &str| answer("/", &headers(it), built).status().as_u16();
        assert_eq!(status(&tag), 304);
        assert_eq!(status(&format!("\"x\", W/{tag}")), 304);
        assert_eq!(status("\"x\""), 200);
    }

    #[test]
    fn the_smallest_twin_that_the_browser_takes_is_sent() {
        let encoding = |takes: &'static str| {
            let response = ask("/assets/app-1a2b.js", &[(header::ACCEPT_ENCODING, takes)]);
            let headers = response.headers();
            assert_eq!(
                headers[header::CONTENT_TYPE],
                "text/javascript; charset=utf-8"
            );
            headers.get(header::CONTENT_ENCODING).cloned()
        };
        assert_eq!(encoding("gzip, br").expect("one"), "br");
        assert_eq!(encoding("gzip;q=0.9").expect("one"), "gzip");
        assert_eq!(encoding("identity"), None);
    }

    #[test]
    fn without_the_web_app_the_page_says_so() {
        let response = answer("/", &HeaderMap::new(), |_| None);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
