//! The arguments of the commands for events.

use clap::{Args as ClapArgs, Subcommand};

use super::CatalogArgs;
use crate::help;

#[derive(Debug, ClapArgs)]
pub(crate) struct Events {
    #[command(subcommand)]
    pub(crate) command: EventsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
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
pub(crate) struct DeadLetters {
    /// Only those of this plugin
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: Option<String>,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
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
}
