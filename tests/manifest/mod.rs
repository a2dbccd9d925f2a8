//! Manifests of packages, as a host meets them: all problems at once, limits cut to the operator's ceilings.
//!
//! What each field may be is tested in the crate of the manifest.

mod ceiling;
mod problem;
