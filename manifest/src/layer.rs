//! A layer: one document of a manifest, read field by field.
//!
//! A plugin may have several layers: the declarations in its code and its `plugin.yaml`, both embedded in the
//! component, and a file next to the component. Each is read separately, with all its problems, and then they are
//! merged ([`Manifest::from_layers`](crate::Manifest::from_layers)), because no layer needs to have all fields, not
//! even the name.
//!
//! A field occurs in six places, each with information that the others lack: its names, description and JSON Schema
//! (`top.rs`), its type in a layer and how it is read (here), how layers merge (`merge.rs`), its public type with
//! documentation, and its default (`manifest.rs`). A single table of all six would be a macro with six columns, and
//! neither rustdoc nor the compiler's messages would name the place. A forgotten place does not compile, or fails the
//! test `every_field_of_the_schema_reaches_the_manifest`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::document;
use crate::format::Format;
use crate::part::action::{ActionFields, read_actions};
use crate::part::database::{Database, read_database};
use crate::part::env::read_env;
use crate::part::event::{EventFields, read_events};
use crate::part::identity::{
    Author, ExecutionMode, RepoType, read_author, read_author_license, read_email, read_entry_point,
    read_execution_mode, read_repo_type, read_url, read_version,
};
use crate::part::page::frontend::{FrontendFields, read_frontend};
use crate::part::permission::{Rule, read_policy};
use crate::part::requirement::{Requirement, read_callers, read_requirements, read_version_requirement};
use crate::part::resources::{Resources, read_resources};
use crate::part::retry::{Retry, read_retry};
use crate::part::route::{RouteFields, read_routes, read_tags};
use crate::part::setting::{Setting, read_settings, with_secrets};
use crate::part::table::{Table, read_tables};
use crate::problem::{ManifestError, Problem, Report, code, single};
use crate::read::{Found, Node, Object, kind_of};
use crate::top::{GROUP, MANIFEST};
use crate::version::VersionRequirement;
use crate::{limits, name};

/// A document of a manifest: parsed, its aliases resolved, and not yet checked as a whole.
#[derive(Clone)]
pub struct Layer {
    pub(crate) origin: Arc<str>,
    pub(crate) fields: Fields,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<String>,
    /// The document as it was written, for documents with problems: see [`Layer::to_json`].
    written: Value,
}

/// The fields of a layer, all optional, under their canonical names. Serialised, they form a manifest again.
///
/// `None` is a field that the layer does not have; the value of the layers below applies. An empty list or map drops
/// that value.
#[derive(Clone, Default, Serialize)]
pub(crate) struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<semver::Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) license: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repo_type: Option<RepoType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<Author>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<Found<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plugbay_version: Option<VersionRequirement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) framework_version: Option<Found<VersionRequirement>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nexus_version: Option<Found<VersionRequirement>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<Found<VersionRequirement>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requires: Option<Found<Vec<Requirement>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry_point: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_mode: Option<ExecutionMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permissions: Option<Vec<Rule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) env: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Resources::is_empty")]
    pub(crate) resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "with_secrets")]
    pub(crate) configuration: Option<BTreeMap<String, Setting>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) additional_configuration: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actions: Option<Vec<ActionFields>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) routes: Option<Vec<Found<RouteFields>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<EventFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tables: Option<Vec<Found<Table>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<Database>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frontend: Option<FrontendFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<Retry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_callers: Option<Vec<String>>,
}

impl Layer {
    /// Parses a document. `origin` names it in problems; it is usually the file.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] if the text is not of that format, exceeds a bound of [`limits`] or is not an object. All
    /// other problems are collected for [`Manifest::from_layers`](crate::Manifest::from_layers), which reports those of
    /// all layers at once.
    /// all layers at once.
    pub fn parse(origin: impl Into<String>, text: &str, format: Format) -> Result<Layer, ManifestError> {
        let origin = origin.into();
        let value = document::parse(&origin, text, format)?;
        Layer::read(&origin, value)
    }

    /// Reads a document that is already parsed.
    ///
    /// # Errors
    ///
    /// As [`Layer::parse`].
    pub fn from_value(origin: impl Into<String>, value: Value) -> Result<Layer, ManifestError> {
        let origin = origin.into();
        document::check_bounds(&origin, &value)?;
        Layer::read(&origin, value)
    }

    /// Parses the custom section of a component: consecutive JSON documents, lowest first.
    ///
    /// # Errors
    ///
    /// As [`Layer::parse`].
    pub fn from_section(origin: impl Into<String>, bytes: &[u8]) -> Result<Vec<Layer>, ManifestError> {
        let origin = origin.into();
        let documents = document::parse_section(&origin, bytes)?;
        documents.into_iter().map(|value| Layer::read(&origin, value)).collect()
    }

    /// Returns the layer as JSON for embedding, with canonical names. The JSON is the manifest itself, so it contains
    /// the defaults of secret settings. A layer with problems is returned as it was written, so that they are reported
    /// again when it is read.
    pub fn to_json(&self) -> String {
        let canonical = match self.problems.is_empty() {
            true => serde_json::to_value(&self.fields).unwrap_or_else(|_| self.written.clone()),
            false => self.written.clone(),
        };
        canonical.to_string()
    }

    /// Returns the name of this layer in problems.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the problems of this document alone.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn read(origin: &str, written: Value) -> Result<Layer, ManifestError> {
        if !written.is_object() {
            let message = format!("a manifest is an object with fields such as `name`, not {}", kind_of(&written));
            return Err(single(origin, code::WRONG_TYPE, message));
        }
        let origin: Arc<str> = origin.into();
        let mut report = Report::new(Arc::clone(&origin));
        let fields = read_fields(&written, &mut report).unwrap_or_default();
        let notes = std::mem::take(&mut report.notes);
        Ok(Layer { origin, fields, problems: report.into_problems(), notes, written })
    }
}

/// Omits the values, because the document may contain a secret's default.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("origin", &self.origin).field("problems", &self.problems).finish_non_exhaustive()
    }
}

/// The fields of a document. DockStat puts some of them into a group `config`, where they have the same meaning.
struct Document<'a> {
    top: Object<'a>,
    group: Option<Object<'a>>,
}

impl<'a> Document<'a> {
    /// Returns the field, inside or outside the group.
    fn get(&self, name: &str, report: &mut Report) -> Option<Node<'a>> {
        let top = self.top.get(name);
        let grouped = self.group.as_ref().and_then(|group| group.get(name));
        if let (Some(_), Some(grouped)) = (&top, &grouped) {
            grouped.problem(
                report,
                code::CONFLICT,
                format!("`{name}` is also outside of `config`: remove one of them"),
            );
        }
        top.or(grouped)
    }

    /// Reads a field outside the group with `read`.
    fn take<T>(&self, name: &str, read: fn(&Node<'_>, &mut Report) -> T, report: &mut Report) -> Option<T> {
        self.top.get(name).map(|node| read(&node, report))
    }

    fn line(&self, name: &str, report: &mut Report) -> Option<String> {
        self.top.get(name).and_then(|node| node.line(limits::LINE_CHARS_MAX, report))
    }
}

fn read_fields(written: &Value, report: &mut Report) -> Option<Fields> {
    let top = Node::root(written).object(MANIFEST, report)?;
    let group = top.get("config").and_then(|node| node.object(GROUP, report));
    let document = Document { top, group };
    note_what_does_not_apply(&document.top, report);
    let mut fields = Fields::default();
    read_identity(&document, &mut fields, report);
    read_needs(&document, &mut fields, report);
    read_offers(&document, &mut fields, report);
    Some(fields)
}

fn note_what_does_not_apply(top: &Object<'_>, report: &mut Report) {
    let notes = [
        ("python_version", "is not applicable: plugins in any language run as WebAssembly"),
        (
            "plugin",
            "contains source code, which is not run: compile the plugin to WebAssembly and name it in `entry_point`",
        ),
        ("id", "is not applicable: the catalog gives each installed plugin its number"),
    ];
    for (name, text) in notes {
        match top.get(name) {
            Some(node) if name == "plugin" && node.value.is_object() => {
                node.problem(report, code::WRONG_TYPE, "is an object: write its fields at the top of the manifest");
            }
            Some(node) => report.note(&node.path, text),
            None => {}
        }
    }
}

/// Reads the plugin's identity.
fn read_identity(document: &Document<'_>, fields: &mut Fields, report: &mut Report) {
    fields.name = document.top.get("name").and_then(|node| {
        let name = node.string(report)?;
        let checked = name::plugin(name);
        checked.map_err(|message| node.problem(report, code::INVALID_NAME, message)).ok().map(|()| name.to_owned())
    });
    fields.version = document.take("version", read_version, report).flatten();
    fields.title = document.line("title", report);
    fields.description = document.top.get("description").and_then(|node| node.prose(limits::PROSE_CHARS_MAX, report));
    let of_author = document.take("author", read_author_license, report).flatten();
    fields.license = document.line("license", report).or(of_author);
    fields.category = document.line("category", report);
    fields.tags = document.take("tags", read_tags, report);
    fields.repository = document.line("repository", report);
    fields.manifest = document.take("manifest", read_url, report).flatten();
    fields.repo_type = document.take("repo_type", read_repo_type, report).flatten();
    fields.author = document.take("author", read_author, report).flatten();
    fields.email = document.top.get("email").and_then(|node| {
        let email = read_email(&node, report)?;
        Some(node.found(email, report))
    });
}

/// Reads the plugin's requirements and its execution mode.
fn read_needs(document: &Document<'_>, fields: &mut Fields, report: &mut Report) {
    fields.plugbay_version = document.take("plugbay_version", read_version_requirement, report).flatten();
    for (name, field) in [
        ("framework_version", &mut fields.framework_version),
        ("nexus_version", &mut fields.nexus_version),
        ("api", &mut fields.api),
    ] {
        *field = document.top.get(name).and_then(|node| {
            let requirement = read_version_requirement(&node, report)?;
            Some(node.found(requirement, report))
        });
    }
    fields.requires = document.top.get("requires").map(|node| node.found(read_requirements(&node, report), report));
    fields.entry_point = document.take("entry_point", read_entry_point, report).flatten();
    fields.execution_mode = document.take("execution_mode", read_execution_mode, report).flatten();
    fields.permissions =
        document.top.get("permissions").and_then(|node| node.written(read_policy(&node, report), Vec::len));
    fields.env = document.top.get("env").and_then(|node| node.written(read_env(&node, report), BTreeMap::len));
    fields.resources = document.take("resources", read_resources, report).flatten().unwrap_or_default();
    fields.configuration =
        document.top.get("configuration").and_then(|node| node.written(read_settings(&node, report), BTreeMap::len));
    fields.additional_configuration =
        document.top.get("additional_configuration").and_then(|node| node.boolean(report));
    fields.retry = document.take("retry", read_retry, report).flatten();
    fields.allowed_callers = document.take("allowed_callers", read_callers, report);
}

/// Reads the plugin's declarations: actions, routes, events, tables, collections and pages.
fn read_offers(document: &Document<'_>, fields: &mut Fields, report: &mut Report) {
    let actions = document.get("actions", report);
    fields.actions = actions.and_then(|node| node.written(read_actions(&node, report), Vec::len));
    let routes = document.get("routes", report);
    fields.routes = routes.and_then(|node| node.written(read_routes(&node, report), Vec::len));
    fields.events = document.take("events", read_events, report).flatten();
    let tables = document.get("tables", report);
    fields.tables = tables.and_then(|node| node.written(read_tables(&node, report), Vec::len));
    fields.database = document.take("database", read_database, report).flatten();
    fields.frontend = document.top.get("frontend").and_then(|node| read_frontend(&node, report));
}
