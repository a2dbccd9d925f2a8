//! The error of adding a plugin that the application provides.

/// Why a plugin of the application cannot be provided. The runtime's plugins are unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvideError {
    /// The name is not a valid plugin name.
    #[error("{message}")]
    Name {
        /// The problem.
        message: String,
    },
    /// The version is not a semantic version.
    #[error("plugin `{name}` cannot be provided: its version `{version}` is not a semantic version ({message})")]
    Version {
        /// The plugin.
        name: String,
        /// The version.
        version: String,
        /// The problem.
        message: String,
    },
    /// The name of an action is not valid, or two actions have the same name.
    #[error("plugin `{name}` cannot be provided: {message}")]
    Action {
        /// The plugin.
        name: String,
        /// The action, and the problem.
        message: String,
    },
    /// A plugin of this name is loaded, or is being loaded or unloaded.
    #[error("plugin `{name}` cannot be provided: a plugin of this name is loaded; unload it, or choose another name")]
    Loaded {
        /// The plugin.
        name: String,
    },
    /// The application provides a plugin of this name already.
    #[error("plugin `{name}` cannot be provided: the application provides a plugin of this name already")]
    Provided {
        /// The plugin.
        name: String,
    },
}
