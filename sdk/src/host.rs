//! The one room in which the plugin talks to its host.
//!
//! Inside the sandbox that is the component's imports; in a native build, as for the author's `cargo test`, a stand-in
//! within the process. Nothing else in this crate knows which of the two it is.

#[cfg(target_family = "wasm")]
mod guest;
#[cfg(not(target_family = "wasm"))]
mod standin;

#[cfg(target_family = "wasm")]
pub(crate) use guest::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use standin::*;

/// Why a configuration call failed.
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "the stand-in denies nothing"))]
pub(crate) enum ConfigFailure {
    Denied(String),
    Invalid(String),
    Unavailable(String),
    Other(String),
}
