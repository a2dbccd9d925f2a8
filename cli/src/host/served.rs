//! The host of `plugbay serve`: a node with all of its plugins, and those that the command line names.

use std::path::PathBuf;
use std::sync::Arc;

use plugbay::compile::CompileIsolation;
use plugbay::manifest::{ServerEntry, ToolPattern};
use plugbay::{Package, Runtime};
use plugbay_node::{BootError, BootFailure, HostFile, Node, NodeOptions};
use plugbay_project::Source;
use plugbay_server::telemetry::LogBuffer;

use super::{Crates, LIVE_INSTANCES_MAX, code_cache, configured, open_package, typed_policy, worker};
use crate::args::{Common, Serve};
use crate::error::Error;
use crate::log::StderrLog;
use crate::output::Output;

/// A node and the packages of the command line.
pub(crate) struct ServedHost {
    pub(crate) node: Arc<Node>,
    pub(crate) packages: Vec<Package>,
    /// The directories of crates among the command line's plugins, which are built.
    pub(crate) crates: Vec<PathBuf>,
    /// The settings of the server in the host's file.
    pub(crate) server: ServerEntry,
    /// The actions that are tools.
    pub(crate) exposed: Vec<ToolPattern>,
    /// The latest log lines.
    pub(crate) logs: LogBuffer,
    args: crate::args::HostArgs,
}

impl ServedHost {
    /// Opens the plugins of the command line, which builds crates, and sets up the node. Nothing is loaded.
    pub(crate) fn open(args: &Serve, common: &Common, output: Output) -> Result<Self, Error> {
        let host = &args.host;
        if !host.config.is_empty() && args.plugins.len() != 1 {
            let message = "--config is for one PLUGIN; the host's file has the options of several";
            return Err(Error::Usage(message.to_owned()));
        }
        let file = host.host_file.as_deref().map(HostFile::read).transpose()?.unwrap_or_default();
        let server = file.server().clone();
        let exposed = if args.expose.is_empty() { file.mcp().to_vec() } else { args.expose.clone() };
        let policy = typed_policy(host)?;
        let opened = args.plugins.iter().map(|path| Ok((path, open_package(path, Crates::Build, output)?)));
        let opened = opened.collect::<Result<Vec<_>, Error>>()?;
        let log = StderrLog::new(common.log_level, common.quiet);
        let logs = LogBuffer::new(Some(Box::new(log.clone())));
        let builder = Runtime::builder()
            .live_instances(LIVE_INSTANCES_MAX)
            .code_cache(code_cache(output))
            .compile_isolation(CompileIsolation::ChildProcess(worker()?))
            .audit_sink(log.clone())
            .log_sink(logs.clone());
        let builder = host.trust.trust.iter().fold(builder, |builder, name| builder.trust(name));
        let mut options = NodeOptions::default();
        options.file = file;
        options.policy = policy;
        options.environment = host.environment.clone();
        options.data_dir = host.data_dir.clone();
        let node = Node::open(options, builder)?;
        node.notes.iter().for_each(|note| output.note(note));
        let is_crate = |path: &&PathBuf| matches!(Source::locate(path), Ok(Source::Crate(_)));
        let mut served = ServedHost {
            crates: args.plugins.iter().filter(is_crate).cloned().collect(),
            packages: Vec::new(),
            node: Arc::new(node),
            server,
            exposed,
            logs,
            args: host.clone(),
        };
        served.packages = opened.into_iter().map(|(path, package)| served.configured(path, package)).collect();
        Ok(served)
    }

    /// A package with the settings of the host's file and the options.
    fn configured(&self, path: &std::path::Path, package: Package) -> Package {
        configured(&self.node.runtime, self.node.configured(path, package), &self.args.config)
    }

    /// Builds a crate and returns its package. This blocks for as long as the build takes.
    pub(crate) fn rebuilt(&self, directory: &std::path::Path, output: Output) -> Result<Package, Error> {
        Ok(self.configured(directory, open_package(directory, Crates::Build, output)?))
    }
}

impl From<BootError> for Error {
    fn from(error: BootError) -> Self {
        match error {
            BootError::Load(error) => error.into(),
            BootError::Catalog(error) => error.into(),
            other => Error::Usage(other.to_string()),
        }
    }
}

impl From<BootFailure> for Error {
    fn from(failure: BootFailure) -> Self {
        match failure {
            BootFailure::Lock(error) => error.into(),
            BootFailure::Open(error) => error.into(),
            BootFailure::Catalog(error) => error.into(),
            other => Error::Usage(other.to_string()),
        }
    }
}
