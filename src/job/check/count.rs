//! `[count]`: windows, panes, modes.

use std::time::Duration;

use crate::job::CountPlan;
use crate::job::schema::CountJob;
use crate::job::units::{self, Scalar, show_duration};
use tagtide_sources::options::{Checker, Field};
use tagtide_trends::rank::Mode;
use tagtide_trends::score::trending;
use tagtide_trends::window::ring::fits_minutes;

/// Beyond this age, panes are merged to one minute.
const FINE: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
/// Most windows of a job.
const WINDOWS_MAX: usize = 16;
/// The longest window.
const WINDOW_MAX: Duration = Duration::from_hours(7 * 24);

/// Windows of a job that does not set any.
pub const WINDOWS: [&str; 5] = ["1m", "5m", "15m", "1h", "24h"];

/// Modes and their names.
const MODES: [(&str, Mode); Mode::ALL.len()] = {
    let mut names = [("", Mode::Total); Mode::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = (Mode::ALL[at].name(), Mode::ALL[at]);
        at += 1;
    }
    names
};
/// Modes of a job that does not set any.
const USUAL: [Mode; 2] = [Mode::Total, Mode::Count];
/// The same, for a job with a platform as source.
const USUAL_LIVE: [Mode; 4] = [Mode::Trending, Mode::Count, Mode::Authors, Mode::Total];

/// Checks `[count]`. `platform`: whether a source is a platform.
pub(super) fn check(checker: &mut Checker, job: &CountJob, platform: bool) -> CountPlan {
    let pane = checker.bounded(
        job.pane.as_ref(),
        units::duration,
        Duration::from_secs(10),
        (Duration::from_millis(100), FINE),
        "a pane must be between `100ms` and `1h`",
    );
    let windows = windows(checker, job, pane);
    let lateness = checker.bounded(
        job.lateness.as_ref(),
        units::duration,
        Duration::from_secs(10),
        (Duration::ZERO, FINE),
        "at most `1h`",
    );
    let modes = modes(checker, job, platform);
    let window = default_window(checker, job, &windows);
    let can_ask = |window: &&Duration| trending::can_ask(ms(**window), ms(pane));
    let scored = platform && modes.contains(&Mode::Trending) && can_ask(&&window);
    let default = (default_mode(checker, job, &modes, scored), window);
    let asked: Vec<Duration> = windows.iter().filter(can_ask).copied().collect();
    check_scored(checker, job, (&modes, default), (&windows, &asked));
    let top = checker.bounded(
        job.top.as_ref(),
        units::count,
        10,
        (1, 100_000_000),
        "between 1 and 100000000",
    );
    let top = usize::try_from(top).unwrap_or(usize::MAX);
    CountPlan { pane, windows, lateness, modes, default, top }
}

/// Windows ascending, each once, each a whole number of panes.
fn windows(checker: &mut Checker, job: &CountJob, pane: Duration) -> Vec<Duration> {
    let Some(fields) = &job.windows else {
        let read = |window: &str| units::duration(&Scalar::Text(window.to_owned())).ok();
        let all = WINDOWS.into_iter().filter_map(read);
        let fits: Vec<_> = all.filter(|window| misfit(*window, pane).is_none()).collect();
        if fits.is_empty() {
            let place = job.pane.as_ref().map_or_else(|| checker.job.clone(), |f| f.place.clone());
            let what = "no window of the default list is a whole number of panes";
            checker.problem(&place, what, "set `count.windows`, or another `count.pane`");
        }
        return fits;
    };
    let mut windows: Vec<Duration> = Vec::new();
    for field in fields {
        let Some(window) = checker.optional(Some(field), units::duration) else { continue };
        let shown = show_duration(window);
        if let Some((what, help)) = misfit(window, pane) {
            checker.problem(&field.place, format!("window `{shown}` {what}"), help);
        } else if windows.contains(&window) {
            checker.problem(&field.place, format!("window `{shown}` is listed twice"), "");
        } else if windows.last().is_some_and(|last| *last > window) {
            let what = format!("window `{shown}` is listed after a longer one");
            checker.problem(&field.place, what, "list windows from short to long");
        }
        windows.push(window);
    }
    if let Some(first) = fields.get(WINDOWS_MAX) {
        checker.problem(&first.place, format!("more than {WINDOWS_MAX} windows"), "");
    }
    if fields.is_empty() {
        let place = checker.job.clone();
        checker.problem(&place, "`count.windows` is empty", "name at least one, like `[\"1h\"]`");
    }
    windows
}

/// Why `window` cannot be made of panes of this length, and a hint.
fn misfit(window: Duration, pane: Duration) -> Option<(String, String)> {
    let (window_ms, pane_ms) = (window.as_millis(), pane.as_millis());
    let (window_s, shown) = (window_ms % 1_000 == 0, show_duration(pane));
    if window.is_zero() || !window_s || window > WINDOW_MAX {
        let help = "windows are whole seconds, up to `7d`".to_owned();
        return Some(("is out of bounds".to_owned(), help));
    }
    if !window_ms.is_multiple_of(pane_ms) {
        let what = format!("is not a whole number of panes of `{shown}`");
        return Some((what, "change it, or set `count.pane` to a divisor of every window".into()));
    }
    if window > FINE && !window_ms.is_multiple_of(MINUTE.as_millis()) {
        let what = "is longer than `1h` and not a whole number of minutes".to_owned();
        return Some((what, "beyond one hour, panes are merged to one minute".into()));
    }
    if window > FINE && !fits_minutes(ms(pane)) {
        let what = format!("is longer than `1h`, and panes of `{shown}` do not divide a minute");
        return Some((what, "set `count.pane` to `10s`, or use windows up to `1h`".into()));
    }
    None
}

fn ms(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// Modes that compare a tag with its past support only the windows `asked`. A mode that is named
/// must support at least one, and the default mode must support the default window.
fn check_scored(
    checker: &mut Checker,
    job: &CountJob,
    (modes, (mode, window)): (&[Mode], (Mode, Duration)),
    (windows, asked): (&[Duration], &[Duration]),
) {
    let help = "it supports windows from four panes to `6h`; for windows above `15m` a pane must \
                divide a minute, like `10s`, or be a whole number of minutes";
    let named = job.modes.iter().flatten().zip(modes).filter(|(_, mode)| mode.is_scored());
    if asked.is_empty() {
        for (field, mode) in named {
            let what = format!("mode `{}` supports none of the job's windows", mode.name());
            checker.problem(&field.place, what, help);
        }
    } else if let Some(field) = job.mode.as_ref().filter(|_| mode.is_scored())
        && windows.contains(&window)
        && !asked.contains(&window)
    {
        let (mode, window) = (mode.name(), show_duration(window));
        let what = format!("mode `{mode}` does not support the default window `{window}`");
        checker.problem(&field.place, what, help);
    }
}

fn modes(checker: &mut Checker, job: &CountJob, platform: bool) -> Vec<Mode> {
    let usual = if platform { &USUAL_LIVE[..] } else { &USUAL };
    let Some(fields) = &job.modes else { return usual.to_vec() };
    let mut modes = Vec::new();
    for field in fields {
        let before = checker.problems.len();
        let word = Field { value: field.value.to_string(), place: field.place.clone() };
        let mode = checker.word(Some(&word), &MODES, Mode::Total);
        if checker.problems.len() > before {
            continue;
        }
        if modes.contains(&mode) {
            checker.problem(&field.place, format!("mode `{}` is listed twice", field.value), "");
        } else {
            modes.push(mode);
        }
    }
    if fields.is_empty() {
        let place = checker.job.clone();
        checker.problem(&place, "`count.modes` is empty", "name at least one, like `[\"count\"]`");
    }
    modes
}

/// The mode shown by default: unless the job sets it, `trending` for a platform (`scored`).
fn default_mode(checker: &mut Checker, job: &CountJob, modes: &[Mode], scored: bool) -> Mode {
    let first = modes.first().copied().unwrap_or(Mode::Total);
    let usual = if scored {
        Mode::Trending
    } else if modes.contains(&Mode::Count) {
        Mode::Count
    } else {
        first
    };
    let before = checker.problems.len();
    let mode = checker.word(job.mode.as_ref(), &MODES, usual);
    if let Some(field) = &job.mode
        && checker.problems.len() == before
        && !modes.contains(&mode)
    {
        let what = format!("mode `{}` is not among the modes of the job", field.value);
        checker.problem(&field.place, what, "add it to `count.modes`");
    }
    mode
}

fn default_window(checker: &mut Checker, job: &CountJob, windows: &[Duration]) -> Duration {
    let hour = windows.iter().find(|window| **window == FINE);
    let usual = hour.or(windows.last()).copied().unwrap_or(FINE);
    let Some(window) = checker.optional(job.window.as_ref(), units::duration) else { return usual };
    if let Some(field) = &job.window
        && !windows.contains(&window)
        && !windows.is_empty()
    {
        let shown: Vec<_> = windows.iter().map(|w| show_duration(*w)).collect();
        let what = format!("window `{}` is not among the windows of the job", field.value);
        let help = format!("one of {}, or add it to `count.windows`", shown.join(" "));
        checker.problem(&field.place, what, help);
    }
    window
}
