//! `dashboard`: the page alone, fed by POSTs to `/updateData` as the original's dashboard is.

use clap::Args as ClapArgs;
use crossbeam_channel::bounded;

use super::exit::{FAILED, Failure, Outcome, USAGE};
use super::flags::Serving;
use super::stub::serve::{self, Fed, Feed};
use super::{execute, signals};
use crate::extract::Rule;

/// Rows that are shown of what was posted.
const TOP: usize = 1_000;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    serving: Serving,
}

pub(super) fn run(args: &Args) -> Outcome {
    let Some(listen) = args.serving.listen()? else {
        return Err(Failure::new(USAGE, "a dashboard has to listen somewhere"));
    };
    let (stop, stopped) = bounded(1);
    signals::install()?.on_stop(move || {
        // The receiver waits for nothing else.
        let _ = stop.send(());
    })?;
    // What is posted carries its `#` already, as words do.
    let options = args.serving.options(TOP, Rule::Words)?;
    let server = serve::start(listen, feed()?, options)?;
    execute::say_where(&server);
    let _ = stopped.recv();
    server.stop();
    Ok(())
}

/// A feed that shows what was posted last.
fn feed() -> Result<Feed, Failure> {
    Fed::feed().ok_or_else(|| Failure::new(FAILED, "the server is not built in yet"))
}
