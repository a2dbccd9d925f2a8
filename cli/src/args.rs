//! The command line's arguments. Values are parsed here; each command interprets them.

mod catalog;
mod events;
mod mcp;
mod observe;
mod token;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};
use plugbay::log::LogLevel;
use plugbay::manifest::ToolPattern;

pub(crate) use self::catalog::{
    CatalogArgs, ConsentArgs, Dependents, Disable, HostFileArg, Install, Keygen, List, Named, Publish, Remove,
    ServerArg, Sign, Status, Update,
};
pub(crate) use self::events::{ChosenLetters, DeadLetters, EmitEvent, Events, EventsCommand};
pub(crate) use self::mcp::Mcp;
pub(crate) use self::observe::{Logs, OrderedProcess, Ps, ReconnectArg};
pub(crate) use self::token::{CreateToken, LinkToken, ListTokens, RevokeToken, TokenArgs, TokenCommand};
use crate::help;
use crate::units::{parse_bytes, parse_count, parse_duration, parse_setting};

/// Run, inspect, create, build and test WebAssembly plugins in a sandbox
#[derive(Debug, Parser)]
#[command(name = "plugbay", version, max_term_width = 110)]
#[command(after_help = help::SHORT, after_long_help = help::LONG)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Output")]
pub(crate) struct Common {
    /// Print one JSON document on standard output, for errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but results and errors: no log, no progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// The lowest level of log lines that are shown [default: info]
    #[arg(long, global = true, value_enum, value_name = "LEVEL", env = "PLUGBAY_LOG", hide_env_values = true)]
    #[arg(ignore_case = true)]
    pub(crate) log_level: Option<LogThreshold>,
}

impl Common {
    /// The lowest level of log lines that are shown, unless the host's file has another one.
    pub(crate) fn log_threshold(&self) -> LogThreshold {
        self.log_level.unwrap_or(LogThreshold::Info)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogThreshold {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Off,
}

impl LogThreshold {
    /// The lowest level that is shown; none shows nothing.
    pub(crate) fn threshold(self) -> Option<LogLevel> {
        match self {
            LogThreshold::Trace => Some(LogLevel::Trace),
            LogThreshold::Debug => Some(LogLevel::Debug),
            LogThreshold::Info => Some(LogLevel::Info),
            LogThreshold::Warn => Some(LogLevel::Warn),
            LogThreshold::Error => Some(LogLevel::Error),
            LogThreshold::Off => None,
        }
    }

    /// The level's word, as the options and the host's file have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            LogThreshold::Trace => "trace",
            LogThreshold::Debug => "debug",
            LogThreshold::Info => "info",
            LogThreshold::Warn => "warn",
            LogThreshold::Error => "error",
            LogThreshold::Off => "off",
        }
    }

    /// The level with this name, as the host's file has it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(name, false).ok()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load a plugin and call one of its actions
    #[command(after_help = help::RUN)]
    Run(Run),
    /// Call any exported function of any component
    #[command(after_help = help::CALL)]
    Call(Call),
    /// Show a plugin's manifest, exports, imports and permissions; runs none of its code
    #[command(after_help = help::INSPECT)]
    Inspect(Inspect),
    /// Check a plugin up to linking and list every problem; runs none of its code
    #[command(after_help = help::CHECK)]
    Check(Check),
    /// Build and load a plugin, and again whenever its files change; shows its log and errors
    #[command(after_help = help::DEV)]
    Dev(Dev),
    /// Answer HTTP requests to plugins
    #[command(after_help = help::SERVE)]
    Serve(Serve),
    /// Give an assistant actions of plugins as tools, over standard input and output
    #[command(after_help = help::MCP)]
    Mcp(Mcp),
    /// Create a Rust plugin that builds, runs and passes its tests
    #[command(after_help = help::NEW)]
    New(New),
    /// Build a Rust plugin into one self-contained .wasm file
    #[command(after_help = help::BUILD)]
    Build(Build),
    /// Run a plugin's test files; the plugin may be in any language
    #[command(after_help = help::TEST)]
    Test(Test),
    /// Install a plugin in the catalog of a data directory
    #[command(after_help = help::INSTALL)]
    Install(Install),
    /// Replace an installed plugin by a newer version
    #[command(after_help = help::UPDATE)]
    Update(Update),
    /// Bring back the previous version of an installed plugin
    #[command(after_help = help::ROLLBACK)]
    Rollback(Named),
    /// Remove an installed plugin
    #[command(after_help = help::REMOVE)]
    Remove(Remove),
    /// Let hosts load an installed plugin
    #[command(after_help = help::ENABLE)]
    Enable(Named),
    /// Keep hosts from loading an installed plugin
    #[command(after_help = help::DISABLE)]
    Disable(Disable),
    /// List the installed plugins
    #[command(after_help = help::LIST)]
    List(List),
    /// Show an installed plugin, or the catalog as a whole
    #[command(after_help = help::STATUS)]
    Status(Status),
    /// List, retry and remove events that plugins could not handle
    Events(Events),
    /// Publish a plugin in an OCI registry
    #[command(after_help = help::PUBLISH)]
    Publish(Publish),
    /// Write the signature of a plugin beside it
    #[command(after_help = help::SIGN)]
    Sign(Sign),
    /// Make a key pair for signatures
    #[command(after_help = help::KEYGEN)]
    Keygen(Keygen),
    /// Show the latest log lines of a host that runs, and follow them
    #[command(after_help = help::LOGS)]
    Logs(Logs),
    /// List the processes of a host that runs
    #[command(after_help = help::PROCESSES)]
    Ps(Ps),
    /// Start a process of a host that runs
    #[command(after_help = help::PROCESSES)]
    Start(OrderedProcess),
    /// Stop a process; it stays stopped until it is started or its schedule starts it
    #[command(after_help = help::PROCESSES)]
    Stop(OrderedProcess),
    /// Stop a process if it runs, and start it
    #[command(after_help = help::PROCESSES)]
    Restart(OrderedProcess),
    /// Refuse starts of a process; one that runs continues
    #[command(after_help = help::PROCESSES)]
    Block(OrderedProcess),
    /// Allow starts of a process again
    #[command(after_help = help::PROCESSES)]
    Unblock(OrderedProcess),
    /// Make, list and revoke the tokens with which clients use the server
    #[command(after_help = help::TOKEN, args_conflicts_with_subcommands = true)]
    Token(TokenArgs),
    /// Print the JSON Schema of the manifest, the host's file or test files
    #[command(after_help = help::SCHEMA)]
    Schema(Schema),
    /// Write the contract as WIT, for plugins in languages without an SDK
    #[command(after_help = help::WIT)]
    Wit(Wit),
    /// Print a completion script for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions(Completions),
    /// Check that this machine can build and run plugins
    #[command(after_help = help::DOCTOR)]
    Doctor(Doctor),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) plugin: PluginArg,
    /// The action
    pub(crate) action: String,
    /// JSON text, `-` for standard input or @FILE; null if left out
    #[arg(allow_negative_numbers = true)]
    pub(crate) payload: Option<String>,
    /// Load this plugin too, for PLUGIN to call (repeatable); each is loaded after those that it requires
    #[arg(long, value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(crate) with: Vec<PathBuf>,
    /// Print what the call cost on standard error: fuel, memory, time
    #[arg(long)]
    pub(crate) stats: bool,
    /// Keep the plugin loaded for this time after its answer, and run its scheduled jobs [0: until interrupted]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) linger: Option<Duration>,
    /// Reload plugins whose files change while they linger
    #[arg(long, requires = "linger")]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Call {
    /// A component (.wasm), or a directory with one
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) file: PathBuf,
    /// The function: `name`, or `interface.name` for one in an exported interface; if left out, all are listed
    pub(crate) export: Option<String>,
    /// The arguments, as WAVE or JSON; `-` is standard input, @FILE a file
    #[arg(allow_negative_numbers = true)]
    pub(crate) arguments: Vec<String>,
    /// Print what the call cost on standard error: fuel, memory, time
    #[arg(long)]
    pub(crate) stats: bool,
    /// Build FILE first if it is a crate; this runs its build scripts and macros as you, outside of the sandbox
    #[arg(long)]
    pub(crate) build: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) plugin: PluginArg,
    /// Build PLUGIN first if it is a crate; this runs its build scripts and macros as you, outside of the sandbox
    #[arg(long)]
    pub(crate) build: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) plugin: PluginArg,
    /// Build PLUGIN first if it is a crate; this runs its build scripts and macros as you, outside of the sandbox
    #[arg(long)]
    pub(crate) build: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Dev {
    /// A .wasm file, a plugin directory, or the directory of a Rust crate
    #[arg(value_name = "PLUGIN", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) plugin: PathBuf,
    /// The address on which pages are served; port 0 is a free one [default: that of the host's file, else
    /// 127.0.0.1:7070, or a free port]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Plugins to serve besides those of the host's file and of the data directory; crates are built
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(crate) plugins: Vec<PathBuf>,
    /// The address to listen on; port 0 is a free one [default: that of the host's file, else 127.0.0.1:7070]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<SocketAddr>,
    /// The PEM file of a certificate, with which the server speaks TLS; it is read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The PEM file of the certificate's key
    #[arg(long, value_name = "FILE", requires = "tls_certificate", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Option<PathBuf>,
    /// Reload plugins whose files change, and build crates whose sources change
    #[arg(long)]
    pub(crate) watch: bool,
    /// Answer errors with their details, which may say more than callers should know
    #[arg(long)]
    pub(crate) development: bool,
    /// Print a link with which a person signs in to the dashboard once; a terminal gets one in any case
    #[arg(long)]
    pub(crate) sign_in_link: bool,
    /// Expose actions that match PLUGIN.ACTION as tools at /mcp (repeatable) [default: those of the host's file]
    #[arg(long, value_name = "PATTERN", value_parser = ToolPattern::parse)]
    pub(crate) expose: Vec<ToolPattern>,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct New {
    /// The plugin's name: lower-case letters, digits, `-` and `_`, beginning with a letter
    pub(crate) name: String,
    /// Where to create it [default: ./NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// The crate
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    /// Where to write the component [default: the manifest's `entry_point`, else NAME.wasm, in DIR]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Test {
    /// A .wasm file, a plugin directory, or the directory of a Rust crate, which is built first
    #[arg(value_name = "PLUGIN", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) plugin: PathBuf,
    /// A test file (repeatable) [default: plugin.test.yaml and tests/*.test.yaml of PLUGIN]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Vec<PathBuf>,
    /// Run only tests whose names contain TEXT (repeatable, for more tests)
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Wit {
    /// Where to write the files: a directory that is empty or does not exist
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    /// The interfaces that the plugin imports: cache, config, data, db, invocation, log, plugins, scheduler
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) import: Vec<String>,
    /// The interfaces that the plugin exports in addition to `actions`: event-handler, health, lifecycle
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) export: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Schema {
    /// The kind of file
    #[arg(value_enum, default_value_t = SchemaOf::Manifest)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// The manifest, plugin.yaml
    Manifest,
    /// The host's file, plugbay.yaml
    Host,
    /// A test file, plugin.test.yaml
    Test,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// The directory whose Rust toolchain is checked
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PluginArg {
    /// A .wasm file, a plugin directory, the directory of a Rust crate, or the name of an installed plugin
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
}

/// Limits of one call. They replace the manifest's.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Limits (they replace the manifest's; 0: no limit but the host file's ceilings)")]
pub(crate) struct LimitArgs {
    /// Wall-clock time, such as 500ms, 2s or 1m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Memory, such as 16MiB or 64KB
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) max_memory: Option<u64>,
    /// Fuel units, about one per WebAssembly instruction, such as 5000000 or 5e6
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) fuel: Option<u64>,
}

/// Which plugins may run in trusted mode.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Host")]
pub(crate) struct TrustArgs {
    /// Let the plugin of this name run in trusted mode, which its manifest asks for (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) trust: Vec<String>,
}

/// The operator's settings for the plugin.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Host")]
pub(crate) struct HostArgs {
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Set a configuration value; VALUE is JSON if it parses as JSON and the setting is not a string, else a string
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub(crate) config: Vec<(String, String)>,
    /// Allow what the manifest asks for, such as config.retries:write or 'cache.*:read,write'
    #[arg(long, value_name = "RESOURCE:ACTIONS")]
    pub(crate) grant: Vec<String>,
    /// The directory for persistent data [default: in memory, lost at the end of the process]
    #[arg(long, value_name = "DIR", env = "PLUGBAY_DATA_DIR", hide_env_values = true, value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
    /// The host's file: its policy, ceilings and environment, and its options and permissions for this plugin
    #[arg(long, value_name = "FILE", env = "PLUGBAY_HOST_FILE", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) host_file: Option<PathBuf>,
    /// Read the plugin's config/NAME.yaml, over its config/default.yaml
    #[arg(long, value_name = "NAME", env = "PLUGBAY_ENVIRONMENT", hide_env_values = true)]
    pub(crate) environment: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("plugbay").chain(line.iter().copied()))
    }

    #[test]
    fn definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn payload_may_be_a_dash_or_a_negative_number() {
        for payload in ["-", "-5", "@file.json", "{}"] {
            let args = parse(&["run", "p.wasm", "act", payload, "--stats"]).expect(payload);
            let Command::Run(run) = args.command else { panic!("not run") };
            assert_eq!((run.payload.as_deref(), run.stats), (Some(payload), true));
        }
    }

    #[test]
    fn arguments_of_a_call_may_be_followed_by_options() {
        let args = parse(&["call", "c.wasm", "add", "-1", "2", "--fuel", "5e6", "--json"]).expect("parsed");
        assert!(args.common.json);
        let Command::Call(call) = args.command else { panic!("not call") };
        assert_eq!((call.arguments, call.limits.fuel), (vec!["-1".to_owned(), "2".to_owned()], Some(5_000_000)));
    }

    #[test]
    fn limits_that_cannot_be_read_are_refused() {
        for wrong in [["--timeout", "5"], ["--max-memory", "lots"], ["--fuel", "1.5"], ["--config", "novalue"]] {
            let error = parse(&["run", "p.wasm", "act", wrong[0], wrong[1]]).expect_err(wrong[1]).to_string();
            assert!(error.contains(wrong[0]), "{error}");
        }
    }
}
