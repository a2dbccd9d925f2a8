//! A plugin that the application provides cannot be added to the runtime.

/// A plugin of the application cannot be provided. The plugins of the runtime are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvideError {
    /// Its name does not follow the rule of plugin names.
    #[error("{message}")]
    Name {
        /// What is wrong with the name.
        message: String,
    },
    /// Its version is not a semantic version.
    #[error("plugin `{name}` cannot be provided: its version `{version}` is not a semantic version ({message})")]
    Version {
        /// The plugin.
        name: String,
        /// The version.
        version: String,
        /// What is wrong with it.
        message: String,
    },
    /// The name of an action does not follow the rule, or two actions have the same name.
    #[error("plugin `{name}` cannot be provided: {message}")]
    Action {
        /// The plugin.
        name: String,
        /// Which action, and what is wrong with it.
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
