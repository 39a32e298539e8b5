//! Web Push as the operator may set it: `[push]`, and what it means.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// The section as it may be written.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Push {
    pub contact: String,
    pub private: bool,
    pub ca: PathBuf,
}

impl Push {
    /// Whom a push service may write to: as written, else where people find this server.
    pub fn check(&self, public_url: &str) -> Result<reach::Settings, ConfigError> {
        let contact = match self.contact.as_str() {
            "" if public_url.starts_with("https://") => public_url.to_owned(),
            // Nobody outside can reach a server of this machine alone, and no address is better.
            "" => "mailto:postmaster@localhost".to_owned(),
            it if it.starts_with("https://") || it.starts_with("mailto:") => it.to_owned(),
            it if it.contains('@') && !it.contains(char::is_whitespace) => format!("mailto:{it}"),
            other => {
                return Err(ConfigError::Unfit {
                    place: None,
                    key: "push.contact",
                    value: other.to_owned(),
                    advice: "it is an address of e-mail, or an https:// address".into(),
                });
            }
        };
        Ok(reach::Settings {
            contact,
            private: self.private,
            ca: (!self.ca.as_os_str().is_empty()).then(|| self.ca.clone()),
        })
    }
}
