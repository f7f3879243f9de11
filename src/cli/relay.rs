//! `relay`: serves any source as text lines on TCP, one post per line, for Spark's
//! `socketTextStream`.
//!
//! Reading starts with the first client. Every client gets every post from its connection on. A
//! source that can wait (files, standard input, a generator that is not `live`) is read no faster
//! than the fastest client reads; a live one is not slowed down. A client that is 8 MiB behind is
//! disconnected and counted. At the end of the source each client gets what it has not read yet,
//! then FIN.

mod clients;
#[cfg(test)]
mod tests;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args as ClapArgs;
use serde::Serialize;

use super::exit::{FAILED, Failure, HELD, Outcome, USAGE};
use super::flags::FORMATS;
use super::records::Records;
use super::replay::missing;
use super::signals;
use clients::Clients;
use tagtide_extract::Rule;
use tagtide_extract::markup;
use tagtide_posts::post::{EventTime, Markup, Op, Post, Raw};
use tagtide_posts::tags::post_tags;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// jetstream, tcp://host:port, tcp-listen://addr, stdin, generator, a path, a glob, or a job
    /// file (`*.toml`) with one source
    source: String,
    /// Address on which to accept clients
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9009")]
    listen: String,
    /// Send one JSON object per post, including deletes and edits
    #[arg(long)]
    json: bool,
    /// Format of the source's records
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = FORMATS)]
    format: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    let listener = bind(&args.listen)?;
    let mut records = if args.source.ends_with(".toml") {
        Records::of_job(Path::new(&args.source))?
    } else {
        Records::new(&args.source, Some(&args.format))?
    };
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    signals::install()?.on_stop(move || stopping.store(true, Ordering::Relaxed), None)?;
    let options = &records.plan().options;
    options.files().iter().try_for_each(|path| missing(Path::new(path)))?;
    let clients = Clients::accept(listener, options.can_wait(), Arc::clone(&stop))
        .map_err(|error| Failure::new(FAILED, format_args!("cannot start a thread: {error}")))?;
    tracing::info!("waiting for a client on {}", clients.addr());
    if !clients.wait_for_one() {
        return Ok(());
    }
    let name = records.plan().name.clone();
    let mut relay = Relay { name, json: args.json, clients, lines: Vec::new(), failed: None };
    let ended = records.run(&stop, &mut relay, Relay::post, Relay::flush);
    records.log_tally();
    let cut = relay.clients.finish();
    if cut > 0 {
        tracing::warn!("disconnected {cut} clients that were 8 MiB behind or stuck");
    }
    ended
}

fn bind(listen: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let help = "stop the program that listens there, or choose another with `--listen`";
            Failure::new(
                HELD,
                format_args!("cannot listen on `{listen}`: it is in use\nhelp: {help}"),
            )
        }
        std::io::ErrorKind::InvalidInput => Failure::new(
            USAGE,
            format_args!("`{listen}` is not an address\nhelp: write one like `127.0.0.1:9009`"),
        ),
        _ => Failure::new(FAILED, format_args!("cannot listen on `{listen}`: {error}")),
    })
}

/// Turns posts into lines.
struct Relay {
    name: String,
    json: bool,
    clients: Clients,
    /// Complete lines of the current batch.
    lines: Vec<u8>,
    failed: Option<serde_json::Error>,
}

/// One post in `--json` form.
#[derive(Serialize)]
struct Row<'a> {
    source: &'a str,
    op: &'static str,
    id: Option<String>,
    author: Option<String>,
    /// Milliseconds since the Unix epoch.
    time: i64,
    lang: Option<String>,
    text: String,
    /// Keys.
    tags: Vec<String>,
}

impl Relay {
    fn post(&mut self, arrived: EventTime, post: &Post<'_>) -> Result<(), Failure> {
        if self.json {
            self.row(arrived, post);
        } else if post.op == Op::Create {
            line(post, &mut self.lines);
        }
        match self.failed.take() {
            None => Ok(()),
            Some(error) => Err(Failure::new(FAILED, format_args!("cannot write JSON: {error}"))),
        }
    }

    fn row(&mut self, arrived: EventTime, post: &Post<'_>) {
        let some = |raw: &Raw<'_>| (!raw.is_empty()).then(|| raw.to_str().into_owned());
        let mut found = Vec::new();
        post_tags(post, Rule::Tags, false, &mut found);
        let row = Row {
            source: &self.name,
            op: match post.op {
                Op::Create => "create",
                Op::Update => "update",
                Op::Delete => "delete",
                Op::DropAuthor => "drop_author",
            },
            id: some(&post.id),
            author: some(&post.author),
            time: post.time.unwrap_or(arrived).0,
            lang: some(&post.lang),
            text: post.text.to_str().into_owned(),
            tags: found.into_iter().map(|tag| tag.key).collect(),
        };
        match serde_json::to_writer(&mut self.lines, &row) {
            Ok(()) => self.lines.push(b'\n'),
            Err(error) => self.failed = Some(error),
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.clients.send(&self.lines);
        self.lines.clear();
        Ok(())
    }
}

/// The text on one line: a newline or CR inside becomes a space. Mastodon's HTML is removed,
/// because readers of text lines do not expect it.
fn line(post: &Post<'_>, out: &mut Vec<u8>) {
    let text = post.text.to_str();
    let begin = out.len();
    if post.markup == Markup::Html {
        out.extend_from_slice(markup::undo(&text, Markup::Html).text.as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    for byte in &mut out[begin..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.push(b'\n');
}
