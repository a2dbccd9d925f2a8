//! Everything that is decided about a plugin before any of its code is compiled or run: its manifest, what it is granted,
//! its limits, and whether it imports anything else.

use plugbay_manifest::{ExecutionMode, Layer, Manifest, PermissionAction, Resources};
use semver::Version;
use sha2::{Digest, Sha256};

use super::package::Package;
use super::scan::{self, ItemKind, Kind, Quantity, Scan, ScanLimits};
use super::schema;
use crate::capability::{Denial, Grants, LivePolicy, Policy, Refused};
use crate::error::{LoadError, LoadFailure};
use crate::limits::{Ceilings, Limits};
use crate::service::SERVICES;

/// A package whose manifest, limits and imports were found to be in order.
pub(crate) struct CheckedPackage {
    pub(crate) package: Package,
    pub(crate) manifest: Manifest,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) scan: Scan,
    /// SHA-256 of the bytes.
    pub(crate) digest: [u8; 32],
}

/// What a module that is not a component can be.
const CORE_MODULE: &str = "it is a core module, not a component: build it for wasm32-wasip2, or, if it is a WASI command, \
                           set `execution_mode: legacy` in its manifest, a `plugin.yaml` beside it with its file's name \
                           as `entry_point`";

/// What the operator says to every plugin.
pub(crate) struct Operator {
    pub(crate) policy: LivePolicy,
    pub(crate) limits: Limits,
    pub(crate) ceilings: Ceilings,
}

impl CheckedPackage {
    pub(crate) fn check(package: Package, operator: &Operator) -> Result<Self, LoadError> {
        let checked = CheckedPackage::examine(package, operator)?;
        checked
            .check_version()
            .and_then(|()| schema::check_cost(&checked.manifest.actions))
            .map_err(|failure| LoadError::new(&checked.manifest.name, failure))?;
        let problem = checked.import_problems().next();
        match problem {
            Some(failure) => Err(LoadError::new(&checked.manifest.name, failure)),
            None => Ok(checked),
        }
    }

    /// The same, without a verdict about imports and versions: for showing what a plugin is.
    pub(crate) fn examine(mut package: Package, operator: &Operator) -> Result<Self, LoadError> {
        let origin = package.origin.clone();
        let scan =
            scan::scan(&package.bytes, &ScanLimits::default()).map_err(|error| LoadError::new(&origin, error))?;
        let manifest = manifest(&mut package, &scan).map_err(|failure| LoadError::new(&origin, failure))?;
        let asked = overridden(&manifest.resources, &package.overrides);
        let mut limits = operator.limits.asked(&asked, &operator.ceilings);
        if manifest.execution_mode == ExecutionMode::Trusted {
            limits.fuel = None;
        }
        let observed = scan.total(Quantity::MemoryBytes);
        if observed > limits.memory_bytes {
            let failure = LoadFailure::MinimumMemory { allowed: limits.memory_bytes, observed };
            return Err(LoadError::new(&manifest.name, failure));
        }
        if scan.kind == Kind::CoreModule && manifest.execution_mode != ExecutionMode::Legacy {
            return Err(LoadError::new(&manifest.name, LoadFailure::Contract(CORE_MODULE.to_owned())));
        }
        let asked = Policy::from_rules(&manifest.permissions).with_basics();
        let grants = Grants::live(asked, std::mem::take(&mut package.policy), operator.policy.clone());
        let digest = Sha256::digest(&package.bytes).into();
        Ok(CheckedPackage { package, manifest, limits, grants, scan, digest })
    }

    fn check_version(&self) -> Result<(), LoadFailure> {
        let Some(wanted) = &self.manifest.plugbay_version else { return Ok(()) };
        let have = Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(Version::new(0, 0, 0));
        if wanted.matches(&have) { Ok(()) } else { Err(LoadFailure::Version { wanted: wanted.to_string() }) }
    }

    /// Each import that the host does not offer or did not grant.
    pub(crate) fn import_problems(&self) -> impl Iterator<Item = LoadFailure> + '_ {
        self.scan
            .imports
            .iter()
            // The imports of a core module are judged when it is made a component.
            .filter(|import| self.scan.kind == Kind::Component && import.kind == ItemKind::Instance)
            .filter_map(|import| self.judge_import(&import.name).err())
    }

    fn judge_import(&self, import: &str) -> Result<(), LoadFailure> {
        let mode = self.manifest.execution_mode;
        let not_allowed = || self.grants.not_allowed(&self.manifest.permissions);
        let denied = |denial: Denial| LoadFailure::Denied {
            import: import.to_owned(),
            denial: Box::new(denial),
            not_allowed: not_allowed(),
        };
        match offered(import, mode) {
            Offer::Free => Ok(()),
            Offer::With(resource, action) => self.grants.check_any(resource, action).map_err(denied),
            Offer::Service(resource, usual) => check_service(&self.grants, import, resource, usual).map_err(denied),
            Offer::TrustedOnly(resource, action) => Err(denied(Denial::of_kind(resource, action, Refused::ByMode))),
            Offer::Nothing => Err(LoadFailure::UnknownImport {
                import: import.to_owned(),
                mode: mode.name(),
                hint: "; `plugbay inspect` lists what it imports",
            }),
        }
    }
}

/// What the host has behind an import.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It is there for everybody.
    Free,
    /// It is there for those who may use this.
    With(&'static str, PermissionAction),
    /// It is there for those who may use anything of this kind, usually for this.
    Service(&'static str, PermissionAction),
    /// It is there for trusted plugins who may use this.
    TrustedOnly(&'static str, PermissionAction),
    /// It is not there.
    Nothing,
}

/// Whether a plugin may import a service: it must be granted some use of what is behind it.
pub(crate) fn check_service(
    grants: &Grants,
    import: &str,
    resource: &str,
    usual: PermissionAction,
) -> Result<(), Denial> {
    let checked = grants.check_service(resource, usual);
    // Behind the standard there is the cache as well as the data.
    let may_cache = || import.starts_with("wasi:keyvalue/") && grants.check_service("cache.*", usual).is_ok();
    if checked.is_err() && may_cache() { Ok(()) } else { checked }
}

/// Looks an import up by its name, whatever its version: the linker judges that.
pub(crate) fn offered(import: &str, mode: ExecutionMode) -> Offer {
    let interface = import.split_once('@').map_or(import, |(interface, _)| interface);
    if interface == "plugbay:plugin/types" {
        // Types only: nothing is behind it.
        return Offer::Free;
    }
    if let Some(service) = SERVICES.iter().find(|service| service.interface == interface) {
        return match service.permission {
            Some((resource, usual)) => Offer::Service(resource, usual),
            None => Offer::Free,
        };
    }
    match interface.split_once('/').map_or(interface, |(package, _)| package) {
        "wasi:cli" | "wasi:clocks" | "wasi:io" | "wasi:random" | "wasi:filesystem" => Offer::Free,
        "wasi:sockets" if mode == ExecutionMode::Trusted => Offer::With("net.*", PermissionAction::Execute),
        "wasi:sockets" => Offer::TrustedOnly("net.*", PermissionAction::Execute),
        _ => Offer::Nothing,
    }
}

/// The manifest of a package: what its component carries, under the files beside it; a name where nothing says one.
fn manifest(package: &mut Package, scan: &Scan) -> Result<Manifest, LoadFailure> {
    let mut layers = vec![package.fallback_layer()?];
    for section in &scan.manifests {
        layers.extend(Layer::from_section(format!("{} (embedded manifest)", package.origin), section)?);
    }
    layers.append(&mut package.layers);
    Ok(Manifest::from_layers(&layers)?)
}

/// What the host sets wins, member by member.
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

    #[test]
    fn sockets_are_for_trusted_plugins_only() {
        let sockets = "wasi:sockets/tcp@0.2.6";
        assert!(matches!(offered(sockets, ExecutionMode::Sandboxed), Offer::TrustedOnly(..)));
        assert!(matches!(offered(sockets, ExecutionMode::Legacy), Offer::TrustedOnly(..)));
        assert!(matches!(offered(sockets, ExecutionMode::Trusted), Offer::With(..)));
    }

    #[test]
    fn import_that_nobody_knows_is_not_offered() {
        assert_eq!(offered("acme:telemetry/spy@1.0.0", ExecutionMode::Trusted), Offer::Nothing);
        assert_eq!(offered("plugbay:plugin/teleport@0.1.0", ExecutionMode::Sandboxed), Offer::Nothing);
        assert_eq!(offered("plugbay:plugin/invocation@0.1.7", ExecutionMode::Sandboxed), Offer::Free);
    }
}
