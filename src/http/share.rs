//! What a room's address shows where it is passed on: a title, a line and a picture for the programs
//! that look at a link before people do (they run no script), what was said last for people who run none either, and a QR
//! code for people in one room.
//!
//! Only a room that guests may enter says anything. The page of every other address, whether there is
//! a room for members or none, is the same bytes as everywhere.

use std::fmt::Write as _;

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    response::{IntoResponse, Response},
};
use html_escape::encode_quoted_attribute as escape;
use protocol::{Seq, Slug, name, server::Phase};
use qrcode::{EcLevel, QrCode, render::svg};
use serde::Deserialize;
use store::{BroadcastRow, RoomRow};

use super::{
    Doors, outside, pages,
    problem::{Failure, Outcome},
};

/// The language of what is written for whoever comes: the app's own.
pub(super) const DEFAULT_LANG: &str = "zh-CN";

/// The page of a room.
pub(crate) async fn page(
    State(doors): State<Doors>,
    Path(slug): Path<String>,
    earlier: Result<Query<Earlier>, QueryRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let plain = || pages::page(method, uri, headers.clone());
    // Where the storage cannot be read the app comes all the same, and says so in its own words.
    let Ok(Some((room, card))) = card(&doors, slug, &headers).await else {
        return plain().await;
    };
    let Some(index) = pages::index() else {
        return plain().await;
    };
    let before = earlier.ok().and_then(|it| it.0.before);
    let about = (card.title.as_str(), card.say.as_str());
    let Ok(said) = outside::room(&doors, &room, about, before, card.words).await else {
        return plain().await;
    };
    outside::answer(outside::beside(
        &card.put_into(&index),
        &said,
        card.words.lang(),
    ))
}

/// What a page of earlier words is asked for by.
#[derive(Deserialize)]
pub(crate) struct Earlier {
    before: Option<Seq>,
}

/// The address of a room as a QR code. It says no more than whoever asks knows already.
pub(crate) async fn qr(State(doors): State<Doors>, Path(slug): Path<String>) -> Outcome<Response> {
    let slug = Slug::new(slug);
    if !slug.is_well_formed() {
        return Err(Failure::not_found("room"));
    }
    let svg = code(&format!("{}/r/{slug}", doors.settings.origin));
    let kept = HeaderValue::from_static("public, max-age=3600");
    Ok((
        [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("image/svg+xml"),
            ),
            (header::CACHE_CONTROL, kept),
        ],
        svg.ok_or_else(|| Failure::not_found("code"))?,
    )
        .into_response())
}

/// Black on white with its quiet zone, whatever the theme: that is what cameras read. Medium
/// correction: a seventh of it may be covered. `None` where the address is too long for any code.
fn code(address: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(address, EcLevel::M).ok()?;
    let mut svg = code.render::<svg::Color<'_>>();
    Some(svg.module_dimensions(4, 4).build())
}

/// The picture of a room that guests may enter. Programs keep it for a day: it never changes.
pub(crate) async fn cover(
    State(doors): State<Doors>,
    Path(slug): Path<String>,
) -> Outcome<Response> {
    let Some(room) = open_room(&doors, slug).await? else {
        return Err(Failure::not_found("picture"));
    };
    let picture = doors.covers.of(room.slug.as_str()).await;
    let kept = HeaderValue::from_static("public, max-age=86400");
    Ok((
        [
            (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
            (header::CACHE_CONTROL, kept),
            // Whoever shows the card of a shared link may show it.
            (
                header::HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("cross-origin"),
            ),
        ],
        picture.ok_or_else(|| Failure::not_found("picture"))?,
    )
        .into_response())
}

/// The room of an address, where guests may enter it.
async fn open_room(doors: &Doors, slug: String) -> Outcome<Option<RoomRow>> {
    let slug = Slug::new(slug);
    if !slug.is_well_formed() {
        return Ok(None);
    }
    Ok(doors.store.room(slug).await?.filter(|it| it.guests))
}

/// What is said of a room.
pub(super) struct Card {
    pub(super) title: String,
    pub(super) say: String,
    pub(super) circle: String,
    pub(super) address: String,
    pub(super) picture: String,
    /// How wide and high that is, where it is no cover of ours.
    pub(super) shows: Option<(u32, u32)>,
    pub(super) words: &'static Words,
}

async fn card(
    doors: &Doors,
    slug: String,
    headers: &HeaderMap,
) -> Outcome<Option<(RoomRow, Card)>> {
    let Some(room) = open_room(doors, slug).await? else {
        return Ok(None);
    };
    let Some(circle) = doors.store.circle().await? else {
        return Ok(None);
    };
    let broadcast = doors.store.current_broadcast(room.number).await?;
    let origin = &doors.settings.origin;
    let words = Words::of(headers);
    let (title, say) = told(&room, broadcast.as_ref(), words);
    let card = Card {
        title,
        say,
        circle: circle.name,
        address: format!("{origin}/r/{}", room.slug),
        picture: format!("{origin}/r/{}/cover.png", room.slug),
        shows: None,
        words,
    };
    Ok(Some((room, card)))
}

/// The title of what goes on, and one line about it.
pub(super) fn told(
    room: &RoomRow,
    broadcast: Option<&BroadcastRow>,
    words: &Words,
) -> (String, String) {
    let broadcast = broadcast.filter(|it| {
        matches!(
            it.phase,
            Phase::Scheduled | Phase::Open | Phase::Live | Phase::Paused
        )
    });
    let Some(broadcast) = broadcast else {
        let say = format!("{}{}", words.made_by, words.name(&room.made_by_name));
        return (room.title.clone(), say);
    };
    let title = match &broadcast.title {
        title if title.is_empty() => room.title.clone(),
        title => title.clone(),
    };
    let how = match broadcast.phase {
        Phase::Live | Phase::Paused => words.live,
        Phase::Open => words.open,
        _ => words.scheduled,
    };
    let say = format!(
        "{how} · {}{}",
        words.hosted_by,
        words.name(&broadcast.host.name)
    );
    (title, say)
}

impl Card {
    /// The app's page with this card in its head, in place of its own title and description.
    pub(super) fn put_into(&self, index: &str) -> String {
        let (title, say) = (escape(&self.title), escape(&self.say));
        let circle = escape(&self.circle);
        let mut html = index.to_owned();
        replace_between(
            &mut html,
            "<title>",
            "</title>",
            &format!("{title} · {circle}"),
        );
        replace_between(
            &mut html,
            "<meta name=\"description\" content=\"",
            "\"",
            &say,
        );
        let (address, picture) = (escape(&self.address), escape(&self.picture));
        let mut tags = String::new();
        // A cover is a PNG of one size; what somebody uploaded says itself what it is.
        let (kind, (w, h)) = match self.shows {
            None => (Some(("og:image:type", "image/png")), (1_200, 630)),
            Some(size) => (None, size),
        };
        let (w, h) = (w.to_string(), h.to_string());
        for (name, content) in [
            ("og:type", "website"),
            ("og:locale", self.words.locale),
            ("og:site_name", &circle),
            ("og:title", &title),
            ("og:description", &say),
            ("og:url", &address),
            ("og:image", &picture),
            ("og:image:width", &w),
            ("og:image:height", &h),
            ("og:image:alt", &circle),
        ]
        .into_iter()
        .chain(kind)
        {
            line(&mut tags, "property", name, content);
        }
        for (name, content) in [
            ("twitter:card", "summary_large_image"),
            ("twitter:title", &title),
            ("twitter:description", &say),
            ("twitter:image", &picture),
        ] {
            line(&mut tags, "name", name, content);
        }
        let _ = writeln!(tags, "    <link rel=\"canonical\" href=\"{address}\" />");
        if let Some(at) = html.find("</head>") {
            html.insert_str(at, tags.trim_start_matches(' '));
        }
        html
    }
}

/// Writing to a string cannot fail.
fn line(tags: &mut String, key: &str, name: &str, content: &str) {
    let _ = writeln!(tags, "    <meta {key}=\"{name}\" content=\"{content}\" />");
}

fn replace_between(html: &mut String, before: &str, after: &str, text: &str) {
    let Some(from) = html.find(before).map(|it| it + before.len()) else {
        return;
    };
    if let Some(length) = html[from..].find(after) {
        html.replace_range(from..from + length, text);
    }
}

/// The few words of a card, in the language of whoever asks.
pub(super) struct Words {
    locale: &'static str,
    live: &'static str,
    open: &'static str,
    scheduled: &'static str,
    hosted_by: &'static str,
    made_by: &'static str,
}

const SIMPLIFIED: Words = Words {
    locale: "zh_CN",
    live: "正在直播",
    open: "马上开播",
    scheduled: "直播预告",
    hosted_by: "主持人：",
    made_by: "房主：",
};
const TRADITIONAL: Words = Words {
    locale: "zh_TW",
    live: "正在直播",
    open: "馬上開播",
    scheduled: "直播預告",
    hosted_by: "主持人：",
    made_by: "房主：",
};
const ENGLISH: Words = Words {
    locale: "en_US",
    live: "Live now",
    open: "About to start",
    scheduled: "Coming up",
    hosted_by: "hosted by ",
    made_by: "Made by ",
};

impl Words {
    /// The first that fits of a thing said in English, simplified and traditional Chinese.
    pub(super) fn pick<T: Copy>(&self, [english, simplified, traditional]: [T; 3]) -> T {
        match self.locale {
            "en_US" => english,
            "zh_TW" => traditional,
            _ => simplified,
        }
    }

    /// The language as HTML names it.
    pub(super) fn lang(&self) -> &'static str {
        self.pick(["en", "zh-CN", "zh-TW"])
    }

    /// A name as it is shown.
    pub(super) fn name<'a>(&self, name: &'a str) -> &'a str {
        name::shown(name, self.lang())
    }

    /// By the first language that is ours; Chinese where none is, as in the app's own page.
    pub(super) fn of(headers: &HeaderMap) -> &'static Self {
        let asked = headers.get(header::ACCEPT_LANGUAGE);
        let asked = asked.and_then(|it| it.to_str().ok()).unwrap_or_default();
        for language in asked.split(',') {
            let tag = language.split(';').next().unwrap_or_default().trim();
            let tag = tag.to_ascii_lowercase();
            if ["zh-tw", "zh-hk", "zh-mo", "zh-hant"]
                .iter()
                .any(|it| tag.starts_with(it))
            {
                return &TRADITIONAL;
            }
            match tag.split('-').next().unwrap_or_default() {
                "zh" => return &SIMPLIFIED,
                "en" => return &ENGLISH,
                _ => {}
            }
        }
        &SIMPLIFIED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "<html><head>\n    <meta name=\"description\" content=\"own\" />\n    \
        <title>微圈</title>\n  </head><body></body></html>";

    #[test]
    fn nothing_that_people_write_becomes_a_tag() {
        let evil = "\"><script>alert('x')</script>&amp;</title>";
        let card = Card {
            title: evil.into(),
            say: evil.into(),
            circle: evil.into(),
            address: "https://live.example/r/hall".into(),
            picture: "https://live.example/r/hall/cover.png".into(),
            shows: None,
            words: &ENGLISH,
        };
        let html = card.put_into(INDEX);
        assert!(
            !html.contains("<script") && !html.contains("\">\""),
            "{html}"
        );
        assert_eq!(html.matches("</title>").count(), 1);
        assert_eq!(html.matches("<meta").count(), 1 + 11 + 4);
        assert!(
            html.contains("&quot;&gt;&lt;script&gt;alert(&#x27;x&#x27;)"),
            "{html}"
        );
        assert!(!html.contains("微圈") && !html.contains("own"), "{html}");
    }

    #[test]
    fn a_card_speaks_the_language_of_whoever_asks() {
        let locale = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            Words::of(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, value)])).locale
        };
        assert_eq!(locale("fr-FR, en-GB;q=0.8, zh;q=0.5"), "en_US");
        assert_eq!(locale("zh-Hant-HK"), "zh_TW");
        assert_eq!(locale("zh-CN,zh;q=0.9,en;q=0.8"), "zh_CN");
        assert_eq!(locale("fr"), "zh_CN");
        assert_eq!(Words::of(&HeaderMap::new()).locale, "zh_CN");
    }

    #[test]
    fn a_code_is_drawn_with_its_quiet_zone() {
        let svg = code("https://live.example.org/r/friday-night").expect("fits");
        assert!(
            svg.contains("fill=\"#fff\"") && svg.contains("fill=\"#000\""),
            "{svg}"
        );
        // 29 modules (version 3) and a quiet zone of 4 on each side, 4 units each.
        assert!(svg.contains("viewBox=\"0 0 148 148\""), "{svg}");
        assert!(code(&"x".repeat(3_000)).is_none());
    }
}
