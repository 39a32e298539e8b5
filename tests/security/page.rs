//! The checklist as a page for people and as the verdict of this test.

use std::{fmt::Write as _, fs, io::Write as _, path::Path};

use crate::checklist::{Chapter, Point, Proof, chapters};

const PAGE: &str = "docs/SECURITY-CHECKLIST.md";

#[test]
fn every_point_is_proven_or_said_not_to_apply_yet() {
    let mut wrong = Vec::new();
    let (mut proven, mut not_yet, mut last) = (0, 0, 0);
    for Point { number, proof, .. } in chapters().flat_map(|it| it.points) {
        if *number != last + 1 {
            wrong.push(format!("{number} follows {last}"));
        }
        last = *number;
        match proof {
            Proof::By(tests) => {
                proven += 1;
                if tests.is_empty() {
                    wrong.push(format!("{number} names no test"));
                }
                for (file, name) in *tests {
                    if !is_a_test(file, name) {
                        wrong.push(format!("{number}: {file} has no test {name}"));
                    }
                }
            }
            Proof::NotYet(reason) => {
                not_yet += 1;
                if reason.len() < 20 {
                    wrong.push(format!("{number}: why not?"));
                }
            }
        }
    }
    // Nobody reading is no reason to fail.
    let _ = std::io::stdout().write_all(table().as_bytes());
    let count = format!("{proven} of {last} points proven, {not_yet} do not apply yet\n");
    let _ = std::io::stdout().write_all(count.as_bytes());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(last, 70, "the whole checklist");
}

#[test]
fn the_page_says_what_the_table_says() {
    let wanted = page();
    if std::env::var_os("WEIQUAN_WRITE_PAGES").is_some() {
        fs::write(PAGE, &wanted).expect("written");
    }
    let is = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        is == wanted,
        "{PAGE} is another: WEIQUAN_WRITE_PAGES=1 cargo test --test security makes it anew"
    );
}

/// Whether a file has a test of that name: a function after `#[…test…]`, or a title of `test("…")`.
fn is_a_test(file: &str, name: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else {
        return false;
    };
    if Path::new(file).extension().is_none_or(|it| it != "rs") {
        return text.contains(name);
    }
    let head = format!("fn {name}(");
    let mut is_marked = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_marked |= line.contains("test");
        } else if line.contains(&head) {
            return is_marked;
        } else if !line.is_empty() {
            is_marked = false;
        }
    }
    false
}

fn table() -> String {
    let mut text = String::from("\n");
    for Chapter { title, points } in chapters() {
        let _ = writeln!(text, "{title}");
        for Point {
            number,
            asks,
            proof,
            ..
        } in *points
        {
            let verdict = match proof {
                Proof::By(tests) => format!("PROVEN by {}", tests.len()),
                Proof::NotYet(_) => "not yet".to_owned(),
            };
            let _ = writeln!(text, "  {number:>2} {asks:<78} {verdict}");
        }
    }
    text
}

fn page() -> String {
    let mut text = String::from(
        "# The security checklist\n\n\
         What an attacker tries, our one answer, and the test that tries it. `cargo test --test security` makes this page from its table, \
         prints the table\nwith its count, and fails where a point is neither proven by a test that exists nor said not to apply yet. How to \
         report something is in\n[SECURITY.md](../SECURITY.md), the larger picture in [THREAT-MODEL.md](THREAT-MODEL.md).\n",
    );
    for Chapter { title, points } in chapters() {
        let _ = write!(
            text,
            "\n## {title}\n\n| | tried | answer | proven in |\n|---|---|---|---|\n"
        );
        for Point {
            number,
            asks,
            answer,
            proof,
        } in *points
        {
            let proven = match proof {
                Proof::By(tests) => {
                    let tests: Vec<String> = tests
                        .iter()
                        .map(|(file, name)| format!("`{file}`: {}", name.replace('_', " ")))
                        .collect();
                    tests.join("; ")
                }
                Proof::NotYet(reason) => format!("*not yet*: {reason}"),
            };
            let _ = writeln!(text, "| {number} | {asks} | {answer} | {proven} |");
        }
    }
    text
}

#[test]
fn a_test_is_found_by_its_name_and_nothing_else_is() {
    let here = "tests/security/page.rs";
    assert!(is_a_test(
        here,
        "a_test_is_found_by_its_name_and_nothing_else_is"
    ));
    assert!(
        !is_a_test(here, "is_a_test"),
        "a function alone proves nothing"
    );
    assert!(!is_a_test(here, "nowhere"));
    assert!(!is_a_test("tests/nowhere.rs", "nowhere"));
}
