//! Logging to stderr: level, format, colour. Data goes to stdout and is not logged.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use tagtide_posts::clock::Clock;

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub(super) struct LogArgs {
    /// Print errors only, and no table
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 900)]
    pub quiet: bool,
    /// Print more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 901)]
    pub verbose: u8,
    /// When to use colour on stderr
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, display_order = 902)]
    pub color: Color,
    /// Format of log lines
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, display_order = 903)]
    pub log_format: LogFormat,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl LogArgs {
    /// Whether stderr gets colour.
    pub(super) fn colored(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let asked_not = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !asked_not && std::io::stderr().is_terminal()
            }
        }
    }

    /// Starts logging; `TAGTIDE_LOG` overrides the flags (`tagtide=debug`).
    pub(super) fn start(&self) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (_, 0) => "warn,tagtide=info",
            (_, 1) => "warn,tagtide=debug",
            _ => "debug,tagtide=trace",
        };
        let filter = EnvFilter::try_from_env("TAGTIDE_LOG").unwrap_or_else(|_| level.into());
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            // They would be printed by `eprintln!`, which panics if stderr is closed.
            .log_internal_errors(false)
            .with_timer(Seconds)
            .with_ansi(self.colored());
        // A second call in one process (tests) keeps the first logger.
        let _ = match self.log_format {
            LogFormat::Text => builder.with_target(false).try_init(),
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
    }
}

/// UTC to the second, readable by people and log collectors.
struct Seconds;

impl FormatTime for Seconds {
    fn format_time(&self, out: &mut Writer<'_>) -> std::fmt::Result {
        let now = jiff::Timestamp::from_millisecond(Clock::System.now().0).unwrap_or_default();
        write!(out, "{}", now.strftime("%FT%TZ"))
    }
}
