//! The description of a plugin, obtained without running any of its code.
//!
//! Its form is for people and programs, is separate from the runtime's own types, and contains no secrets.

use std::borrow::Cow;
use std::fmt;

use data_encoding::HEXLOWER;
use plugbay_compile::scan::{ItemKind, Kind, Quantity};
use plugbay_manifest::{Manifest, PermissionAction};
use serde::Serialize;

use crate::capability::{Denial, Grants};
use crate::host::directory::resolve;
use crate::host::environment::directories;
use crate::plugin::check::{CheckedPackage, NETWORK, Offer, check_network, check_service, offered};
use crate::plugin_limits::Limits;

/// A plugin's identity, exports, imports with the permission that each needs, actions and limits.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The checked manifest, without the values of environment variables and the defaults of secrets.
    pub manifest: Manifest,
    /// SHA-256 of the component, in lower-case hexadecimal.
    pub digest: String,
    /// The component's size in bytes.
    pub size_bytes: u64,
    /// `component` or `core module`.
    pub kind: &'static str,
    /// Initial size of its memories, in bytes, summed.
    pub initial_memory_bytes: u64,
    /// The interfaces and functions that it exports.
    pub exports: Vec<String>,
    /// The optional interfaces of the contract that it exports: `events`, `health`, `lifecycle`.
    pub hooks: Vec<&'static str>,
    /// Whether it may run in trusted mode.
    pub trust: Trust,
    /// The component's imports.
    pub imports: Vec<InspectedImport>,
    /// Permissions that the manifest asks for and the operator does not allow, in the form that
    /// [`Policy::allow`](crate::Policy::allow) takes.
    pub not_allowed: Vec<String>,
    /// The host directories that the manifest names; empty unless it asks for trusted mode.
    pub directories: Vec<InspectedDirectory>,
    /// The limits that the plugin would run under.
    pub limits: InspectedLimits,
}

/// Whether a plugin may run in trusted mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The manifest does not ask for it.
    NotAsked,
    /// The manifest asks for it, and the operator trusts the plugin.
    Given,
    /// The manifest asks for it, and the operator does not trust the plugin, which is therefore not loaded.
    NotGiven,
}

/// An import of an inspected component.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct InspectedImport {
    /// The interface, with its version.
    pub name: String,
    /// The permission that the interface requires, as `resource:action`; `None` if it requires none.
    pub permission: Option<String>,
    /// Whether the host offers the interface and the plugin was granted its permission.
    pub granted: bool,
    /// The reason if it is not granted. In JSON it is a text.
    #[serde(rename = "denial", skip_serializing_if = "Option::is_none")]
    pub refusal: Option<ImportRefusal>,
}

/// Why an import is not available to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportRefusal {
    /// The permission is not granted.
    Denied(Denial),
    /// This host does not offer the interface.
    NotOffered {
        /// Advice, if there is any.
        hint: Option<String>,
    },
}

impl ImportRefusal {
    /// Returns advice on one line, if there is any.
    pub fn hint(&self) -> Option<String> {
        match self {
            ImportRefusal::Denied(denial) => Some(denial.hint()),
            ImportRefusal::NotOffered { hint } => hint.clone(),
        }
    }
}

impl fmt::Display for ImportRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportRefusal::Denied(denial) => denial.fmt(f),
            ImportRefusal::NotOffered { .. } => f.write_str("this host does not offer it"),
        }
    }
}

impl Serialize for ImportRefusal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A host directory that a trusted plugin asks for. Both its path and the path to which its links lead must be granted.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct InspectedDirectory {
    /// The path in the manifest.
    pub path: String,
    /// The path without links; `None` if it cannot be resolved.
    pub resolved: Option<String>,
    /// The granted actions: `read`, `write`, both or neither.
    pub granted: Vec<&'static str>,
    /// The reason if the directory cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<String>,
}

impl InspectedDirectory {
    fn new(path: &str, grants: &Grants) -> Self {
        let (resolved, denial, granted) = match resolve(path) {
            Err(error) => (None, Some(format!("this host cannot open it: {error}")), Vec::new()),
            Ok((_, resolved)) => {
                let check = |action| grants.check_directory(path, &resolved, action);
                let denial = check(PermissionAction::Read).err().map(|denial| format!("{denial}: {}", denial.hint()));
                let actions = [PermissionAction::Read, PermissionAction::Write].into_iter();
                let granted = actions.filter(|action| denial.is_none() && check(*action).is_ok());
                let granted = granted.map(PermissionAction::name).collect();
                (Some(resolved), denial, granted)
            }
        };
        InspectedDirectory { path: path.to_owned(), resolved, granted, denial }
    }
}

/// Limits in machine-readable units. `None` is unlimited.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct InspectedLimits {
    /// Fuel per call.
    pub fuel: Option<u64>,
    /// Memory per instance, in bytes.
    pub memory_bytes: u64,
    /// Deadline of a call, in seconds.
    pub timeout_seconds: Option<f64>,
    /// Maximum rate of calls.
    pub rate_limit: Option<InspectedRate>,
    /// The maximum number of instances, or `per_call`.
    pub instances: String,
    /// Maximum size of a payload, in bytes.
    pub payload_bytes: usize,
    /// Maximum size of a result, in bytes.
    pub result_bytes: usize,
}

/// A rate limit.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct InspectedRate {
    /// Calls allowed per period.
    pub calls: u32,
    /// The period, in seconds.
    pub period_seconds: f64,
}

impl Inspection {
    pub(crate) fn new(checked: &CheckedPackage) -> Self {
        let CheckedPackage { package, manifest, limits, grants, trust, scan, extensions, digest } = checked;
        let imports = scan
            .imports
            .iter()
            .filter(|import| scan.kind == Kind::Component && import.kind == ItemKind::Instance)
            .map(|import| {
                let (permission, refusal) = match offered(&import.name, extensions) {
                    Offer::Free => (None, None),
                    Offer::Service(resource, usual) => (
                        Some((resource, usual)),
                        check_service(grants, manifest, &import.name, resource, usual).err().map(ImportRefusal::Denied),
                    ),
                    Offer::Network => (Some(NETWORK), check_network(grants, manifest).err().map(ImportRefusal::Denied)),
                    Offer::NotOffered(hint) => {
                        (None, Some(ImportRefusal::NotOffered { hint: hint.map(Cow::into_owned) }))
                    }
                };
                InspectedImport {
                    name: import.name.clone(),
                    permission: permission.map(|(resource, action)| format!("{resource}:{}", action.name())),
                    granted: refusal.is_none(),
                    refusal,
                }
            })
            .collect();
        let mut exports: Vec<String> = scan
            .exports
            .iter()
            .filter(|export| matches!(export.kind, ItemKind::Function | ItemKind::Instance))
            .map(|export| export.name.clone())
            .collect();
        exports.dedup();
        Inspection {
            manifest: without_secrets(manifest.clone()),
            digest: HEXLOWER.encode(digest),
            size_bytes: package.bytes.len() as u64,
            kind: if scan.kind == Kind::Component { "component" } else { "core module" },
            initial_memory_bytes: scan.total(Quantity::MemoryBytes),
            hooks: HOOKS.into_iter().filter(|hook| exports.iter().any(|export| is_hook(export, hook))).collect(),
            exports,
            trust: *trust,
            imports,
            not_allowed: grants.not_allowed(&manifest.permissions),
            directories: directories(manifest).map(|path| InspectedDirectory::new(path, grants)).collect(),
            limits: InspectedLimits::new(limits),
        }
    }
}

/// Interfaces of the contract that a plugin may export besides `actions`.
const HOOKS: [&str; 3] = ["event-handler", "health", "lifecycle"];

fn is_hook(export: &str, hook: &str) -> bool {
    let interface = export.strip_prefix("plugbay:plugin/").and_then(|rest| rest.split_once('@'));
    interface.is_some_and(|(interface, _)| interface == hook)
}

impl InspectedLimits {
    fn new(limits: &Limits) -> Self {
        InspectedLimits {
            fuel: limits.fuel,
            memory_bytes: limits.memory_bytes,
            timeout_seconds: limits.timeout.map(|timeout| timeout.as_secs_f64()),
            rate_limit: limits
                .rate
                .map(|rate| InspectedRate { calls: rate.calls, period_seconds: rate.period.as_secs_f64() }),
            instances: match limits.instances {
                plugbay_manifest::Instances::Count(count) => count.to_string(),
                plugbay_manifest::Instances::PerCall => "per_call".to_owned(),
            },
            payload_bytes: limits.payload_bytes,
            result_bytes: limits.result_bytes,
        }
    }
}

/// Manifests are shown to people and programs that need not know their authors' secrets.
fn without_secrets(mut manifest: Manifest) -> Manifest {
    for setting in manifest.configuration.values_mut().filter(|setting| setting.secret) {
        setting.default = None;
    }
    for value in manifest.env.values_mut() {
        crate::audit::mask::HIDDEN.clone_into(value);
    }
    manifest
}
