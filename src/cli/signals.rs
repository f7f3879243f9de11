//! Signals: the first Ctrl-C or SIGTERM drains, the second ends at once. SIGHUP rereads the lists
//! of the job file, if there is one.
//!
//! SIGXFSZ gets a handler that does nothing, so that a write beyond the file size limit fails with
//! an error instead of killing the process in the middle of a checkpoint.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit::{FAILED, Failure, INTERRUPTED};

/// Signals received since [`install`], waiting for [`Installed::on_stop`].
pub(super) struct Installed(Signals);

/// Starts catching the signals; they are queued until [`Installed::on_stop`].
pub(super) fn install() -> Result<Installed, Failure> {
    let failed = |error| Failure::new(FAILED, format_args!("cannot handle signals: {error}"));
    Signals::new([SIGINT, SIGTERM]).map(Installed).map_err(failed)
}

impl Installed {
    /// Calls `stop` at the first signal; the second ends the process with 130. Calls `reload` at
    /// each SIGHUP; without it, SIGHUP has its default effect.
    pub(super) fn on_stop(
        mut self,
        stop: impl FnOnce() + Send + 'static,
        reload: Option<Box<dyn Fn() + Send>>,
    ) -> Result<(), Failure> {
        let mut stop = Some(stop);
        if reload.is_some()
            && let Err(error) = self.0.add_signal(SIGHUP)
        {
            tracing::warn!("cannot handle SIGHUP: {error}");
        }
        let watch = move || {
            for signal in &mut self.0 {
                if signal == SIGHUP {
                    reload.iter().for_each(|reload| reload());
                    continue;
                }
                match stop.take() {
                    Some(stop) => {
                        if signal == SIGINT {
                            tracing::info!("draining; Ctrl-C again ends at once");
                        }
                        stop();
                    }
                    None => std::process::exit(i32::from(INTERRUPTED)),
                }
            }
        };
        std::thread::Builder::new()
            .name("tagtide-signals".into())
            .spawn(watch)
            .map(drop)
            .map_err(|error| Failure::new(FAILED, format_args!("cannot start a thread: {error}")))
    }
}

/// Makes a file size limit an error of the write that hits it.
pub(super) fn ignore_file_size_limit() {
    #[cfg(unix)]
    if let Err(error) =
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))
    {
        tracing::warn!("cannot ignore SIGXFSZ: {error}");
    }
}
