//! The `plugbay` command: run, call, inspect, check and build plugins.
//!
//! A library only so that the project's end-to-end tests build the same program; there is no API but [`main`].
//!
//! The way through it: `args` (what was typed) → one file per command in `command` → `output` and `error` (what
//! is told) → `exit` (the code). `host` is where the command line becomes a runtime; nothing else decides how plugins
//! run. Finding plugins and building Rust crates is the crate `plugbay-project`, which the harness for authors uses too.

mod args;
mod command;
mod error;
mod exit;
mod help;
mod host;
mod log;
mod output;
mod payload;
mod progress;
mod shape;
mod stats;
mod units;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use error::Error;
use exit::Exit;
use output::Output;

/// Runs the command line of this process and gives its exit code.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let output = Output { json: args.common.json, quiet: args.common.quiet };
    run(&args, output).unwrap_or_else(|error| {
        error.report(output);
        Exit::from(&error).into()
    })
}

fn run(args: &Args, output: Output) -> Result<ExitCode, Error> {
    let common = &args.common;
    let exit = match &args.command {
        Command::Run(args) => command::run::run(args, common, output)?,
        Command::Call(args) => command::call::run(args, common, output)?,
        Command::Inspect(args) => command::inspect::run(args, common, output)?,
        Command::Check(args) => command::check::run(args, common, output)?,
        Command::New(args) => command::new::run(args, output)?,
        Command::Build(args) => command::build::run(args, common, output)?,
        Command::Test(args) => command::test::run(args, common, output)?,
        Command::Schema(args) => command::schema::run(args, output)?,
        Command::Completions(args) => command::completions::run(args, output)?,
        Command::Doctor(args) => command::doctor::run(args, output)?,
        Command::CompileWorker => return Ok(plugbay::compile_worker()),
    };
    Ok(exit.into())
}

/// Help and version on standard output; a mistake on standard error, or as JSON where the line asks for it.
fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let text = error.render().to_string();
        Error::Usage(text.trim_start_matches("error: ").trim_end().to_owned()).report(Output { json, quiet: true });
        return Exit::Usage.into();
    }
    // Nobody to read it is no reason to fail.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() }
}
