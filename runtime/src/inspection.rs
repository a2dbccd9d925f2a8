//! What a plugin is and asks for, found out without running any of it.

use data_encoding::HEXLOWER;
use plugbay_compile::scan::{ItemKind, Kind, Quantity};
use plugbay_manifest::Manifest;
use serde::Serialize;

use crate::limits::Limits;
use crate::plugin::check::{CheckedPackage, NETWORK, OTHER_WASI, Offer, check_network, check_service, offered};

/// A plugin's identity, exports, imports with the permission that each needs, actions and limits.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The checked manifest. Values of environment variables and defaults of secrets are left out.
    pub manifest: Manifest,
    /// SHA-256 of the component, in lower-case hexadecimal.
    pub digest: String,
    /// The component's size in bytes.
    pub size_bytes: u64,
    /// `component` or `core module`.
    pub kind: &'static str,
    /// Bytes of memory that it starts with, over all its memories.
    pub initial_memory_bytes: u64,
    /// The interfaces and functions that it exports.
    pub exports: Vec<String>,
    /// The optional interfaces of the contract that it exports: `events`, `health`, `lifecycle`.
    pub hooks: Vec<&'static str>,
    /// Whether it may run in trusted mode.
    pub trust: Trust,
    /// What it imports.
    pub imports: Vec<InspectedImport>,
    /// What the manifest asks for and the operator does not allow, each as [`Policy::allow`](crate::Policy::allow)
    /// takes it.
    pub not_allowed: Vec<String>,
    /// The limits that it would run under.
    pub limits: InspectedLimits,
}

/// Whether a plugin asks to run in trusted mode, and the operator lets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Its manifest does not ask for it.
    NotAsked,
    /// It asks, and the operator trusts it.
    Given,
    /// It asks, and the operator does not trust it: it is not loaded.
    NotGiven,
}

/// One import.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct InspectedImport {
    /// The interface with its version.
    pub name: String,
    /// The permission that it, or what is behind it, needs, as `resource:action`; `None` where it needs none.
    pub permission: Option<String>,
    /// Whether it is there and granted.
    pub granted: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<String>,
}

/// The limits in units that programs like. `None` is unlimited.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct InspectedLimits {
    /// Fuel for one call.
    pub fuel: Option<u64>,
    /// Bytes of one instance.
    pub memory_bytes: u64,
    /// Seconds of one call.
    pub timeout_seconds: Option<f64>,
    /// Calls per period.
    pub rate_limit: Option<InspectedRate>,
    /// Instances, or `per_call`.
    pub instances: String,
    /// Bytes of a payload.
    pub payload_bytes: usize,
    /// Bytes of a result.
    pub result_bytes: usize,
}

/// A rate limit.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct InspectedRate {
    /// Calls that are allowed.
    pub calls: u32,
    /// Seconds in which they are.
    pub period_seconds: f64,
}

impl Inspection {
    pub(crate) fn new(checked: &CheckedPackage) -> Self {
        let CheckedPackage { package, manifest, limits, grants, trust, scan, digest } = checked;
        let imports = scan
            .imports
            .iter()
            .filter(|import| scan.kind == Kind::Component && import.kind == ItemKind::Instance)
            .map(|import| {
                let (permission, denied) = match offered(&import.name) {
                    Offer::Free => (None, None),
                    Offer::Service(resource, usual) => (
                        Some((resource, usual)),
                        check_service(grants, &import.name, resource, usual).err().map(|denial| denial.to_string()),
                    ),
                    Offer::Network => {
                        (Some(NETWORK), check_network(grants, manifest).err().map(|denial| denial.to_string()))
                    }
                    Offer::OtherVersion => (None, Some(format!("this host does not offer it{OTHER_WASI}"))),
                    Offer::Nothing => (None, Some("this host does not offer it".to_owned())),
                };
                InspectedImport {
                    name: import.name.clone(),
                    permission: permission.map(|(resource, action)| format!("{resource}:{}", action.name())),
                    granted: denied.is_none(),
                    denial: denied,
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
            limits: InspectedLimits::new(limits),
        }
    }
}

/// What a plugin may export beside `actions`.
const HOOKS: [&str; 3] = ["events", "health", "lifecycle"];

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

/// A manifest is shown to people and programs that need not know what its author put into it.
fn without_secrets(mut manifest: Manifest) -> Manifest {
    for setting in manifest.configuration.values_mut().filter(|setting| setting.secret) {
        setting.default = None;
    }
    for value in manifest.env.values_mut() {
        crate::audit::mask::HIDDEN.clone_into(value);
    }
    manifest
}
