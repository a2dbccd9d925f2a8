//! The `plugbay` command: runs, calls, inspects, checks, creates, builds, tests, installs and publishes plugins.
//!
//! It is a library only so that the end-to-end tests build the same program. Its API is [`main`] alone.
//!
//! A command goes through `args` (the arguments), one file in `command`, `output` and `error` (what is printed) and
//! `exit` (the exit code). `host` turns the command line into a runtime; no other file decides how plugins run. The
//! crate `plugbay-project` finds plugins and builds Rust crates, for this crate and for the authors' test harness.

#![forbid(unsafe_code)]

mod advice;
mod args;
mod catalog;
mod command;
mod consent;
mod error;
mod exit;
mod help;
mod host;
mod host_log;
mod log;
mod open_files;
mod output;
mod password;
mod payload;
mod progress;
mod remote;
mod server_client;
mod shape;
mod sign_in;
mod signal;
mod stats;
mod stderr;
mod table;
mod units;

use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use args::{Args, Command};
use error::Error;
use exit::Exit;
use output::Output;

/// Runs the command line of this process and returns its exit code.
pub fn main() -> ExitCode {
    if let Some(code) = plugbay::compile::compile_worker_if_asked() {
        return code;
    }
    let args = match parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let output = Output { json: args.common.json, quiet: args.common.quiet };
    // A host shows it when it knows whether traces are exported.
    if !matches!(args.command, Command::Serve(_) | Command::Mcp(_)) {
        host_log::show(args.common.log_threshold(), args.common.quiet);
    }
    let exit = run(&args, output).unwrap_or_else(|error| {
        error.report(output);
        Exit::from(&error)
    });
    stderr::flush();
    exit.into()
}

fn run(args: &Args, output: Output) -> Result<Exit, Error> {
    let common = &args.common;
    match &args.command {
        Command::Run(args) => command::run::run(args, common, output),
        Command::Call(args) => command::call::run(args, common, output),
        Command::Inspect(args) => command::inspect::run(args, common, output),
        Command::Check(args) => command::check::run(args, common, output),
        Command::Dev(args) => command::dev::run(args, common, output),
        Command::Serve(args) => command::serve::run(args, common, output),
        Command::Mcp(args) => command::mcp::run(args, common, output),
        Command::New(args) => command::new::run(args, output),
        Command::Build(args) => command::build::run(args, common, output),
        Command::Test(args) => command::test::run(args, common, output),
        Command::Install(args) => command::install::run(args, output),
        Command::Update(args) => command::update::run(args, output),
        Command::Rollback(args) => command::rollback::run(args, output),
        Command::Remove(args) => command::remove::run(args, output),
        Command::Enable(args) => command::enable::enable(args, output),
        Command::Disable(args) => command::enable::disable(args, output),
        Command::List(args) => command::list::run(args, output),
        Command::Status(args) => command::status::run(args, output),
        Command::Events(args) => command::events::run(args, output),
        Command::Publish(args) => command::publish::run(args, output),
        Command::Sign(args) => command::sign::run(args, output),
        Command::Keygen(args) => command::keygen::run(args, output),
        Command::Logs(args) => command::logs::run(args, output),
        Command::Ps(args) => command::processes::list(args, output),
        Command::Start(args) => command::processes::order(args, "start", output),
        Command::Stop(args) => command::processes::order(args, "stop", output),
        Command::Restart(args) => command::processes::order(args, "restart", output),
        Command::Block(args) => command::processes::order(args, "block", output),
        Command::Unblock(args) => command::processes::order(args, "unblock", output),
        Command::Token(args) => command::token::run(args, output),
        Command::Schema(args) => command::schema::run(args, output),
        Command::Wit(args) => command::wit::run(args, output),
        Command::Completions(args) => command::completions::run(args, output),
        Command::Doctor(args) => command::doctor::run(args, output),
    }
}

fn parse() -> Result<Args, clap::Error> {
    let mut command = without_empty_variables(Args::command());
    let parsed = command.try_get_matches_from_mut(std::env::args_os()).and_then(|typed| Args::from_arg_matches(&typed));
    parsed.map_err(|error| {
        let commands: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let error = with_nearest_command(error, &commands);
        with_quoting(with_its_variable(error.format(&mut command)))
    })
}

/// Ignores variables that are set to an empty text, as shells and service files do to unset them.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(without_empty_variables)
}

/// Adds the variable's name to the error if the invalid value comes from a variable, which the user did not type. Only
/// PLUGBAY_LOG is validated while parsing.
fn with_its_variable(mut error: clap::Error) -> clap::Error {
    let about_the_level = matches!(error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(argument)) if argument.starts_with("--log-level"));
    let typed = std::env::args_os().any(|argument| argument.to_string_lossy().starts_with("--log-level"));
    if about_the_level && !typed {
        let tip = "it comes from the environment variable PLUGBAY_LOG".into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// Suggests the command that was meant by one in which two letters changed places, which clap does not find.
fn with_nearest_command(mut error: clap::Error, commands: &[&str]) -> clap::Error {
    let nearest = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            plugbay::manifest::nearest(typed, commands.iter().copied())
        }
        _ => None,
    };
    if let Some(nearest) = nearest {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![nearest.to_owned()]));
    }
    error
}

/// A payload that a shell has split at its spaces looks like arguments that `run` does not have.
fn with_quoting(mut error: clap::Error) -> clap::Error {
    let command = std::env::args_os().skip(1).find(|argument| !argument.to_string_lossy().starts_with('-'));
    let is_word = matches!(error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(argument)) if !argument.starts_with('-'));
    if error.kind() == ErrorKind::UnknownArgument && is_word && command.is_some_and(|command| command == "run") {
        let tip = "the payload is one argument: quote it for the shell, as in '{\"name\": \"Ada\"}'".into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// Prints help and version on standard output, and a usage error like any other error. Its text quotes the arguments,
/// so it is escaped.
fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    let output = Output { json, quiet: true };
    if error.use_stderr() {
        let text = error.render().to_string();
        Error::Usage(text.trim_start_matches("error: ").trim_end().to_owned()).report(output);
        return Exit::Usage.into();
    }
    match error.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let error = Error::from(error);
            error.report(Output { json: false, ..output });
            Exit::from(&error).into()
        }
        _ => Exit::Ok.into(),
    }
}
