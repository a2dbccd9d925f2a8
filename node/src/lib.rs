//! A Plugbay host that is set up from its file, `plugbay.yaml`: [`HostFile`] (what was written) and what the operator says
//! beside it ([`NodeOptions`]) become a [`Node`], a runtime with the policy, ceilings and directories that apply.
//!
//! The command and a server share this. It parses no command line and prints nothing: what is worth knowing and no error
//! is an entry of [`Node::notes`].

mod cache;
mod data_dir;
mod file;
mod requirements;

pub use cache::{UsableCache, usable_code_cache};
pub use data_dir::{DataDirError, DataDirProblem};
pub use file::{HostFile, HostFileError};
pub use requirements::RequirementsError;

use std::path::{Path, PathBuf};

use plugbay::manifest::Rule;
use plugbay::{BuildError, Ceilings, Package, Policy, Runtime, RuntimeBuilder};

/// What the operator says beside the host's file.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct NodeOptions {
    /// The host's file. Default: an empty one.
    pub file: HostFile,
    /// Rules that come before those of the file, for all plugins and for each of them. Default: none.
    pub policy: Policy,
    /// The ceilings that apply. Default: the file's, which are [`HostFile::ceilings`].
    pub ceilings: Option<Ceilings>,
    /// The environment, in place of the file's. Default: none.
    pub environment: Option<String>,
    /// The data directory, in place of the file's. It is created if it does not exist. Default: none.
    pub data_dir: Option<PathBuf>,
    /// Whether a data directory that was created to see whether it can be is removed again. Default: no.
    pub only_checks: bool,
}

/// A runtime and the host's file that it was set up from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Node {
    /// The runtime. It has no plugins yet.
    pub runtime: Runtime,
    /// What is worth knowing: parts of the file that do nothing here.
    pub notes: Vec<String>,
    file: HostFile,
    policy: Policy,
}

/// A node cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The name of the environment cannot be part of a file's name.
    #[error("the environment `{name}` cannot name a file: use letters, digits, `_` and `-`")]
    Environment {
        /// The name.
        name: String,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The runtime cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Node {
    /// Sets up a runtime. `builder` has the settings that no file has, such as sinks and the compilation's isolation; its
    /// policy, ceilings, environment and data directory are replaced.
    ///
    /// # Errors
    /// [`NodeError`] if the environment or the data directory cannot be used, or the runtime cannot be built.
    pub fn open(options: NodeOptions, builder: RuntimeBuilder) -> Result<Self, NodeError> {
        let NodeOptions { file, policy, ceilings, environment, data_dir, only_checks } = options;
        let mut builder = builder
            .policy(with_rules(policy.clone(), file.policy()))
            .ceilings(ceilings.unwrap_or_else(|| file.ceilings()));
        if let Some(name) = environment.or_else(|| file.environment().map(str::to_owned)) {
            if !is_environment(&name) {
                return Err(NodeError::Environment { name });
            }
            builder = builder.environment(name);
        }
        if let Some(directory) = data_dir.or_else(|| file.data_dir()) {
            data_dir::prepare(&directory, only_checks)?;
            builder = builder.data_dir(directory);
        }
        let notes = file.notes();
        Ok(Node { runtime: builder.build()?, notes, file, policy })
    }

    /// The package with what the host's file says of the plugin at `path` alone: its options and permissions, and whether
    /// it is trusted.
    pub fn configured(&self, path: &Path, package: Package) -> Package {
        let policy = with_rules(self.policy.clone(), &self.file.permissions_of(path));
        let package = package.trusted(self.file.trusts(path));
        let options = self.file.options_of(path);
        options.into_iter().fold(package.policy(policy), |package, (key, value)| package.configure(key, value))
    }
}

fn with_rules(mut policy: Policy, rules: &[Rule]) -> Policy {
    for rule in rules {
        policy.push(&rule.resource, rule.actions.clone(), rule.effect);
    }
    policy
}

/// An environment names a file, so it may not lead elsewhere.
fn is_environment(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}
