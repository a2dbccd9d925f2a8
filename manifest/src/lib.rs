//! The manifest of a Plugbay plugin: its identity, what it offers and what it asks for.
//!
//! A manifest is read in two steps. Each reports all problems at once, with the document, the path, a stable code and a
//! message that says what to do:
//! 1. Text to [`Layer`]: YAML, JSON or TOML, or the custom section of a component, bounded against hostile documents.
//! 2. Layers to [`Manifest`]: merged, checked as a whole, typed.
//!
//! The host compares the manifest with the operator's policy. This crate knows no WebAssembly, opens no files and reads
//! no environment variables.
//!
//! ```
//! use plugbay_manifest::{Format, Layer, Manifest};
//!
//! let text = "
//! name: greeter
//! version: 1.0.0
//! resources: { timeout_seconds: 5 }
//! actions: [hello]
//! apiRoutes:
//!   /hello/:who: { method: GET, actions: [hello] }
//! ";
//! let layer = Layer::parse("plugin.yaml", text, Format::Yaml)?;
//! let manifest = Manifest::from_layers(&[layer])?;
//! assert_eq!(manifest.routes[0].path, "/hello/{who}");
//!
//! let wrong = Layer::parse("plugin.yaml", "name: Greeter\nverison: 1.0.0", Format::Yaml)?;
//! let problems = Manifest::from_layers(&[wrong]).expect_err("three things are wrong").problems;
//! assert_eq!(problems.len(), 3);
//! assert!(problems.iter().any(|problem| problem.message.contains("did you mean `version`?")));
//! # Ok::<(), plugbay_manifest::ManifestError>(())
//! ```

#![forbid(unsafe_code)]

mod document;
mod field;
mod format;
mod host_file;
mod layer;
pub mod limits;
mod manifest;
mod merge;
mod name;
mod part;
mod problem;
mod read;
mod rebased_schema;
mod schema;
mod shape;
mod system;
mod test_file;
mod top;
mod version;
mod whole;

pub use field::nearest;
pub use format::{FILE_NAMES, Format};
pub use host_file::{
    ApiEntry, BalanceStrategy, CatalogSettings, ClusterEntry, DockerEntry, DockerTlsEntry, DockerUrl, HostFile,
    HostLogger, OtlpEntry, PluginEntry, PluginSource, ProcessEntry, ProcessLogger, RestartPolicy, ServerEntry,
    Supervision, TlsEntry, VARIABLE_PREFIX, WatcherEntry,
};
pub use layer::Layer;
pub use manifest::Manifest;
pub use name::{action as check_action_name, plugin as check_plugin_name, plugin_from as plugin_name_from};
pub use part::action::ActionDeclaration;
pub use part::column::{Column, ColumnKind, OnDelete, Reference};
pub use part::database::{Collection, Database, Index};
pub use part::env::expand_env;
pub use part::event::{DEFAULT_PRIORITY, Events, Subscription};
pub use part::identity::{Author, ExecutionMode, RepoType};
pub use part::page;
pub use part::path::normalise_path;
pub use part::permission::{Effect, PermissionAction, RESOURCE_KINDS, Rule, check_resource};
pub use part::requirement::Requirement;
pub use part::resources::{DEFAULT_CALLS, DEFAULT_PERIOD, Instances, RateLimit, Resources};
pub use part::retry::Retry;
pub use part::route::{Method, Route};
pub use part::route_contract::{RouteResponse, RouteResponses};
pub use part::setting::{HIDDEN, Pattern, Setting, SettingType};
pub use part::table::Table;
pub use part::tool_pattern::ToolPattern;
pub use part::topic::{canonical_topic, parse_topic};
pub use problem::{ManifestError, Problem, code};
pub use rebased_schema::{json_pointer_token, rebased_schema};
pub use schema::{host_json_schema, json_schema, test_json_schema};
pub use system::System;
pub use test_file::{
    CompanionPlugin, Expected, ExpectedAnswer, ExpectedDenial, ExpectedError, ExpectedEvent, ExpectedLine,
    ExpectedRequest, HttpReply, PageStep, ReplyBody, RequestBody, RouteRequest, Step, StepKind, Test, TestFile,
    TestIdentity, TestSettings, ToolStep,
};
pub use version::{VersionRequirement, VersionRequirementError};

/// The custom section of a component that contains its manifest: one or more consecutive JSON documents. Each is a
/// layer, and later ones override earlier ones field by field.
pub const SECTION: &str = "plugbay:manifest";
