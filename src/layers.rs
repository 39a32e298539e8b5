//! The layers of the configuration: a file, then single values over it, each known by `section.key`.

use std::path::Path;

use toml::{Table, Value};

use crate::config::{ConfigError, Raw};

pub(crate) fn value_of<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (section, key) = key.split_once('.')?;
    table.get(section)?.get(key)
}

/// `file:line` of a key; nothing where it is not in the file.
pub(crate) fn place_of(path: &Path, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (section, key) = key.split_once('.')?;
    let read = toml::de::DeTable::parse(&text).ok()?;
    let keys = read.get_ref().get(section)?.get_ref().as_table()?;
    let (found, _) = keys.iter().find(|(it, _)| it.get_ref() == key)?;
    let line = text[..found.span().start].matches('\n').count() + 1;
    Some(format!("{}:{line}", path.display()))
}

pub(crate) fn read_file(path: &Path) -> Result<Table, ConfigError> {
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
pub(crate) fn overlay(
    table: &mut Table,
    path: &str,
    text: &str,
    place: &str,
) -> Result<(), ConfigError> {
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
