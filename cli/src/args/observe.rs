//! The arguments of `plugbay logs`.

use clap::Args as ClapArgs;

use super::{CatalogArgs, ServerArg};

#[derive(Debug, ClapArgs)]
pub(crate) struct Logs {
    /// Only lines of this plugin
    #[arg(value_name = "PLUGIN")]
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
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}
