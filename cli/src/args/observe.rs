//! The arguments of `plugbay logs`, `plugbay ps` and the orders to processes.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::{CatalogArgs, ServerArg};
use crate::units::parse_duration;

/// How long a command that follows a server waits for it.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct ReconnectArg {
    /// With --follow, how long to try to reach a server that is gone [0: not at all]
    #[arg(long = "reconnect", value_name = "TIME", default_value = "1m", value_parser = parse_duration)]
    pub(crate) patience: Duration,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Logs {
    /// Only lines of this plugin or process
    #[arg(value_name = "NAME")]
    pub(crate) plugin: Option<String>,
    /// Print further lines as they are written, until a signal arrives
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only lines of this severity: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    pub(crate) severity: Option<String>,
    /// At most this many lines, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) rows: usize,
    #[command(flatten)]
    pub(crate) reconnect: ReconnectArg,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Ps {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OrderedProcess {
    /// A process, a cluster, an instance of one (web-1), or `all`
    #[arg(value_name = "PROCESS")]
    pub(crate) process: String,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}
