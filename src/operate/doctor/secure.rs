//! HTTPS: the files, how long they last, for whom they are.

use tls::{Certificates, Validity};

use super::{
    super::report::{Check, moment_text},
    network::host_of,
};
use crate::config::Config;

/// ACME clients renew a month before the end; two weeks before it something is wrong.
const RENEWED_BEFORE_S: i64 = 14 * 24 * 3_600;

pub(super) fn https(config: &Config) -> Vec<Check> {
    let name = "HTTPS";
    let host = host_of(&config.public_url);
    if !config.secure {
        let is_local = matches!(host, "localhost" | "127.0.0.1" | "::1");
        return vec![if config.public_url.starts_with("https://") {
            Check::ok(name, "spoken by a proxy in front (tls.mode = \"off\")")
        } else if is_local {
            Check::ok(name, "off: nobody but this machine needs it")
        } else {
            Check::warn(
                name,
                format!("off, and people type {}", config.public_url),
                "set tls.mode = \"files\" or put a proxy in front: browsers give a page the camera only by HTTPS",
            )
        }];
    }
    let files = &config.raw.tls;
    let certificates = match Certificates::load(&files.certificate, &files.key) {
        Ok(certificates) => certificates,
        Err(error) => {
            let advice =
                "let tls.certificate and tls.key name PEM files that the server's user may read";
            return vec![Check::fail(name, error.to_string(), advice)];
        }
    };
    let now_s = i64::try_from(clock::unix_ms() / 1_000).unwrap_or(i64::MAX);
    let lasts = match certificates.validity() {
        Ok(validity) => judge_validity(validity, now_s),
        Err(error) => Check::fail(
            name,
            error.to_string(),
            "ask your ACME client for a new one",
        ),
    };
    let fits = match certificates.is_for(host) {
        Ok(true) => Check::ok("certificate", format!("for {host}")),
        Ok(false) => Check::warn(
            "certificate",
            format!("not for {host}, which people type"),
            "ask for one with the name in server.public_url, or correct that",
        ),
        Err(error) => Check::fail("certificate", error.to_string(), "ask for a new one"),
    };
    vec![lasts, fits]
}

fn judge_validity(validity: Validity, now_s: i64) -> Check {
    let name = "HTTPS";
    let text = |s: i64| moment_text(u64::try_from(s).unwrap_or(0).saturating_mul(1_000));
    if now_s >= validity.until_s {
        return Check::fail(
            name,
            format!("the certificate ended on {}", text(validity.until_s)),
            "renew it with your ACME client: every browser refuses it",
        );
    }
    if now_s < validity.from_s {
        return Check::fail(
            name,
            format!("the certificate begins on {}", text(validity.from_s)),
            "set this machine's clock, or wait",
        );
    }
    let found = format!("the certificate is good until {}", text(validity.until_s));
    if validity.until_s - now_s < RENEWED_BEFORE_S {
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
        let day = 24 * 3_600;
        let validity = Validity {
            from_s: 100 * day,
            until_s: 190 * day,
        };
        for (today, outcome) in [
            (99, Outcome::Fail),
            (100, Outcome::Ok),
            (175, Outcome::Ok),
            (177, Outcome::Warn),
            (190, Outcome::Fail),
        ] {
            let check = judge_validity(validity, today * day);
            assert_eq!(check.outcome, outcome, "{today}: {check:?}");
        }
    }
}
