//! Links in a text, as people dress them up: `example.com`, `hxxps://…`, `example。com`, `example[.]com`.

use super::plain;

/// Ends of names that stand for a link wherever they are.
const ENDS: &[&str] = &[
    "app", "art", "asia", "biz", "blog", "cc", "chat", "city", "click", "cloud", "club", "cn",
    "co", "com", "company", "cyou", "de", "dev", "digital", "edu", "email", "eu", "fans", "fm",
    "fr", "fun", "fyi", "games", "gg", "gov", "group", "help", "hk", "host", "icu", "info", "ink",
    "io", "jp", "kim", "kr", "la", "life", "link", "live", "lol", "ltd", "market", "media", "mobi",
    "mom", "monster", "net", "network", "news", "nl", "one", "online", "org", "page", "plus",
    "press", "pro", "pub", "pw", "qpon", "red", "ren", "rest", "ru", "shop", "site", "space",
    "store", "stream", "su", "sbs", "team", "tech", "tk", "today", "top", "tv", "tw", "uk", "vip",
    "wang", "website", "wiki", "win", "work", "works", "world", "ws", "xin", "xyz", "zone",
];

/// Ends that are words or names of files as well: a link only with a path, or behind `www.`.
const ENDS_WITH_PATH: &[&str] = &[
    "ai", "am", "at", "be", "by", "do", "es", "id", "in", "is", "it", "me", "my", "no", "pl", "re",
    "sh", "so", "to", "us",
];

/// The hosts of the links in a text, in lower case and in their order.
pub fn hosts(text: &str) -> Vec<String> {
    let text: Vec<char> = dotted(&plain(text).collect::<Vec<_>>());
    let mut hosts = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if !is_of_name(text[at]) {
            at += 1;
            continue;
        }
        let end = (at..text.len())
            .find(|it| !(is_of_name(text[*it]) || text[*it] == '.'))
            .unwrap_or(text.len());
        let name: String = text[at..end].iter().collect();
        let name = name.trim_end_matches(['.', '-']).trim_start_matches('-');
        let scheme = has_scheme(&text[..at]);
        if scheme || is_host(name, text.get(end) == Some(&'/')) {
            hosts.push(name.to_owned());
        }
        at = end;
    }
    hosts
}

/// Whether a host is one of these domains, or below one.
pub fn is_within(host: &str, domains: &[String]) -> bool {
    domains.iter().any(|domain| {
        let above = host.strip_suffix(domain.as_str());
        above.is_some_and(|it| it.is_empty() || it.ends_with('.'))
    })
}

/// A domain as a rule names it: in lower case, without scheme, path or `www.`.
pub fn domain(text: &str) -> Option<String> {
    let text: String = plain(text.trim()).collect();
    let text = text.rsplit_once("://").map_or(&*text, |it| it.1);
    let text = text.split('/').next()?.trim_matches('.');
    let text = text.strip_prefix("www.").unwrap_or(text);
    let fit = text.contains('.')
        && text.chars().all(|it| is_of_name(it) || it == '.')
        && text.split('.').all(|it| !it.is_empty());
    fit.then(|| text.to_owned())
}

/// Dots in every dress as dots: a Chinese full stop between Latin letters, `[.]`, `(dot)`, ` dot `.
fn dotted(text: &[char]) -> Vec<char> {
    let mut out: Vec<char> = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let latin = out.last().is_some_and(char::is_ascii_alphanumeric);
        let dot = latin.then(|| dress(rest)).flatten();
        let follows = dot
            .and_then(|n| rest.get(n))
            .is_some_and(char::is_ascii_alphanumeric);
        if let Some(n) = dot.filter(|_| follows) {
            out.push('.');
            at += n;
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

/// How many characters a dressed-up dot has, where one begins here.
fn dress(rest: &[char]) -> Option<usize> {
    const DRESSES: &[&str] = &[
        "。", "·", "•", "[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}", " dot ", " . ", "[点]",
        "(点)",
    ];
    let found = DRESSES.iter().find(|dress| {
        let mut chars = dress.chars();
        let same = rest.iter().zip(&mut chars).all(|(a, b)| *a == b);
        same && rest.len() >= dress.chars().count()
    });
    found.map(|it| it.chars().count())
}

/// `http://`, and the forms that are written so that no program takes them for one.
fn has_scheme(before: &[char]) -> bool {
    ["http://", "https://", "hxxp://", "hxxps://", "ftp://"]
        .iter()
        .any(|scheme| {
            before
                .iter()
                .rev()
                .copied()
                .take(scheme.len())
                .eq(scheme.chars().rev())
        })
}

const fn is_of_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '-' || (!char.is_ascii() && super::is_unspaced(char))
}

fn is_host(name: &str, path: bool) -> bool {
    let Some((before, end)) = name.rsplit_once('.') else {
        return false;
    };
    let named = before.split('.').all(|it| !it.is_empty());
    // A sentence in Chinese that runs into a name: only the Latin part in front of the end counts.
    let latin = before.ends_with(|it: char| it.is_ascii_alphanumeric());
    let known = ENDS.contains(&end)
        || (ENDS_WITH_PATH.contains(&end) && (path || name.starts_with("www.")));
    named && latin && known
}
