//! A Plugbay host set up from its file, `plugbay.yaml`. [`HostFile`] (the file) and [`NodeOptions`] (the operator's
//! other settings) become a [`Node`]: a runtime with the resulting policy, ceilings and directories.
//!
//! [`Node::boot`] loads the plugins of the file, of the catalog and of the directory of plugins, and [`Node::refresh`]
//! follows later changes of the catalog. [`Node::start_processes`] runs the processes of the file, and
//! [`Node::start_docker`] publishes the events of its Docker engines. [`open_catalog`] opens the catalog with the
//! settings of the file, for commands that change it.
//!
//! The command and a server share this crate. It parses no command line and prints nothing; remarks that are not errors
//! are in [`Node::notes`].

#![forbid(unsafe_code)]

mod application_state;
mod boot;
mod cache;
mod catalog;
mod ceilings;
mod component_scanner;
mod data_dir;
mod discovery;
mod docker;
mod file;
mod follow;
mod installed;
mod loader;
mod process_control;
mod processes;
mod refresh;
mod reload;
mod requirements;
mod running;
mod watch;

pub use boot::{BootError, BootFailure, BootReport};
pub use cache::{UsableCache, usable_code_cache};
pub use catalog::{OpenCatalogError, existing_catalog, fetcher, open_catalog, own_fetcher};
pub use component_scanner::ComponentScanner;
pub use data_dir::{DataDirError, DataDirProblem, prepare_data_dir};
pub use discovery::{DiscoveryError, discover};
pub use file::{HostFile, HostFileError};
pub use follow::FollowError;
pub use loader::SetEnabledError;
/// The followers of Docker engines.
pub use plugbay_docker as docker_engine;
/// The supervisor of processes.
pub use plugbay_supervisor as supervisor;
pub use processes::{ProcessLogSink, ProcessOptions, VariablesOfProcess};
pub use refresh::RefreshReport;
pub use reload::ReloadedFile;
pub use requirements::{FindInstalled, RequirementsError};
pub use watch::{FileWatch, watch_plugins};

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plugbay::error::{BuildError, SqliteInUse};
use plugbay::manifest::{PluginEntry, Resources, Rule};
use plugbay::{Package, Policy, Runtime, RuntimeBuilder};
use plugbay_catalog::{Catalog, HostLock, HostLockError, SqliteStore};
use plugbay_docker::DockerError;
use plugbay_supervisor::SupervisorError;

use docker::NodeDocker;
use process_control::NodeProcessControl;
use processes::NodeProcesses;
use running::Running;

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
    environment: Option<String>,
    data_dir: Option<PathBuf>,
    /// Whether there is a data directory that can be written.
    is_writable: bool,
    /// The installed plugins that were loaded.
    running: Running,
    /// The processes, once they were started.
    processes: OnceLock<NodeProcesses>,
    /// The same for plugins.
    process_control: NodeProcessControl,
    /// The Docker engines.
    docker: NodeDocker,
    /// Changes by the catalog are made one after another.
    turn: tokio::sync::Mutex<()>,
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
    /// The processes of the host's file cannot be set up.
    #[error(transparent)]
    Processes(#[from] SupervisorError),
    /// A file of a Docker engine of the host's file cannot be used.
    #[error(transparent)]
    Docker(#[from] DockerError),
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
    /// [`NodeError`] if the environment, the data directory, a process or a Docker engine of the file cannot be used,
    /// this process used SQLite before, or the runtime cannot be built.
    pub fn open(options: NodeOptions, builder: RuntimeBuilder) -> Result<Self, NodeError> {
        plugbay::bound_sql_memory()?;
        let NodeOptions { file, policy, limits, environment, data_dir, only_checks } = options;
        let mut builder = builder
            .policy(with_rules(policy.clone(), file.policy()))
            .ceilings(ceilings::in_force(file.ceilings(), &limits));
        if !file.logger_parents().is_empty() {
            builder = builder.log_parents(file.logger_parents());
        }
        let environment = environment.or_else(|| file.environment().map(str::to_owned));
        if let Some(name) = &environment {
            if !is_environment(name) {
                return Err(NodeError::Environment { name: name.clone() });
            }
            builder = builder.environment(name);
        }
        let mut notes: Vec<String> = file.unreachable_rules().collect();
        let data_dir = data_dir.or_else(|| file.data_dir());
        let mut is_writable = false;
        if let Some(directory) = &data_dir {
            let note = data_dir::prepare(directory, only_checks)?;
            is_writable = note.is_none();
            notes.extend(note);
            builder = builder.data_dir(directory);
        }
        processes::builder(&file, data_dir.as_deref().filter(|_| is_writable)).check()?;
        let docker = NodeDocker::new(&file)?;
        let process_control = NodeProcessControl::default();
        if !file.supervision().processes.is_empty() {
            builder = builder.processes(process_control.clone());
        }
        let runtime = builder.build()?;
        Ok(Node {
            runtime,
            notes,
            file,
            policy,
            environment,
            data_dir,
            is_writable,
            running: Running::default(),
            processes: OnceLock::new(),
            process_control,
            docker,
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Locks the data directory for this process. `None` if there is none, or if it cannot be written: then no host can
    /// store anything there. `command` is the operator's name of this process, for the message that a
    /// second host prints.
    ///
    /// # Errors
    /// [`HostLockError`] if another host runs on the data directory, or it cannot be locked.
    pub fn lock(&self, command: &str) -> Result<Option<HostLock>, HostLockError> {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};

        let Some(directory) = &self.data_dir else { return Ok(None) };
        match HostLock::acquire(directory, command) {
            Ok(lock) => Ok(Some(lock)),
            Err(HostLockError::Io { error, .. }) if [PermissionDenied, ReadOnlyFilesystem].contains(&error.kind()) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The data directory, if there is one.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// Whether there is a data directory that can be written.
    pub fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// The catalog of the data directory, which is created if there is none. `None` without a data directory.
    ///
    /// # Errors
    /// As [`open_catalog`].
    pub fn open_catalog(&self) -> Result<Option<Catalog>, OpenCatalogError> {
        self.data_dir.as_ref().map(|directory| open_catalog(&self.file, directory)).transpose()
    }

    /// Whether the data directory has a catalog.
    pub fn has_catalog(&self) -> bool {
        self.data_dir.as_ref().is_some_and(|directory| SqliteStore::exists(directory))
    }

    /// The host's file that the node was set up from.
    pub fn file(&self) -> &HostFile {
        &self.file
    }

    /// The catalog of the data directory, if there is one. It may be changed by other processes.
    ///
    /// # Errors
    /// As [`existing_catalog`].
    pub fn catalog(&self) -> Result<Option<Catalog>, OpenCatalogError> {
        match &self.data_dir {
            Some(directory) => existing_catalog(&self.file, directory),
            None => Ok(None),
        }
    }

    /// The package with the settings of its entry in the host's file: options, permissions, and whether it is trusted
    /// and lazy.
    pub fn configured(&self, path: &Path, package: Package) -> Package {
        self.with_settings(self.file.of_path(path), package)
    }

    /// The package with the settings of these entries, the first of which takes precedence for rules.
    fn with_settings(&self, entries: Vec<&PluginEntry>, package: Package) -> Package {
        let rules: Vec<Rule> = entries.iter().flat_map(|entry| entry.permissions.clone()).collect();
        let options = entries.iter().flat_map(|entry| entry.options.clone());
        let package = package.trusted(entries.iter().any(|entry| entry.trusted));
        let package = package.lazy(entries.iter().any(|entry| entry.lazy));
        package.policy(with_rules(self.policy.clone(), &rules)).configure_all(options)
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
