//! Where a PostgreSQL database is, as an address: `postgres://user@host:port/database?sslmode=…`.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use tokio_postgres::config::{Config, Host, SslMode};

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// A peer that is gone without a word is found by then.
const SILENT_MAX: Duration = Duration::from_secs(10);
const PROBES_AFTER: Duration = Duration::from_secs(5);
const PROBES_EVERY: Duration = Duration::from_secs(2);
const PROBES: u32 = 3;

/// Where the database is. What is shown of it holds no password.
#[derive(Clone)]
pub struct DatabaseUrl(Arc<Address>);

#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) secrecy: Secrecy,
}

/// How the server believes that it speaks with the database, and with nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Plain: on this machine, or by a wire of one's own.
    Plain,
    /// Encrypted, and whoever answers is believed.
    Encrypted,
    /// Encrypted, and who answers shows a certificate for this name: of an authority of this file, or
    /// of one that the machine trusts.
    Proven(Option<PathBuf>),
}

/// Why an address is none. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("begin it with postgres://, as postgres://weiquan@localhost/weiquan")]
    Scheme,
    #[error("it cannot be read: {0}")]
    Odd(String),
    #[error("name the user, as postgres://weiquan@localhost/weiquan")]
    NoUser,
    #[error("name the host, as postgres://weiquan@localhost/weiquan, or ?host=/run/postgresql")]
    NoHost,
    #[error("name one host; the server writes to one database only")]
    ManyHosts,
    #[error("name the database, as postgres://weiquan@localhost/weiquan")]
    NoDatabase,
    #[error("sslmode is disable, require or verify-full")]
    SslMode,
    #[error("sslrootcert goes with sslmode=verify-full")]
    SslRootCert,
}

impl DatabaseUrl {
    /// The same with a password that stands elsewhere.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        Arc::make_mut(&mut self.0).config.password(password);
        self
    }

    pub fn has_password(&self) -> bool {
        self.0.config.get_password().is_some()
    }

    pub(super) fn address(&self) -> &Address {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(UrlError::Scheme);
        }
        let (kept, sslmode, root) = take_ssl(text);
        let mut config: Config = kept.parse().map_err(|it: tokio_postgres::Error| {
            // The cause names the option, never its value.
            let cause = std::error::Error::source(&it).map(ToString::to_string);
            UrlError::Odd(cause.unwrap_or_else(|| it.to_string()))
        })?;
        config.get_user().ok_or(UrlError::NoUser)?;
        config.get_dbname().ok_or(UrlError::NoDatabase)?;
        let host = match config.get_hosts() {
            [] => return Err(UrlError::NoHost),
            [host] => host.clone(),
            _ => return Err(UrlError::ManyHosts),
        };
        let root = root.map(PathBuf::from);
        let secrecy = match (sslmode.as_deref(), root) {
            (Some("disable"), None) => Secrecy::Plain,
            (Some("require"), None) => Secrecy::Encrypted,
            (Some("verify-full"), root) => Secrecy::Proven(root),
            (Some("disable" | "require"), Some(_)) => return Err(UrlError::SslRootCert),
            (Some(_), _) => return Err(UrlError::SslMode),
            (None, None) if is_here(&host) => Secrecy::Plain,
            (None, root) => Secrecy::Proven(root),
        };
        config
            .ssl_mode(match secrecy {
                Secrecy::Plain => SslMode::Disable,
                Secrecy::Encrypted | Secrecy::Proven(_) => SslMode::Require,
            })
            .connect_timeout(CONNECT_WITHIN)
            .tcp_user_timeout(SILENT_MAX)
            .keepalives_idle(PROBES_AFTER)
            .keepalives_interval(PROBES_EVERY)
            .keepalives_retries(PROBES);
        if config.get_application_name().is_none() {
            config.application_name("weiquan");
        }
        Ok(Self(Arc::new(Address { config, secrecy })))
    }
}

/// Takes the two parameters out that the driver does not know.
fn take_ssl(text: &str) -> (String, Option<String>, Option<String>) {
    let Some((before, query)) = text.split_once('?') else {
        return (text.to_owned(), None, None);
    };
    let (mut sslmode, mut root) = (None, None);
    let mut kept = Vec::new();
    for part in query.split('&') {
        match part.split_once('=') {
            Some(("sslmode", it)) => sslmode = Some(it.to_owned()),
            Some(("sslrootcert", it)) => root = Some(it.to_owned()),
            _ => kept.push(part),
        }
    }
    (format!("{before}?{}", kept.join("&")), sslmode, root)
}

/// A socket in a folder, or this machine by name or number.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|it| it.is_loopback())
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = &self.0.config;
        write!(out, "postgres://{}@", it.get_user().unwrap_or_default())?;
        match it.get_hosts().first() {
            Some(Host::Unix(path)) => write!(out, "{}", path.display())?,
            Some(Host::Tcp(name)) => write!(out, "{name}")?,
            None => {}
        }
        if let Some(port) = it.get_ports().first() {
            write!(out, ":{port}")?;
        }
        write!(out, "/{}", it.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DatabaseUrl {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (text, shown) in [
            (
                "postgres://wq:secret@db.example/chat",
                "postgres://wq@db.example:5432/chat",
            ),
            (
                "postgresql://wq:secret@localhost:5433/chat",
                "postgres://wq@localhost:5433/chat",
            ),
            (
                "postgres:///chat?host=/run/postgresql&user=wq&password=secret",
                "postgres://wq@/run/postgresql/chat",
            ),
        ] {
            let url = read(text).with_password("another secret");
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn who_is_not_on_this_machine_proves_who_they_are() {
        let proven = Secrecy::Proven(None);
        for (text, secrecy) in [
            ("postgres://wq@localhost/chat", Secrecy::Plain),
            ("postgres://wq@[::1]/chat", Secrecy::Plain),
            ("postgres://wq@127.0.0.1/chat", Secrecy::Plain),
            (
                "postgres:///chat?host=/run/postgresql&user=wq",
                Secrecy::Plain,
            ),
            ("postgres://wq@db.example/chat", proven.clone()),
            ("postgres://wq@10.0.0.7/chat", proven.clone()),
            ("postgres://wq@localhost/chat?sslmode=verify-full", proven),
            (
                "postgres://wq@10.0.0.7/chat?sslmode=disable",
                Secrecy::Plain,
            ),
            (
                "postgres://wq@10.0.0.7/chat?sslmode=require",
                Secrecy::Encrypted,
            ),
            (
                "postgres://wq@10.0.0.7/chat?sslrootcert=/etc/ca.pem",
                Secrecy::Proven(Some("/etc/ca.pem".into())),
            ),
        ] {
            assert_eq!(read(text).0.secrecy, secrecy, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_without_its_password() {
        for (text, wrong) in [
            ("mysql://wq@db.example/chat", UrlError::Scheme),
            ("postgres://db.example/chat", UrlError::NoUser),
            ("postgres://wq:secret@db.example", UrlError::NoDatabase),
            ("postgres:///chat?user=wq", UrlError::NoHost),
            (
                "postgres://wq@a.example,b.example/chat",
                UrlError::ManyHosts,
            ),
            (
                "postgres://wq@a.example/chat?sslmode=prefer",
                UrlError::SslMode,
            ),
            (
                "postgres://wq@a.example/chat?sslmode=require&sslrootcert=ca.pem",
                UrlError::SslRootCert,
            ),
        ] {
            let said = text.parse::<DatabaseUrl>().expect_err(text);
            assert_eq!(said, wrong, "{text}");
        }
        let odd = "postgres://wq:secret@db.example/chat?colour=secret".parse::<DatabaseUrl>();
        let words = odd.expect_err("an unknown option").to_string();
        assert!(
            words.contains("colour") && !words.contains("secret"),
            "{words}"
        );
    }
}
