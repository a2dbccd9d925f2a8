//! `plugbay completions`: prints a script that completes commands, options and paths.

use clap::CommandFactory;

use crate::args::{Args, Completions};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

pub(crate) fn run(args: &Completions, output: Output) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "plugbay", &mut script);
    output.raw_result(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Ok)
}
