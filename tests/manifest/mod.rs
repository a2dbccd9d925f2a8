//! Manifests of packages, as a host loads them: all problems at once, limits cut to the operator's ceilings.
//!
//! The values that each field accepts are tested in the manifest crate. Its golden documents are also checked against
//! the published JSON Schemas here.

mod ceiling;
mod problem;
mod schemas;
