//! The arguments of the commands for events.

use clap::{Args as ClapArgs, Subcommand};

use super::{CatalogArgs, ReconnectArg, ServerArg};
use crate::help;

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Events {
    #[command(subcommand)]
    pub(crate) command: Option<EventsCommand>,
    /// Print the events of a topic, or of those that match a pattern, as the host that runs publishes them
    #[arg(short, long, value_name = "TOPIC", num_args = 0..=1, default_missing_value = "**")]
    pub(crate) follow: Option<String>,
    #[command(flatten)]
    pub(crate) reconnect: ReconnectArg,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Emit an event on the host that runs
    #[command(after_help = help::EVENTS_EMIT)]
    Emit(EmitEvent),
    /// List dead letters: durable events that a plugin could not handle
    #[command(after_help = help::EVENTS)]
    Dead(DeadLetters),
    /// Deliver dead letters again
    #[command(after_help = help::EVENTS)]
    Retry(ChosenLetters),
    /// Remove dead letters
    #[command(after_help = help::EVENTS)]
    Remove(ChosenLetters),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EmitEvent {
    /// The topic, such as order.placed
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: String,
    /// The data: JSON, - for standard input, or @FILE [default: null]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// Wait for the handlers, and print their outcome
    #[arg(short, long)]
    pub(crate) wait: bool,
    /// The id that the event shares with the calls and events that it leads to
    #[arg(long, value_name = "ID")]
    pub(crate) correlation_id: Option<String>,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeadLetters {
    /// Only those of this plugin
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: Option<String>,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ChosenLetters {
    /// The numbers of dead letters, as `plugbay events dead` shows them
    #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) numbers: Vec<u64>,
    /// All dead letters
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all, only those of this plugin
    #[arg(long, value_name = "NAME", requires = "all")]
    pub(crate) plugin: Option<String>,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}
