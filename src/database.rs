//! The database as the operator may set it: `[store]`, and what it means.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use store::{DatabaseUrl, StoreConfig};

use crate::config::ConfigError;

/// The section as it may be written.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    pub url: String,
    pub password_file: PathBuf,
}

impl Database {
    /// Which PostgreSQL database, still without its password; `None`: a SQLite file in the data folder.
    pub fn check(&self) -> Result<Option<DatabaseUrl>, ConfigError> {
        if self.url.is_empty() {
            if self.password_file.as_os_str().is_empty() {
                return Ok(None);
            }
            return Err(ConfigError::unfit(
                "store.password_file",
                &self.password_file.display().to_string(),
                "it goes with store.url",
            ));
        }
        // What does not read as an address is not shown: a password may stand anywhere in it.
        let unfit = |shown: &str, advice: &str| ConfigError::unfit("store.url", shown, advice);
        let url: DatabaseUrl = self
            .url
            .parse()
            .map_err(|it: store::UrlError| unfit("…", &it.to_string()))?;
        if url.has_password() {
            return Err(unfit(
                &url.to_string(),
                "leave the password out, and name a file that holds it in store.password_file",
            ));
        }
        Ok(Some(url))
    }
}

/// How the store is opened: the password is read here.
pub fn opened(config: &crate::config::Config) -> Result<StoreConfig, ConfigError> {
    let file = &config.raw.store.password_file;
    let url = match &config.database {
        Some(url) if !file.as_os_str().is_empty() => {
            let text = std::fs::read_to_string(file).map_err(|it| {
                ConfigError::unfit(
                    "store.password_file",
                    &file.display().to_string(),
                    &it.to_string(),
                )
            })?;
            let password = text.lines().next().unwrap_or_default();
            if password.is_empty() {
                return Err(ConfigError::unfit(
                    "store.password_file",
                    &file.display().to_string(),
                    "its first line is the password, and there is none",
                ));
            }
            Some(url.clone().with_password(password))
        }
        url => url.clone(),
    };
    Ok(StoreConfig {
        url,
        ..StoreConfig::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(url: &str) -> Database {
        Database {
            url: url.into(),
            ..Database::default()
        }
    }

    #[test]
    fn without_an_address_the_data_folder_holds_everything() {
        assert!(database("").check().expect("good").is_none());
        let alone = Database {
            password_file: "secret".into(),
            ..Database::default()
        };
        let error = alone.check().expect_err("a password for nothing");
        assert!(error.to_string().contains("store.url"), "{error}");
    }

    #[test]
    fn a_password_stands_in_a_file_and_is_never_shown() {
        for url in [
            "postgres://wq:a-secret@localhost/chat",
            "postgres://wq:a-secret@localhost/chat?colour=red",
            "postgres://wq:a-secret@/chat",
            "mysql://wq:a-secret@localhost/chat",
        ] {
            let error = database(url).check().expect_err("refused").to_string();
            assert!(error.starts_with("store.url = "), "{error}");
            assert!(!error.contains("a-secret"), "{error}");
        }
        let url = database("postgres://wq@localhost/chat").check();
        let shown = url.expect("good").expect("an address").to_string();
        assert_eq!(shown, "postgres://wq@localhost:5432/chat");
    }
}
