//! `cargo xtask bench`: speed, memory, checkpoint and latency of the release build, as a Markdown
//! table for docs/performance.md.
//!
//! Each figure is the best of `--runs` runs, taken from outside the process. Two more rows bound
//! the speed on the same file: `wc -l`, and a bare scan that finds tags but does not count them.
//! With `--against` two programs run in turns, and the table has the ratios.

mod against;
mod everything;
mod flood;
mod inputs;
mod instructions;
mod jobs;
mod latency;
mod live;
mod machine;
mod parts;
mod spark;
mod table;
mod tcp;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::command::Log;
use crate::program;
use inputs::Inputs;
pub(crate) use instructions::measure as instructions;
use jobs::Measured;
use parts::Parts;
use table::{Row, Table};

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct BenchArgs {
    /// Text posts.
    #[arg(long, default_value_t = 20_000_000)]
    posts: u64,
    /// Full v1.1 JSON posts.
    #[arg(long, default_value_t = 2_000_000)]
    json_posts: u64,
    /// Runs of each measurement; the best counts.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Measure the original Spark job beside.
    #[arg(long)]
    spark: bool,
    /// Measure only these parts: text, json, tcp, memory, checkpoint, ranking, everything, flood,
    /// live, latency, instructions (may be repeated, or separated by commas).
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<String>,
    /// Keep the counts of `--only instructions` as those that later ones are compared with.
    #[arg(long)]
    keep: bool,
    /// Measure this program instead of building one; `tagtide-bench` has to be in its folder.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Run this other program in turns with it, `--runs` times each, and print the medians of the
    /// ratios. Parts: text, json, everything, ranking, checkpoint.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// Longest time that one measured process may take.
const LIMIT: Duration = Duration::from_secs(900);

/// What every measurement needs.
struct Bench<'a> {
    args: &'a BenchArgs,
    program: PathBuf,
    inputs: Inputs,
}

/// Runs the chore.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let log = Log::create("bench")?;
    if args.only.iter().all(|only| only == "instructions") && !args.only.is_empty() {
        println!("{}", instructions::measure(&log, args.keep)?);
        return Ok(ExitCode::SUCCESS);
    }
    let program = match &args.program {
        Some(program) => program.clone(),
        None => {
            eprintln!("building the release profile");
            program::build_bench(&log)?;
            program::build(&log, true, &[])?
        }
    };
    let inputs = Inputs::new(&program, args.posts, args.json_posts)?;
    let bench = Bench { args, program, inputs };
    println!("{}", machine::describe());
    if let Some(other) = &args.against {
        println!("{}", bench.against(other)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::default();
    let measured = bench.measure(&log, &mut table);
    // What was measured before a failure took minutes, and is as good as ever.
    println!("{table}");
    measured.map(|()| ExitCode::SUCCESS)
}

impl Bench<'_> {
    fn measure(&self, log: &Log, table: &mut Table) -> anyhow::Result<()> {
        if self.wants("text") {
            self.file(table, "text", &self.inputs.text()?, self.args.posts)?;
        }
        if self.wants("json") {
            self.file(table, "x1", &self.inputs.json()?, self.args.json_posts)?;
        }
        if self.wants("tcp") {
            self.tcp(table)?;
        }
        if self.wants("memory") {
            self.memory(table)?;
        }
        if self.wants("checkpoint") {
            self.part_of(table, "Checkpoint", "checkpoint")?;
        }
        if self.wants("ranking") {
            self.part_of(table, "Rankings", "rank")?;
        }
        if self.wants("everything") {
            let (plus, json) = (self.inputs.plus()?, self.inputs.json()?);
            for (file, format, posts) in
                [(&plus, "text+", inputs::PLUS_POSTS), (&json, "x1", self.args.json_posts)]
            {
                let both = (file.as_path(), format);
                table.note(everything::measure(&self.program, both, posts, self.args.runs)?);
            }
        }
        if self.wants("flood") {
            table.note(flood::measure(&self.program)?);
        }
        if self.wants("live") {
            table.note(live::measure(&self.program)?);
        }
        if self.wants("latency") {
            table.note(latency::measure(&self.program)?);
        }
        if self.wants("instructions") {
            table.note(instructions::measure(log, self.args.keep)?);
        }
        if self.args.spark {
            table.note(spark::measure(log, &self.program)?);
        }
        Ok(())
    }

    fn wants(&self, part: &str) -> bool {
        self.args.only.is_empty() || self.args.only.iter().any(|only| only == part)
    }

    /// Best of the runs; each is announced on standard error.
    fn best(
        &self,
        what: &str,
        mut once: impl FnMut() -> anyhow::Result<Measured>,
    ) -> anyhow::Result<Measured> {
        let mut best: Option<Measured> = None;
        for run in 1..=self.args.runs.max(1) {
            eprint!("{what}, run {run}: ");
            let measured = once().with_context(|| what.to_owned())?;
            eprintln!("{:.2} s", measured.seconds);
            if best.as_ref().is_none_or(|best| measured.seconds < best.seconds) {
                best = Some(measured);
            }
        }
        best.context("no run")
    }

    /// One file: what bounds it, then with nothing else on, then with everything on.
    fn file(&self, table: &mut Table, format: &str, file: &Path, posts: u64) -> anyhow::Result<()> {
        let wc = self.best(&format!("{format}: wc -l"), || jobs::wc(file))?;
        let scan = self.best(&format!("{format}: bare scan"), || {
            jobs::bare_scan(&Parts::of(&self.program), file, format)
        })?;
        let mut row = |what: String, measured: &Measured| {
            table.row(Row::new(what, posts, measured).beside(&wc, &scan));
        };
        row(format!("{format} file: `wc -l`"), &wc);
        row(format!("{format} file: bare scan"), &scan);
        for (what, counting) in
            [("one window", jobs::PLAIN), ("five windows, checkpoint", jobs::FULL)]
        {
            let name = format!("{format}: {what}");
            let measured = self.best(&name, || {
                let measured = jobs::count_file(&self.program, file, format, counting)?;
                jobs::expect_posts(&measured, posts)?;
                Ok(measured)
            })?;
            let epochs =
                measured.epochs.map_or(String::new(), |epochs| format!(", {epochs} epochs"));
            row(format!("{format} file: {what}{epochs}"), &measured);
        }
        Ok(())
    }

    fn tcp(&self, table: &mut Table) -> anyhow::Result<()> {
        let file = self.inputs.text()?;
        let measured =
            self.best("text over TCP", || tcp::measure(&self.program, &file, self.args.posts))?;
        let what = "text over one TCP connection: five windows, checkpoint".to_owned();
        table.row(Row::new(what, measured.posts, &measured));
        Ok(())
    }

    fn memory(&self, table: &mut Table) -> anyhow::Result<()> {
        let file = self.inputs.distinct()?;
        let measured = jobs::count_file(&self.program, &file, "text", jobs::PLAIN)?;
        jobs::expect_posts(&measured, inputs::DISTINCT_POSTS)?;
        table.note(format!(
            "Peak memory with {} distinct tags and one window: {:.0} MB.",
            measured.distinct,
            measured.peak_bytes as f64 / 1e6
        ));
        Ok(())
    }

    /// What a command of `tagtide-bench` prints.
    fn part_of(&self, table: &mut Table, what: &str, command: &str) -> anyhow::Result<()> {
        let text = Parts::of(&self.program).output(command)?;
        table.note(format!("{what}:\n\n```\n{text}\n```"));
        Ok(())
    }
}
