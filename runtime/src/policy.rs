//! What plugins may use: the operator's [`Policy`], what it grants together with a plugin's manifest ([`Grants`]), and
//! the [`Denial`] of a use, with the line that would allow it.

pub use crate::capability::{Denial, Grants, Pattern, Policy, PolicyError, Refused, UnreachableRule};
