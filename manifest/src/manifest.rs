//! The manifest: all layers, merged and checked.
//!
//! Later layers add to the lists and maps of earlier ones: `permissions` before those of earlier layers, `actions` and
//! `tables` by name, `routes` by method and path, `events` by topic, `configuration` and `env` by key, `resources` by
//! member. An empty list or map drops the declarations of earlier layers. Every other field is taken as a whole from
//! the last layer that has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::layer::Layer;
use crate::merge;
use crate::part::action::{ActionDeclaration, ActionFields};
use crate::part::database::Database;
use crate::part::event::Events;
use crate::part::identity::{Author, ExecutionMode, RepoType};
use crate::part::page::frontend::Frontend;
use crate::part::permission::{Effect, Rule};
use crate::part::requirement::Requirement;
use crate::part::resources::Resources;
use crate::part::retry::Retry;
use crate::part::route::Route;
use crate::part::setting::Setting;
use crate::part::table::Table;
use crate::problem::{ManifestError, Report, code, quoted};
use crate::version::VersionRequirement;
use crate::whole;

/// A checked manifest. Serialised, it is the canonical JSON of a manifest file, with secrets masked.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The plugin's unique name: `^[a-z][a-z0-9_-]*$`.
    pub name: String,
    /// The plugin's version.
    pub version: semver::Version,
    /// The plugin's display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// A category of plugins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Search terms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The location of its source code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The URL of its newest manifest, or `local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// The kind of repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_type: Option<RepoType>,
    /// The author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Box<Author>>,
    /// The accepted versions of Plugbay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugbay_version: Option<VersionRequirement>,
    /// The accepted versions of XCore, checked against the level of [`System::XCore`](crate::System::XCore).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework_version: Option<VersionRequirement>,
    /// The accepted versions of Nexus, checked against the level of [`System::Nexus`](crate::System::Nexus).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nexus_version: Option<VersionRequirement>,
    /// The accepted versions of Pup's plugin API, checked against the level of [`System::Pup`](crate::System::Pup).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<VersionRequirement>,
    /// Plugins that must be loaded first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// The component's path, relative to the manifest, with `/` and inside the manifest's directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<String>,
    /// The execution mode.
    pub execution_mode: ExecutionMode,
    /// The requested permissions. The first matching rule decides; an access that no rule matches is denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Rule>,
    /// Environment variables; values may contain `${NAME}` ([`expand_env`](crate::expand_env)).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The requested limits.
    #[serde(skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
    /// Its settings by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub configuration: BTreeMap<String, Setting>,
    /// Whether the plugin may set keys that `configuration` does not declare. Default: `false`, but `true` for a
    /// manifest with `nexus_version`. A manifest without `configuration` accepts any key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub additional_configuration: bool,
    /// The declared actions. If there are none, the plugin may answer any action.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionDeclaration>,
    /// HTTP routes, and the actions that answer them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// The events that the plugin publishes and subscribes to.
    #[serde(skip_serializing_if = "has_no_events")]
    pub events: Events,
    /// Tables that the host creates for the plugin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// Collections of documents that the host creates for the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Box<Database>>,
    /// Its pages. They are large, and shared by the copies of a manifest.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shared")]
    pub frontend: Option<Arc<Frontend>>,
    /// How failed calls of idempotent actions are retried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The plugins that may call this one, or `*`. `None` means those that require it; with an empty list, no plugin
    /// may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_callers: Option<Vec<String>>,
    /// Remarks that are not errors, such as fields that do not apply here.
    #[serde(skip)]
    pub notes: Vec<String>,
}

impl Manifest {
    /// Merges the layers, lowest first, and checks the result.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] with the problems of all layers and of the merged result, such as missing fields and names
    /// that refer to nothing.
    pub fn from_layers(layers: &[Layer]) -> Result<Manifest, ManifestError> {
        // Missing fields are reported for the last layer, where the author looks first.
        let origin = layers.last().map_or_else(|| "manifest".into(), |layer| layer.origin.clone());
        let mut report = Report::new(origin);
        for problem in layers.iter().flat_map(|layer| &layer.problems) {
            report.add_from(&problem.origin, &problem.path, problem.code, problem.message.clone());
        }
        let fields = merge::merge(layers, &mut report);
        whole::check(&fields, &mut report);
        let (name, version) = (fields.name.clone(), fields.version.clone());
        let broken_below = |path: &str| layers.iter().any(|layer| layer.problems.iter().any(|p| p.path == path));
        for (field, missing) in [("name", name.is_none()), ("version", version.is_none())] {
            if missing && !broken_below(field) {
                report.add(field, code::MISSING_FIELD, format!("`{field}` is missing: every plugin needs one"));
            }
        }
        let problems = report.into_problems();
        let (Some(name), Some(version), true) = (name, version, problems.is_empty()) else {
            return Err(ManifestError { problems });
        };
        let execution_mode = fields.execution_mode.unwrap_or_default();
        let permissions = fields.permissions.unwrap_or_default();
        let mut notes: Vec<String> = layers.iter().flat_map(|layer| layer.notes.iter().cloned()).collect();
        notes.extend(permissions.iter().filter_map(|rule| directory_without_effect(rule, execution_mode)));
        Ok(Manifest {
            name,
            version,
            title: fields.title,
            description: fields.description,
            license: fields.license,
            category: fields.category,
            tags: fields.tags.unwrap_or_default(),
            repository: fields.repository,
            manifest: fields.manifest,
            repo_type: fields.repo_type,
            author: whole::author(fields.author, fields.email.map(|email| email.value)).map(Box::new),
            plugbay_version: fields.plugbay_version,
            additional_configuration: fields.additional_configuration.unwrap_or(fields.nexus_version.is_some()),
            framework_version: fields.framework_version.map(|found| found.value),
            nexus_version: fields.nexus_version.map(|found| found.value),
            api: fields.api.map(|found| found.value),
            requires: fields.requires.map(|found| found.value).unwrap_or_default(),
            entry_point: fields.entry_point,
            execution_mode,
            permissions,
            env: fields.env.unwrap_or_default(),
            resources: fields.resources,
            configuration: fields.configuration.unwrap_or_default(),
            actions: fields.actions.unwrap_or_default().into_iter().map(ActionFields::declaration).collect(),
            routes: fields.routes.unwrap_or_default().into_iter().map(|found| found.value.route()).collect(),
            events: fields.events.unwrap_or_default().events(),
            tables: fields.tables.unwrap_or_default().into_iter().map(|found| found.value).collect(),
            database: fields.database.map(Box::new),
            frontend: fields.frontend.map(|frontend| Arc::new(frontend.frontend())),
            retry: fields.retry,
            allowed_callers: fields.allowed_callers,
            notes,
        })
    }
}

/// The note for a rule that cannot grant a directory, regardless of the policy.
fn directory_without_effect(rule: &Rule, mode: ExecutionMode) -> Option<String> {
    let path = rule.resource.strip_prefix("fs.").filter(|_| rule.effect == Effect::Allow)?;
    let resource = quoted(&rule.resource);
    match mode {
        ExecutionMode::Trusted if !path.contains(['*', '?']) => None,
        ExecutionMode::Trusted => {
            Some(format!("permissions: {resource} opens no directory: name each directory by its path"))
        }
        ExecutionMode::Sandboxed | ExecutionMode::Legacy => Some(format!(
            "permissions: {resource} has no effect in {} mode: directories are for plugins in trusted mode",
            mode.name()
        )),
    }
}

// The signature is the one that serde calls.
#[allow(clippy::ref_option)]
fn shared<S: Serializer>(frontend: &Option<Arc<Frontend>>, serializer: S) -> Result<S::Ok, S::Error> {
    frontend.as_deref().serialize(serializer)
}

fn has_no_events(events: &Events) -> bool {
    *events == Events::default()
}
