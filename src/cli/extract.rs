//! `extract`: prints the tags of each post, one JSON array per line.
//!
//! One line for every post, in order; a post without tags gives `[]`. `start` and `end` count code
//! points of the text, including the `#`. They are absent if the platform gave the tag separately
//! from the text.

use std::io::{BufWriter, Stdout, Write};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::exit::{FAILED, Failure, Outcome};
use super::flags::FORMATS;
use super::records::Records;
use tagtide_extract::FoundTag;
use tagtide_extract::Rule;
use tagtide_posts::post::{EventTime, Op, Post};
use tagtide_posts::tags::post_tags;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// File of posts [default: standard input, also `-`]
    file: Option<PathBuf>,
    /// Format of the records
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = FORMATS)]
    format: String,
    /// Ignore the platform's own tags and parse the text
    #[arg(long)]
    reparse: bool,
    /// How tags are found
    #[arg(long, value_name = "RULE", default_value = "tags", value_parser = ["tags", "words"])]
    rule: String,
}

/// One printed tag.
#[derive(Serialize)]
struct Row<'a> {
    tag: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u32>,
}

struct Printer {
    out: BufWriter<Stdout>,
    rule: Rule,
    reparse: bool,
    found: Vec<FoundTag>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let short = args.file.as_ref().map_or_else(|| "-".to_owned(), |file| path_as_source(file));
    let mut records = Records::new(&short, Some(&args.format))?;
    let mut printer = Printer {
        out: BufWriter::with_capacity(1 << 16, std::io::stdout()),
        rule: if args.rule == "words" { Rule::Words } else { Rule::Tags },
        reparse: args.reparse,
        found: Vec::new(),
    };
    records.run(&AtomicBool::new(false), &mut printer, print, |printer| {
        printer.out.flush().map_err(|error| Failure::stdout(&error))
    })?;
    records.log_tally();
    Ok(())
}

fn print(printer: &mut Printer, _: EventTime, post: &Post<'_>) -> Result<(), Failure> {
    if !matches!(post.op, Op::Create | Op::Update) {
        return Ok(());
    }
    printer.found.clear();
    post_tags(post, printer.rule, printer.reparse, &mut printer.found);
    let rows: Vec<_> = printer.found.iter().map(row).collect();
    let line = serde_json::to_string(&rows)
        .map_err(|error| Failure::new(FAILED, format_args!("cannot write JSON: {error}")))?;
    writeln!(printer.out, "{line}").map_err(|error| Failure::stdout(&error))
}

fn row(found: &FoundTag) -> Row<'_> {
    Row {
        tag: &found.display,
        key: &found.key,
        start: found.span.map(|(start, _)| start),
        end: found.span.map(|(_, end)| end),
    }
}

/// A path of the command line as a source. The shell has expanded globs already, so the name of an
/// existing file is meant literally, and is never a source of another kind.
pub(super) fn path_as_source(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    if text == "-" {
        return text;
    }
    let literal = if path.exists() { glob::Pattern::escape(&text) } else { text };
    if path.is_absolute() || literal.starts_with('.') { literal } else { format!("./{literal}") }
}
