//! What the operator wrote, and what it means.
//!
//! Three layers, the later wins: the TOML file, `WEIQUAN__SECTION__KEY` from the environment, flags.
//! An unknown key is an error that names it. [`Raw`] is what was written; [`Config`] is checked once,
//! at the start, and then only passed down. Secrets are named by file, never written in the config.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use protocol::limits;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

use crate::{
    certificates::{Source, Tls},
    database::Database,
    layers::{overlay, place_of, read_file, value_of},
    letters::Hour,
    mail::Mail,
    places,
    push::Push,
    turn::{self, Turn},
};

/// Why the server does not start. Each names the key, the value and what to do.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{place}: {message}")]
    Wrong { place: String, message: String },
    #[error("{}{key} = {value}: {advice}", .place.as_ref().map_or_else(String::new, |it| format!("{it}: ")))]
    Unfit {
        /// The file and the line, where it stands in one.
        place: Option<String>,
        key: &'static str,
        value: String,
        advice: String,
    },
}

impl ConfigError {
    /// A value that does not fit, wherever it was written.
    pub(crate) fn unfit(key: &'static str, value: &str, advice: &str) -> Self {
        Self::Unfit {
            place: None,
            key,
            value: value.to_owned(),
            advice: advice.to_owned(),
        }
    }
}

/// The sections as they may be written. Every key has a default, so an empty file is complete.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Raw {
    pub server: Server,
    pub store: Database,
    pub tls: Tls,
    pub rooms: Rooms,
    pub blobs: Blobs,
    pub fanout: Fanout,
    pub rtc: Rtc,
    pub turn: Turn,
    pub auth: Auth,
    pub push: Push,
    pub mail: Mail,
    pub log: Log,
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    pub listen: String,
    pub admin: String,
    pub data: PathBuf,
    pub public_url: String,
    pub origins: Vec<String>,
    pub connections_per_address: u32,
    pub memory_mib: u64,
    pub threads: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            admin: "127.0.0.1:9090".into(),
            data: "data".into(),
            public_url: String::new(),
            origins: Vec::new(),
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS_MAX,
            memory_mib: 0,
            threads: 0,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    pub talk_burst: u32,
    pub talk_per_second: u32,
    pub readable_per_second: u32,
    pub rest_ms: u64,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            talk_burst: limits::TALK_BURST,
            talk_per_second: limits::TALK_PER_SECOND,
            readable_per_second: limits::READABLE_RATE,
            rest_ms: limits::ROOM_REST_MS,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Blobs {
    pub room_mib: u64,
    pub all_mib: u64,
}

impl Default for Blobs {
    fn default() -> Self {
        Self {
            room_mib: limits::BLOBS_ROOM_MIB_MAX,
            all_mib: limits::BLOBS_ALL_MIB_MAX,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Fanout {
    pub shards: usize,
    pub duty_percent: u32,
}

impl Default for Fanout {
    fn default() -> Self {
        Self {
            shards: 0,
            duty_percent: 100,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Rtc {
    pub listen: String,
    pub publish_port: u16,
    pub view_ports: Vec<u16>,
    pub tcp: bool,
    pub viewers: usize,
    pub public_ips: Vec<IpAddr>,
}

impl Default for Rtc {
    fn default() -> Self {
        Self {
            listen: String::new(),
            publish_port: 8081,
            view_ports: vec![8082],
            tcp: true,
            viewers: limits::VIDEO_VIEWERS_PER_SHARD_MAX,
            public_ips: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    pub sign_up: bool,
    pub keys: Vec<Key>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            sign_up: true,
            keys: Vec::new(),
        }
    }
}

/// A key of another site whose tokens are welcome here.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The `kid` that its tokens carry.
    pub id: String,
    /// `HS256` or `EdDSA`: the only algorithm accepted for this key.
    pub algorithm: String,
    /// HS256: the secret (≥ 32 bytes). EdDSA: the public key in PEM.
    pub file: PathBuf,
    pub issuer: String,
    pub audience: String,
    /// Whether its tokens may name a role above member.
    #[serde(default)]
    pub roles: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: String,
    pub addresses: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: "human".into(),
            addresses: false,
        }
    }
}

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    pub raw: Raw,
    pub listen: SocketAddr,
    pub admin: Option<SocketAddr>,
    /// `scheme://host[:port]` that people see, without a slash at the end.
    pub public_url: String,
    /// The PostgreSQL database, without its password; absent: a SQLite file in the data folder.
    pub database: Option<store::DatabaseUrl>,
    /// Where the certificate of the public port comes from.
    pub certificate: Source,
    /// How pushes leave.
    pub push: reach::Settings,
    /// How letters leave, where they do.
    pub mail: Option<reach::MailSettings>,
    /// How long a notice waits to be seen before it goes into a letter.
    pub mail_after: Duration,
    /// When digests go.
    pub digest_hour: Hour,
    /// A plain port that sends everybody to the public address.
    pub redirect: Option<SocketAddr>,
    pub shards: usize,
    pub threads: usize,
    pub rtc_publish: SocketAddr,
    pub rtc_view: Vec<SocketAddr>,
    /// The relay, where there is one.
    pub turn: Option<turn::Settings>,
}

impl Config {
    /// Reads the file (if any), then the environment, then `flags` (`section.key`, value).
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let written = match file {
            Some(path) => read_file(path)?,
            None => Table::new(),
        };
        let mut table = written.clone();
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix("WEIQUAN__") {
                let path = path.to_ascii_lowercase().replace("__", ".");
                overlay(&mut table, &path, &value, &name)?;
            }
        }
        for (path, value) in flags {
            overlay(&mut table, path, value, &format!("--set {path}"))?;
        }
        let raw: Raw = Value::Table(table.clone())
            .try_into()
            .map_err(|it: toml::de::Error| ConfigError::Wrong {
                place: "configuration".into(),
                message: it.message().to_owned(),
            })?;
        raw.check().map_err(|error| match (error, file) {
            // Only where no later layer has another word on it.
            (
                ConfigError::Unfit {
                    key, value, advice, ..
                },
                Some(path),
            ) if value_of(&written, key) == value_of(&table, key) => {
                let place = place_of(path, key);
                ConfigError::Unfit {
                    place,
                    key,
                    value,
                    advice,
                }
            }
            (error, _) => error,
        })
    }

    /// The effective configuration as TOML. It holds no secret: those are named by file.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(&self.raw).expect("plain tables always serialize")
    }
}

impl Raw {
    fn check(self) -> Result<Config, ConfigError> {
        let listen = address("server.listen", &self.server.listen)?;
        let admin = match self.server.admin.as_str() {
            "off" => None,
            text => Some(address("server.admin", text)?),
        };
        let media = self.rtc.address(listen)?;
        let (certificate, redirect) = self.tls.check(&self.server.data)?;
        let public_url = match self.server.public_url.trim_end_matches('/') {
            "" => match certificate.public_url() {
                Some(url) => url,
                None => format!("{}://{}", certificate.scheme(), readable(listen)),
            },
            url if url.starts_with("http://") || url.starts_with("https://") => url.to_owned(),
            url => {
                return Err(ConfigError::Unfit {
                    place: None,
                    key: "server.public_url",
                    value: url.to_owned(),
                    advice: "write it with http:// or https://".into(),
                });
            }
        };
        certificate.check_public_url(&public_url)?;
        places::check(&self.rtc)?;
        if telemetry::check_level(&self.log.level).is_err() {
            return Err(ConfigError::Unfit {
                place: None,
                key: "log.level",
                value: self.log.level,
                advice:
                    "it is error, warn, info, debug or trace, or a list: \"info,weiquan=debug\""
                        .into(),
            });
        }
        if !matches!(self.log.format.as_str(), "human" | "json") {
            return Err(ConfigError::Unfit {
                place: None,
                key: "log.format",
                value: self.log.format,
                advice: "it is human or json".into(),
            });
        }
        if self.fanout.duty_percent > 400 {
            return Err(ConfigError::Unfit {
                place: None,
                key: "fanout.duty_percent",
                value: self.fanout.duty_percent.to_string(),
                advice: "0 (never rest) to 400".into(),
            });
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let or_cores = |n: usize, most: usize| if n == 0 { cores.min(most) } else { n };
        let database = self.store.check()?;
        let push = self.push.check(&public_url)?;
        let mail = self.mail.check(&public_url)?;
        let turn = self.turn.check()?;
        Ok(Config {
            push,
            mail,
            turn,
            mail_after: self.mail.after()?,
            digest_hour: self.mail.hour()?,
            listen,
            admin,
            public_url,
            database,
            certificate,
            redirect,
            // One shard per two cores: on two cores a second shard beside the media worker, the log
            // writer and the front costs 30 % CPU in small rooms and gains nothing (measured).
            shards: if self.fanout.shards == 0 {
                (cores / 2).max(1)
            } else {
                self.fanout.shards
            },
            threads: or_cores(self.server.threads, 4),
            rtc_publish: SocketAddr::new(media, self.rtc.publish_port),
            rtc_view: self
                .rtc
                .view_ports
                .iter()
                .map(|it| SocketAddr::new(media, *it))
                .collect(),
            raw: self,
        })
    }
}

impl Rtc {
    /// Where the media ports are: as written, or beside the public port.
    fn address(&self, listen: SocketAddr) -> Result<IpAddr, ConfigError> {
        match self.listen.as_str() {
            "" => Ok(listen.ip()),
            text => text.parse().map_err(|_| ConfigError::Unfit {
                place: None,
                key: "rtc.listen",
                value: text.to_owned(),
                advice: "write an address of this machine without a port, such as 0.0.0.0".into(),
            }),
        }
    }
}

/// The host of an address such as `https://live.example.org:8443` or `http://[::1]:80`.
pub(crate) fn host_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |it| it.1);
    let authority = after.split('/').next().unwrap_or(after);
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

/// Reads an address with its port.
pub(crate) fn address(key: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError::Unfit {
        place: None,
        key,
        value: text.to_owned(),
        advice: "write it as address:port, for example 127.0.0.1:8080".into(),
    })
}

/// An address a person can open: a server on every address is reached on this machine by loopback.
fn readable(listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        SocketAddr::new(IpAddr::from([127, 0, 0, 1]), listen.port())
    } else {
        listen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: Option<&str>,
        env: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("weiquan.toml");
        if let Some(text) = file {
            std::fs::write(&path, text).expect("written");
        }
        let pairs = |it: &[(&str, &str)]| -> Vec<(String, String)> {
            it.iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect()
        };
        Config::load(
            file.map(|_| path.as_path()),
            pairs(env).into_iter(),
            &pairs(flags),
        )
        .map_err(|it| it.to_string())
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped: Raw = toml::from_str(include_str!("../config/weiquan.toml")).expect("reads");
        assert_eq!(shipped, Raw::default());
        let table: Table = include_str!("../config/weiquan.toml")
            .parse()
            .expect("reads");
        let defaults = Table::try_from(Raw::default()).expect("serializes");
        for (section, keys) in &defaults {
            for key in keys.as_table().expect("a section").keys() {
                assert!(
                    table[section].get(key).is_some(),
                    "{section}.{key} is not in the file"
                );
            }
        }
    }

    #[test]
    fn the_later_layer_wins() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[rtc]\npublish_port = 5\n";
        let config = load(
            Some(file),
            &[("WEIQUAN__SERVER__LISTEN", "127.0.0.1:2")],
            &[],
        )
        .expect("good");
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.rtc_publish.port(), 5);
        let config = load(
            Some(file),
            &[("WEIQUAN__SERVER__LISTEN", "127.0.0.1:2"), ("OTHER", "x")],
            &[("server.listen", "127.0.0.1:3")],
        )
        .expect("good");
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.public_url, "http://127.0.0.1:3");
    }

    #[test]
    fn media_listens_beside_the_public_port_or_where_it_is_told_to() {
        let beside = load(None, &[], &[("server.listen", "192.0.2.1:80")]).expect("good");
        assert_eq!(beside.rtc_publish.to_string(), "192.0.2.1:8081");
        let apart = load(None, &[], &[("rtc.listen", "0.0.0.0")]).expect("good");
        assert_eq!(apart.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(apart.rtc_publish.to_string(), "0.0.0.0:8081");
        assert_eq!(apart.rtc_view[0].to_string(), "0.0.0.0:8082");
        let error = load(None, &[], &[("rtc.listen", "0.0.0.0:80")]).expect_err("a port");
        assert!(error.contains("rtc.listen = 0.0.0.0:80"), "{error}");
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_its_line_where_it_stands() {
        let file = "# a comment\n[log]\nformat = \"human\"\n\n  level = \"weiquan=loud\"\n";
        let error = load(Some(file), &[], &[]).expect_err("no such level");
        for told in [
            "weiquan.toml:5: ",
            "log.level = weiquan=loud",
            "debug or trace",
        ] {
            assert!(error.contains(told), "{told} in {error}");
        }
        let error = load(Some(file), &[], &[("log.level", "louder=no")]).expect_err("nor this");
        assert!(error.starts_with("log.level = louder=no"), "{error}");
        let error = load(Some("[fanout]\nduty_percent = \"much\"\n"), &[], &[]);
        let error = error.expect_err("no number");
        assert!(
            error.contains("line 2") && error.contains("duty_percent"),
            "{error}"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = load(Some("[server]\nlisten_on = 1\n"), &[], &[]).expect_err("unknown key");
        assert!(
            error.contains("listen_on") && error.contains("weiquan.toml"),
            "{error}"
        );
        let error = load(None, &[("WEIQUAN__SERVER__PORT", "1")], &[]).expect_err("unknown key");
        assert!(error.contains("port"), "{error}");
        let error = load(None, &[], &[("server.listen", "8080")]).expect_err("not an address");
        assert!(
            error.contains("server.listen") && error.contains("8080"),
            "{error}"
        );
        let error = load(None, &[], &[("rtc.view_ports", "[1, 1]")]).expect_err("one port twice");
        assert!(error.contains("rtc.view_ports"), "{error}");
    }
}
