//! The host of `plugbay serve`: a node with all of its plugins, and those that the command line names.

use std::path::PathBuf;
use std::sync::Arc;

use plugbay::compile::CompileIsolation;
use plugbay::log::LogSink;
use plugbay::manifest::{ServerEntry, ToolPattern};
use plugbay::{Package, Runtime};
use plugbay_node::{BootError, BootFailure, Node, NodeOptions, ReloadedFile};
use plugbay_project::Source;
use plugbay_server::access::PluginTokens;
use plugbay_server::telemetry::{LogBuffer, Otlp, current_trace_parent};

use super::process_log::restore_process_lines;
use super::{Crates, LIVE_INSTANCES_MAX, code_cache, configured, host_file, open_package, typed_policy, worker};
use crate::args::{Common, LogThreshold, Serve};
use crate::error::Error;
use crate::host_log;
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
    /// The tokens of plugins for the server.
    pub(crate) plugin_tokens: PluginTokens,
    /// The exporters of telemetry, if the host's file names a collector.
    pub(crate) otlp: Option<Otlp>,
    args: crate::args::HostArgs,
    log: StderrLog,
    /// The level of log lines on the command line, which the host's file does not change.
    log_level: Option<LogThreshold>,
}

impl ServedHost {
    /// Whether the host has a data directory that it may write to, with a file of tokens.
    pub(crate) fn has_token_file(&self) -> bool {
        self.node.data_dir().is_some() && self.node.is_writable()
    }

    /// Opens the plugins of the command line, which builds crates, and sets up the node. Nothing is loaded.
    pub(crate) fn open(args: &Serve, common: &Common, output: Output) -> Result<Self, Error> {
        let host = &args.host;
        if !host.config.is_empty() && args.plugins.len() != 1 {
            let message = "--config is for one PLUGIN; the host's file has the options of several";
            return Err(Error::Usage(message.to_owned()));
        }
        let file = host_file(host.host_file.as_deref())?;
        let server = file.server().clone();
        let exposed = if args.expose.is_empty() { file.mcp().to_vec() } else { args.expose.clone() };
        let otlp = server.otlp.as_ref().map(Otlp::open).transpose();
        let otlp = otlp.map_err(|error| Error::Usage(error.to_string()))?;
        match &otlp {
            None => host_log::show(common.log_threshold(), common.quiet),
            Some(otlp) => host_log::show_with(common.log_threshold(), common.quiet, otlp.layer()),
        }
        let policy = typed_policy(host)?;
        let opened = args.plugins.iter().map(|path| Ok((path, open_package(path, Crates::Build, output)?)));
        let opened = opened.collect::<Result<Vec<_>, Error>>()?;
        let log = StderrLog::new(common.log_threshold(), common.quiet);
        let mut sink: Box<dyn LogSink> = Box::new(log.clone());
        if let Some(otlp) = &otlp {
            sink = otlp.log_sink(sink);
        }
        let logs = LogBuffer::new(Some(sink));
        let plugin_tokens = PluginTokens::new();
        let builder = Runtime::builder()
            .live_instances(LIVE_INSTANCES_MAX)
            .code_cache(code_cache(output))
            .compile_isolation(CompileIsolation::ChildProcess(worker()?))
            .audit_sink(log.clone())
            .api(plugin_tokens.clone())
            .log_sink(logs.clone());
        let builder = if otlp.is_some() { builder.trace_parent(current_trace_parent) } else { builder };
        let builder = host.trust.trust.iter().fold(builder, |builder, name| builder.trust(name));
        let mut options = NodeOptions::default();
        options.file = file;
        options.policy = policy;
        options.environment = host.environment.clone();
        options.data_dir = host.data_dir.clone();
        let node = Node::open(options, builder)?;
        node.notes.iter().for_each(|note| output.note(note));
        restore_process_lines(&node, &logs);
        let is_crate = |path: &&PathBuf| matches!(Source::locate(path), Ok(Source::Crate(_)));
        let mut served = ServedHost {
            crates: args.plugins.iter().filter(is_crate).cloned().collect(),
            packages: Vec::new(),
            node: Arc::new(node),
            server,
            exposed,
            logs,
            plugin_tokens,
            otlp,
            args: host.clone(),
            log,
            log_level: common.log_level,
        };
        served.show_log(served.server.log_level);
        served.packages = opened.into_iter().map(|(path, package)| served.configured(path, package)).collect();
        Ok(served)
    }

    /// Reads the host's file again and puts in force what can change while the host runs. Returns it with the level of
    /// log lines.
    ///
    /// # Errors
    /// If the file cannot be read or is invalid. Nothing is changed then.
    pub(crate) fn reload(&self) -> Result<(ReloadedFile, LogThreshold), Error> {
        let file = host_file(self.args.host_file.as_deref())?;
        let level = self.show_log(file.server().log_level);
        Ok((self.node.reload_file(&file), level))
    }

    /// Shows log lines from the level of the command line on, or else from that of the host's file.
    fn show_log(&self, of_file: Option<&str>) -> LogThreshold {
        let level = self.log_level.or_else(|| LogThreshold::named(of_file?)).unwrap_or(LogThreshold::Info);
        self.log.set(level);
        host_log::set(level);
        level
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
