//! The configuration read again while everybody stays connected.
//!
//! All of it or nothing: a file that is wrong anywhere is refused, and what was in force stays so. What
//! cannot change under people is named, and counts from the next start on. What counts is a line of the
//! audit log first; what cannot be written down there does not count.

use telemetry::LogSwitch;
use toml::{Table, Value};

use crate::{config::Config, layers::value_of, operate::audit, server::Server};

/// The keys that count as soon as the configuration is read again (SIGHUP); the file says so beside
/// each. Every other key counts from the next start on.
const RELOADED: [&str; 9] = [
    "server.origins",
    "server.connections_per_address",
    "server.memory_mib",
    "rooms.talk_burst",
    "rooms.talk_per_second",
    "rooms.readable_per_second",
    "auth.sign_up",
    "log.level",
    "log.addresses",
];

/// Puts a configuration in force as far as that is possible now, and says in the log what came of it;
/// what could not be read comes in words.
pub async fn reload(
    in_force: &mut Config,
    read: Result<Config, String>,
    server: &Server,
    log: &LogSwitch,
) {
    let read = match read {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(
                error,
                "the configuration is refused; the one in force stays"
            );
            return;
        }
    };
    let (changed, waiting): (Vec<String>, Vec<String>) = differences(in_force, &read)
        .into_iter()
        .partition(|it| RELOADED.contains(&it.as_str()));
    let (changed, waiting) = (changed.join(", "), waiting.join(", "));
    let act = audit::act("reload", why(&changed, &waiting));
    if let Err(error) = server.write_down(act).await {
        tracing::error!(
            %error,
            "the configuration is refused, because the audit log takes no line of it; the one in force stays: \
             see that the data folder's disk takes writes, then reload again"
        );
        return;
    }
    // The level was read when the file was: only a log that is gone refuses it.
    let raw = &read.raw.log;
    if let Err(error) = log.set(&raw.level, raw.addresses) {
        tracing::error!(%error, "the configuration is refused; the one in force stays");
        return;
    }
    take_reloaded(in_force, &read);
    server.change(in_force);
    tracing::info!(changed, "the configuration was read again");
    if !waiting.is_empty() {
        tracing::warn!(
            keys = waiting,
            "these keys have other values now and count from the next start on"
        );
    }
}

/// Which keys the audit log tells of: no values, which may be secret.
fn why(changed: &str, waiting: &str) -> String {
    match (changed, waiting) {
        (changed, "") => changed.to_owned(),
        ("", waiting) => format!("from the next start on: {waiting}"),
        (changed, waiting) => format!("{changed}; from the next start on: {waiting}"),
    }
}

/// The keys in which two configurations differ, as `section.key`.
fn differences(one: &Config, other: &Config) -> Vec<String> {
    let tables =
        [one, other].map(|it| Table::try_from(&it.raw).expect("plain tables always serialize"));
    let keys = |it: &Table| -> Vec<String> {
        let named = |(section, keys): (&String, &Value)| -> Vec<String> {
            let keys = keys.as_table().into_iter().flat_map(Table::keys);
            keys.map(|key| format!("{section}.{key}")).collect()
        };
        it.iter().flat_map(named).collect()
    };
    let mut all = keys(&tables[0]);
    all.extend(keys(&tables[1]));
    all.sort();
    all.dedup();
    all.retain(|key| value_of(&tables[0], key) != value_of(&tables[1], key));
    all
}

/// Takes over what counts at once ([`RELOADED`]) and leaves the rest as it is.
fn take_reloaded(to: &mut Config, from: &Config) {
    to.raw.server.origins.clone_from(&from.raw.server.origins);
    to.raw.server.connections_per_address = from.raw.server.connections_per_address;
    to.raw.server.memory_mib = from.raw.server.memory_mib;
    to.raw.auth.sign_up = from.raw.auth.sign_up;
    to.raw.rooms.talk_burst = from.raw.rooms.talk_burst;
    to.raw.rooms.talk_per_second = from.raw.rooms.talk_per_second;
    to.raw.rooms.readable_per_second = from.raw.rooms.readable_per_second;
    to.raw.log.level.clone_from(&from.raw.log.level);
    to.raw.log.addresses = from.raw.log.addresses;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[(&str, &str)]) -> Config {
        let flags: Vec<_> = flags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Config::load(None, std::iter::empty(), &flags).expect("good")
    }

    #[test]
    fn the_line_of_a_reload_tells_what_counts_now_and_what_does_later() {
        assert_eq!(why("", ""), "");
        assert_eq!(
            why("auth.sign_up, log.level", ""),
            "auth.sign_up, log.level"
        );
        assert_eq!(
            why("", "server.threads"),
            "from the next start on: server.threads"
        );
        assert_eq!(
            why("log.level", "server.threads"),
            "log.level; from the next start on: server.threads"
        );
    }

    #[test]
    fn what_is_reloaded_is_what_the_file_says_and_nothing_else() {
        let file = include_str!("../config/weiquan.toml");
        let (mut section, mut marked) = (String::new(), Vec::new());
        let mut comment = String::new();
        for line in file.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']').to_owned();
            } else if line.starts_with('#') {
                comment.push_str(line);
            } else if let Some((key, _)) = line.split_once(" = ") {
                if comment.contains("[reload]") {
                    marked.push(format!("{section}.{key}"));
                }
                comment.clear();
            } else {
                comment.clear();
            }
        }
        assert_eq!(marked, RELOADED);

        let mut config = load(&[]);
        let flags = [
            ("server.origins", "[\"https://friend.example\"]"),
            ("server.connections_per_address", "7"),
            ("server.memory_mib", "64"),
            ("auth.sign_up", "false"),
            ("rooms.talk_burst", "3"),
            ("rooms.talk_per_second", "2"),
            ("rooms.readable_per_second", "5"),
            ("log.level", "debug"),
            ("log.addresses", "true"),
            ("server.threads", "3"),
        ];
        let other = load(&flags);
        let differ = differences(&config, &other);
        assert_eq!(differ.len(), flags.len(), "{differ:?}");
        take_reloaded(&mut config, &other);
        assert_eq!(differences(&config, &other), ["server.threads"]);
    }
}
