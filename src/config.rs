//! What the operator wrote, and what it means.
//!
//! Three layers, the later wins: the TOML file, `WEIQUAN__SECTION__KEY` from the environment, flags.
//! An unknown key is an error that names it. [`Raw`] is what was written; [`Config`] is checked once,
//! at the start, and then only passed down. Secrets are named by file, never written in the config.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use protocol::limits;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

use crate::certificates::{Source, Tls};

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
    #[error("{key} = {value}: {advice}")]
    Unfit {
        key: &'static str,
        value: String,
        advice: String,
    },
}

/// The sections as they may be written. Every key has a default, so an empty file is complete.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Raw {
    pub server: Server,
    pub tls: Tls,
    pub fanout: Fanout,
    pub rtc: Rtc,
    pub auth: Auth,
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
            threads: 0,
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
    pub publish_port: u16,
    pub view_ports: Vec<u16>,
    pub public_ips: Vec<IpAddr>,
}

impl Default for Rtc {
    fn default() -> Self {
        Self {
            publish_port: 8081,
            view_ports: vec![8082],
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
    /// Where the certificate of the public port comes from.
    pub certificate: Source,
    /// A plain port that sends everybody to the public address.
    pub redirect: Option<SocketAddr>,
    pub shards: usize,
    pub threads: usize,
    pub rtc_publish: SocketAddr,
    pub rtc_view: Vec<SocketAddr>,
}

impl Config {
    /// Reads the file (if any), then the environment, then `flags` (`section.key`, value).
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let mut table = match file {
            Some(path) => read_file(path)?,
            None => Table::new(),
        };
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix("WEIQUAN__") {
                let path = path.to_ascii_lowercase().replace("__", ".");
                overlay(&mut table, &path, &value, &name)?;
            }
        }
        for (path, value) in flags {
            overlay(&mut table, path, value, &format!("--set {path}"))?;
        }
        let raw: Raw = Value::Table(table)
            .try_into()
            .map_err(|it: toml::de::Error| ConfigError::Wrong {
                place: "configuration".into(),
                message: it.message().to_owned(),
            })?;
        raw.check()
    }

    /// The effective configuration as TOML. It holds no secret: those are named by file.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(&self.raw).expect("plain tables always serialize")
    }
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.into(),
        source,
    })?;
    // Typed once on its own, so that an unknown key is told with its line and the file's name.
    let typed: Result<Raw, _> = toml::from_str(&text);
    if let Err(error) = typed {
        return Err(ConfigError::Wrong {
            place: path.display().to_string(),
            message: error.to_string(),
        });
    }
    text.parse()
        .map_err(|it: toml::de::Error| ConfigError::Wrong {
            place: path.display().to_string(),
            message: it.to_string(),
        })
}

/// Puts one value under `section.key`; it is read as TOML where that is possible, else as text.
fn overlay(table: &mut Table, path: &str, text: &str, place: &str) -> Result<(), ConfigError> {
    let wrong = |message: &str| ConfigError::Wrong {
        place: place.into(),
        message: message.into(),
    };
    let (section, key) = path
        .split_once('.')
        .ok_or_else(|| wrong("write it as section.key"))?;
    let typed = format!("it = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut it| it.remove("it"));
    // A key that holds text takes what was written as text, quoted or not, whatever it looks like.
    let value = match typed {
        Some(Value::String(it)) => Value::String(it),
        Some(it) if !holds_text(section, key) => it,
        _ => Value::String(text.to_owned()),
    };
    let entry = table
        .entry(section)
        .or_insert_with(|| Value::Table(Table::new()));
    let section = entry
        .as_table_mut()
        .ok_or_else(|| wrong("the section is not a table"))?;
    section.insert(key.to_owned(), value);
    Ok(())
}

/// Whether the default of a key is text.
fn holds_text(section: &str, key: &str) -> bool {
    let defaults = Table::try_from(Raw::default()).expect("plain tables always serialize");
    defaults
        .get(section)
        .and_then(|it| it.get(key))
        .is_some_and(Value::is_str)
}

impl Raw {
    fn check(self) -> Result<Config, ConfigError> {
        let listen = address("server.listen", &self.server.listen)?;
        let admin = match self.server.admin.as_str() {
            "off" => None,
            text => Some(address("server.admin", text)?),
        };
        let (certificate, redirect) = self.tls.check(&self.server.data)?;
        let public_url = match self.server.public_url.trim_end_matches('/') {
            "" => match certificate.public_url() {
                Some(url) => url,
                None => format!("{}://{}", certificate.scheme(), readable(listen)),
            },
            url if url.starts_with("http://") || url.starts_with("https://") => url.to_owned(),
            url => {
                return Err(ConfigError::Unfit {
                    key: "server.public_url",
                    value: url.to_owned(),
                    advice: "write it with http:// or https://".into(),
                });
            }
        };
        certificate.check_public_url(&public_url)?;
        if self.rtc.view_ports.len() != 1 {
            return Err(ConfigError::Unfit {
                key: "rtc.view_ports",
                value: format!("{:?}", self.rtc.view_ports),
                advice: "this version has one media worker: name exactly one port".into(),
            });
        }
        if !matches!(self.log.format.as_str(), "human" | "json") {
            return Err(ConfigError::Unfit {
                key: "log.format",
                value: self.log.format,
                advice: "it is human or json".into(),
            });
        }
        if self.fanout.duty_percent > 400 {
            return Err(ConfigError::Unfit {
                key: "fanout.duty_percent",
                value: self.fanout.duty_percent.to_string(),
                advice: "0 (never rest) to 400".into(),
            });
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let or_cores = |n: usize, most: usize| if n == 0 { cores.min(most) } else { n };
        Ok(Config {
            listen,
            admin,
            public_url,
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
            rtc_publish: SocketAddr::new(listen.ip(), self.rtc.publish_port),
            rtc_view: self
                .rtc
                .view_ports
                .iter()
                .map(|it| SocketAddr::new(listen.ip(), *it))
                .collect(),
            raw: self,
        })
    }
}

/// Reads an address with its port.
pub(crate) fn address(key: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError::Unfit {
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
        let error = load(None, &[], &[("rtc.view_ports", "[1, 2]")]).expect_err("two workers");
        assert!(error.contains("rtc.view_ports"), "{error}");
    }
}
