//! What a plugin's manifest file and its `Cargo.toml` say, as the `manifest!` macro found it.

/// The manifest of the crate that is being compiled: merged, checked, and in its canonical form. It names at least
/// `name` and `version`.
///
/// Beside the whole as JSON it has apart what the code has to agree with, and what a later layer with the same field
/// would replace.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The file's name.
    pub file: &'static str,
    /// The whole.
    pub json: &'static str,
    /// The actions that the file declares.
    pub actions: &'static [&'static str],
    /// The file's routes.
    pub routes: &'static [SourceRoute],
    /// The file's tables.
    pub tables: &'static [SourceTable],
    /// The file's permissions, each a rule as JSON.
    pub permissions: &'static [&'static str],
    /// The topics that the plugin may publish, as a JSON array.
    pub publishes: &'static str,
    /// The patterns that the file subscribes to.
    pub subscribes: &'static [&'static str],
}

/// A route of a manifest file.
#[derive(Clone, Copy, Debug)]
pub struct SourceRoute {
    /// Its method.
    pub method: &'static str,
    /// Its path, with parameters as `{name}`.
    pub path: &'static str,
    /// The actions that it names.
    pub actions: &'static [&'static str],
    /// The route as JSON.
    pub json: &'static str,
}

/// A table of a manifest file.
#[derive(Clone, Copy, Debug)]
pub struct SourceTable {
    /// Its name.
    pub name: &'static str,
    /// The table as JSON.
    pub json: &'static str,
}
