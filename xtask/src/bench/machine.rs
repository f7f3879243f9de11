//! Where and when: no figure without it.

use std::fs;
use std::process::Command;

use crate::command::output;
use crate::{clock, place};

/// Processor, cores, memory, system, date and commit, in one line.
pub(super) fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpuinfo, "model name").unwrap_or("unknown processor").to_owned();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = field(&meminfo, "MemTotal").and_then(|value| value.split(' ').next()?.parse().ok());
    let gib = kib.map_or(0.0, |kib: f64| kib / f64::from(1 << 20));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{model}, {cores} cores used, {gib:.0} GiB, Linux {}; {}; commit {}",
        kernel.trim(),
        clock::today(),
        commit()
    )
}

/// `name : value` of the first line that has it.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// Short hash, with `+` where files differ from it.
fn commit() -> String {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        output(git.current_dir(place::root()).args(words)).unwrap_or_default()
    };
    let hash = String::from_utf8_lossy(&git(&["rev-parse", "--short", "HEAD"])).trim().to_owned();
    let changed = !git(&["status", "--porcelain"]).is_empty();
    format!("{hash}{}", if changed { "+" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_read_by_name() {
        let text = "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nmodel name\t: B\n";
        assert_eq!(field(text, "model name"), Some("A CPU @ 2 GHz"));
        assert_eq!(field(text, "flags"), None);
    }
}
