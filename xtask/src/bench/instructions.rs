//! Instruction counts of the hot path, by callgrind: unlike times they are the same in every run,
//! so a change of a few percent shows.
//!
//! The counts kept in `crates/bench/counts.json` are those of one compiler and of the AVX2 paths:
//! valgrind knows no AVX-512, so the program chooses AVX2 under it on every processor that has it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use serde_json::json;

use crate::command::{self, Log};
use crate::{place, program};

/// A case may take this much more than is kept before it fails.
const TOLERANCE: f64 = 1.03;
/// Longest time that one case may take.
const LIMIT: Duration = Duration::from_secs(300);
/// Cases that run at once.
const AT_ONCE: usize = 2;

/// Counts by case, and what they hold for.
struct Counts {
    /// Version of the compiler.
    rustc: String,
    /// Case -> instructions.
    instructions: BTreeMap<String, u64>,
}

/// Builds the driver and prints the counts beside those kept. With `keep` they take their place;
/// otherwise a case above the tolerance is an error.
pub(crate) fn measure(log: &Log, keep: bool) -> anyhow::Result<String> {
    let driver = program::build_bench(log)?;
    let now = Counts { rustc: rustc()?, instructions: count(log, &driver)? };
    if keep {
        let Counts { rustc, instructions } = &now;
        let first = first()?;
        let kept = json!({ "rustc": rustc, "instructions": instructions, "e02c95c": first });
        fs::write(file(), serde_json::to_string_pretty(&kept)? + "\n")?;
    }
    let (table, above) = compare(&now, &kept()?, &first()?)?;
    ensure!(
        above.is_empty(),
        "{table}\nmore instructions than are kept: {}\n\
         help: where that is worth it, run `cargo xtask bench --only instructions --keep` and say \
         in the commit why",
        above.join(", ")
    );
    Ok(table)
}

fn file() -> PathBuf {
    place::root().join("crates/bench/counts.json")
}

fn stored() -> anyhow::Result<serde_json::Value> {
    let text = fs::read_to_string(file()).context("cannot read `crates/bench/counts.json`")?;
    Ok(serde_json::from_str(&text)?)
}

/// The counts of commit e02c95c, before the program became several crates. They never change: a
/// series of small increases, each within the tolerance, shows against them.
fn first() -> anyhow::Result<BTreeMap<String, u64>> {
    Ok(serde_json::from_value(stored()?["e02c95c"].clone())?)
}

fn kept() -> anyhow::Result<Counts> {
    let value = stored()?;
    let rustc = value["rustc"].as_str().context("the counts kept name no compiler")?.to_owned();
    let instructions = serde_json::from_value(value["instructions"].clone())?;
    Ok(Counts { rustc, instructions })
}

fn rustc() -> anyhow::Result<String> {
    let version = command::output(Command::new("rustc").current_dir(place::root()).arg("-V"))?;
    let version = String::from_utf8(version)?;
    Ok(version.split_whitespace().nth(1).context("`rustc -V` names no version")?.to_owned())
}

/// The instructions of each case of `driver`.
fn count(log: &Log, driver: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    ensure!(
        flags.split_whitespace().any(|flag| flag == "avx2"),
        "this processor has no AVX2, and the counts kept are those of the AVX2 paths"
    );
    let dir = &place::fresh_dir("xtask/callgrind")?;
    let cases = String::from_utf8(command::output(Command::new(driver).arg("instructions"))?)?;
    let cases: Vec<&str> = cases.lines().collect();
    let mut counts = BTreeMap::new();
    for some in cases.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let run = |case| scope.spawn(move || count_case(log, driver, dir, case));
            let running: Vec<_> = some.iter().map(|&case| (case, run(case))).collect();
            for (case, thread) in running {
                let count = thread.join().map_err(|_| anyhow!("a thread panicked"))??;
                counts.insert(case.to_owned(), count);
            }
            anyhow::Ok(())
        })?;
    }
    Ok(counts)
}

/// Runs one case under callgrind. What else could differ between two runs is fixed: the environment
/// of the process, and from which size on memory is mapped instead of moved when it grows.
fn count_case(log: &Log, driver: &Path, dir: &Path, case: &str) -> anyhow::Result<u64> {
    let report = dir.join(format!("{case}.log"));
    let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let mut valgrind = Command::new("valgrind");
    valgrind.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    valgrind.env("MALLOC_MMAP_THRESHOLD_", "16384");
    valgrind.args(["--tool=callgrind", "--toggle-collect=*measured_region*"]);
    valgrind.arg(option("callgrind-out-file", &dir.join(format!("{case}.out"))));
    valgrind.arg(option("log-file", &report)).arg(driver);
    log.run(valgrind.args([OsStr::new("instructions"), case.as_ref()]), LIMIT)?;
    let report = fs::read_to_string(&report)?;
    let count = collected(&report).with_context(|| format!("callgrind has no count: {report}"))?;
    if count == 0 {
        bail!("callgrind has not found the measured function of `{case}`");
    }
    Ok(count)
}

/// `==17== Collected : 12345` -> 12345.
fn collected(report: &str) -> Option<u64> {
    let (_, after) = report.rsplit_once("Collected : ")?;
    after.split_whitespace().next()?.parse().ok()
}

/// A table of `now` beside `kept`, and the cases above the tolerance.
fn compare(
    now: &Counts,
    kept: &Counts,
    first: &BTreeMap<String, u64>,
) -> anyhow::Result<(String, Vec<String>)> {
    ensure!(
        now.rustc == kept.rustc,
        "the counts kept are those of rustc {}, and this is {}\n\
         help: run `cargo xtask bench --only instructions --keep` before and after the change",
        kept.rustc,
        now.rustc
    );
    let mut table =
        "| case | instructions | kept | ratio | to e02c95c |\n|---|---|---|---|---|\n".to_owned();
    let mut above = Vec::new();
    for (case, &count) in &now.instructions {
        let Some(&kept) = kept.instructions.get(case) else {
            bail!("no count of `{case}` is kept\nhelp: add `--keep`");
        };
        let ratio = count as f64 / kept as f64;
        let to_first = first.get(case).map_or(f64::NAN, |first| count as f64 / *first as f64);
        writeln!(table, "| {case} | {count} | {kept} | {ratio:.4} | {to_first:.4} |")?;
        if ratio > TOLERANCE {
            above.push(case.clone());
        }
    }
    Ok((table, above))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rustc: &str, text: u64) -> Counts {
        let instructions = [("text".to_owned(), text), ("tick".to_owned(), 500)];
        Counts { rustc: rustc.into(), instructions: instructions.into() }
    }

    #[test]
    fn more_than_three_percent_above_is_too_much() {
        let kept = counts("1.95.0", 1_000);
        let first = counts("1.95.0", 2_000).instructions;
        let above = |text| compare(&counts("1.95.0", text), &kept, &first).unwrap().1;
        assert_eq!(above(1_030), Vec::<String>::new());
        assert_eq!(above(1_031), ["text"]);
        assert_eq!(above(500), Vec::<String>::new());
        let (table, _) = compare(&counts("1.95.0", 1_010), &kept, &first).unwrap();
        assert!(table.contains("| text | 1010 | 1000 | 1.0100 | 0.5050 |\n"), "{table}");
    }

    #[test]
    fn counts_of_another_compiler_are_not_compared() {
        let error = compare(&counts("1.96.0", 1_000), &counts("1.95.0", 1_000), &BTreeMap::new());
        let error = error.unwrap_err();
        assert!(error.to_string().contains("rustc 1.95.0, and this is 1.96.0"), "{error}");
    }

    #[test]
    fn the_count_is_read_from_the_report() {
        let report = "==7== \n==7== Events    : Ir\n==7== Collected : 312769492\n==7== \n";
        assert_eq!(collected(report), Some(312_769_492));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
