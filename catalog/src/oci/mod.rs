//! Plugins in OCI registries, as `wkg` and other tools of the WebAssembly ecosystem publish them: one layer of the
//! media type `application/wasm`, and a config of the media type of wasm v0.
//!
//! This is a client of the distribution protocol for exactly this artefact, over the crate's own transfers. A general
//! client (`oci-client`) would bring a second HTTP stack and connect to any address that a registry redirects to.

mod access;
mod manifest;
mod publish;
mod pull;
mod reference;
mod registry;

pub use self::publish::{PublishOptions, Published, publish};
pub(crate) use self::pull::pull;
pub use self::reference::OciReference;
pub(crate) use self::registry::Registry;
