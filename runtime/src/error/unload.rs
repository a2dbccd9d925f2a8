//! The error of unloading or disabling a plugin that others require.

/// Why a plugin is not unloaded or disabled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnloadError {
    /// No plugin of this name is loaded.
    #[error("plugin `{plugin}` is not loaded")]
    NotLoaded {
        /// The plugin.
        plugin: String,
    },
    /// Other plugins require it.
    #[error("plugin `{plugin}` is required by {}", by.join(", "))]
    Required {
        /// The plugin.
        plugin: String,
        /// The plugins that require it, directly or through others, by name.
        by: Vec<String>,
    },
}

impl UnloadError {
    /// Returns advice on one line, if there is any.
    pub fn hint(&self) -> Option<String> {
        match self {
            UnloadError::NotLoaded { .. } => None,
            UnloadError::Required { .. } => Some("end these first, or all with `Dependents::Unload`".to_owned()),
        }
    }
}
