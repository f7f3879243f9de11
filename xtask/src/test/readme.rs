//! Checks that every command in README.md's code blocks exists.
//!
//! A command is a line that begins with `tagtide`, `cargo run ... --` or `cargo xtask`, optionally
//! after a prompt `$ `. It exists if `--help` of its subcommand succeeds and lists each of its long
//! options. Commands are not run: some never end, some need a network.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::command::{Log, output};
use crate::{place, program};

/// Checks README.md.
pub(super) fn check(log: &Log) -> anyhow::Result<()> {
    let readme = fs::read_to_string(place::root().join("README.md"))?;
    let commands = commands(&readme);
    if commands.is_empty() {
        bail!("README.md has no command in a code block");
    }
    let tagtide = program::debug_build(log)?;
    for typed in &commands {
        known(typed, &tagtide)
            .with_context(|| format!("README.md: `{}`", typed.words.join(" ")))?;
    }
    Ok(())
}

/// A program and its arguments.
#[derive(Debug, PartialEq, Eq)]
struct Typed {
    xtask: bool,
    words: Vec<String>,
}

/// Every command of ours in the code blocks of a Markdown text.
fn commands(markdown: &str) -> Vec<Typed> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            let line = line.split(" #").next().unwrap_or_default();
            found.extend(
                line.split(['|', ';', '>']).flat_map(|part| part.split("&&")).filter_map(typed),
            );
        }
    }
    found
}

fn typed(text: &str) -> Option<Typed> {
    let text = text.trim();
    let text = text.strip_prefix("$ ").unwrap_or(text);
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (xtask, rest) = match words.as_slice() {
        ["cargo", "xtask", rest @ ..] => (true, rest),
        ["cargo", "run", rest @ ..] => {
            let cut = rest.iter().position(|word| *word == "--")?;
            (false, &rest[cut + 1..])
        }
        [program, rest @ ..] if program.rsplit('/').next() == Some("tagtide") => (false, rest),
        _ => return None,
    };
    Some(Typed { xtask, words: rest.iter().map(|&word| word.to_owned()).collect() })
}

/// An error unless the program's help knows the subcommand and its options.
fn known(typed: &Typed, tagtide: &Path) -> anyhow::Result<()> {
    // By its path, because the build step may have replaced the executable that is running.
    let xtask = tagtide.with_file_name("xtask");
    let program = if typed.xtask { xtask } else { tagtide.to_path_buf() };
    let is_name = |word: &&String| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let named = typed.words.iter().take_while(|word| !word.starts_with('-'));
    let subcommand = named.take(1).filter(is_name).cloned().collect::<Vec<_>>();
    let mut help = Command::new(program);
    let help = output(help.args(&subcommand).arg("--help"))?;
    let help = String::from_utf8_lossy(&help);
    for word in typed.words.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
        let option = word.split('=').next().unwrap_or(word);
        let listed = |text: &str| text.trim_end_matches([',', '[']) == option;
        if !help.split([' ', '\n', '=']).any(listed) {
            bail!("`{option}` is not in the help of `{}`", subcommand.join(" "));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_code_blocks_only() {
        let text = "`tagtide inline`\n```sh\n$ cargo run --release -- demo\n\
            tagtide generate --posts 5 | ./tagtide replay - --json > out  # counts\n\
            curl localhost\ncargo build && cargo xtask test\n```\ntagtide outside\n";
        let found: Vec<String> = commands(text)
            .iter()
            .map(|typed| format!("{} {}", typed.xtask, typed.words.join(" ")))
            .collect();
        let wanted =
            ["false demo", "false generate --posts 5", "false replay - --json", "true test"];
        assert_eq!(found, wanted);
    }

    #[test]
    fn an_unknown_option_is_not_known() {
        let typed = typed("cargo xtask --nope").unwrap();
        assert_eq!(typed, Typed { xtask: true, words: vec!["--nope".into()] });
    }
}
