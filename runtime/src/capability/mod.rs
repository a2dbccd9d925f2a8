//! Capabilities: a plugin gets the intersection of what its manifest asks for and what the operator allows.
//!
//! Pure: nothing here knows of components, services or callers. A [`Policy`] is the rules of a manifest or an operator,
//! [`Grants`] combine both, and a [`Denial`] is a refused access with the rule that would allow it. The operator's
//! policy may be replaced while plugins run ([`LivePolicy`]).

mod denial;
mod grants;
mod pattern;
mod policy;

pub use denial::{Denial, Refused};
pub use grants::Grants;
pub use pattern::Pattern;
pub(crate) use policy::LivePolicy;
pub use policy::{Policy, PolicyError, UnreachableRule};

/// Returns the name of a resource, such as `data.notes`. Nearly every host call needs one, and `format!` takes four
/// times as long.
pub(crate) fn resource(kind: &str, name: &str) -> String {
    [kind, ".", name].concat()
}
