//! The architecture, as a test: who may import whom, one home for each notable dependency, one place
//! that asks the time, files that stay readable, nothing left undone.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// Each folder of the server with the name it has in code, and the names it may use. Leaves first.
const ARROWS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("seeds", &[]),
    ("telemetry", &[]),
    ("protocol", &[]),
    ("deflate", &["protocol"]),
    ("markdown", &["protocol"]),
    ("folding", &[]),
    ("community", &["protocol", "markdown", "folding"]),
    ("media", &[]),
    ("tls", &[]),
    (
        "store",
        &[
            "protocol",
            "folding",
            "community",
            "tls",
            "clock",
            "telemetry",
        ],
    ),
    ("ws", &["protocol"]),
    ("acme", &["tls", "clock"]),
    ("reach", &["tls", "clock"]),
    ("fanout", &["ws", "tls", "protocol", "clock", "telemetry"]),
    ("auth", &["protocol", "community", "clock", "telemetry"]),
    ("blobs", &["protocol"]),
    (
        "rtc",
        &["media", "community", "protocol", "clock", "telemetry"],
    ),
    (
        "actor",
        &[
            "fanout",
            "store",
            "ws",
            "deflate",
            "community",
            "protocol",
            "clock",
            "telemetry",
        ],
    ),
    (
        "export",
        &["actor", "blobs", "store", "community", "protocol", "clock"],
    ),
    (
        "connection",
        &[
            "actor",
            "auth",
            "fanout",
            "store",
            "ws",
            "community",
            "protocol",
            "clock",
            "telemetry",
        ],
    ),
    (
        "http",
        &[
            "actor",
            "export",
            "auth",
            "blobs",
            "markdown",
            "store",
            "ws",
            "tls",
            "folding",
            "community",
            "protocol",
            "clock",
            "telemetry",
        ],
    ),
    (
        "letters",
        &[
            "actor",
            "auth",
            "markdown",
            "reach",
            "store",
            "community",
            "protocol",
            "clock",
        ],
    ),
    (
        "operate",
        &[
            "actor",
            "export",
            "blobs",
            "reach",
            "rtc",
            "store",
            "tls",
            "community",
            "protocol",
            "clock",
            "telemetry",
        ],
    ),
];

/// What tests of every folder may use, and nothing else may.
const FOR_TESTS: &str = "seeds";

/// The folders that are crates of their own, and how code names them.
const CRATES: &[(&str, &str)] = &[("rtc", "rtc_edge")];

/// Each notable dependency, and the folders that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("tokio_tungstenite", &["src/ws", "clients/rust"]),
    ("webrtc", &["src/rtc"]),
    ("rtc_dtls", &["src/rtc", "loadtest"]),
    ("rtc_srtp", &["src/rtc", "loadtest"]),
    ("rtc_stun", &["src/rtc", "loadtest"]),
    ("quinn_udp", &["src/rtc", "loadtest"]),
    ("nix", &["loadtest"]),
    (
        "rustls",
        &[
            "src/tls",
            "src/acme",
            "src/reach",
            "src/store",
            "src/fanout/tests",
            "loadtest",
        ],
    ),
    (
        "tokio_rustls",
        &["src/reach", "src/store", "src/fanout/tests", "loadtest"],
    ),
    ("tokio_postgres", &["src/store"]),
    ("rustls_native_certs", &["src/tls"]),
    ("instant_acme", &["src/acme"]),
    ("hyper_rustls", &["src/acme", "src/reach"]),
    ("jiff", &["src/letters", "clients/terminal"]),
    ("lettre", &["src/reach"]),
    ("html_escape", &["src/http", "src/letters", "src/markdown"]),
    ("pulldown_cmark", &["src/markdown"]),
    ("x509_parser", &["src/tls"]),
    ("unicode_normalization", &["src/folding"]),
    ("aho_corasick", &["src/community"]),
    ("png", &["src/http"]),
    ("image", &["src/blobs"]),
    ("qrcode", &["src/http"]),
    ("jsonwebtoken", &["src/auth"]),
    ("argon2", &["src/auth"]),
    ("rusqlite", &["src/store"]),
    ("tar", &["src/operate"]),
    ("axum", &["src/http", "src/rtc"]),
    ("hyper", &["src/http"]),
    ("ratatui", &["clients/terminal"]),
    ("zip", &["src/export", "src/operate/import"]),
    ("zlib_rs", &["src/deflate"]),
    ("metrics_exporter_prometheus", &["src/telemetry"]),
    ("tracing_subscriber", &["src/telemetry"]),
];

const LINES_MAX: usize = 600;

/// Where what we write by hand stands, in which languages; and what stands among it that we do not.
const WRITTEN: &[&str] = &["src", "clients", "loadtest", "tests", "scripts"];
const LANGUAGES: &[&str] = &["rs", "ts", "svelte", "mjs", "js", "py", "sh"];
const FOREIGN: &[&str] = &["node_modules", "dist", "dist-fake", "target"];

#[test]
fn imports_follow_the_arrows() {
    let mut wrong = Vec::new();
    for (folder, allowed) in ARROWS {
        for (path, text) in rust_files(&Path::new("src").join(folder)) {
            for (other, _) in ARROWS
                .iter()
                .filter(|(it, _)| it != folder && *it != FOR_TESTS && !allowed.contains(it))
            {
                for (number, line) in text.lines().enumerate() {
                    if names(line, other) {
                        wrong.push(format!(
                            "{path}:{}: {folder} may not import {other}",
                            number + 1
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Whether a line of code names a folder: as a crate, or as a module of the shell.
fn names(line: &str, folder: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let name = CRATES
        .iter()
        .find(|it| it.0 == folder)
        .map_or(folder, |it| it.1);
    // `http` and `rtc` are also crates of others: ours are named by path from the shell's root.
    if matches!(
        folder,
        "actor" | "connection" | "export" | "http" | "letters" | "operate"
    ) {
        return code.contains(&format!("crate::{name}::"))
            || code.contains(&format!("crate::{{{name}"));
    }
    code.trim_start().starts_with(&format!("use {name}::"))
        || code.contains(&format!(" {name}::"))
        || code.contains(&format!("({name}::"))
        || code.contains(&format!("<{name}::"))
        || code.contains(&format!("&{name}::"))
}

#[test]
fn every_dependency_has_one_home() {
    let mut wrong = Vec::new();
    for root in ["src", "clients/rust", "clients/terminal", "loadtest"] {
        for (path, text) in rust_files(Path::new(root)) {
            for (dependency, homes) in HOMES {
                let at_home = homes.iter().any(|it| path.starts_with(&format!("{it}/")));
                let starts = [format!("use {dependency}::"), format!(" {dependency}::")];
                if !at_home && starts.iter().any(|it| text.contains(it.as_str())) {
                    wrong.push(format!(
                        "{path}: {dependency} lives in {}",
                        homes.join(", ")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_folder_is_on_the_map() {
    for entry in fs::read_dir("src")
        .expect("src")
        .flatten()
        .filter(|it| it.path().is_dir())
    {
        let name = entry.file_name().into_string().expect("a plain name");
        assert!(
            ARROWS.iter().any(|(it, _)| *it == name),
            "add src/{name} to ARROWS"
        );
    }
}

#[test]
fn only_the_clock_asks_the_time() {
    let mut wrong = Vec::new();
    for (path, text) in rust_files(Path::new("src")) {
        let shipped = !path.starts_with("src/clock/")
            && !path.contains("/tests")
            && !path.contains("/examples/");
        if shipped {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for asked in ["Instant::now(", "SystemTime::now("] {
                if code.contains(asked) {
                    wrong.push(format!("{path}: {asked}) belongs to clock"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_readable() {
    let mut wrong = Vec::new();
    for root in WRITTEN {
        for (path, text) in files(Path::new(root), LANGUAGES) {
            let lines = text.lines().count();
            if lines > LINES_MAX {
                wrong.push(format!("{path} has {lines} lines; split it by idea"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_undone() {
    // Put together here, so that this list does not find itself.
    let marks = ["TO", "FIX", "XX"].map(|it| {
        format!(
            "{it}{}",
            if it == "TO" {
                "DO"
            } else if it == "FIX" {
                "ME"
            } else {
                "X"
            }
        )
    });
    let ignored = format!("#[{}", "ignore");
    let mut wrong = Vec::new();
    for root in WRITTEN {
        for (path, text) in files(Path::new(root), LANGUAGES) {
            for (number, line) in text.lines().enumerate() {
                if marks.iter().any(|it| line.contains(it.as_str())) || line.contains(&ignored) {
                    wrong.push(format!("{path}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<(String, String)> {
    files(folder, &["rs"])
}

fn files(folder: &Path, languages: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path())
        .collect();
    entries.sort();
    for path in entries {
        let is = |part: Option<&OsStr>, one_of: &[&str]| {
            part.is_some_and(|it| one_of.iter().any(|other| it == *other))
        };
        if path.is_dir() {
            if !is(path.file_name(), FOREIGN) {
                found.extend(files(&path, languages));
            }
        } else if is(path.extension(), languages) {
            let text = fs::read_to_string(&path).expect("a readable file");
            found.push((path.display().to_string(), text));
        }
    }
    found
}
