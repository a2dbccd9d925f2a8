//! The plugin's author, origin and execution mode.

use std::path::{Component, Path};

use serde::Serialize;
use serde_json::Value;

use crate::field::{Field, Table, field};
use crate::limits::{LINE_CHARS_MAX, PATH_CHARS_MAX};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, join};
use crate::shape;

/// The author of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Author {
    /// The name of a person or an organisation.
    pub name: String,
    /// An e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A web page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The kind of a plugin's repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RepoType {
    /// github.com.
    Github,
    /// gitlab.com, or a self-hosted GitLab.
    Gitlab,
    /// This machine.
    Local,
    /// Anything else.
    Default,
}

/// How a plugin runs. All modes run WebAssembly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionMode {
    /// Metered, with access only to the services that it was granted.
    #[default]
    Sandboxed,
    /// Not metered, with the parts of WASI that it asks for and the operator allows.
    Trusted,
    /// An ordinary WASI command without Plugbay's exports. Each action runs the command once.
    Legacy,
}

impl ExecutionMode {
    /// Returns the mode's name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            ExecutionMode::Sandboxed => "sandboxed",
            ExecutionMode::Trusted => "trusted",
            ExecutionMode::Legacy => "legacy",
        }
    }
}

const AUTHOR: Table = &[
    field("name", "A person or an organisation.", || shape::line(LINE_CHARS_MAX)),
    field("email", "An e-mail address.", || shape::line(LINE_CHARS_MAX)),
    URL,
    field("license", "The same as `license` of the plugin.", || shape::line(LINE_CHARS_MAX)),
];
const URL: Field = field("url", "A web page.", || shape::line(LINE_CHARS_MAX)).or(&["website", "homepage"]);

const REPO_TYPES: [&str; 4] = ["github", "gitlab", "local", "default"];
const EXECUTION_MODES: [&str; 3] = ["sandboxed", "trusted", "legacy"];

pub(crate) fn read_author(node: &Node<'_>, report: &mut Report) -> Option<Author> {
    if node.value.is_string() {
        let name = node.line(LINE_CHARS_MAX, report)?;
        return Some(Author { name, email: None, url: None });
    }
    if !node.value.is_object() {
        node.wrong_type(report, "a name or an object with name, email and url");
        return None;
    }
    let object = node.object(AUTHOR, report)?;
    let name = object.need("name", report).and_then(|name| name.line(LINE_CHARS_MAX, report));
    let email = object.get("email").and_then(|email| read_email(&email, report));
    let url = object.get("url").and_then(|url| url.line(LINE_CHARS_MAX, report));
    Some(Author { name: name?, email, url })
}

/// Reads the licence, which is inside `author` in DockStat's manifests.
pub(crate) fn read_author_license(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let license = node.value.get("license").filter(|license| !license.is_null())?;
    Node { value: license, path: join(&node.path, "license") }.line(LINE_CHARS_MAX, report)
}

pub(crate) fn read_email(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let email = node.line(LINE_CHARS_MAX, report)?;
    let parts = email.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if parts.is_none() || email.contains(char::is_whitespace) {
        node.problem(report, code::INVALID_VALUE, format!("{} is not an e-mail address", quoted(&email)));
        return None;
    }
    Some(email)
}

pub(crate) fn read_repo_type(node: &Node<'_>, report: &mut Report) -> Option<RepoType> {
    match node.word(&REPO_TYPES, report)? {
        "github" => Some(RepoType::Github),
        "gitlab" => Some(RepoType::Gitlab),
        "local" => Some(RepoType::Local),
        _ => Some(RepoType::Default),
    }
}

pub(crate) fn read_execution_mode(node: &Node<'_>, report: &mut Report) -> Option<ExecutionMode> {
    match node.word(&EXECUTION_MODES, report)? {
        "trusted" => Some(ExecutionMode::Trusted),
        "legacy" => Some(ExecutionMode::Legacy),
        _ => Some(ExecutionMode::Sandboxed),
    }
}

pub(crate) fn read_version(node: &Node<'_>, report: &mut Report) -> Option<semver::Version> {
    let text = match node.value {
        Value::Number(number) => {
            let message = format!("expected a string, found a number: write it in quotes, such as \"{number}.0\"");
            node.problem(report, code::WRONG_TYPE, message);
            return None;
        }
        _ => node.line(LINE_CHARS_MAX, report)?,
    };
    let text = text.trim();
    semver::Version::parse(text)
        .map_err(|error| {
            let rule = "write three numbers such as `1.0.0` (https://semver.org)";
            let message = format!("{} is not a semantic version ({error}): {rule}", quoted(text));
            node.problem(report, code::INVALID_VALUE, message);
        })
        .ok()
}

/// Reads a URL, or `local` for a plugin that was never published.
pub(crate) fn read_url(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let url = node.line(LINE_CHARS_MAX, report)?;
    let known = ["https://", "http://", "file://"].iter().any(|scheme| url.starts_with(scheme)) || url == "local";
    if !known || url.contains(char::is_whitespace) {
        let message = format!("{} is not a URL: it begins with https://, http:// or file://", quoted(&url));
        node.problem(report, code::INVALID_VALUE, message);
        return None;
    }
    Some(url)
}

/// The extensions of source code in the languages of other systems' plugins.
const SOURCE_EXTENSIONS: [&str; 6] = ["py", "js", "mjs", "cjs", "ts", "tsx"];

/// Reads the component's path, relative to the manifest and inside its directory. Source code is noted and left out, so
/// that the component of the directory takes its place.
pub(crate) fn read_entry_point(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let path = node.line(PATH_CHARS_MAX, report)?;
    // `\` and `C:` have a meaning on Windows, so they are refused on every system.
    let inside = Path::new(&path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || path.contains(['\\', ':']) || path.ends_with('/') {
        let rule = "give a path relative to the manifest, with `/` and without `..`";
        node.problem(report, code::INVALID_VALUE, format!("{} is not allowed here: {rule}", quoted(&path)));
        return None;
    }
    if !path.ends_with(".wasm") {
        let text = format!("{} is not a `.wasm` file: the plugin must be compiled to WebAssembly", quoted(&path));
        report.note(&node.path, &text);
    }
    let extension = Path::new(&path).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    (!SOURCE_EXTENSIONS.contains(&extension)).then_some(path)
}

pub(crate) fn author_shape() -> Value {
    shape::any_of([shape::line(LINE_CHARS_MAX), shape::object(AUTHOR, &["name"])])
}

pub(crate) fn repo_type_shape() -> Value {
    shape::word(&REPO_TYPES)
}

pub(crate) fn execution_mode_shape() -> Value {
    shape::word(&EXECUTION_MODES)
}
