//! Benchmark A: the ten series of tweets of the Numenta Anomaly Benchmark (MIT), read from a copy
//! that the user names; its scoring rules, standard profile.
//!
//! A series is counts of five minutes, without authors: so many posts of one tag in one pane. An
//! alert is a new peak of the score; the threshold on it is what is chosen.

use std::path::Path;

use anyhow::Context;

use super::{Feeder, Post, START_MS, state};
use tagtide_trends::score::formula::PEAK;
use tagtide_trends::state::extracted_batch::ExtractedBatch;

const PANE_MS: i64 = 300_000;
const FALSE_ALARM: f64 = 0.11;

/// What an alert at one place of a series is worth.
struct Alert {
    score: f64,
    worth: f64,
    /// The labelled window it lies in.
    window: Option<usize>,
}

/// Counts of five minutes, and the rows between which something is labelled.
struct Series {
    start: String,
    counts: Vec<u32>,
    labels: Vec<(usize, usize)>,
}

/// The alerts of a series, and how many windows of it are labelled.
struct Alerts {
    windows: usize,
    alerts: Vec<Alert>,
}

/// Runs it on the copy in `dir`.
pub(super) fn run(dir: &Path, window_ms: i64) -> anyhow::Result<()> {
    let cannot_read = |path: &Path| format!("cannot read `{}`", path.display());
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| cannot_read(path));
    let labels: serde_json::Value =
        serde_json::from_str(&read(&dir.join("labels/combined_windows.json"))?)
            .context("cannot read the labels")?;
    let folder = dir.join("data/realTweets");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .with_context(|| cannot_read(&folder))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    files.sort();
    let mut series = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let windows = labels[format!("realTweets/{name}")].as_array().cloned().unwrap_or_default();
        series.push(Series::read(&name, &read(&file)?, &windows)?);
    }
    println!(
        "{:28} {:>14} {:>16} {:>18}",
        "series begin", "best threshold", "leave one out", "threshold 4"
    );
    say("at their time of day", &[Figures::of(&series, window_ms, Series::time_of_day_ms)]);
    say("at midnight", &[Figures::of(&series, window_ms, |_| 0)]);
    // Windows are aligned to the clock, and when a series begins is chance.
    let places = 16_i64;
    let shifted = |n| Figures::of(&series, window_ms, |_| n * 4 * window_ms / places);
    let all: Vec<Figures> = (0..places).map(shifted).collect();
    say(&format!("at {places} places of 4 W, mean"), &all);
    Ok(())
}

/// How well the alerts do: 0 = a detector that says nothing, 100 = one that says everything at once
/// and nothing else.
struct Figures {
    threshold: f64,
    best: f64,
    left_out: f64,
    at_peak: f64,
}

impl Figures {
    fn of(series: &[Series], window_ms: i64, start_ms: impl Fn(&Series) -> i64) -> Self {
        let windows: usize = series.iter().map(|series| series.labels.len()).sum();
        let normal = |raw: f64| 100.0 * (raw + windows as f64) / (2.0 * windows as f64);
        let all: Vec<Alerts> =
            series.iter().map(|series| series.alerts(window_ms, start_ms(series))).collect();
        let (threshold, best) = best(&all.iter().collect::<Vec<_>>());
        let mut left_out = 0.0;
        for (number, alerts) in all.iter().enumerate() {
            let others = all.iter().enumerate().filter(|(n, _)| *n != number).map(|(_, a)| a);
            left_out += raw(&[alerts], self::best(&others.collect::<Vec<_>>()).0);
        }
        let at_peak = normal(raw(&all.iter().collect::<Vec<_>>(), PEAK));
        Self { threshold, best: normal(best), left_out: normal(left_out), at_peak }
    }
}

fn say(what: &str, all: &[Figures]) {
    let mean = |of: fn(&Figures) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    println!(
        "{what:28} {:6.1} at {:4.2} {:16.1} {:18.1}",
        mean(|f| f.best),
        mean(|f| f.threshold),
        mean(|f| f.left_out),
        mean(|f| f.at_peak)
    );
}

fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

impl Series {
    fn read(name: &str, csv: &str, labels: &[serde_json::Value]) -> anyhow::Result<Self> {
        let lines = csv.lines().skip(1).filter_map(|line| line.split_once(','));
        let (times, counts): (Vec<&str>, Vec<&str>) = lines.unzip();
        let count = |count: &&str| count.trim().parse().with_context(|| format!("`{name}`"));
        let counts = counts.iter().map(count).collect::<anyhow::Result<Vec<f64>>>()?;
        let place = |label: &serde_json::Value| {
            let at = label.as_str().unwrap_or_default().get(..19).unwrap_or_default();
            let row = times.iter().position(|time| *time == at);
            row.with_context(|| format!("`{name}` has no row at {at}"))
        };
        let labels = labels.iter().map(|label| Ok((place(&label[0])?, place(&label[1])?)));
        Ok(Self {
            start: times.first().copied().unwrap_or_default().to_owned(),
            labels: labels.collect::<anyhow::Result<_>>()?,
            counts: counts.into_iter().map(|count| count as u32).collect(),
        })
    }

    /// `2015-02-26 21:42:53` -> 21:40, in milliseconds since midnight.
    fn time_of_day_ms(&self) -> i64 {
        let number = |range: std::ops::Range<usize>| -> i64 {
            self.start.get(range).and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        let (hours, minutes) = (number(11..13), number(14..16));
        (hours * 60 + minutes) * 60_000 / PANE_MS * PANE_MS
    }

    /// Its alerts where it begins so long after midnight.
    fn alerts(&self, window_ms: i64, start_ms: i64) -> Alerts {
        let start_ms = START_MS + start_ms / PANE_MS * PANE_MS;
        let probation = (self.counts.len() as f64 * 0.15).floor().min(750.0) as usize;
        let peaks = peaks(&self.counts, window_ms, start_ms).into_iter();
        let alerts = peaks.filter(|(row, _)| *row >= probation);
        let alerts = alerts.map(|(row, score)| self.alert(row, score)).collect();
        Alerts { windows: self.labels.len(), alerts }
    }

    fn alert(&self, row: usize, score: f64) -> Alert {
        let window = self.labels.iter().position(|(first, last)| (*first..=*last).contains(&row));
        let worth = match window.map(|number| self.labels[number]) {
            Some((first, last)) => {
                let width = (last - first + 1) as f64;
                sigmoid(-((last - row + 1) as f64) / width) / sigmoid(-1.0)
            }
            None => match self.labels.iter().rfind(|(_, last)| *last < row) {
                Some((first, last)) => {
                    FALSE_ALARM * sigmoid((row - last) as f64 / (last - first) as f64)
                }
                None => -FALSE_ALARM,
            },
        };
        Alert { score, worth, window }
    }
}

/// Rows at which the score is a new peak, and the score.
fn peaks(counts: &[u32], window_ms: i64, start_ms: i64) -> Vec<(usize, f64)> {
    let state = state((PANE_MS, window_ms), false);
    let mut feeder = Feeder { state, batch: ExtractedBatch::default() };
    let mut peaks = Vec::new();
    for (number, &count) in counts.iter().enumerate() {
        let at = start_ms + number as i64 * PANE_MS;
        let posts = vec![Post { at, tag: 0, author: 0 }; count as usize];
        feeder.feed(&posts, true, &mut ());
        // The pane of this row closes with the first post beyond it.
        feeder.state.live_until(0, at + PANE_MS);
        feeder.state.show(at + PANE_MS, &mut ());
        let trending = feeder.state.trending(window_ms);
        if let Some(score) = trending.and_then(|trending| trending.peaked(0)) {
            peaks.push((number, score));
        }
    }
    peaks
}

/// The worth of all alerts from `threshold` on: of each window the best, of the others all.
fn raw(all: &[&Alerts], threshold: f64) -> f64 {
    all.iter()
        .map(|series| {
            let mut best = vec![-1.0_f64; series.windows];
            let mut sum = 0.0;
            for alert in series.alerts.iter().filter(|alert| alert.score >= threshold) {
                match alert.window {
                    Some(window) => best[window] = best[window].max(alert.worth),
                    None => sum += alert.worth,
                }
            }
            sum + best.iter().sum::<f64>()
        })
        .sum()
}

/// The threshold at which `all` do best, and how well.
fn best(all: &[&Alerts]) -> (f64, f64) {
    let scores = all.iter().flat_map(|series| series.alerts.iter().map(|alert| alert.score));
    let tried = scores.map(|score| (score, raw(all, score)));
    let start = (f64::INFINITY, raw(all, f64::INFINITY));
    tried.fold(start, |best, tried| if tried.1 > best.1 { tried } else { best })
}
