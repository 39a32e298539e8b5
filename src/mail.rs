//! E-mail as the operator may set it: `[mail]`, and what it means.

use std::{path::PathBuf, time::Duration};

use protocol::limits;
use reach::{MailSettings, Secrecy};
use serde::{Deserialize, Serialize};

use crate::{
    config::{ConfigError, host_of},
    letters::{Hour, HourError},
};

/// The section as it may be written.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    pub server: String,
    pub tls: String,
    pub user: String,
    pub password_file: PathBuf,
    pub from: String,
    pub ca: PathBuf,
    pub after_minutes: u64,
    pub digest_at: String,
    pub zone: String,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            server: String::new(),
            tls: "starttls".into(),
            user: String::new(),
            password_file: PathBuf::new(),
            from: String::new(),
            ca: PathBuf::new(),
            after_minutes: limits::MAIL_AFTER.as_secs() / 60,
            digest_at: "08:00".into(),
            zone: "UTC".into(),
        }
    }
}

impl Mail {
    /// How long a notice waits to be seen before it goes into a letter.
    pub fn after(&self) -> Result<Duration, ConfigError> {
        let after = Duration::from_secs(self.after_minutes.saturating_mul(60));
        if after <= limits::MAIL_AFTER_MAX {
            return Ok(after);
        }
        Err(ConfigError::unfit(
            "mail.after_minutes",
            &self.after_minutes.to_string(),
            "it is 0 to 1440, a day",
        ))
    }

    /// When digests go.
    pub fn hour(&self) -> Result<Hour, ConfigError> {
        Hour::new(&self.digest_at, &self.zone).map_err(|error| {
            let (key, value) = match error {
                HourError::At => ("mail.digest_at", &self.digest_at),
                HourError::Zone => ("mail.zone", &self.zone),
            };
            ConfigError::unfit(key, value, &error.to_string())
        })
    }

    /// Which mail server; `None` where none is named, and no letter is written.
    pub fn check(&self, public_url: &str) -> Result<Option<MailSettings>, ConfigError> {
        let secrecy = match self.tls.as_str() {
            "starttls" => Secrecy::StartTls,
            "tls" => Secrecy::Tls,
            "off" => Secrecy::Off,
            other => {
                return Err(ConfigError::unfit(
                    "mail.tls",
                    other,
                    "it is starttls (port 587), tls (port 465) or off",
                ));
            }
        };
        if self.server.is_empty() {
            return Ok(None);
        }
        let (host, port) = host_and_port(&self.server, secrecy).ok_or_else(|| {
            ConfigError::unfit(
                "mail.server",
                &self.server,
                "write a name, with a port where it is not the usual one: smtp.example.org:587",
            )
        })?;
        if self.from.is_empty() {
            return Err(ConfigError::unfit(
                "mail.from",
                "",
                "say whom letters come from: live@example.org, or Name <live@example.org>",
            ));
        }
        if self.user.is_empty() != self.password_file.as_os_str().is_empty() {
            return Err(ConfigError::unfit(
                "mail.user",
                &self.user,
                "mail.user and mail.password_file belong together",
            ));
        }
        if secrecy == Secrecy::Off && !self.user.is_empty() && !is_here(&host) {
            return Err(ConfigError::unfit(
                "mail.tls",
                "off",
                "a password would cross the network for everybody to read: use starttls or tls",
            ));
        }
        Ok(Some(MailSettings {
            host,
            port,
            secrecy,
            ca: (!self.ca.as_os_str().is_empty()).then(|| self.ca.clone()),
            user: self.user.clone(),
            password_file: self.password_file.clone(),
            from: self.from.clone(),
            hello: host_of(public_url).to_owned(),
        }))
    }
}

fn host_and_port(text: &str, secrecy: Secrecy) -> Option<(String, u16)> {
    let usual = match secrecy {
        Secrecy::StartTls => 587,
        Secrecy::Tls => 465,
        Secrecy::Off => 25,
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (text, usual),
    };
    let fits = !host.is_empty()
        && host
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'-'));
    fits.then(|| (host.to_owned(), port))
}

/// Whether a name is this very machine.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            server: "smtp.example.org".into(),
            from: "live@example.org".into(),
            ..Mail::default()
        }
    }

    #[test]
    fn without_a_server_there_is_no_mail() {
        let off = Mail::default().check("http://127.0.0.1:8080");
        assert!(off.expect("good").is_none());
    }

    #[test]
    fn each_kind_of_secrecy_has_its_usual_port() {
        for (tls, port) in [("starttls", 587), ("tls", 465), ("off", 25)] {
            let set = Mail {
                tls: tls.into(),
                ..mail()
            };
            let set = set.check("https://live.example.org:8443").expect("good");
            let set = set.expect("on");
            assert_eq!((set.port, set.host.as_str()), (port, "smtp.example.org"));
            assert_eq!(set.hello, "live.example.org");
        }
        let named = Mail {
            server: "smtp.example.org:2525".into(),
            ..mail()
        };
        let named = named.check("http://a").expect("good").expect("on");
        assert_eq!(named.port, 2525);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let long = Mail {
            after_minutes: 1_441,
            ..mail()
        };
        let error = long.after().expect_err("refused").to_string();
        assert!(error.starts_with("mail.after_minutes = 1441"), "{error}");
        let hour = |at: &str, zone: &str| {
            let set = Mail {
                digest_at: at.into(),
                zone: zone.into(),
                ..mail()
            };
            set.hour().map(|_| ()).map_err(|it| it.to_string())
        };
        assert_eq!(hour("23:59", "UTC"), Ok(()));
        let at = hour("8 Uhr", "UTC").expect_err("no hour");
        assert!(at.starts_with("mail.digest_at = 8 Uhr"), "{at}");
        let zone = hour("08:00", "Peking").expect_err("no zone");
        assert!(zone.starts_with("mail.zone = Peking"), "{zone}");
        let refused = |it: Mail| it.check("http://a").expect_err("refused").to_string();
        let cases = [
            (
                Mail {
                    tls: "ssl".into(),
                    ..mail()
                },
                "mail.tls = ssl",
            ),
            (
                Mail {
                    server: "http://x".into(),
                    ..mail()
                },
                "mail.server = http://x",
            ),
            (
                Mail {
                    server: "x:99999".into(),
                    ..mail()
                },
                "mail.server = x:99999",
            ),
            (
                Mail {
                    from: String::new(),
                    ..mail()
                },
                "mail.from = ",
            ),
            (
                Mail {
                    user: "me".into(),
                    ..mail()
                },
                "mail.user = me",
            ),
            (
                Mail {
                    tls: "off".into(),
                    user: "me".into(),
                    password_file: "word".into(),
                    ..mail()
                },
                "mail.tls = off",
            ),
        ];
        for (mail, told) in cases {
            let error = refused(mail);
            assert!(error.starts_with(told), "{told} in {error}");
        }
    }
}
