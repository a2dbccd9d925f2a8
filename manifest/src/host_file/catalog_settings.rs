//! The part `catalog` of the host's file: where packages of the catalog may come from, and which signatures they need.

use serde_json::Value;

use crate::field::{Table, field};
use crate::limits::{HOST_NAMES_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, TRUSTED_KEYS_MAX};
use crate::name;
use crate::problem::{Report, code};
use crate::read::Node;
use crate::shape;

/// The operator's settings of the catalog. `Default` trusts no key and requires no signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogSettings {
    /// Public keys in minisign's format, each as its line that begins with `RW`. Signatures by them are checked.
    pub trusted_keys: Vec<String>,
    /// Whether packages that none of the keys signed are refused.
    pub require_signatures: bool,
    /// Hosts from which packages may be downloaded although their addresses are not public, such as
    /// `registry.internal` or `127.0.0.1:5000`.
    pub private_hosts: Vec<String>,
    /// Hosts that are reached without encryption, such as a registry on this machine.
    pub plain_hosts: Vec<String>,
    /// The namespace of packages that are named without one.
    pub default_namespace: Option<String>,
}

const CATALOG: Table = &[
    field("trusted_keys", "Public keys of publishers, as minisign prints them: lines that begin with RW.", || {
        shape::list(shape::line(LINE_CHARS_MAX), TRUSTED_KEYS_MAX)
    }),
    field(
        "require_signatures",
        "Whether a package is refused unless one of the trusted keys signed it. Default: false.",
        shape::boolean,
    ),
    field("private_hosts", "Hosts with private addresses from which packages may be downloaded.", hosts_shape),
    field("plain_hosts", "Hosts that are reached without encryption, such as 127.0.0.1:5000.", hosts_shape),
    field("default_namespace", "The namespace of packages that are named without one.", || {
        shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX)
    }),
];

pub(super) fn catalog_shape() -> Value {
    shape::object(CATALOG, &[])
}

fn hosts_shape() -> Value {
    shape::list(shape::line(LINE_CHARS_MAX), HOST_NAMES_MAX)
}

pub(super) fn read(node: &Node<'_>, report: &mut Report) -> Option<CatalogSettings> {
    let object = node.object(CATALOG, report)?;
    let mut lines = |field: &str, count_max: usize| -> Vec<String> {
        let items = object.get(field).map(|node| node.items(count_max, report)).unwrap_or_default();
        items.iter().filter_map(|item| item.line(LINE_CHARS_MAX, report)).collect()
    };
    let trusted_keys = lines("trusted_keys", TRUSTED_KEYS_MAX);
    let (private_hosts, plain_hosts) = (lines("private_hosts", HOST_NAMES_MAX), lines("plain_hosts", HOST_NAMES_MAX));
    let default_namespace = object.get("default_namespace").and_then(|node| {
        let namespace = node.line(NAME_CHARS_MAX, report)?;
        let checked = name::plugin(&namespace);
        checked.map_err(|message| node.problem(report, code::INVALID_NAME, message)).ok()?;
        Some(namespace)
    });
    let require_signatures = object.get("require_signatures");
    let settings = CatalogSettings {
        require_signatures: require_signatures.as_ref().and_then(|node| node.boolean(report)).unwrap_or(false),
        trusted_keys,
        private_hosts,
        plain_hosts,
        default_namespace,
    };
    if settings.require_signatures && settings.trusted_keys.is_empty() {
        let message =
            "no key is trusted, so no package could be installed: list the publishers' keys in `trusted_keys`";
        require_signatures?.problem(report, code::INVALID_VALUE, message);
    }
    Some(settings)
}
