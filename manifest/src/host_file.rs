//! The host's file, `plugbay.yaml`: the plugins to run, their options, and the operator's policy.
//!
//! Options may be secret, and this crate cannot know which, so problems never quote them and `Debug` never shows them.
//! They are checked against the plugin's configuration when it is loaded.

mod catalog_settings;
mod cluster_entry;
mod command_line;
mod docker_entry;
mod json_comments;
mod otlp_entry;
mod overrides;
mod process_entry;
mod process_logger;
mod server_entry;
mod supervision;

use std::fmt;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::document;
use crate::field::{Table, field};
use crate::format::Format;
use crate::limits::{HOST_PLUGINS_MAX, LINE_CHARS_MAX, LOGGER_PARENTS_MAX, NAME_CHARS_MAX, PATH_CHARS_MAX};
use crate::part::permission::{Rule, read_policy};
use crate::part::resources::{Resources, read_resources};
use crate::part::tool_pattern::{ToolPattern, patterns_shape, read_patterns};
use crate::problem::{ManifestError, Report, code, quoted, single};
use crate::read::{Node, kind_of};
use crate::{name, shape, top};

pub use self::catalog_settings::CatalogSettings;
pub use self::cluster_entry::{BalanceStrategy, ClusterEntry};
pub use self::docker_entry::{DockerEntry, DockerTlsEntry, DockerUrl};
pub use self::otlp_entry::OtlpEntry;
pub use self::overrides::VARIABLE_PREFIX;
pub use self::process_entry::{ProcessEntry, RestartPolicy};
pub use self::process_logger::{HostLogger, ProcessLogger};
pub use self::server_entry::{ServerEntry, TlsEntry};
pub use self::supervision::{ApiEntry, Supervision, WatcherEntry};

/// The checked contents of a host's file. `Default` is a host without a file.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HostFile {
    /// The plugins to load, in addition to those in `plugins_dir` and in the catalog, and the settings of those in the
    /// catalog.
    pub plugins: Vec<PluginEntry>,
    /// The directory whose plugins are all loaded, relative to this file unless it is absolute. `None` loads none.
    pub plugins_dir: Option<PathBuf>,
    /// The settings of the catalog.
    pub catalog: CatalogSettings,
    /// The settings of the server.
    pub server: ServerEntry,
    /// The actions that are tools for assistants. None by default.
    pub mcp: Vec<ToolPattern>,
    /// The operator's policy. The first matching rule decides; an access that no rule matches is denied.
    pub policy: Vec<Rule>,
    /// Upper bounds for the resources of every plugin. An omitted member has the host's default ceiling. 0 means no
    /// ceiling, so that a plugin that asks for 0 has no limit.
    pub ceilings: Resources,
    /// The name of the file `config/<environment>.yaml` of each plugin, which overrides its `config/default.yaml`.
    /// `None` reads no such file.
    pub environment: Option<String>,
    /// The directory for data, relative to this file unless it is absolute. `None` uses the host's default.
    pub data_dir: Option<PathBuf>,
    /// The names before the targets of plugins' log lines. None by default.
    pub logger_parents: Vec<String>,
    /// The programs that the host runs beside its plugins, and their settings.
    pub supervision: Supervision,
    /// The Docker engines whose events are published. None by default.
    pub docker: Vec<DockerEntry>,
}

/// A plugin in the host's file.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PluginEntry {
    /// The plugin's location.
    pub source: PluginSource,
    /// Values of the plugin's configuration.
    pub options: Map<String, Value>,
    /// Rules for this plugin, which take precedence over the host's `policy`.
    pub permissions: Vec<Rule>,
    /// Whether the plugin may run in trusted mode if its manifest asks for that.
    pub trusted: bool,
    /// Whether the plugin is started by its first use and not when it is loaded.
    pub lazy: bool,
}

/// The location of a plugin. URLs and references to artefacts need a host with a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// A file or a directory, relative to the host's file unless it is absolute (a path, or `file://`).
    Local(PathBuf),
    /// The URL of a manifest or of a component.
    Https(String),
    /// A reference to an artefact in a registry, without `oci://`.
    Oci(String),
    /// The name of a plugin in the catalog. The entry only has settings for it: whether it is loaded, the catalog says.
    Installed(String),
}

/// The fields of the host's file.
pub(crate) const HOST_FILE: Table = &[
    field("$schema", "The JSON Schema that an editor checks this file against.", || shape::line(LINE_CHARS_MAX)),
    field("plugins", "The plugins to load: where they are and the values of their settings.", plugins_shape),
    field(
        "plugins_dir",
        "The directory whose plugins are loaded, in NAME/ and CATEGORY/NAME/, relative to this file.",
        || shape::line(PATH_CHARS_MAX),
    ),
    field("catalog", "Where packages may come from, and which signatures they need.", catalog_settings::catalog_shape),
    field("server", "Where `plugbay serve` listens, and the limits of its clients.", server_entry::server_shape),
    field(
        "mcp",
        "The actions that are tools for assistants: PLUGIN.ACTION with `*`, such as `shop.*`.",
        patterns_shape,
    ),
    field("policy", "What the operator allows. The first rule that matches decides; anything else is denied.", || {
        top::definition("policy")
    }),
    field("ceilings", "Upper bounds for the resources of every plugin. 0 means no ceiling.", || {
        top::definition("resources")
    }),
    field("environment", "The name of config/<environment>.yaml, which is read for each plugin too.", || {
        shape::name("^[A-Za-z0-9_-]+$", NAME_CHARS_MAX)
    }),
    field("data_dir", "The directory for data, relative to this file.", || shape::line(PATH_CHARS_MAX)),
    field("logger_parents", "Names before the targets of plugins' log lines, with `:` between them.", || {
        shape::list(shape::line(NAME_CHARS_MAX), LOGGER_PARENTS_MAX)
    })
    .or(&["loggerParents"]),
    field("docker", "The Docker engines whose events are published.", docker_entry::docker_shape),
    supervision::NAME,
    supervision::PROCESSES,
    supervision::TERMINATE_TIMEOUT,
    supervision::TERMINATE_GRACE_PERIOD,
    supervision::LOGGER,
    supervision::WATCHER,
    supervision::API,
];
const PLUGIN: Table = &[
    field("url", "A path, or a URL that begins with file://, https:// or oci://.", || shape::line(LINE_CHARS_MAX)),
    field("name", "The name of an installed plugin, in place of `url`.", || {
        shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX)
    }),
    field("options", "Values of the plugin's settings.", || serde_json::json!({ "type": "object" })),
    field("permissions", "Rules for this plugin alone, which come before the policy for all.", || {
        top::definition("policy")
    }),
    field(
        "trusted",
        "Whether the plugin may run in trusted mode if its manifest asks for that. Default: false.",
        shape::boolean,
    ),
    field("lazy", "Whether the plugin is started by its first use. Default: false.", shape::boolean),
];

impl HostFile {
    /// Parses and checks the host's file. `origin` names it in problems.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] with all problems of the file.
    pub fn parse(origin: impl Into<String>, text: &str, format: Format) -> Result<HostFile, ManifestError> {
        HostFile::parse_with(origin, text, format, [])
    }

    /// Parses and checks the host's file with the variables that override fields of it, in place of those. A variable's
    /// name is [`VARIABLE_PREFIX`] and the path of the field in upper case, with `__` between its parts:
    /// `PLUGBAY_HOST__SERVER__MAX_REQUESTS`. Its value is JSON, or a text as it stands. Others are ignored.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] with all problems of the file and of the variables.
    pub fn parse_with(
        origin: impl Into<String>,
        text: &str,
        format: Format,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<HostFile, ManifestError> {
        let origin = origin.into();
        let overrides = overrides::read(variables);
        let mut written = match format {
            // Pup's configuration has comments.
            Format::Json => document::parse(&origin, &json_comments::blanked(text), format)?,
            _ => document::parse(&origin, text, format)?,
        };
        // The file is empty or has only comments.
        if written.is_null() {
            if overrides.is_empty() {
                return Ok(HostFile::default());
            }
            written = Value::Object(Map::new());
        }
        if !written.is_object() {
            let message =
                format!("the host's file is an object with fields such as `plugins`, not {}", kind_of(&written));
            return Err(single(&origin, code::WRONG_TYPE, message));
        }
        overrides.iter().for_each(|each| each.apply(&mut written));
        let mut report = Report::new(origin.into());
        let file = read_host_file(&Node::root(&written), &mut report).unwrap_or_default();
        let mut problems = report.into_problems();
        overrides::name_origins(&overrides, &mut problems);
        if problems.is_empty() { Ok(file) } else { Err(ManifestError { problems }) }
    }
}

impl PluginSource {
    /// Parses the text of `url`.
    ///
    /// # Errors
    ///
    /// The problem and what to write instead.
    pub fn parse(url: &str) -> Result<PluginSource, String> {
        if let Some(rest) = url.strip_prefix("file://") {
            return local_file(rest);
        }
        if let Some(rest) = url.strip_prefix("https://") {
            return remote(url, rest).map(|url| PluginSource::Https(url.to_owned()));
        }
        if let Some(rest) = url.strip_prefix("oci://") {
            return remote(rest, rest).map(|reference| PluginSource::Oci(reference.to_owned()));
        }
        if url.starts_with("http://") {
            return Err("http:// is not encrypted, so the plugin could be replaced on its way: use https://".to_owned());
        }
        match scheme(url) {
            Some(scheme @ ("jsr:" | "npm:")) => Err(format!(
                "{} names a JavaScript package: build a component of it, and write its path or https:// URL",
                quoted(scheme)
            )),
            Some(scheme) => {
                Err(format!("{} is not supported: use a path, file://, https:// or oci://", quoted(scheme)))
            }
            None => Ok(PluginSource::Local(PathBuf::from(url))),
        }
    }
}

/// Shows the names of options, never their values.
impl fmt::Debug for PluginEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.options.keys().collect();
        f.debug_struct("PluginEntry")
            .field("source", &self.source)
            .field("options", &names)
            .field("permissions", &self.permissions)
            .field("trusted", &self.trusted)
            .field("lazy", &self.lazy)
            .finish()
    }
}

/// Returns a URL's scheme with its colon. A drive letter is not a scheme.
fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let is_scheme = scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'));
    is_scheme.then(|| &url[..=scheme.len()])
}

fn local_file(rest: &str) -> Result<PluginSource, String> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err("file:// needs an absolute path, as in file:///srv/plugins/hello".to_owned());
    }
    match percent_decoded(path) {
        Some(path) => Ok(PluginSource::Local(PathBuf::from(path))),
        None => {
            Err("the path is not valid: `%` is followed by two hexadecimal digits, `%25` stands for itself".to_owned())
        }
    }
}

fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|byte| *byte != 0)?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

fn remote<'u>(url: &'u str, rest: &str) -> Result<&'u str, String> {
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || rest.contains(char::is_whitespace) {
        return Err("the URL has no host, or contains white space".to_owned());
    }
    if host.contains('@') {
        return Err("the URL contains a user or a password: keep credentials out of this file".to_owned());
    }
    Ok(url)
}

fn read_host_file(node: &Node<'_>, report: &mut Report) -> Option<HostFile> {
    let object = node.object(HOST_FILE, report)?;
    let environment = object.get("environment").and_then(|node| read_environment(&node, report));
    let supervision = supervision::read(&object, report);
    let mut server: ServerEntry =
        object.get("server").and_then(|node| server_entry::read(&node, report)).unwrap_or_default();
    server.address = server.address.or_else(|| supervision.api.address());
    Some(HostFile {
        plugins: object.get("plugins").map(|node| read_plugins(&node, report)).unwrap_or_default(),
        plugins_dir: object.get("plugins_dir").and_then(|node| node.line(PATH_CHARS_MAX, report)).map(PathBuf::from),
        catalog: object.get("catalog").and_then(|node| catalog_settings::read(&node, report)).unwrap_or_default(),
        server,
        mcp: object.get("mcp").map(|node| read_patterns(&node, report)).unwrap_or_default(),
        policy: object.get("policy").map(|node| read_policy(&node, report)).unwrap_or_default(),
        ceilings: object.get("ceilings").and_then(|node| read_resources(&node, report)).unwrap_or_default(),
        environment,
        data_dir: object.get("data_dir").and_then(|node| node.line(PATH_CHARS_MAX, report)).map(PathBuf::from),
        logger_parents: object.get("logger_parents").map(|node| read_parents(&node, report)).unwrap_or_default(),
        supervision,
        docker: object.get("docker").map(|node| docker_entry::read(&node, report)).unwrap_or_default(),
    })
}

fn read_parents(node: &Node<'_>, report: &mut Report) -> Vec<String> {
    let items = node.items(LOGGER_PARENTS_MAX, report);
    items.iter().filter_map(|item| item.line(NAME_CHARS_MAX, report)).collect()
}

/// Reads the environment's name, which becomes part of a file name.
fn read_environment(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let name = node.line(NAME_CHARS_MAX, report)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        let rule = "use letters, digits, `_` and `-`";
        node.problem(report, code::INVALID_NAME, format!("{} cannot name a file: {rule}", quoted(&name)));
        return None;
    }
    Some(name)
}

fn read_plugins(node: &Node<'_>, report: &mut Report) -> Vec<PluginEntry> {
    let items = node.items(HOST_PLUGINS_MAX, report);
    items.iter().filter_map(|item| read_plugin(item, report)).collect()
}

fn read_plugin(node: &Node<'_>, report: &mut Report) -> Option<PluginEntry> {
    let object = node.object(PLUGIN, report)?;
    let source = match (object.get("name"), object.get("url")) {
        (Some(name), None) => read_installed(&name, report),
        (Some(name), Some(_)) => {
            name.problem(report, code::CONFLICT, "an entry has either `url` or `name`, not both");
            None
        }
        (None, _) => object.need("url", report).and_then(|node| {
            let url = node.line(LINE_CHARS_MAX, report)?;
            PluginSource::parse(&url).map_err(|message| node.problem(report, code::INVALID_VALUE, message)).ok()
        }),
    };
    let options = match object.get("options") {
        None => Some(Map::new()),
        Some(node) => match node.value {
            Value::Object(map) => Some(map.clone()),
            _ => {
                node.wrong_type(report, "an object of settings");
                None
            }
        },
    };
    let permissions = object.get("permissions").map(|node| read_policy(&node, report)).unwrap_or_default();
    let trusted = object.get("trusted").and_then(|node| node.boolean(report)).unwrap_or(false);
    let lazy = object.get("lazy").and_then(|node| node.boolean(report)).unwrap_or(false);
    Some(PluginEntry { source: source?, options: options?, permissions, trusted, lazy })
}

/// Reads the name of an installed plugin.
fn read_installed(node: &Node<'_>, report: &mut Report) -> Option<PluginSource> {
    let name = node.line(NAME_CHARS_MAX, report)?;
    let checked = name::plugin(&name);
    checked.map_err(|message| node.problem(report, code::INVALID_NAME, message)).ok()?;
    Some(PluginSource::Installed(name))
}

fn plugins_shape() -> Value {
    let mut entry = shape::object(PLUGIN, &[]);
    entry["anyOf"] = serde_json::json!([{ "required": ["url"] }, { "required": ["name"] }]);
    shape::list(entry, HOST_PLUGINS_MAX)
}
