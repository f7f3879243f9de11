//! `dashboard`: the page alone, fed by POSTs to `/updateData` as the original's dashboard is.

use clap::Args as ClapArgs;
use crossbeam_channel::bounded;

use super::exit::{Failure, Outcome, USAGE};
use super::flags::Serving;
use super::{execute, signals};
use crate::serve::{self, Fed};
use tagtide_extract::Rule;
use tagtide_posts::clock::Clock;

/// Rows that are shown of what was posted.
const TOP: usize = 1_000;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    serving: Serving,
}

pub(super) fn run(args: &Args) -> Outcome {
    let Some(listen) = args.serving.listen()? else {
        let help = "leave `--listen none` out, or give an address";
        let what = format_args!("a dashboard has to listen somewhere\nhelp: {help}");
        return Err(Failure::new(USAGE, what));
    };
    let (stop, stopped) = bounded(1);
    signals::install()?.on_stop(
        move || {
            // The receiver waits for nothing else.
            let _ = stop.send(());
        },
        None,
    )?;
    let options = args.serving.options(TOP, Rule::default())?;
    let server = serve::start(listen, Fed::new(Clock::System).feed(), options)?;
    execute::say_where(&server);
    let _ = stopped.recv();
    server.stop();
    Ok(())
}
