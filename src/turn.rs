//! TURN as the operator may set it: `[turn]`, and what it means. The relay itself is another program
//! (coturn); this server only gives people what lets them in there, for a while.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use auth::relays::Relays;
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// Bytes of the shared secret: fewer can be found by trying.
const SECRET_BYTES_MIN: usize = 16;
/// How long a credential may be good for: not so short that nobody gets in, nor for ever.
const MINUTES_MIN: u64 = 5;
const MINUTES_MAX: u64 = 7 * 24 * 60;
/// Addresses of relays: browsers look at few, and warn above four.
const URLS_MAX: usize = 4;

/// The section as it may be written.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    pub urls: Vec<String>,
    pub secret_file: PathBuf,
    pub minutes: u64,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            secret_file: PathBuf::new(),
            minutes: 12 * 60,
        }
    }
}

/// The checked section, where there is a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub urls: Vec<String>,
    pub secret_file: PathBuf,
    pub good_for: Duration,
}

impl Turn {
    pub(crate) fn check(&self) -> Result<Option<Settings>, ConfigError> {
        let has_secret = !self.secret_file.as_os_str().is_empty();
        if self.urls.is_empty() && !has_secret {
            return Ok(None);
        }
        if self.urls.is_empty() || !has_secret {
            return Err(ConfigError::unfit(
                "turn.secret_file",
                &self.secret_file.to_string_lossy(),
                "turn.urls and turn.secret_file belong together",
            ));
        }
        if self.urls.len() > URLS_MAX {
            return Err(ConfigError::unfit(
                "turn.urls",
                &format!("{:?}", self.urls),
                &format!("name at most {URLS_MAX}: browsers try all of them"),
            ));
        }
        if let Some(wrong) = self.urls.iter().find(|it| !is_address(it)) {
            return Err(ConfigError::unfit(
                "turn.urls",
                wrong,
                "write turn:host, turn:host:port or turns:host, maybe with ?transport=udp or tcp behind it",
            ));
        }
        if !(MINUTES_MIN..=MINUTES_MAX).contains(&self.minutes) {
            return Err(ConfigError::unfit(
                "turn.minutes",
                &self.minutes.to_string(),
                &format!("it is {MINUTES_MIN} to {MINUTES_MAX}"),
            ));
        }
        Ok(Some(Settings {
            urls: self.urls.clone(),
            secret_file: self.secret_file.clone(),
            good_for: Duration::from_secs(60 * self.minutes),
        }))
    }
}

impl Settings {
    /// Reads the secret.
    pub fn open(&self) -> Result<Relays> {
        let path = self.secret_file.display();
        let text = fs::read_to_string(&self.secret_file)
            .with_context(|| format!("turn.secret_file = {path}: it cannot be read"))?;
        let secret = text.lines().next().unwrap_or_default().trim();
        ensure!(
            secret.len() >= SECRET_BYTES_MIN,
            "turn.secret_file = {path}: its first line has to have {SECRET_BYTES_MIN} bytes or more \
             (openssl rand -hex 32), the same as static-auth-secret of the relay"
        );
        let urls = self.urls.clone();
        Ok(Relays::new(urls, secret.as_bytes(), self.good_for))
    }
}

/// The address of a relay by TLS that names no host. Firefox leaves such a one out: a certificate is for a name
/// (measured with Firefox ESR 153 and coturn 4.6; Chromium takes it).
pub(crate) fn is_tls_without_name(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("turns:") else {
        return false;
    };
    let place = rest.split('?').next().unwrap_or(rest);
    let host = place.split(':').next().unwrap_or(place);
    place.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}

/// RFC 7065 §3.1, where a host is a name or an address. What fits goes into a header unquoted.
fn is_address(url: &str) -> bool {
    let Some(rest) = ["turn:", "turns:"]
        .iter()
        .find_map(|it| url.strip_prefix(it))
    else {
        return false;
    };
    let place = match rest.split_once('?') {
        Some((place, "transport=udp" | "transport=tcp")) => place,
        Some(_) => return false,
        None => rest,
    };
    if let Some((host, port)) = place.strip_prefix('[').and_then(|it| it.split_once(']')) {
        let port = (!port.is_empty()).then_some(port);
        return host.parse::<Ipv6Addr>().is_ok()
            && port.is_none_or(|it| it.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (place, None),
    };
    let is_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-');
    !host.is_empty() && host.chars().all(is_name) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|it| it > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(urls: &[&str]) -> Turn {
        Turn {
            urls: urls.iter().map(|it| (*it).to_owned()).collect(),
            secret_file: "secret".into(),
            ..Turn::default()
        }
    }

    #[test]
    fn addresses_of_relays_are_known_from_others() {
        for url in [
            "turn:turn.example.org",
            "turn:203.0.113.7:3478?transport=udp",
            "turns:turn.example.org:443?transport=tcp",
            "turn:[2001:db8::7]:3478",
            "turn:[2001:db8::7]",
        ] {
            let settings = turn(&[url]).check().unwrap_or_else(|it| panic!("{it}"));
            assert_eq!(settings.map(|it| it.urls), Some(vec![url.to_owned()]));
        }
        for url in [
            "",
            "turn:",
            "stun:stun.example.org",
            "https://turn.example.org",
            "turn:ann@turn.example.org",
            "turn:turn.example.org:0",
            "turn:turn.example.org:70000",
            "turn:turn.example.org?transport=sctp",
            "turn:turn.example.org/path",
            "turn:[turn.example.org]",
            "turn:[2001:db8::7]3478",
            "turn:two words",
            "turn:a\", <b>",
        ] {
            let error = turn(&[url]).check().expect_err(url).to_string();
            assert!(error.starts_with("turn.urls"), "{url}: {error}");
        }
    }

    #[test]
    fn a_relay_by_tls_has_a_name() {
        for url in [
            "turns:203.0.113.7",
            "turns:203.0.113.7:443?transport=tcp",
            "turns:[2001:db8::7]:443",
        ] {
            assert!(is_tls_without_name(url), "{url}");
        }
        for url in [
            "turns:turn.example.org:443?transport=tcp",
            "turns:7.example.org",
            "turn:203.0.113.7:3478",
            "turn:[2001:db8::7]",
        ] {
            assert!(!is_tls_without_name(url), "{url}");
        }
    }

    #[test]
    fn what_does_not_belong_together_is_told() {
        assert_eq!(Turn::default().check().expect("nothing"), None);
        let alone = Turn {
            urls: Vec::new(),
            ..turn(&[])
        };
        assert!(alone.check().is_err());
        let without = Turn {
            secret_file: PathBuf::new(),
            ..turn(&["turn:turn.example.org"])
        };
        assert!(without.check().is_err());
        assert!(
            turn(&["turn:turn.example.org"; URLS_MAX + 1])
                .check()
                .is_err()
        );
        for minutes in [0, MINUTES_MIN - 1, MINUTES_MAX + 1] {
            let wrong = Turn {
                minutes,
                ..turn(&["turn:turn.example.org"])
            };
            let error = wrong.check().expect_err("a bound").to_string();
            assert!(error.starts_with("turn.minutes"), "{error}");
        }
    }

    #[test]
    fn a_short_secret_is_no_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let settings = Settings {
            urls: vec!["turn:turn.example.org".to_owned()],
            secret_file: path.clone(),
            good_for: Duration::from_secs(60),
        };
        assert!(settings.open().is_err(), "it is not there");
        fs::write(&path, "short\n").expect("written");
        let error = settings.open().err().map(|it| it.to_string());
        assert!(error.is_some_and(|it| it.contains("openssl rand -hex 32")));
        fs::write(&path, "0123456789abcdef\n").expect("written");
        assert_eq!(settings.open().expect("good").urls(), settings.urls);
    }
}
