//! HTTPS of the public port: what `[tls]` may say, what it means, and who keeps the certificate.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::time;

use crate::config::{ConfigError, address};

/// How often the certificate's files are read again.
const FILES_EVERY: Duration = Duration::from_secs(2);
/// Names of one certificate, as Let's Encrypt has it.
const DOMAINS_MAX: usize = 100;

/// The section as it may be written.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    pub mode: String,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub domains: Vec<String>,
    pub contact: String,
    pub directory: String,
    pub directory_ca: PathBuf,
    pub redirect: String,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            mode: "off".into(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            domains: Vec::new(),
            contact: String::new(),
            directory: "letsencrypt".into(),
            directory_ca: PathBuf::new(),
            redirect: "off".into(),
        }
    }
}

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// There is none: the port speaks plain HTTP.
    Off,
    /// Somebody else keeps these files.
    Files { certificate: PathBuf, key: PathBuf },
    /// The server orders it by itself.
    Authority(acme::Settings),
}

impl Source {
    pub fn is_secure(&self) -> bool {
        !matches!(self, Self::Off)
    }

    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Off => "http",
            Self::Files { .. } | Self::Authority(_) => "https",
        }
    }

    /// The names that a certificate is ordered for.
    fn domains(&self) -> &[String] {
        match self {
            Self::Authority(it) => &it.domains,
            _ => &[],
        }
    }

    /// The address that people see where none was written: the first name of the certificate.
    pub fn public_url(&self) -> Option<String> {
        self.domains().first().map(|it| format!("https://{it}"))
    }

    /// Whether that address fits this certificate.
    pub fn check_public_url(&self, url: &str) -> Result<(), ConfigError> {
        if !self.is_secure() {
            return Ok(());
        }
        let Some(rest) = url.strip_prefix("https://") else {
            let advice = "with tls.mode other than \"off\" it begins with https://";
            return Err(ConfigError::unfit("server.public_url", url, advice));
        };
        let host = rest.split(['/', ':']).next().unwrap_or(rest);
        let has = |name: &String| name.eq_ignore_ascii_case(host);
        if !self.domains().is_empty() && !self.domains().iter().any(has) {
            let advice = "its host must be one of tls.domains: nobody would trust it otherwise";
            return Err(ConfigError::unfit("server.public_url", url, advice));
        }
        Ok(())
    }
}

impl Tls {
    /// Where the certificate comes from, and where plain requests are sent on.
    pub fn check(&self, data: &Path) -> Result<(Source, Option<SocketAddr>), ConfigError> {
        let source = match self.mode.as_str() {
            "off" => Source::Off,
            "files" => self.files()?,
            "acme" => Source::Authority(self.authority(data)?),
            mode => {
                let advice = "it is \"off\", \"files\" or \"acme\"";
                return Err(ConfigError::unfit("tls.mode", mode, advice));
            }
        };
        match self.redirect.as_str() {
            "off" => Ok((source, None)),
            text if source.is_secure() => Ok((source, Some(address("tls.redirect", text)?))),
            text => Err(ConfigError::unfit(
                "tls.redirect",
                text,
                "there is nothing to send people to while tls.mode = \"off\"",
            )),
        }
    }

    fn files(&self) -> Result<Source, ConfigError> {
        for (key, path) in [
            ("tls.certificate", &self.certificate),
            ("tls.key", &self.key),
        ] {
            if path.as_os_str().is_empty() {
                let advice = "tls.mode = \"files\" needs it: the path of a PEM file";
                return Err(ConfigError::unfit(key, "", advice));
            }
        }
        Ok(Source::Files {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        })
    }

    fn authority(&self, data: &Path) -> Result<acme::Settings, ConfigError> {
        let named = format!("{:?}", self.domains);
        if self.domains.is_empty() {
            let advice =
                "tls.mode = \"acme\" needs the names to certify, such as [\"live.example.org\"]";
            return Err(ConfigError::unfit("tls.domains", &named, advice));
        }
        if self.domains.len() > DOMAINS_MAX {
            let advice = "one certificate has at most 100 names";
            return Err(ConfigError::unfit("tls.domains", &named, advice));
        }
        if let Some(wrong) = self.domains.iter().find(|it| !is_host_name(it)) {
            let advice = "each is a host name such as live.example.org: no address, no port, no wildcard, other letters as xn--…";
            return Err(ConfigError::unfit("tls.domains", wrong, advice));
        }
        let contact = self.contact.trim_start_matches("mailto:");
        if !contact.is_empty() && (!contact.contains('@') || contact.contains(char::is_whitespace))
        {
            let advice = "it is an address of e-mail, or empty";
            return Err(ConfigError::unfit("tls.contact", contact, advice));
        }
        let directory = match self.directory.as_str() {
            "letsencrypt" => acme::LETS_ENCRYPT,
            "staging" => acme::LETS_ENCRYPT_STAGING,
            url if url.starts_with("https://") => url,
            other => {
                let advice = "it is \"letsencrypt\", \"staging\" or the https:// address of an authority's directory";
                return Err(ConfigError::unfit("tls.directory", other, advice));
            }
        };
        let named = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
        Ok(acme::Settings {
            folder: data.join("acme"),
            domains: self
                .domains
                .iter()
                .map(|it| it.to_ascii_lowercase())
                .collect(),
            contact: (!contact.is_empty()).then(|| contact.to_owned()),
            directory: directory.to_owned(),
            directory_ca: named(&self.directory_ca),
        })
    }
}

/// A name that an authority can check (RFC 1123): labels of letters, digits and hyphens.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.parse::<IpAddr>().is_err() && name.split('.').all(is_label)
}

/// Whoever keeps the certificate while the server runs.
pub enum Keeping {
    Files(tls::Files),
    Authority(acme::Keeper),
}

impl Keeping {
    /// The files, read once: what is wrong with them is said before anything is open.
    pub fn files(source: &Source) -> Result<Option<Self>> {
        let Source::Files { certificate, key } = source else {
            return Ok(None);
        };
        let files = tls::Files::load(certificate, key).context("tls.certificate and tls.key")?;
        Ok(Some(Self::Files(files)))
    }

    /// What was ordered before, or a stand-in for it. The data folder must be ours.
    pub fn authority(source: &Source) -> Result<Option<Self>> {
        let Source::Authority(settings) = source else {
            return Ok(None);
        };
        let keeper = acme::Keeper::open(settings.clone()).context("tls.mode = \"acme\"")?;
        Ok(Some(Self::Authority(keeper)))
    }

    pub fn certificates(&self) -> &Arc<tls::Certificates> {
        match self {
            Self::Files(it) => it.certificates(),
            Self::Authority(it) => it.certificates(),
        }
    }

    /// Whether nobody trusts what is shown, because there is nothing better yet.
    pub fn has_stand_in(&self) -> bool {
        match self {
            Self::Files(_) => false,
            Self::Authority(it) => it.has_stand_in(),
        }
    }

    /// Keeps it, for as long as the server runs.
    pub async fn run(self) {
        match self {
            Self::Files(it) => follow(Arc::new(it)).await,
            Self::Authority(it) => it.run().await,
        }
    }
}

/// Shows a new certificate once its files are there.
async fn follow(files: Arc<tls::Files>) {
    loop {
        time::sleep(FILES_EVERY).await;
        let reader = files.clone();
        match tokio::task::spawn_blocking(move || reader.reload()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::info!("the new certificate is shown from now on"),
            Ok(Err(error)) => tracing::warn!(%error, "the old certificate stays"),
            Err(error) => tracing::error!(%error, "reading the certificate panicked"),
        }
    }
}

/// How long the certificate that is shown still holds; 0 where it is over, or only a stand-in.
pub fn gauge(shown: &tls::Certificates) {
    let until_ms = shown.about().map_or(0, |it| it.until_ms);
    let left_ms = until_ms.saturating_sub(clock::unix_ms());
    metrics::gauge!("weiquan_tls_certificate_expires_seconds").set(left_ms as f64 / 1_000.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(domains: &[&str]) -> Tls {
        Tls {
            mode: "acme".into(),
            domains: domains.iter().map(|it| (*it).to_owned()).collect(),
            ..Tls::default()
        }
    }

    fn check(tls: &Tls) -> Result<acme::Settings, String> {
        match tls.check(Path::new("data")) {
            Ok((Source::Authority(settings), _)) => Ok(settings),
            Ok(_) => Err("not by an authority".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn three_lines_are_enough() {
        let settings = check(&tls(&["Live.example.org"])).expect("good");
        assert_eq!(settings.domains, ["live.example.org"]);
        assert_eq!(settings.directory, acme::LETS_ENCRYPT);
        assert_eq!(settings.folder, Path::new("data/acme"));
        let staging = Tls {
            directory: "staging".into(),
            contact: "mailto:me@example.org".into(),
            ..tls(&["live.example.org", "www.example.org"])
        };
        let settings = check(&staging).expect("good");
        assert_eq!(settings.directory, acme::LETS_ENCRYPT_STAGING);
        assert_eq!(settings.contact.as_deref(), Some("me@example.org"));
    }

    #[test]
    fn what_no_authority_certifies_is_named() {
        for wrong in [
            "*.example.org",
            "203.0.113.7",
            "a.example:443",
            "https://a.example",
            "a..b",
            "-a.example",
            "直播.example",
            "",
        ] {
            let error = check(&tls(&["live.example.org", wrong])).expect_err("wrong");
            assert!(error.starts_with("tls.domains ="), "{wrong}: {error}");
        }
        assert!(check(&tls(&[])).expect_err("none").contains("tls.domains"));
        let many = vec!["a.example"; DOMAINS_MAX + 1];
        assert!(check(&tls(&many)).expect_err("too many").contains("100"));
        for (wrong, key) in [
            (
                Tls {
                    contact: "me".into(),
                    ..tls(&["a.example"])
                },
                "tls.contact",
            ),
            (
                Tls {
                    directory: "http://ca.example".into(),
                    ..tls(&["a.example"])
                },
                "tls.directory",
            ),
            (
                Tls {
                    mode: "auto".into(),
                    ..tls(&["a.example"])
                },
                "tls.mode",
            ),
        ] {
            let error = check(&wrong).expect_err("wrong");
            assert!(error.starts_with(&format!("{key} =")), "{error}");
        }
    }

    #[test]
    fn the_public_address_is_one_of_the_names() {
        let (source, _) = tls(&["live.example.org"])
            .check(Path::new("data"))
            .expect("good");
        assert_eq!(
            source.public_url().as_deref(),
            Some("https://live.example.org")
        );
        for good in ["https://live.example.org", "https://LIVE.example.org:8443"] {
            source.check_public_url(good).expect("fits");
        }
        for wrong in ["http://live.example.org", "https://example.org"] {
            let error = source
                .check_public_url(wrong)
                .expect_err("unfit")
                .to_string();
            assert!(error.contains("server.public_url"), "{error}");
        }
        Source::Off
            .check_public_url("http://anything")
            .expect("fits");
    }
}
