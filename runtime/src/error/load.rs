//! The error of loading a plugin: the stage that failed, and the reason.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use plugbay_compile::scan::ScanError;
use plugbay_compile::{CodeError, CompileError, LegacyError};
use plugbay_manifest::ManifestError;

use super::{ConfigProblem, InvokeError, LimitHit, LimitOrigin, binary_size, listed, problem_count};
use crate::capability::Denial;

/// The error of loading a plugin: which plugin, the stage that failed and the reason. Nothing of the plugin remains.
///
/// Its text is complete except for the text of its [`source`](std::error::Error::source), which it does not repeat. It
/// is for the operator: it names files of the host.
pub struct LoadError(Box<Inner>);

struct Inner {
    /// The plugin's name if it is known, else the file or directory.
    subject: String,
    is_named: bool,
    kind: LoadErrorKind,
}

impl LoadError {
    /// Creates an error of the plugin with this name.
    pub(crate) fn new(plugin: impl Into<String>, kind: impl Into<LoadErrorKind>) -> Self {
        LoadError(Box::new(Inner { subject: plugin.into(), is_named: true, kind: kind.into() }))
    }

    /// Creates an error of a package whose plugin is unknown, because its manifest was not read.
    pub(crate) fn of_package(origin: impl Into<String>, kind: impl Into<LoadErrorKind>) -> Self {
        LoadError(Box::new(Inner { subject: origin.into(), is_named: false, kind: kind.into() }))
    }

    /// Returns the plugin's name, if the manifest was read before loading failed.
    pub fn plugin(&self) -> Option<&str> {
        self.0.is_named.then_some(&*self.0.subject)
    }

    /// Returns what could not be loaded: the plugin's name if it is known, otherwise the file or directory, or the name
    /// given with the bytes.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Returns the text of the reason, which does not name the plugin.
    pub(crate) fn reason(&self) -> String {
        said_once(self.subject(), self.kind())
    }

    /// Returns the reason.
    pub fn kind(&self) -> &LoadErrorKind {
        &self.0.kind
    }
}

impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { subject, kind, .. } = &*self.0;
        f.debug_struct("LoadError").field("subject", subject).field("kind", kind).finish()
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot load {}: {}", self.subject(), said_once(self.subject(), self.kind()))
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind().source()
    }
}

/// The reasons why loading fails, in the order of its stages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The package cannot be read.
    #[error("{}: {message}", path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// The reason, and what would be a package.
        message: String,
    },
    /// A directory has no component.
    #[error("{}: {message}", path.display())]
    NoComponent {
        /// The directory.
        path: PathBuf,
        /// What is missing, and the remedy.
        message: String,
    },
    /// The manifest is not valid.
    #[error("its manifest has {}: {}", problem_count(_0.problems.len()), listed(&_0.problems))]
    Manifest(ManifestError),
    /// The plugin requires another version of Plugbay.
    #[error("it asks for plugbay_version `{wanted}`, and this is {}", env!("CARGO_PKG_VERSION"))]
    Version {
        /// The version requirement in its manifest.
        wanted: String,
    },
    /// A required plugin is missing or has another version.
    #[error("it requires plugin `{name}`{}{}, which is {found}", version.as_ref().map(|version| format!(" {version}")).unwrap_or_default(), through(chain))]
    Requires {
        /// The required plugin.
        name: String,
        /// The required version.
        version: Option<String>,
        /// What was found instead.
        found: String,
        /// The names from this plugin to the missing one, each of which requires the next.
        chain: Vec<String>,
    },
    /// A plugin that it requires, directly or through others, cannot be loaded.
    #[error("it requires plugin `{}`{}, which cannot be loaded: {reason}", chain.last().map_or("", |name| name), through(chain))]
    RequirementFailed {
        /// The names from this plugin to the one that cannot be loaded, each of which requires the next.
        chain: Vec<String>,
        /// Why it cannot be loaded.
        reason: String,
    },
    /// The plugin requires itself, directly or through others, so that nothing can be loaded first.
    #[error("it requires itself ({})", chain.join(" -> "))]
    RequiresItself {
        /// The names along the cycle. The first and the last are the same.
        chain: Vec<String>,
    },
    /// Plugins that are loaded require the present version, and not the new one.
    #[error("version {version} is not accepted by {}", by.join(", "))]
    Dependents {
        /// The new version.
        version: String,
        /// The names of these plugins.
        by: Vec<String>,
    },
    /// The engine for this plugin's mode cannot be made.
    #[error("{0}")]
    Engine(String),
    /// The plugin to be reloaded is not loaded.
    #[error("no plugin of this name is loaded")]
    NothingToReload,
    /// The plugin to be restarted is disabled.
    #[error("it is disabled")]
    Disabled,
    /// The plugin to be reloaded from its files was loaded from memory.
    #[error("it was loaded from memory and not from a file")]
    FromMemory,
    /// Another plugin of this name is loaded.
    #[error("a plugin of this name is loaded already")]
    AlreadyLoaded,
    /// The application provides a plugin of this name.
    #[error("the application itself provides a plugin of this name")]
    Provided,
    /// The bytes are not a component, or exceed a limit.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The component's initial memory exceeds the plugin's limit.
    #[error("it starts with {} of memory, and {} are allowed", binary_size(*observed), binary_size(*allowed))]
    MinimumMemory {
        /// The limit, in bytes.
        allowed: u64,
        /// The initial size of all its memories, in bytes.
        observed: u64,
        /// The origin of the limit.
        origin: LimitOrigin,
    },
    /// The component imports an interface that this host does not offer.
    #[error("it imports `{import}`, which this host does not offer in {mode} mode")]
    UnknownImport {
        /// The import's name.
        import: String,
        /// The plugin's execution mode.
        mode: &'static str,
        /// Advice, if there is any.
        hint: Option<String>,
    },
    /// The component imports an interface that was not granted.
    #[error("it imports `{import}`: {denial}")]
    Denied {
        /// The import's name.
        import: String,
        /// The denial.
        denial: Box<Denial>,
        /// All permissions that the manifest asks for and the operator does not allow, in the form that
        /// [`Policy::allow`](crate::Policy::allow) takes.
        not_allowed: Vec<String>,
    },
    /// The plugin asks for a host resource that was not granted.
    #[error("{what}: {denial}")]
    NotGranted {
        /// The request.
        what: String,
        /// The denial.
        denial: Box<Denial>,
    },
    /// The manifest asks to run in trusted mode, and the operator does not trust the plugin.
    #[error("its manifest asks for `execution_mode: trusted`, and the operator does not trust it")]
    NotTrusted,
    /// The component does not export the contract.
    #[error("{0}")]
    Contract(String),
    /// The component cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// An instance of the component would not fit into the pool: too many memories, tables or core instances.
    #[error("its instances are larger than this host allows: {0}")]
    Pool(String),
    /// The module of a legacy plugin cannot be made a component.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// The component does not fit the host's interfaces.
    #[error("its imports do not fit this host: {0}")]
    Link(String),
    /// The configuration is incomplete or not valid.
    #[error("its configuration has {}: {}", problem_count(problems.len()), listed(problems))]
    Configuration {
        /// One entry for each problem.
        problems: Vec<ConfigProblem>,
    },
    /// The declared tables or collections cannot be created, or existing ones cannot be changed to match. The database
    /// is unchanged.
    #[error("{message}")]
    Tables {
        /// The table, and the reason.
        message: String,
    },
    /// An environment variable in the manifest is not set or not allowed.
    #[error("env.{name}: {message}")]
    Environment {
        /// The variable in the manifest.
        name: String,
        /// The problem.
        message: String,
    },
    /// A schema in the manifest is not valid.
    #[error("the schema of `{action}` is not usable: {message}")]
    Schema {
        /// The action, or the route with this schema, such as `GET /items`.
        action: String,
        /// The problem.
        message: String,
    },
    /// The new revision of a plugin reports that it is not healthy.
    #[error("it is not healthy: {message}")]
    Unhealthy {
        /// The message of its health check.
        message: String,
    },
    /// Instantiating or `on-load` failed.
    #[error(transparent)]
    Start(#[from] InvokeError),
}

impl From<ManifestError> for LoadErrorKind {
    fn from(error: ManifestError) -> Self {
        LoadErrorKind::Manifest(error)
    }
}

impl From<CodeError> for LoadErrorKind {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Legacy(error) => LoadErrorKind::Legacy(error),
            CodeError::Compile(error) => LoadErrorKind::Compile(error),
            CodeError::TooLarge(message) => LoadErrorKind::Pool(message),
            error => LoadErrorKind::Engine(error.to_string()),
        }
    }
}

impl LoadError {
    /// Returns the stable name of this kind of error.
    pub fn code(&self) -> &str {
        match self.kind() {
            LoadErrorKind::Open { .. } | LoadErrorKind::NoComponent { .. } => "not_a_package",
            LoadErrorKind::Manifest(_) => "invalid_manifest",
            LoadErrorKind::Version { .. } => "version_mismatch",
            LoadErrorKind::Requires { .. } => "missing_requirement",
            LoadErrorKind::RequirementFailed { .. } => "failed_requirement",
            LoadErrorKind::Dependents { .. } => "required_version",
            LoadErrorKind::RequiresItself { .. } => "requirement_cycle",
            LoadErrorKind::Engine(_) => "host_error",
            LoadErrorKind::NothingToReload => "not_loaded",
            LoadErrorKind::Disabled => "plugin_disabled",
            LoadErrorKind::FromMemory => "no_source",
            LoadErrorKind::AlreadyLoaded => "already_loaded",
            LoadErrorKind::Provided => "provided_name",
            LoadErrorKind::Scan(error) => error.code(),
            LoadErrorKind::MinimumMemory { .. } => "memory_limit",
            LoadErrorKind::UnknownImport { .. } => "unknown_import",
            LoadErrorKind::Denied { .. } | LoadErrorKind::NotGranted { .. } | LoadErrorKind::NotTrusted => {
                "permission_denied"
            }
            LoadErrorKind::Contract(_) => "contract_mismatch",
            LoadErrorKind::Compile(error) => error.code(),
            LoadErrorKind::Pool(_) => "component_too_large",
            LoadErrorKind::Legacy(_) => "invalid_legacy_module",
            LoadErrorKind::Link(_) => "link_error",
            LoadErrorKind::Configuration { .. } => "invalid_configuration",
            LoadErrorKind::Tables { .. } => "invalid_table",
            LoadErrorKind::Environment { .. } => "invalid_environment",
            LoadErrorKind::Schema { .. } => "invalid_schema",
            LoadErrorKind::Unhealthy { .. } => "unhealthy",
            LoadErrorKind::Start(error) => error.code(),
        }
    }

    /// Returns the limit that was exceeded, if there is one.
    pub fn limit(&self) -> Option<LimitHit> {
        match self.kind() {
            LoadErrorKind::Scan(ScanError::Limit { quantity, allowed, observed }) => Some(LimitHit {
                limit: quantity.limit_name(),
                allowed: format!("{allowed} {quantity}"),
                observed: format!("{observed} {quantity}"),
            }),
            LoadErrorKind::MinimumMemory { allowed, observed, .. } => Some(LimitHit {
                limit: "max_memory",
                allowed: format!("{allowed} bytes"),
                observed: format!("{observed} bytes"),
            }),
            LoadErrorKind::Compile(error) => compile_limit(error),
            LoadErrorKind::Start(error) => error.limit(),
            _ => None,
        }
    }

    /// Returns the error as a JSON object: `{"status":"error","msg","code","plugin"}`, with `details` if there is more
    /// than text.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::json!({
            "status": "error", "msg": self.to_string(), "code": self.code(), "plugin": self.subject(),
        });
        let details = match self.kind() {
            LoadErrorKind::Manifest(error) => serde_json::to_value(&error.problems).ok(),
            LoadErrorKind::Configuration { problems } => serde_json::to_value(problems).ok(),
            LoadErrorKind::Denied { denial, not_allowed, .. } => {
                serde_json::to_value(denial).ok().map(|mut details| {
                    details["not_allowed"] = not_allowed.as_slice().into();
                    details
                })
            }
            LoadErrorKind::NotGranted { denial, .. } => serde_json::to_value(denial).ok(),
            LoadErrorKind::Start(error) => error.details(),
            _ => self.limit().and_then(|hit| serde_json::to_value(hit).ok()),
        };
        if let Some(details) = details {
            object["details"] = details;
        }
        object
    }
}

/// Formats the chain of requirements, if it is longer than its two ends.
fn through(chain: &[String]) -> String {
    if chain.len() > 2 { format!(" ({})", chain.join(" -> ")) } else { String::new() }
}

fn compile_limit(error: &CompileError) -> Option<LimitHit> {
    match error {
        CompileError::Timeout { allowed, observed } => Some(LimitHit {
            limit: "compile_timeout",
            allowed: format!("{allowed:?}"),
            observed: format!("{observed:?}"),
        }),
        CompileError::Memory { allowed, .. } => Some(LimitHit {
            limit: "compile_memory",
            allowed: format!("{allowed} bytes"),
            observed: "more bytes than are allowed".to_owned(),
        }),
        CompileError::Busy { allowed, .. } => Some(LimitHit {
            limit: "compilations",
            allowed: allowed.to_string(),
            observed: format!("more than {allowed}"),
        }),
        // The other errors are not about limits.
        _ => None,
    }
}

/// Returns the reason without a leading plugin name: the preceding text has named the plugin.
fn said_once(plugin: &str, failure: &LoadErrorKind) -> String {
    let text = failure.to_string();
    match text.strip_prefix(plugin).and_then(|rest| rest.strip_prefix(": ")) {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}
