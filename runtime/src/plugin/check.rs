//! The checks of a plugin before any of its code is compiled or run: its manifest, grants, limits and imports.
//!
//! They come first because compiling is expensive, and because a missing permission should be reported before the
//! plugin starts. Whether the component is valid and exports the contract is not known until it is compiled and linked.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use plugbay_compile::Metering;
use plugbay_compile::scan::{self, ItemKind, Kind, Quantity, Scan, ScanLimits};
use plugbay_manifest::{Effect, ExecutionMode, Instances, Layer, Manifest, PermissionAction, Resources, Rule};
use semver::Version;
use sha2::{Digest, Sha256};

use super::package::{Package, PackageOptions};
use super::schema;
use crate::capability::{Denial, Grants, LivePolicy, Policy, Refused};
use crate::error::{LimitOrigin, LoadError, LoadErrorKind};
use crate::host::SERVICES;
use crate::host::extension::Extensions;
use crate::inspection::Trust;
use crate::limits::FUEL_CEILING_DEFAULT;
use crate::plugin_limits::{Ceilings, Limits};

/// A package with its scanned component and its parsed manifest.
pub(crate) struct ReadPackage {
    package: Package,
    manifest: Manifest,
    scan: Scan,
}

impl ReadPackage {
    pub(crate) fn read(package: Package) -> Result<Self, LoadError> {
        let load_error = |failure: LoadErrorKind| LoadError::of_package(&package.origin, failure);
        let scan = scan::scan(&package.bytes, &ScanLimits::default()).map_err(|error| load_error(error.into()))?;
        let manifest = manifest(&package, &scan).map_err(load_error)?;
        Ok(ReadPackage { package, manifest, scan })
    }

    /// Returns the plugin's name.
    pub(crate) fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Returns the SHA-256 of everything that was read for the package.
    ///
    /// # Errors
    /// [`LoadError`] if a configuration file cannot be read.
    pub(crate) fn content_digest(&self, environment: Option<&str>) -> Result<[u8; 32], LoadError> {
        let component = Sha256::digest(&self.package.bytes).into();
        let digest = self.package.content_digest(&component, environment);
        digest.map_err(|failure| LoadError::new(self.name(), failure))
    }

    /// Returns the package, with the options of `kept` that it does not set itself.
    pub(crate) fn with_kept(mut self, kept: &PackageOptions) -> Result<Self, LoadError> {
        self.package.options = std::mem::take(&mut self.package.options).or(kept);
        let manifest = manifest(&self.package, &self.scan);
        self.manifest = manifest.map_err(|failure| LoadError::of_package(&self.package.origin, failure))?;
        Ok(self)
    }
}

/// A package whose manifest, limits and imports passed the checks.
pub(crate) struct CheckedPackage {
    pub(crate) package: Package,
    pub(crate) manifest: Manifest,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) trust: Trust,
    pub(crate) scan: Scan,
    /// The interfaces that the application offers.
    pub(crate) extensions: Extensions,
    /// SHA-256 of the bytes.
    pub(crate) digest: [u8; 32],
}

/// The interface by which a component sees who calls it.
const INVOCATION_INTERFACE: &str = "plugbay:plugin/invocation@";

/// The advice for a core module, which is not a component.
const CORE_MODULE: &str = "it is a core module, not a component: build it for wasm32-wasip2, or, if it is a WASI command, \
                           set `execution_mode: legacy` in its manifest, a `plugin.yaml` beside it with its file's name \
                           as `entry_point`";

/// The operator's settings for all plugins.
pub(crate) struct Operator {
    pub(crate) policy: LivePolicy,
    /// Names of plugins that may run in trusted mode.
    pub(crate) trusted: BTreeSet<String>,
    pub(crate) limits: Limits,
    pub(crate) ceilings: Arc<Ceilings>,
    /// The interfaces that the application offers beside those of the host.
    pub(crate) extensions: Extensions,
}

impl CheckedPackage {
    pub(crate) fn check(package: ReadPackage, operator: &Operator) -> Result<Self, LoadError> {
        let checked = CheckedPackage::examine(package, operator)?;
        checked
            .check_version()
            .and_then(|()| checked.check_trust())
            .and_then(|()| schema::check_cost(&checked.manifest.actions, &checked.manifest.routes))
            .map_err(|failure| LoadError::new(&checked.manifest.name, failure))?;
        let problem = checked.import_problems().next();
        match problem {
            Some(failure) => Err(LoadError::new(&checked.manifest.name, failure)),
            None => Ok(checked),
        }
    }

    /// Like `check`, but without judging imports and versions, for describing a plugin.
    pub(crate) fn examine(package: ReadPackage, operator: &Operator) -> Result<Self, LoadError> {
        let ReadPackage { package, manifest, scan } = package;
        let options = &package.options;
        let asked = overridden(&manifest.resources, &options.resources.clone().unwrap_or_default());
        let mut limits = operator.limits.asked(&asked, &operator.ceilings);
        if asked.instances.is_none() && scan.exports.iter().any(|export| is_incoming_handler(&export.name)) {
            // A request may take as long as its client likes to, and programs for this interface expect a fresh
            // instance.
            limits.instances = Instances::PerCall;
        }
        let trust = match manifest.execution_mode {
            ExecutionMode::Sandboxed | ExecutionMode::Legacy => Trust::NotAsked,
            ExecutionMode::Trusted if options.trusted == Some(true) || operator.trusted.contains(&manifest.name) => {
                Trust::Given
            }
            ExecutionMode::Trusted => Trust::NotGiven,
        };
        if trust == Trust::Given && !is_fuel_limited(&asked, &operator.ceilings) {
            limits.fuel = None;
        }
        let observed = scan.total(Quantity::MemoryBytes);
        if observed > limits.memory_bytes {
            let origin = LimitOrigin::below(Some(limits.memory_bytes), operator.ceilings.memory_bytes);
            let failure = LoadErrorKind::MinimumMemory { allowed: limits.memory_bytes, observed, origin };
            return Err(LoadError::new(&manifest.name, failure));
        }
        if scan.kind == Kind::CoreModule && manifest.execution_mode != ExecutionMode::Legacy {
            return Err(LoadError::new(&manifest.name, LoadErrorKind::Contract(CORE_MODULE.to_owned())));
        }
        let asked = Policy::from_rules(&manifest.permissions).with_basics();
        let own = options.policy.clone().unwrap_or_default();
        let grants = Grants::live(asked, own, operator.policy.clone());
        let digest = Sha256::digest(&package.bytes).into();
        let extensions = operator.extensions.clone();
        Ok(CheckedPackage { package, manifest, limits, grants, trust, scan, extensions, digest })
    }

    fn check_version(&self) -> Result<(), LoadErrorKind> {
        let Some(wanted) = &self.manifest.plugbay_version else { return Ok(()) };
        let have = Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(Version::new(0, 0, 0));
        if wanted.matches(&have) { Ok(()) } else { Err(LoadErrorKind::Version { wanted: wanted.to_string() }) }
    }

    /// Checks that the operator trusts a plugin whose manifest asks for trusted mode.
    fn check_trust(&self) -> Result<(), LoadErrorKind> {
        match self.trust {
            Trust::NotAsked | Trust::Given => Ok(()),
            Trust::NotGiven => Err(LoadErrorKind::NotTrusted),
        }
    }

    /// Returns how the plugin's code is interrupted: by fuel, unless it is trusted and has no fuel limit.
    pub(crate) fn metering(&self) -> Metering {
        if self.trust == Trust::Given && self.limits.fuel.is_none() { Metering::Epoch } else { Metering::Fuel }
    }

    /// Returns a failure for each import that the host does not offer or did not grant.
    pub(crate) fn import_problems(&self) -> impl Iterator<Item = LoadErrorKind> + '_ {
        self.scan
            .imports
            .iter()
            // The imports of a core module are judged after it has been made a component.
            .filter(|import| self.scan.kind == Kind::Component && import.kind == ItemKind::Instance)
            .filter_map(|import| self.judge_import(&import.name).err())
    }

    /// Whether the plugin can see the identity behind a call and its scopes. A component that does not import the
    /// interface of the running call cannot.
    pub(crate) fn sees_callers(&self) -> bool {
        self.scan.kind != Kind::Component
            || self.scan.imports.iter().any(|import| import.name.starts_with(INVOCATION_INTERFACE))
    }

    fn judge_import(&self, import: &str) -> Result<(), LoadErrorKind> {
        let mode = self.manifest.execution_mode;
        let not_allowed = || self.grants.not_allowed(&self.manifest.permissions);
        let denied = |denial: Denial| LoadErrorKind::Denied {
            import: import.to_owned(),
            denial: Box::new(denial),
            not_allowed: not_allowed(),
        };
        match offered(import, &self.extensions) {
            Offer::Free => Ok(()),
            Offer::Service(resource, usual) => {
                check_service(&self.grants, &self.manifest, import, resource, usual).map_err(denied)
            }
            Offer::Network => check_network(&self.grants, &self.manifest).map_err(denied),
            Offer::NotOffered(hint) => Err(LoadErrorKind::UnknownImport {
                import: import.to_owned(),
                mode: mode.name(),
                hint: hint.map(Cow::into_owned),
            }),
        }
    }
}

/// What the host offers behind an import.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer<'a> {
    /// Offered to all plugins.
    Free,
    /// Offered to plugins that may use any resource of this kind, usually for this action.
    Service(&'a str, PermissionAction),
    /// Offered to all plugins, but usable only by trusted ones that ask for addresses and are granted them.
    Network,
    /// Not offered, with advice if there is any: another version is offered, or it may be an application's.
    NotOffered(Option<Cow<'static, str>>),
}

/// The permission that [`Offer::Network`] requires; see [`check_network`].
pub(crate) const NETWORK: (&str, PermissionAction) = ("net.*", PermissionAction::Execute);

/// The advice for an interface of another version of WASI.
const OTHER_WASI: &str =
    "of WASI the host offers version 0.2: build the plugin for that, in Rust with the target wasm32-wasip2";

/// The beginning of the versions of the contract that the host serves.
const CONTRACT_VERSION: &str = "0.2.";

/// The advice for an interface of another version of the contract.
pub(crate) const OTHER_CONTRACT: &str = "this host serves version 0.2 of the contract: rebuild the plugin with the \
     current `plugbay-sdk`, or against the current `wit/`";

/// The interface of the other plugins.
const PLUGINS: &str = "plugbay:plugin/plugins@";

/// The advice for an interface of an unknown namespace.
const OF_APPLICATION: &str = "if it is an interface of an application, only that application can load the plugin";

/// Checks that a plugin that imports sockets was granted those that its manifest asks for. A plugin that asks for none
/// may still import them, because whole libraries do so without use; each attempt to use one is then denied.
pub(crate) fn check_network(grants: &Grants, manifest: &Manifest) -> Result<(), Denial> {
    let (resource, action) = NETWORK;
    let asks = |rule: &Rule| rule.effect == Effect::Allow && rule.resource.starts_with("net.");
    if !manifest.permissions.iter().any(asks) {
        Ok(())
    } else if manifest.execution_mode == ExecutionMode::Trusted {
        grants.check_any(resource, action)
    } else {
        Err(Denial::of_kind(resource, action, Refused::ByMode))
    }
}

/// Returns whether fuel is limited for a trusted plugin, which has no limit by default: by its manifest, by the host
/// for this plugin, or by a ceiling. The default ceiling applies to metered plugins only.
fn is_fuel_limited(asked: &Resources, ceilings: &Ceilings) -> bool {
    asked.max_fuel.is_some_and(|fuel| fuel != 0) || ceilings.fuel.is_some_and(|fuel| fuel != FUEL_CEILING_DEFAULT)
}

/// Checks that a plugin may import a service, which requires a grant for at least one of its resources.
pub(crate) fn check_service(
    grants: &Grants,
    manifest: &Manifest,
    import: &str,
    resource: &str,
    usual: PermissionAction,
) -> Result<(), Denial> {
    if import.starts_with(PLUGINS) {
        return check_plugins(grants, manifest);
    }
    let checked = grants.check_service(resource, usual);
    // The standard interface gives access to the cache as well as to data.
    let may_cache = || import.starts_with("wasi:keyvalue/") && grants.check_service("cache.*", usual).is_ok();
    // Requests to the host's own server need no permission for its address.
    let may_use_api =
        || import.starts_with("wasi:http/outgoing-handler") && grants.check_service("api.*", usual).is_ok();
    if checked.is_err() && (may_cache() || may_use_api()) { Ok(()) } else { checked }
}

/// Checks that a plugin may import `plugins`. A plugin that asks for no plugin and no service may, because it may offer
/// services below its own name; each other use is then denied.
fn check_plugins(grants: &Grants, manifest: &Manifest) -> Result<(), Denial> {
    let asks = |kind: &str| {
        let is_asked = |rule: &&Rule| rule.effect == Effect::Allow && rule.resource.starts_with(kind);
        manifest.permissions.iter().any(|rule| is_asked(&rule) || rule.resource.starts_with('*'))
    };
    match (asks("plugin."), asks("service.")) {
        (false, false) => Ok(()),
        (true, false) => grants.check_service("plugin.*", PermissionAction::Execute),
        (false, true) => grants.check_service("service.*", PermissionAction::Read),
        (true, true) => grants
            .check_service("service.*", PermissionAction::Read)
            .or_else(|_| grants.check_service("plugin.*", PermissionAction::Execute)),
    }
}

/// Looks up an import by its name. The version of a service is ignored here: the linker judges it.
pub(crate) fn offered<'a>(import: &str, extensions: &'a Extensions) -> Offer<'a> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    if interface.starts_with("plugbay:plugin/") && !version.starts_with(CONTRACT_VERSION) {
        return Offer::NotOffered(Some(OTHER_CONTRACT.into()));
    }
    if interface == "plugbay:plugin/types" {
        // It declares types only.
        return Offer::Free;
    }
    let package = interface.split_once('/').map_or(interface, |(package, _)| package);
    let is_core_wasi =
        ["wasi:cli", "wasi:clocks", "wasi:io", "wasi:random", "wasi:filesystem", "wasi:sockets", "wasi:http"]
            .contains(&package);
    if is_core_wasi && !version.starts_with("0.2.") {
        return Offer::NotOffered(Some(OTHER_WASI.into()));
    }
    if let Some(service) = SERVICES.iter().find(|service| service.interface == interface) {
        return match service.permission {
            Some((resource, usual)) => Offer::Service(resource, usual),
            None => Offer::Free,
        };
    }
    match package {
        "wasi:sockets" => Offer::Network,
        "wasi:http" => Offer::NotOffered(None),
        _ if is_core_wasi => Offer::Free,
        _ if ["wasi:", "plugbay:"].iter().any(|namespace| package.starts_with(namespace)) => Offer::NotOffered(None),
        _ => offered_by_application(import, extensions),
    }
}

fn offered_by_application<'a>(import: &str, extensions: &'a Extensions) -> Offer<'a> {
    if let Some((resource, usual)) = extensions.permission(import) {
        return Offer::Service(resource, usual);
    }
    let other = extensions.other_version(import).map(|other| format!("the application offers it as `{other}`").into());
    Offer::NotOffered(Some(other.unwrap_or(OF_APPLICATION.into())))
}

/// Returns the manifest of a package: the component's embedded manifest, overridden by the files beside it, with a
/// fallback name if none names the plugin.
fn manifest(package: &Package, scan: &Scan) -> Result<Manifest, LoadErrorKind> {
    let mut layers = vec![package.fallback_layer()?];
    for section in &scan.manifests {
        layers.extend(Layer::from_section(format!("{} (embedded manifest)", package.origin), section)?);
    }
    layers.extend(package.layers().cloned());
    let mut manifest = Manifest::from_layers(&layers)?;
    manifest.notes.extend_from_slice(package.notes());
    Ok(manifest)
}

/// Returns whether an export is the standard handler of HTTP requests.
fn is_incoming_handler(export: &str) -> bool {
    export.starts_with("wasi:http/incoming-handler@0.2.")
}

/// Merges the two; members that the host sets take precedence.
fn overridden(asked: &Resources, host: &Resources) -> Resources {
    Resources {
        timeout: host.timeout.or(asked.timeout),
        max_memory_bytes: host.max_memory_bytes.or(asked.max_memory_bytes),
        max_fuel: host.max_fuel.or(asked.max_fuel),
        rate_limit: host.rate_limit.or(asked.rate_limit),
        instances: host.instances.or(asked.instances),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(import: &str) -> Offer<'static> {
        match super::offered(import, &Extensions::default()) {
            Offer::Service(..) => panic!("{import} is a service"),
            Offer::Free => Offer::Free,
            Offer::Network => Offer::Network,
            Offer::NotOffered(hint) => Offer::NotOffered(hint),
        }
    }

    #[test]
    fn unknown_import_is_not_offered() {
        assert_eq!(offered("acme:telemetry/spy@1.0.0"), Offer::NotOffered(Some(OF_APPLICATION.into())));
        assert_eq!(offered("plugbay:plugin/teleport@0.2.0"), Offer::NotOffered(None));
        assert_eq!(offered("plugbay:plugin/types@0.1.0"), Offer::NotOffered(Some(OTHER_CONTRACT.into())));
        assert_eq!(offered("wasi:http/incoming-handler@0.2.6"), Offer::NotOffered(None));
        assert_eq!(offered("plugbay:plugin/invocation@0.2.7"), Offer::Free);
    }

    #[test]
    fn wasi_is_offered_in_one_version() {
        assert_eq!(offered("wasi:sockets/tcp@0.2.6"), Offer::Network);
        assert_eq!(offered("wasi:cli/environment@0.2.0"), Offer::Free);
        for other in ["wasi:sockets/types@0.3.0", "wasi:cli/environment@0.3.0-rc-2026-01-01", "wasi:http/types@0.3.0"] {
            assert_eq!(offered(other), Offer::NotOffered(Some(OTHER_WASI.into())), "{other}");
        }
    }

    #[test]
    fn fuel_of_a_trusted_plugin_is_limited_if_anybody_says_so() {
        let asked = |max_fuel| Resources { max_fuel, ..Resources::default() };
        let ceilings = |fuel| Ceilings { fuel, ..Ceilings::default() };
        assert!(!is_fuel_limited(&asked(None), &Ceilings::default()));
        assert!(!is_fuel_limited(&asked(Some(0)), &Ceilings::unlimited()));
        assert!(is_fuel_limited(&asked(Some(5)), &Ceilings::unlimited()));
        assert!(is_fuel_limited(&asked(None), &ceilings(Some(1_000))));
        assert!(is_fuel_limited(&asked(Some(0)), &ceilings(Some(u64::MAX))));
    }
}
