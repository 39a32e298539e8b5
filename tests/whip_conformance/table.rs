//! The table: a rule, where it stands, and whether it holds.

use std::{
    fmt::{Debug, Write as _},
    io::Write as _,
};

#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    section: &'static str,
    rule: &'static str,
    wrong: Vec<String>,
}

/// A rule that is being looked at; it goes into the table when it is dropped.
pub struct Rule<'a> {
    table: &'a mut Table,
    row: Option<Row>,
}

impl Table {
    pub fn rule(&mut self, section: &'static str, rule: &'static str) -> Rule<'_> {
        let row = Row {
            section,
            rule,
            wrong: Vec::new(),
        };
        Rule {
            table: self,
            row: Some(row),
        }
    }

    /// Prints all, past the test's capture, and fails if a rule did not hold.
    pub fn end(self) {
        // Nobody reading is no reason to fail.
        let _ = std::io::stdout().write_all(self.text().as_bytes());
        let broken = self.broken();
        assert_eq!(broken, 0, "rules that do not hold are in the table above");
    }

    /// Each rule is written where clients read it, with its words here.
    pub fn is_written_in(&mut self, protocol: &str) {
        for Row {
            section,
            rule,
            wrong,
        } in &mut self.rows
        {
            if !protocol.contains(&format!("| {section} | {rule} |")) {
                wrong.push("docs/PROTOCOL.md does not have it".to_owned());
            }
        }
    }

    fn broken(&self) -> usize {
        self.rows.iter().filter(|it| !it.wrong.is_empty()).count()
    }

    fn text(&self) -> String {
        let mut text = String::from("\n");
        for Row {
            section,
            rule,
            wrong,
        } in &self.rows
        {
            let verdict = if wrong.is_empty() { "PASS" } else { "FAIL" };
            let _ = writeln!(text, "{section:<19} {rule:<90} {verdict}");
            for it in wrong {
                let _ = writeln!(text, "{:<19}   {it}", "");
            }
        }
        let held = self.rows.len() - self.broken();
        let _ = writeln!(text, "{held} of {} rules hold", self.rows.len());
        text
    }
}

impl Rule<'_> {
    pub fn is<T: PartialEq + Debug>(&mut self, what: &str, got: T, wanted: T) -> &mut Self {
        if got != wanted {
            self.note(format!("{what}: {got:?} instead of {wanted:?}"));
        }
        self
    }

    pub fn holds(&mut self, what: &str, it: bool) -> &mut Self {
        if !it {
            self.note(format!("not so: {what}"));
        }
        self
    }

    fn note(&mut self, wrong: String) {
        if let Some(row) = &mut self.row {
            row.wrong.push(wrong);
        }
    }
}

impl Drop for Rule<'_> {
    fn drop(&mut self) {
        self.table.rows.extend(self.row.take());
    }
}

#[test]
fn a_rule_that_does_not_hold_fails_the_table() {
    let mut table = Table::default();
    table.rule("§1", "one is one").is("one", 1, 1);
    table.rule("§2", "one is two").is("one", 1, 2);
    assert_eq!(table.broken(), 1);
    let text = table.text();
    let wanted = "one: 1 instead of 2\n1 of 2 rules hold\n";
    assert!(text.ends_with(wanted), "{text}");
}
