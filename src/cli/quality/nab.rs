//! Benchmark A: the ten series of tweets of the Numenta Anomaly Benchmark (MIT), read from a copy
//! that the user names; its scoring rules, standard profile.
//!
//! A series is counts of five minutes, without authors: so many posts of one tag in one pane. An
//! alert is a new peak of the score; the threshold on it is what is chosen.

use std::path::Path;

use super::{Feeder, Post, START_MS, state};
use crate::state::extracted::Extracted;

const PANE_MS: i64 = 300_000;
const FALSE_ALARM: f64 = 0.11;

/// What an alert at one place of a series is worth.
struct Alert {
    score: f64,
    worth: f64,
    /// The labelled window it lies in.
    window: Option<usize>,
}

struct Series {
    name: String,
    windows: usize,
    alerts: Vec<Alert>,
}

/// Runs it on the copy in `dir`.
pub(super) fn run(dir: &Path, window_ms: i64) -> Result<(), String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
    };
    let labels: serde_json::Value =
        serde_json::from_str(&read(&dir.join("labels/combined_windows.json"))?)
            .map_err(|error| format!("cannot read the labels: {error}"))?;
    let folder = dir.join("data/realTweets");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .map_err(|error| format!("cannot read `{}`: {error}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let windows = labels[format!("realTweets/{name}")].as_array().cloned().unwrap_or_default();
        all.push(series(name, &read(&file)?, &windows, window_ms)?);
    }
    let everything: Vec<&Series> = all.iter().collect();
    let (threshold, best) = best(&everything);
    let mut left_out = 0.0;
    for (number, series) in all.iter().enumerate() {
        let others: Vec<_> =
            all.iter().enumerate().filter(|(n, _)| *n != number).map(|(_, s)| s).collect();
        left_out += raw(&[series], self::best(&others).0);
    }
    let windows: usize = all.iter().map(|series| series.windows).sum();
    for series in &all {
        let own = normal(raw(&[series], threshold), series.windows);
        println!(
            "{:32} {:2} windows, {own:6.1} at the common threshold",
            series.name, series.windows
        );
    }
    println!("best threshold {threshold:.2}: {:.1}", normal(best, windows));
    println!("leave one series out: {:.1}", normal(left_out, windows));
    println!("at the threshold of alerts, 4: {:.1}", normal(raw(&everything, 4.0), windows));
    Ok(())
}

/// 0 = a detector that says nothing, 100 = one that says everything at once and nothing else.
fn normal(raw: f64, windows: usize) -> f64 {
    100.0 * (raw + windows as f64) / (2.0 * windows as f64)
}

fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

fn series(
    name: String,
    csv: &str,
    labels: &[serde_json::Value],
    window_ms: i64,
) -> Result<Series, String> {
    let rows: Vec<(&str, u32)> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(','))
        .map(|(at, count)| Ok((at, count.trim().parse::<f64>().map_err(|e| e.to_string())? as u32)))
        .collect::<Result<_, String>>()?;
    let place = |label: &serde_json::Value| {
        let at = label.as_str().unwrap_or_default().get(..19).unwrap_or_default();
        rows.iter().position(|row| row.0 == at).ok_or(format!("`{name}` has no row at {at}"))
    };
    let mut windows = Vec::new();
    for label in labels {
        windows.push((place(&label[0])?, place(&label[1])?));
    }
    let probation = (rows.len() as f64 * 0.15).floor().min(750.0) as usize;
    let mut alerts = Vec::new();
    for (row, score) in peaks(&rows, window_ms) {
        let window = windows.iter().position(|(first, last)| (*first..=*last).contains(&row));
        if row < probation {
            continue;
        }
        let worth = match window.map(|number| windows[number]) {
            Some((first, last)) => {
                let width = (last - first + 1) as f64;
                sigmoid(-((last - row + 1) as f64) / width) / sigmoid(-1.0)
            }
            None => match windows.iter().rfind(|(_, last)| *last < row) {
                Some((first, last)) => {
                    FALSE_ALARM * sigmoid((row - last) as f64 / (last - first) as f64)
                }
                None => -FALSE_ALARM,
            },
        };
        alerts.push(Alert { score, worth, window });
    }
    let scored = windows.iter().filter(|(_, last)| *last >= probation).count();
    Ok(Series { name, windows: scored, alerts })
}

/// Rows at which the score is a new peak, and the score.
fn peaks(rows: &[(&str, u32)], window_ms: i64) -> Vec<(usize, f64)> {
    let state = state(PANE_MS, window_ms, &[]);
    let mut feeder = Feeder { state, batch: Extracted::default() };
    let mut peaks = Vec::new();
    // Windows are aligned to the clock, so the series begins at its time of day.
    let start = START_MS + rows.first().map_or(0, |row| time_of_day_ms(row.0));
    for (number, &(_, count)) in rows.iter().enumerate() {
        let at = start + number as i64 * PANE_MS;
        let posts = vec![Post { at, tag: 0, author: 0 }; count as usize];
        feeder.feed(&posts, true);
        // The pane of this row closes with the first post beyond it.
        feeder.state.live_until(0, at + PANE_MS);
        feeder.state.show(at + PANE_MS);
        let trending = feeder.state.trending(window_ms);
        if let Some(score) = trending.and_then(|trending| trending.peaked(0)) {
            peaks.push((number, score));
        }
    }
    peaks
}

/// `2015-02-26 21:42:53` -> 21:40, in milliseconds since midnight.
fn time_of_day_ms(at: &str) -> i64 {
    let number = |range| at.get(range).and_then(|digits: &str| digits.parse().ok()).unwrap_or(0);
    let (hours, minutes): (i64, i64) = (number(11..13), number(14..16));
    (hours * 60 + minutes) * 60_000 / PANE_MS * PANE_MS
}

/// The worth of all alerts from `threshold` on: of each window the best, of the others all.
fn raw(all: &[&Series], threshold: f64) -> f64 {
    all.iter()
        .map(|series| {
            let mut best = vec![-1.0_f64; series.windows.max(64)];
            let mut sum = 0.0;
            for alert in series.alerts.iter().filter(|alert| alert.score >= threshold) {
                match alert.window {
                    Some(window) => best[window] = best[window].max(alert.worth),
                    None => sum += alert.worth,
                }
            }
            sum + best[..series.windows].iter().sum::<f64>()
        })
        .sum()
}

/// The threshold at which `all` do best, and how well.
fn best(all: &[&Series]) -> (f64, f64) {
    let scores = all.iter().flat_map(|series| series.alerts.iter().map(|alert| alert.score));
    let tried = scores.map(|score| (score, raw(all, score)));
    let start = (f64::INFINITY, raw(all, f64::INFINITY));
    tried.fold(start, |best, tried| if tried.1 > best.1 { tried } else { best })
}
