//! Archives as tests read them, and the program that writes and reads them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    path::Path,
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::Value;

use crate::support::Person;

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn files(bytes: Vec<u8>) -> Files {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let mut files = Files::new();
    for n in 0..zip.len() {
        let mut file = zip.by_index(n).expect("a file");
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("its content");
        files.insert(file.name().expect("a name").into_owned(), content);
    }
    files
}

pub(crate) fn files_of(path: &Path) -> Files {
    files(std::fs::read(path).expect("a file"))
}

pub(crate) fn lines(files: &Files, name: &str) -> Vec<Value> {
    let Some(text) = files.get(name) else {
        return Vec::new();
    };
    let text = std::str::from_utf8(text).expect("text");
    text.lines()
        .map(|it| serde_json::from_str(it).expect("a line of JSON"))
        .collect()
}

pub(crate) fn manifest(files: &Files) -> Value {
    serde_json::from_slice(&files["manifest.json"]).expect("a manifest")
}

/// Holds that two archives have the same content.
pub(crate) fn hold_equal(one: &Files, other: &Files) {
    let names = |it: &Files| it.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    for (name, content) in one.iter().filter(|it| it.0 != "manifest.json") {
        let (left, right) = (
            String::from_utf8_lossy(content),
            String::from_utf8_lossy(&other[name]),
        );
        assert!(content == &other[name], "{name}:\n{left}\n{right}");
    }
    assert_eq!(manifest(one)["files"], manifest(other)["files"]);
    assert_eq!(manifest(one)["scope"], manifest(other)["scope"]);
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weiquan"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

pub(crate) fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

pub(crate) fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// Exports something of a data folder to a file; answers what is in it.
pub(crate) fn exported(what: &[&str], data: &str, file: &Path) -> Files {
    let rest = ["--data", data, text(file)];
    done(&[&["export"], what, &rest].concat());
    files_of(file)
}

/// Imports a file into a data folder; answers what was told.
pub(crate) fn imported(data: &str, file: &Path) -> String {
    done(&["import", "--data", data, text(file)])
}

pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{arguments:?}: {}",
        said(&output)
    );
    said(&output)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

pub(crate) async fn download(by: &Person, path: &str) -> (u16, Vec<u8>) {
    let answer = by
        .request(Method::GET, path)
        .send()
        .await
        .expect("answered");
    let status = answer.status().as_u16();
    (status, answer.bytes().await.expect("whole").to_vec())
}

pub(crate) async fn fetched(by: &Person, path: &str) -> Files {
    let (status, bytes) = download(by, path).await;
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
    files(bytes)
}
