//! `dashboard`: serves only the page, with counts posted to `/updateData` as in the original.

use clap::Args as ClapArgs;
use crossbeam_channel::bounded;

use super::exit::{Failure, Outcome, USAGE};
use super::flags::Serving;
use super::{run_job, signals};
use crate::serve::{self, PostedRanking};
use tagtide_extract::Rule;
use tagtide_posts::clock::Clock;

/// Rows shown of a posted ranking.
const TOP: usize = 1_000;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    serving: Serving,
}

pub(super) fn run(args: &Args) -> Outcome {
    let Some(listen) = args.serving.listen()? else {
        let help = "remove `--listen none`, or name an address";
        let what = format_args!("a dashboard must listen somewhere\nhelp: {help}");
        return Err(Failure::new(USAGE, what));
    };
    let (stop, stopped) = bounded(1);
    signals::install()?.on_stop(
        move || {
            // A failure means that the receiver is gone, and with it the server.
            let _ = stop.send(());
        },
        None,
    )?;
    let options = args.serving.options(TOP, Rule::default())?;
    let server = serve::start(listen, PostedRanking::new(Clock::System).feed(), options)?;
    run_job::log_address(&server);
    let _ = stopped.recv();
    server.stop();
    Ok(())
}
