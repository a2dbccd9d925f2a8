//! The arguments of the commands for installed plugins.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum, ValueHint};

/// The catalog of installed plugins that a command uses.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Host")]
pub(crate) struct CatalogArgs {
    /// The data directory, which contains the catalog [default: `data_dir` of the host's file]
    #[arg(long, value_name = "DIR", env = "PLUGBAY_DATA_DIR", hide_env_values = true, value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) file: HostFileArg,
}

/// A server that the command speaks to, in place of a data directory.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Host")]
pub(crate) struct ServerArg {
    /// The URL of a server that runs elsewhere, in place of a data directory; PLUGBAY_TOKEN has the token for it
    #[arg(long, value_name = "URL", env = "PLUGBAY_SERVER", hide_env_values = true, conflicts_with = "data_dir")]
    pub(crate) server: Option<String>,
    /// The PEM file of the authority that issued the server's certificate [default: the public authorities]
    #[arg(long, value_name = "FILE", env = "PLUGBAY_CACERT", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) cacert: Option<PathBuf>,
}

/// The host's file, for commands that need its settings of the catalog.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Host")]
pub(crate) struct HostFileArg {
    /// The host's file: its settings of the catalog, and its data directory
    #[arg(long, value_name = "FILE", env = "PLUGBAY_HOST_FILE", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) host_file: Option<PathBuf>,
}

/// The operator's confirmation.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct ConsentArgs {
    /// Confirm everything that the plugin asks for, without a question
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Accept other content under the version that is installed, as during development
    #[arg(long)]
    pub(crate) accept_moved_version: bool,
}

/// The private key of a publisher.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct KeyArg {
    /// The private key, from `plugbay keygen` or minisign; its password is read from PLUGBAY_KEY_PASSWORD or asked for
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Install {
    /// A plugin directory, a .wasm file, a manifest, their URL, oci://REGISTRY/REPOSITORY:TAG, or NAME@VERSION
    #[arg(value_name = "REFERENCE", value_hint = ValueHint::AnyPath)]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Update {
    /// The plugin, by its name or number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to take the new version from [default: where the plugin was installed from]
    #[arg(value_name = "REFERENCE", value_hint = ValueHint::AnyPath)]
    pub(crate) reference: Option<String>,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Named {
    /// The plugin, by its name or number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

/// What becomes of the plugins that require one that is disabled or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dependents {
    /// They stay enabled, and cannot be loaded
    Keep,
    /// If there are any, nothing is changed
    Refuse,
    /// They are disabled or removed first
    Cascade,
}

impl Dependents {
    /// The value's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Dependents::Keep => "keep",
            Dependents::Refuse => "refuse",
            Dependents::Cascade => "cascade",
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Disable {
    #[command(flatten)]
    pub(crate) plugin: Named,
    /// What becomes of the plugins that require it, directly or through others
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Dependents::Keep)]
    pub(crate) dependents: Dependents,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Remove {
    /// The plugin, by its name or number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Remove the plugin's data too: values, tables, jobs
    #[arg(long)]
    pub(crate) data: bool,
    /// What becomes of the plugins that require it, directly or through others
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Dependents::Keep)]
    pub(crate) dependents: Dependents,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Status {
    /// The plugin, by its name or number [default: the catalog as a whole]
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Publish {
    /// A .wasm file, a plugin directory, or the directory of a Rust crate, which is built first
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(crate) plugin: PathBuf,
    /// oci://REGISTRY/REPOSITORY, with :TAG unless the tag is the plugin's version
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    /// Move a tag that names other content
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) file: HostFileArg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Sign {
    /// A .wasm file, a plugin directory or a manifest with its component beside it
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(crate) plugin: PathBuf,
    /// The private key, from `plugbay keygen` or minisign; its password is read from PLUGBAY_KEY_PASSWORD or asked for
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Keygen {
    /// Where to write the private key; the public key is written beside it, with the extension .pub
    #[arg(short, long, value_name = "FILE", default_value = "plugbay.key", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
}
