//! HTTPS: the files, how long they last, for whom they are; and relays by TLS.

use tls::{About, Files};

use super::super::report::{Check, moment_text};
use crate::{
    certificates::Source,
    config::{Config, host_of},
    turn,
};

/// ACME clients renew a month before the end; two weeks before it something is wrong.
const RENEWED_BEFORE_MS: u64 = 14 * 24 * 3_600_000;

pub(super) fn https(config: &Config) -> Vec<Check> {
    let name = "HTTPS";
    let host = host_of(&config.public_url);
    let (certificate, key) = match &config.certificate {
        Source::Off => return vec![unspoken(config, host)],
        Source::Authority(it) => {
            let found = format!(
                "the server orders its certificate for {}",
                it.domains.join(", ")
            );
            return vec![Check::ok(name, found)];
        }
        Source::Files { certificate, key } => (certificate, key),
    };
    let files = match Files::load(certificate, key) {
        Ok(files) => files,
        Err(error) => {
            let advice =
                "let tls.certificate and tls.key name PEM files that the server's user may read";
            return vec![Check::fail(name, error.to_string(), advice)];
        }
    };
    let shown = files.certificates();
    let lasts = match shown.about() {
        Some(about) => judge_time(&about, clock::unix_ms()),
        None => Check::fail(
            name,
            "the certificate cannot be understood",
            "ask your ACME client for a new one",
        ),
    };
    let fits = if shown.is_for(host) {
        Check::ok("certificate", format!("for {host}"))
    } else {
        Check::warn(
            "certificate",
            format!("not for {host}, which people type"),
            "ask for one with the name in server.public_url, or correct that",
        )
    };
    vec![lasts, fits]
}

/// Whether every browser uses the relays, where there are some.
pub(super) fn relays(config: &Config) -> Option<Check> {
    let name = "relay";
    let urls = &config.turn.as_ref()?.urls;
    let by_tls = urls.iter().filter(|it| it.starts_with("turns:"));
    let (unnamed, named): (Vec<_>, Vec<_>) = by_tls.partition(|it| turn::is_tls_without_name(it));
    Some(match unnamed.first().filter(|_| named.is_empty()) {
        None => Check::ok(name, urls.join(", ")),
        Some(url) => Check::warn(
            name,
            format!("{url} has no name, and Firefox leaves such a relay out"),
            "write the name that its certificate is for into turn.urls",
        ),
    })
}

/// Nothing is encrypted here: right behind a proxy, and on this machine alone.
fn unspoken(config: &Config, host: &str) -> Check {
    let name = "HTTPS";
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "::1");
    if config.public_url.starts_with("https://") {
        Check::ok(name, "spoken by a proxy in front (tls.mode = \"off\")")
    } else if is_local {
        Check::ok(name, "off: nobody but this machine needs it")
    } else {
        Check::warn(
            name,
            format!("off, and people type {}", config.public_url),
            "set tls.mode = \"acme\" or \"files\", or put a proxy in front: browsers give a page the camera only by HTTPS",
        )
    }
}

fn judge_time(about: &About, now_ms: u64) -> Check {
    let name = "HTTPS";
    if now_ms >= about.until_ms {
        return Check::fail(
            name,
            format!("the certificate ended on {}", moment_text(about.until_ms)),
            "renew it with your ACME client: every browser refuses it",
        );
    }
    if now_ms < about.from_ms {
        return Check::fail(
            name,
            format!("the certificate begins on {}", moment_text(about.from_ms)),
            "set this machine's clock, or wait",
        );
    }
    let found = format!(
        "the certificate is good until {}",
        moment_text(about.until_ms)
    );
    if about.until_ms - now_ms < RENEWED_BEFORE_MS {
        let advice = "see why your ACME client has not renewed it yet";
        Check::warn(name, found, advice)
    } else {
        Check::ok(name, found)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Outcome, *};

    #[test]
    fn a_certificate_near_its_end_is_told() {
        let day = 24 * 3_600_000;
        let about = About {
            from_ms: 100 * day,
            until_ms: 190 * day,
            names: Vec::new(),
        };
        for (today, outcome) in [
            (99, Outcome::Fail),
            (100, Outcome::Ok),
            (175, Outcome::Ok),
            (177, Outcome::Warn),
            (190, Outcome::Fail),
        ] {
            let check = judge_time(&about, today * day);
            assert_eq!(check.outcome, outcome, "{today}: {check:?}");
        }
    }
}
