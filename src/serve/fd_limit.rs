//! Fits the limits on connections to the limit of open files.
//!
//! Connections are open files: without this, many clients could leave none for the checkpoint. If
//! the limit cannot be raised far enough, fewer live streams are served, with a warning.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ServeOptions;

/// Open files reserved for sources, sinks and the checkpoint.
const RESERVE: u64 = 256;

/// Raises the limit of open files as far as needed and allowed, and lowers `live_max` if that is
/// not enough.
pub(super) fn fit(mut options: ServeOptions) -> ServeOptions {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current else { return options };
    let wanted = RESERVE + (options.connections_max as u64).saturating_add(options.live_max as u64);
    if wanted <= current {
        return options;
    }
    let raised = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let limit = Rlimit { current: Some(raised), maximum };
    let allowed = if setrlimit(Resource::Nofile, limit).is_ok() { raised } else { current };
    let live_max = live_room(allowed, options.connections_max, options.live_max);
    if live_max < options.live_max {
        tracing::warn!(
            "at most {live_max} live streams: the system allows {allowed} open files\n\
             help: raise it with `ulimit -n {wanted}`, or ask for fewer with `--live-max`"
        );
        options.live_max = live_max;
    }
    options
}

/// Number of live streams that `allowed` open files leave room for, at least one.
fn live_room(allowed: u64, connections_max: usize, live_max: usize) -> usize {
    let room = allowed.saturating_sub(RESERVE + connections_max as u64).max(1);
    usize::try_from(room).unwrap_or(usize::MAX).min(live_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_streams_take_what_is_left() {
        assert_eq!(live_room(1_000_000, 1_024, 8_192), 8_192);
        assert_eq!(live_room(4_096, 1_024, 8_192), 4_096 - 256 - 1_024);
        assert_eq!(live_room(1_024, 1_024, 8_192), 1);
    }

    #[test]
    fn the_default_limits_fit_what_the_system_allows_then() {
        let options = fit(ServeOptions::default());
        let needed = RESERVE + (options.connections_max + options.live_max) as u64;
        let allowed = getrlimit(Resource::Nofile).current;
        assert!(options.live_max == 1 || allowed.is_none_or(|allowed| needed <= allowed));
    }
}
