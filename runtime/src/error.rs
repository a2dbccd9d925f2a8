//! What can go wrong, and how it is told.
//!
//! There are three kinds, one for each thing a user asks of the library: a runtime cannot be built ([`BuildError`]), a
//! plugin cannot be loaded ([`LoadError`]), an action cannot be answered ([`InvokeError`]). Each has a stable
//! [`code`](InvokeError::code) for programs and a text for people that names the plugin, what happened and what to do.
//! Triggers map codes to their own world (exit codes, later HTTP statuses) in one exhaustive match.
//!
//! A failure that the plugin itself reports is [`InvokeError::Guest`]; its instance lives on. A limit or a trap costs the
//! plugin its instance, and the next call gets a fresh one. What went wrong inside the host is [`InvokeError::Host`]: its
//! details are for the operator's log, never for the guest.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use plugbay_manifest::ManifestError;
use serde::Serialize;

use crate::plugin::code_cache::CodeCacheError;
use crate::plugin::compile::CompileError;
use crate::plugin::legacy::LegacyError;
use crate::plugin::scan::ScanError;

/// The runtime cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The engine refused its settings or could not reserve its memory pool.
    #[error(
        "cannot set up the WebAssembly engine for {instances} live instances: {message}\n  try fewer with `RuntimeBuilder::live_instances`, or raise vm.max_map_count and the address-space limit"
    )]
    Engine {
        /// Live instances that were asked for.
        instances: u32,
        /// What the engine said.
        message: String,
    },
    /// The directory for compiled code cannot be used.
    #[error(transparent)]
    CodeCache(#[from] CodeCacheError),
}

/// What is kept of a plugin cannot be removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveDataError {
    /// The plugin is loaded.
    #[error("plugin `{plugin}` is loaded: unload it before what is kept of it is removed")]
    Loaded {
        /// The plugin.
        plugin: String,
    },
    /// No plugin can have this name.
    #[error("`{name}` is not the name of a plugin: small letters, digits, `-` and `_`, a letter first")]
    Name {
        /// The name.
        name: String,
    },
    /// The directory or a file in it cannot be removed. Some of it may be gone.
    #[error("what is kept of plugin `{plugin}` cannot be removed: {source}")]
    Io {
        /// The plugin.
        plugin: String,
        /// What the file system said.
        source: std::io::Error,
    },
}

/// A limit that was hit: which one, what it allows and what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitHit {
    /// The limit's name, as in the manifest or in `limits.rs`.
    pub limit: &'static str,
    /// What it allows, with its unit.
    pub allowed: String,
    /// What was observed, with its unit.
    pub observed: String,
}

/// An action could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The plugin has no such action.
    #[error("plugin `{plugin}` has no action `{action}`{}", known_actions(action, known))]
    UnknownAction {
        /// The plugin.
        plugin: String,
        /// The action that was asked for.
        action: String,
        /// The actions that there are.
        known: Vec<String>,
    },
    /// The payload does not match the schema that the action declares. No guest code ran.
    #[error("the payload of `{action}` does not fit what plugin `{plugin}` declares:{}", listed(problems))]
    Validation {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// One entry for each problem, with its path.
        problems: Vec<PayloadProblem>,
    },
    /// The payload is not JSON.
    #[error("the payload of `{action}` is not JSON: {message}")]
    Payload {
        /// The action.
        action: String,
        /// What is wrong with it, and where.
        message: String,
    },
    /// What the plugin answered is not JSON, or not what the caller expected.
    #[error("plugin `{plugin}` answered `{action}` with something unexpected: {message}")]
    Answer {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// What is wrong with it.
        message: String,
    },
    /// The payload is longer than the plugin accepts. No guest code ran.
    #[error("the payload of `{action}` for plugin `{plugin}` has {observed} bytes, and {allowed} are allowed")]
    PayloadTooLarge {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// Bytes that are allowed.
        allowed: usize,
        /// Bytes that came.
        observed: usize,
    },
    /// The plugin handed the host more bytes than it accepts, in its result or in a host call.
    #[error("plugin `{plugin}` handed over {} in `{action}`, and {allowed} bytes are allowed", observed_bytes(*observed))]
    ResultTooLarge {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// Bytes that are allowed.
        allowed: usize,
        /// Bytes that came, where they were counted.
        observed: Option<usize>,
    },
    /// More calls than the rate limit allows.
    #[error("plugin `{plugin}` is limited to {calls} calls per {period:?}: try again in {retry_after:.1?}")]
    RateLimited {
        /// The plugin.
        plugin: String,
        /// Calls that are allowed.
        calls: u32,
        /// The period in which they are.
        period: Duration,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The plugin has as much to do as it may.
    #[error("plugin `{plugin}` is busy: {reason} ({allowed} allowed); try again later")]
    Busy {
        /// The plugin.
        plugin: String,
        /// What is used up.
        reason: &'static str,
        /// How many there may be.
        allowed: usize,
    },
    /// The deadline passed, while the plugin computed, waited for the host or waited for its turn.
    #[error(
        "plugin `{plugin}` did not answer `{action}` within {allowed:?} (stopped after {observed:.1?}): raise `resources.timeout_seconds`, or do less in one call"
    )]
    Timeout {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// The time it had.
        allowed: Duration,
        /// The time it took until it was stopped.
        observed: Duration,
    },
    /// The fuel of the call is burned.
    #[error(
        "plugin `{plugin}` ran out of fuel in `{action}`: all of {allowed} units burned; raise `resources.max_fuel`, or do less in one call"
    )]
    OutOfFuel {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// Fuel units that it had.
        allowed: u64,
    },
    /// The instance asked for more memory than it may have.
    #[error("plugin `{plugin}` needs more memory in `{action}` than it may have: {} wanted, {} allowed; raise `resources.max_memory_mb`", binary_size(*observed), binary_size(*allowed))]
    MemoryLimit {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// Bytes that are allowed.
        allowed: u64,
        /// Bytes that it would have had.
        observed: u64,
    },
    /// The guest recursed too deeply.
    #[error(
        "plugin `{plugin}` overflowed its stack of {allowed} bytes in `{action}`: look for a recursion without an end"
    )]
    StackOverflow {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// Bytes of stack that it has.
        allowed: usize,
    },
    /// Another bound of the host: tables, handles, host resources.
    #[error("plugin `{plugin}` hit a limit in `{action}`: {} ({} allowed, {} observed)", hit.limit, hit.allowed, hit.observed)]
    ResourceLimit {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// Which one.
        hit: LimitHit,
    },
    /// The plugin may not do this.
    #[error("{denial}")]
    Denied {
        /// The plugin.
        plugin: String,
        /// What was denied, and what would grant it.
        denial: crate::capability::Denial,
    },
    /// The plugin does not let the plugin that calls it in.
    #[error("plugin `{plugin}` does not let plugin `{caller}` call it: {}", lets_in(plugin, caller, *names_callers))]
    CallerRefused {
        /// The plugin.
        plugin: String,
        /// The plugin that calls.
        caller: String,
        /// Whether its manifest names its callers; else it lets those in that require it.
        names_callers: bool,
    },
    /// The plugin waits for an answer that cannot come before it takes this call.
    #[error("plugin `{plugin}` cannot take a call of `{action}`, because it waits for who makes it: {chain}")]
    Reentrant {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// Who called whom.
        chain: String,
    },
    /// Too many plugins wait for one another.
    #[error(
        "plugin `{plugin}` cannot take a call of `{action}`: {observed} calls would wait for one another ({chain}), and {allowed} may"
    )]
    CallDepth {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// Who called whom.
        chain: String,
        /// Calls that may wait.
        allowed: usize,
        /// Calls that would wait.
        observed: usize,
    },
    /// The guest trapped: a panic, an abort, an access out of bounds.
    #[error("plugin `{plugin}` trapped in `{action}`: {message}")]
    Trapped {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// The panic's message and place where the guest printed one, else the kind of trap.
        message: String,
        /// The guest's frames, innermost first, for the plugin's author.
        backtrace: Vec<String>,
    },
    /// The plugin itself answered with a failure.
    #[error("{failure}")]
    Guest {
        /// The plugin.
        plugin: String,
        /// What it answered.
        failure: Box<Failure>,
    },
    /// The component's exports are not what the contract says. Found when its first instance is made.
    #[error("plugin `{plugin}` does not follow the contract: {message}")]
    Contract {
        /// The plugin.
        plugin: String,
        /// Which export, and how it differs.
        message: String,
    },
    /// The plugin is not there any more: unloaded, or replaced by one that failed.
    #[error("plugin `{plugin}` is not loaded")]
    NotLoaded {
        /// The plugin.
        plugin: String,
    },
    /// Something failed inside the host. The plugin is not at fault.
    #[error("the host failed while plugin `{plugin}` ran `{action}`: {message}")]
    Host {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// For the operator.
        message: String,
    },
}

/// What a plugin answers when an action fails. Serialises as `{"status":"error","msg","code","details"}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What kind of failure, for programs.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// More for programs.
    pub details: Option<serde_json::Value>,
    /// The HTTP status that fits, if the plugin named one.
    pub status_code: Option<u16>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// One way in which a payload does not match its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PayloadProblem {
    /// A JSON Pointer (RFC 6901) to the value; empty for the payload as a whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl InvokeError {
    /// The stable name of this kind of error; for a guest's failure, the code that the guest chose.
    pub fn code(&self) -> &str {
        match self {
            InvokeError::UnknownAction { .. } => "unknown_action",
            InvokeError::Validation { .. } => "validation_error",
            InvokeError::Payload { .. } => "invalid_payload",
            InvokeError::Answer { .. } => "invalid_answer",
            InvokeError::PayloadTooLarge { .. } => "payload_too_large",
            InvokeError::ResultTooLarge { .. } => "result_too_large",
            InvokeError::RateLimited { .. } => "rate_limit_exceeded",
            InvokeError::Busy { .. } => "busy",
            InvokeError::Timeout { .. } => "timeout",
            InvokeError::OutOfFuel { .. } => "out_of_fuel",
            InvokeError::MemoryLimit { .. } => "memory_limit",
            InvokeError::StackOverflow { .. } => "stack_overflow",
            InvokeError::ResourceLimit { .. } => "resource_limit",
            InvokeError::Denied { .. } => "permission_denied",
            InvokeError::CallerRefused { .. } => "permission_denied",
            InvokeError::Reentrant { .. } => "reentrant_call",
            InvokeError::CallDepth { .. } => "call_depth",
            InvokeError::Trapped { .. } => "plugin_trapped",
            InvokeError::Guest { failure, .. } => &failure.code,
            InvokeError::Contract { .. } => "contract_mismatch",
            InvokeError::NotLoaded { .. } => "not_loaded",
            InvokeError::Host { .. } => "host_error",
        }
    }

    /// Whether the same call may well succeed if it is made again: the instance broke, all were busy, or the plugin itself
    /// says that it failed for a reason of its own (a status of 500 or more).
    pub fn is_transient(&self) -> bool {
        match self {
            InvokeError::Trapped { .. } | InvokeError::Busy { .. } => true,
            InvokeError::Guest { failure, .. } => failure.status_code.is_some_and(|status| status >= 500),
            _ => false,
        }
    }

    /// The limit that was hit, if this is about one.
    pub fn limit(&self) -> Option<LimitHit> {
        let hit = |limit, allowed: String, observed: String| Some(LimitHit { limit, allowed, observed });
        match self {
            InvokeError::PayloadTooLarge { allowed, observed, .. } => {
                hit("payload_bytes", format!("{allowed} bytes"), format!("{observed} bytes"))
            }
            InvokeError::ResultTooLarge { allowed, observed, .. } => {
                hit("result_bytes", format!("{allowed} bytes"), observed_bytes(*observed))
            }
            InvokeError::RateLimited { calls, period, .. } => {
                hit("rate_limit", format!("{calls} calls per {period:?}"), format!("{} calls", u64::from(*calls) + 1))
            }
            InvokeError::Busy { reason, allowed, .. } => {
                hit("concurrency", format!("{allowed} ({reason})"), format!("{}", allowed + 1))
            }
            InvokeError::Timeout { allowed, observed, .. } => {
                hit("timeout", format!("{allowed:?}"), format!("{observed:?}"))
            }
            InvokeError::OutOfFuel { allowed, .. } => {
                hit("max_fuel", format!("{allowed} units"), format!("{allowed} units"))
            }
            InvokeError::MemoryLimit { allowed, observed, .. } => {
                hit("max_memory", format!("{allowed} bytes"), format!("{observed} bytes"))
            }
            InvokeError::StackOverflow { allowed, .. } => {
                hit("wasm_stack", format!("{allowed} bytes"), format!("more than {allowed} bytes"))
            }
            InvokeError::CallDepth { allowed, observed, .. } => {
                hit("call_depth", format!("{allowed} calls"), format!("{observed} calls"))
            }
            InvokeError::ResourceLimit { hit, .. } => Some(hit.clone()),
            _ => None,
        }
    }

    /// The error as the JSON object that actions answer: `{"status":"error","msg","code","details"}`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        object.insert("status".into(), "error".into());
        object.insert("msg".into(), self.message().into());
        object.insert("code".into(), self.code().into());
        let details = match self {
            InvokeError::Guest { failure, .. } => failure.details.clone(),
            InvokeError::Validation { problems, .. } => Some(serde_json::json!({ "problems": problems })),
            InvokeError::RateLimited { retry_after, .. } => {
                Some(serde_json::json!({ "retry_after": retry_after.as_secs_f64() }))
            }
            InvokeError::Denied { denial, .. } => serde_json::to_value(denial).ok(),
            InvokeError::CallerRefused { plugin, .. } => Some(serde_json::json!({
                "resource": format!("plugin.{plugin}"), "action": "execute", "refused": "by_callee",
            })),
            InvokeError::Trapped { backtrace, .. } if !backtrace.is_empty() => {
                Some(serde_json::json!({ "backtrace": backtrace }))
            }
            _ => self.limit().and_then(|hit| serde_json::to_value(hit).ok()),
        };
        object.extend(details.map(|details| ("details".into(), details)));
        serde_json::Value::Object(object)
    }

    /// The text for people: a guest's own message without its code, else what `Display` says.
    fn message(&self) -> String {
        match self {
            InvokeError::Guest { failure, .. } => failure.message.clone(),
            other => other.to_string(),
        }
    }
}

/// A plugin could not be loaded, and at which stage of its life it failed. Nothing of it stays behind.
#[derive(Debug, thiserror::Error)]
#[error("cannot load {plugin}: {}", said_once(plugin, source))]
pub struct LoadError {
    /// The plugin's name where it is known by then, else where it came from.
    pub plugin: String,
    /// What failed.
    pub source: LoadFailure,
}

/// The stages of loading, each with what can fail there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadFailure {
    /// The package cannot be read.
    #[error("{}: {message}", path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// Why not, and what would be a package.
        message: String,
    },
    /// The manifest is wrong.
    #[error("its manifest has {} problem{}\n{_0}", _0.problems.len(), if _0.problems.len() == 1 { "" } else { "s" })]
    Manifest(#[from] ManifestError),
    /// The plugin asks for another version of Plugbay.
    #[error("it asks for plugbay_version `{wanted}`, and this is {}", env!("CARGO_PKG_VERSION"))]
    Version {
        /// What its manifest asks for.
        wanted: String,
    },
    /// A plugin that it requires is not there, or in another version.
    #[error("it requires plugin `{name}`{}, which is {found}", version.as_ref().map(|version| format!(" {version}")).unwrap_or_default())]
    Requires {
        /// The plugin that it requires.
        name: String,
        /// The version that it requires.
        version: Option<String>,
        /// What there is instead.
        found: String,
    },
    /// The engine for this plugin's mode cannot be made.
    #[error("{0}")]
    Engine(String),
    /// There is no plugin of this name to be replaced.
    #[error("no plugin of this name is loaded: load it instead of reloading it")]
    NothingToReload,
    /// Another plugin of this name is loaded.
    #[error("a plugin of this name is loaded already: unload it first, or reload it")]
    AlreadyLoaded,
    /// The bytes are not a component, or one that is over a limit.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The component starts with more memory than the plugin may have.
    #[error("it starts with {} of memory, and {} are allowed; raise `resources.max_memory_mb`, or link it with less", binary_size(*observed), binary_size(*allowed))]
    MinimumMemory {
        /// Bytes that are allowed.
        allowed: u64,
        /// Bytes that it starts with, over all its memories.
        observed: u64,
    },
    /// The component imports something that this host does not offer.
    #[error("it imports `{import}`, which this host does not offer in {mode} mode{hint}")]
    UnknownImport {
        /// The import's name.
        import: String,
        /// The plugin's execution mode.
        mode: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The component imports something that was not granted.
    #[error("it imports `{import}`: {denial}")]
    Denied {
        /// The import's name.
        import: String,
        /// What was denied, and what would grant it.
        denial: crate::capability::Denial,
    },
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
    /// The configuration is incomplete or wrong.
    #[error("its configuration has {} problem{}:{}", problems.len(), if problems.len() == 1 { "" } else { "s" }, listed(problems))]
    Configuration {
        /// One entry for each problem.
        problems: Vec<crate::service::config::ConfigProblem>,
    },
    /// The tables or collections that it declares cannot be made, or what is there cannot be brought to them. The database
    /// is as it was.
    #[error("{message}")]
    Tables {
        /// Which table, and why.
        message: String,
    },
    /// An environment variable that the manifest names is not there or not allowed.
    #[error("env.{name}: {message}")]
    Environment {
        /// The variable in the manifest.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// A schema that the manifest declares is not one.
    #[error("action `{action}`: its payload schema is not usable: {message}")]
    Schema {
        /// The action.
        action: String,
        /// What is wrong.
        message: String,
    },
    /// Instantiating or `on-load` failed.
    #[error("{0}")]
    Start(#[from] Box<InvokeError>),
}

impl LoadError {
    pub(crate) fn new(plugin: impl Into<String>, source: impl Into<LoadFailure>) -> Self {
        LoadError { plugin: plugin.into(), source: source.into() }
    }

    /// The stable name of this kind of error.
    pub fn code(&self) -> &str {
        match &self.source {
            LoadFailure::Open { .. } => "not_a_package",
            LoadFailure::Manifest(_) => "invalid_manifest",
            LoadFailure::Version { .. } => "version_mismatch",
            LoadFailure::Requires { .. } => "missing_requirement",
            LoadFailure::Engine(_) => "host_error",
            LoadFailure::NothingToReload => "not_loaded",
            LoadFailure::AlreadyLoaded => "already_loaded",
            LoadFailure::Scan(error) => error.code(),
            LoadFailure::MinimumMemory { .. } => "memory_limit",
            LoadFailure::UnknownImport { .. } => "unknown_import",
            LoadFailure::Denied { .. } => "permission_denied",
            LoadFailure::Contract(_) => "contract_mismatch",
            LoadFailure::Compile(error) => error.code(),
            LoadFailure::Pool(_) => "component_too_large",
            LoadFailure::Legacy(_) => "invalid_legacy_module",
            LoadFailure::Link(_) => "link_error",
            LoadFailure::Configuration { .. } => "invalid_configuration",
            LoadFailure::Tables { .. } => "invalid_table",
            LoadFailure::Environment { .. } => "invalid_environment",
            LoadFailure::Schema { .. } => "invalid_schema",
            LoadFailure::Start(error) => error.code(),
        }
    }

    /// The error as a JSON object: `{"status":"error","msg","code","plugin"}`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::json!({
            "status": "error", "msg": self.to_string(), "code": self.code(), "plugin": self.plugin,
        });
        let details = match &self.source {
            LoadFailure::Manifest(error) => serde_json::to_value(&error.problems).ok(),
            LoadFailure::Configuration { problems } => serde_json::to_value(problems).ok(),
            LoadFailure::Denied { denial, .. } => serde_json::to_value(denial).ok(),
            _ => None,
        };
        if let Some(details) = details {
            object["details"] = details;
        }
        object
    }
}

impl fmt::Display for PayloadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(payload)" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

/// A line of its own for each problem.
fn listed<T: fmt::Display>(problems: &[T]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// What failed, without the plugin's name where it begins with that: the sentence before it has named the plugin.
fn said_once(plugin: &str, failure: &LoadFailure) -> String {
    let text = failure.to_string();
    match text.strip_prefix(plugin).and_then(|rest| rest.strip_prefix(": ")) {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// What would let the caller in.
fn lets_in(plugin: &str, caller: &str, names_callers: bool) -> String {
    if names_callers {
        format!("add `{caller}` to `allowed_callers` in the manifest of `{plugin}`")
    } else {
        format!(
            "add `requires: [{plugin}]` to the manifest of `{caller}`, or `allowed_callers: [{caller}]` to that of `{plugin}`"
        )
    }
}

fn known_actions(action: &str, known: &[String]) -> String {
    if known.is_empty() {
        return String::new();
    }
    let nearest = plugbay_manifest::nearest(action, known.iter().map(String::as_str));
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`? It has: {}", known.join(", ")),
        None => format!("; it has: {}", known.join(", ")),
    }
}

fn observed_bytes(observed: Option<usize>) -> String {
    match observed {
        Some(bytes) => format!("{bytes} bytes"),
        None => "more bytes than are allowed".to_owned(),
    }
}

fn binary_size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
