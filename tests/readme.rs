//! The README's commands are true: each one is run, or held against what it names.

mod support;

use std::{fs, process::Command};

use support::Server;

/// The lines of all `sh` blocks, without comments.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                let command = line.split(" #").next().unwrap_or_default().trim();
                if !command.is_empty() {
                    found.push(command.to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_command_of_the_readme_works() {
    let server = Server::start();
    let makefile = fs::read_to_string("Makefile").expect("a Makefile");
    let readme = fs::read_to_string("README.md").expect("a README");
    let commands = commands(&readme);
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[0] {
            "make" => assert!(
                makefile.contains(&format!("\n{}:", words[1])),
                "{command}: there is no such target"
            ),
            "target/release/weiquan" => {
                let arguments: Vec<&str> = words[1..]
                    .iter()
                    .copied()
                    .take_while(|it| *it != ">")
                    .collect();
                let mut program = Command::new(env!("CARGO_BIN_EXE_weiquan"));
                program.args(&arguments);
                if arguments[0] == "token" {
                    program.arg("--data").arg(&server.folder);
                }
                let output = program.output().expect("it runs");
                assert!(
                    output.status.success() && !output.stdout.is_empty(),
                    "{command}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
            // Built by the block's own first line; what it is told must be what it knows.
            "target/release/weiquan-loadtest" => {
                let source = format!("loadtest/src/{}/mod.rs", words[1]);
                let plan = fs::read_to_string(&source).expect("a command of the load test");
                for flag in words.iter().filter_map(|it| it.strip_prefix("--")) {
                    let field = format!("{}:", flag.replace('-', "_"));
                    assert!(plan.contains(&field), "{command}: there is no --{flag}");
                }
            }
            "cargo" => assert_eq!(words[1], "build", "{command}"),
            other => panic!("nobody runs {other}: {command}"),
        }
    }
}
