//! A Plugbay host set up from its file, `plugbay.yaml`. [`HostFile`] (the file) and [`NodeOptions`] (the operator's
//! other settings) become a [`Node`]: a runtime with the resulting policy, ceilings and directories.
//!
//! The command and a server share this crate. It parses no command line and prints nothing; remarks that are not errors
//! are in [`Node::notes`].

#![forbid(unsafe_code)]

mod cache;
mod ceilings;
mod data_dir;
mod file;
mod requirements;

pub use cache::{UsableCache, usable_code_cache};
pub use data_dir::{DataDirError, DataDirProblem};
pub use file::{HostFile, HostFileError};
pub use requirements::RequirementsError;

use std::path::{Path, PathBuf};

use plugbay::error::{BuildError, SqliteInUse};
use plugbay::manifest::{Resources, Rule};
use plugbay::{Package, Policy, Runtime, RuntimeBuilder};

/// The operator's settings in addition to the host's file.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct NodeOptions {
    /// The host's file. Default: an empty one.
    pub file: HostFile,
    /// Rules that come before those of the file, both the policy and the rules of each plugin. Default: none.
    pub policy: Policy,
    /// The operator's limits of all plugins, which raise default ceilings but not those of the file. They are not
    /// applied to packages: that is [`Package::resources`]. Default: none.
    pub limits: Resources,
    /// The environment, which replaces the file's. Default: the file's.
    pub environment: Option<String>,
    /// The data directory, which replaces the file's. It is created if it does not exist. If it cannot be written,
    /// plugins can read what is stored in it. Default: the file's.
    pub data_dir: Option<PathBuf>,
    /// Whether the data directory is only checked: if it was created for that, it is removed again. Default: false.
    pub only_checks: bool,
}

/// A runtime and the host's file that it was set up from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Node {
    /// The runtime. It has no plugins yet.
    pub runtime: Runtime,
    /// Remarks for the operator: parts of the file without effect, and a data directory that cannot be written.
    pub notes: Vec<String>,
    file: HostFile,
    policy: Policy,
}

/// A node cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The environment's name cannot be part of a file's name.
    #[error("the environment `{name}` cannot name a file: use letters, digits, `_` and `-`")]
    Environment {
        /// The name.
        name: String,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The memory of plugins' SQL statements cannot be bounded.
    #[error(transparent)]
    SqlMemory(#[from] SqliteInUse),
    /// The runtime cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Node {
    /// Sets up a runtime, and bounds the memory of SQL statements in this process
    /// ([`bound_sql_memory`](plugbay::bound_sql_memory)). `builder` has the settings that a file cannot have, such as
    /// sinks and the isolation of compiling; its policy, ceilings, environment and data directory are replaced.
    ///
    /// # Errors
    /// [`NodeError`] if the environment or the data directory cannot be used, this process used SQLite before, or the
    /// runtime cannot be built.
    pub fn open(options: NodeOptions, builder: RuntimeBuilder) -> Result<Self, NodeError> {
        plugbay::bound_sql_memory()?;
        let NodeOptions { file, policy, limits, environment, data_dir, only_checks } = options;
        let mut builder = builder
            .policy(with_rules(policy.clone(), file.policy()))
            .ceilings(ceilings::in_force(file.ceilings(), &limits));
        if let Some(name) = environment.or_else(|| file.environment().map(str::to_owned)) {
            if !is_environment(&name) {
                return Err(NodeError::Environment { name });
            }
            builder = builder.environment(name);
        }
        let mut notes = file.notes();
        if let Some(directory) = data_dir.or_else(|| file.data_dir()) {
            notes.extend(data_dir::prepare(&directory, only_checks)?);
            builder = builder.data_dir(directory);
        }
        Ok(Node { runtime: builder.build()?, notes, file, policy })
    }

    /// The package with the settings of its entry in the host's file: options, permissions and whether it is trusted.
    pub fn configured(&self, path: &Path, package: Package) -> Package {
        let policy = with_rules(self.policy.clone(), &self.file.permissions_of(path));
        let package = package.trusted(self.file.trusts(path));
        package.policy(policy).configure_all(self.file.options_of(path))
    }
}

fn with_rules(mut policy: Policy, rules: &[Rule]) -> Policy {
    for rule in rules {
        policy.push(&rule.resource, rule.actions.clone(), rule.effect);
    }
    policy
}

/// Whether the name can be part of a file's name. It must not lead to another directory.
fn is_environment(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}
