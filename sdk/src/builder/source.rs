//! A plugin's manifest file and its `Cargo.toml`, as the `manifest!` macro read them.

/// The manifest of the crate that is being compiled: checked, and in its canonical form.
///
/// In addition to the two layers as JSON, it lists the parts with which the code must agree.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The file's name.
    pub file: &'static str,
    /// The layer of `Cargo.toml` as JSON, with at least `name` and `version`. The code's layer overrides it.
    pub cargo: &'static str,
    /// The layer of the file as JSON, which overrides the code's. Empty without a file.
    pub json: &'static str,
    /// The actions that the file declares.
    pub actions: &'static [&'static str],
    /// The file's routes.
    pub routes: &'static [SourceRoute],
    /// The file's tables.
    pub tables: &'static [SourceTable],
    /// The ids of the file's subscriptions.
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
}

/// A table of a manifest file.
#[derive(Clone, Copy, Debug)]
pub struct SourceTable {
    /// Its name.
    pub name: &'static str,
}
