//! Two programs in turns on the same inputs: `cargo xtask bench --against PROGRAM`.
//!
//! What else the machine does changes from minute to minute, and hits both programs of a turn about
//! alike. So the result is the median over all turns of the ratio within a turn.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, ensure};

use super::everything::EVERYTHING;
use super::jobs::{self, Counting, FULL, PLAIN};
use super::parts::Parts;
use super::{Bench, inputs};

/// Parts that are measured where none is named.
const PARTS: [&str; 5] = ["text", "json", "everything", "ranking", "checkpoint"];

/// Figures of one run by name: times in seconds or milliseconds, memory in MB. Less is better.
type Figures = Vec<(String, f64)>;

/// Measures one part of a program.
type Part<'a> = Box<dyn Fn(&Path) -> anyhow::Result<Figures> + 'a>;

impl Bench<'_> {
    /// Runs this program and `other` in turns, and returns a table of ratios.
    pub(super) fn against(&self, other: &Path) -> anyhow::Result<String> {
        let turns = self.args.runs.max(1);
        let mut table = format!(
            "| figure, medians of {turns} turns | this | other | other / this | middle half |\n\
             |---|---|---|---|---|\n"
        );
        for (name, part) in self.parts()? {
            let (mut this, mut that) = (Vec::new(), Vec::new());
            for turn in 1..=turns {
                eprintln!("{name}, turn {turn} of {turns}");
                // The one that goes first changes, as it may find another machine than the second.
                if turn % 2 == 0 {
                    that.push(part(other)?);
                    this.push(part(&self.program)?);
                } else {
                    this.push(part(&self.program)?);
                    that.push(part(other)?);
                }
            }
            rows(&mut table, &this, &that)?;
        }
        Ok(table)
    }

    fn parts(&self) -> anyhow::Result<Vec<(&'static str, Part<'_>)>> {
        let all = self.args.only.is_empty();
        let wanted = |part: &&str| all || self.wants(part);
        PARTS.into_iter().filter(wanted).map(|name| Ok((name, self.part(name)?))).collect()
    }

    fn part(&self, name: &str) -> anyhow::Result<Part<'_>> {
        let posts = self.args.posts;
        let json_posts = self.args.json_posts;
        Ok(match name {
            "text" => {
                let file = self.inputs.text()?;
                Box::new(move |program| {
                    let plain = count(program, &file, "text", "one window", PLAIN, posts)?;
                    let full = count(program, &file, "text", "five windows", FULL, posts)?;
                    Ok([plain, full].concat())
                })
            }
            "json" => {
                let file = self.inputs.json()?;
                Box::new(move |program| {
                    count(program, &file, "x1", "five windows", FULL, json_posts)
                })
            }
            "everything" => {
                let (plus, json) = (self.inputs.plus()?, self.inputs.json()?);
                Box::new(move |program| {
                    let all = "everything";
                    let posts = inputs::PLUS_POSTS;
                    let plus = count(program, &plus, "text+", all, EVERYTHING, posts)?;
                    let json = count(program, &json, "x1", all, EVERYTHING, json_posts)?;
                    Ok([plus, json].concat())
                })
            }
            "ranking" => Box::new(|program| {
                let printed = Parts::of(program).output("rank")?;
                Ok(vec![("ranking: a tick, ms".into(), figure(&printed, "all: median ")?)])
            }),
            _ => Box::new(|program| {
                let printed = Parts::of(program).output("checkpoint")?;
                [
                    ("checkpoint: durable after, ms", "durable after: median "),
                    ("checkpoint: counting paused, ms", "counting paused: median "),
                    ("checkpoint: recovery, s", "recovery: "),
                ]
                .into_iter()
                .map(|(name, before)| Ok((name.to_owned(), figure(&printed, before)?)))
                .collect()
            }),
        })
    }
}

fn count(
    program: &Path,
    file: &Path,
    format: &str,
    what: &str,
    counting: Counting,
    posts: u64,
) -> anyhow::Result<Figures> {
    let measured = jobs::count_file(program, file, format, counting)?;
    jobs::expect_posts(&measured, posts)?;
    let megabytes = measured.peak_bytes as f64 / 1e6;
    Ok(vec![
        (format!("{format}, {what}: s"), measured.seconds),
        (format!("{format}, {what}: peak MB"), megabytes),
    ])
}

/// The number that follows `before` in what was printed.
fn figure(printed: &str, before: &str) -> anyhow::Result<f64> {
    let after = printed.split_once(before).map(|(_, after)| after);
    let word = after.and_then(|after| after.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).with_context(|| format!("no `{before}` in {printed}"))
}

/// Adds a row for each figure that both programs have.
fn rows(table: &mut String, this: &[Figures], that: &[Figures]) -> anyhow::Result<()> {
    for (number, (name, _)) in this[0].iter().enumerate() {
        let of = |runs: &[Figures]| -> Vec<f64> { runs.iter().map(|run| run[number].1).collect() };
        let (this, that) = (of(this), of(that));
        let ratios: Vec<f64> = this.iter().zip(&that).map(|(this, that)| that / this).collect();
        ensure!(ratios.iter().all(|ratio| ratio.is_finite()), "`{name}` was 0");
        writeln!(
            table,
            "| {name} | {:.2} | {:.2} | {:.3} | {:.3} to {:.3} |",
            quantile(&this, 0.5),
            quantile(&that, 0.5),
            quantile(&ratios, 0.5),
            quantile(&ratios, 0.25),
            quantile(&ratios, 0.75)
        )?;
    }
    Ok(())
}

/// The value below which this part of `values` lies, between two of them in proportion.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = part * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_within_each_turn() {
        // The machine is twice as slow in the second turn; the other is slower by a tenth.
        let runs = |times: [f64; 3]| times.map(|time| vec![("text: s".to_owned(), time)]).to_vec();
        let mut table = String::new();
        rows(&mut table, &runs([1.0, 2.0, 1.1]), &runs([1.1, 2.2, 1.21])).unwrap();
        assert_eq!(table, "| text: s | 1.10 | 1.21 | 1.100 | 1.100 to 1.100 |\n");
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert_eq!(quantile(&[4.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0], 0.5), 1.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.75), 4.0);
        assert_eq!(quantile(&[7.0], 0.25), 7.0);
    }

    #[test]
    fn figures_are_read_from_what_the_measurements_print() {
        let printed = "40 epochs\ndurable after: median 12.5 ms, largest 30.0 ms\n\
                       recovery: 1.25 s, 100 bytes";
        assert_eq!(figure(printed, "durable after: median ").unwrap(), 12.5);
        assert_eq!(figure(printed, "recovery: ").unwrap(), 1.25);
        assert!(figure(printed, "paused: ").is_err());
    }
}
