//! The arguments of `plugbay mcp`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueHint};
use plugbay::manifest::ToolPattern;

use super::HostArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Mcp {
    /// Plugins beside those of the host's file and of the data directory; crates are built
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(crate) plugins: Vec<PathBuf>,
    /// Expose the actions that match PLUGIN.ACTION, such as 'shop.*' (repeatable) [default: those of the host's file]
    #[arg(long, value_name = "PATTERN", value_parser = ToolPattern::parse)]
    pub(crate) expose: Vec<ToolPattern>,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}
