//! Turns the command line into a runtime and a package. The crate `plugbay-node` reads the host's file and sets up the
//! runtime; this file adds what is specific to the command.
//!
//! The user of the command is the operator. Options override the host's file, which overrides the manifest. A limit
//! option above a default ceiling raises it; one above a ceiling of the host's file is cut, with a note.

mod installed;
mod limits;
mod process_log;
mod served;

use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use plugbay::compile::{CodeCacheLocation, CompileIsolation, WorkerCommand};
use plugbay::error::{BuildError, LoadErrorKind};
use plugbay::manifest::{Format, SettingType};
use plugbay::{LoadError, Package, Policy, Runtime};
use plugbay_catalog::HostLock;
use plugbay_node::{FindInstalled, HostFile, Node, NodeOptions, RequirementsError, usable_code_cache};
use plugbay_project::{Crate, Source};
use plugbay_server::telemetry::LogBuffer;
use plugbay_testing::{TestHost, TestHostBuilder};
use serde_json::Value;

use crate::args::{Common, HostArgs, LimitArgs};
use crate::error::Error;
use crate::log::StderrLog;
use crate::output::Output;
use crate::signal;

use installed::InstalledPlugin;
pub(crate) use limits::LimitOptions;
pub(crate) use process_log::process_log;
pub(crate) use served::ServedHost;

/// Live instances for each plugin: the command makes one call, and reserves no more than that needs.
pub(crate) const LIVE_INSTANCES: u32 = 4;
/// Additional instances if there are several plugins: one for each of the 8 calls that may wait for one
/// another, and 2 spare ones.
const LIVE_INSTANCES_IN_CHAINS: u32 = 10;
/// The most live instances: the default of the library.
const LIVE_INSTANCES_MAX: u32 = 1_000;
/// The smallest component there is: the header alone.
const EMPTY_COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// A runtime and the package that it runs.
pub(crate) struct Host {
    pub(crate) runtime: Runtime,
    pub(crate) package: Package,
    /// The limit options.
    pub(crate) asked: LimitOptions,
    /// The latest log lines.
    pub(crate) logs: LogBuffer,
    node: Node,
}

/// The purpose for which a command opens a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its code runs, and may store values.
    Run,
    /// It is only inspected, and nothing is stored.
    Look(Crates),
}

impl Purpose {
    /// Running a crate builds it.
    fn crates(self) -> Crates {
        match self {
            Purpose::Run => Crates::Build,
            Purpose::Look(crates) => crates,
        }
    }
}

impl Host {
    /// Finds the plugin and makes a runtime for it. None of its WebAssembly is compiled or run.
    pub(crate) fn open(
        path: &Path,
        crates: Crates,
        limits: &LimitArgs,
        host: Option<&HostArgs>,
        common: &Common,
        output: Output,
    ) -> Result<Self, Error> {
        Host::open_for(Purpose::Look(crates), path, 0, limits, host, common, output)
    }

    /// The same for a purpose, with instances for `others` plugins in addition to those of the host's file.
    pub(crate) fn open_for(
        purpose: Purpose,
        path: &Path,
        others: usize,
        limits: &LimitArgs,
        host: Option<&HostArgs>,
        common: &Common,
        output: Output,
    ) -> Result<Self, Error> {
        let defaults = HostArgs::default();
        let args = host.unwrap_or(&defaults);
        let file = host_file(args.host_file.as_deref())?;
        let asked = LimitOptions::new(limits);
        let policy = typed_policy(args)?;
        let opened = match installed::find(path, || Ok(installed::catalog(&file, args)?))? {
            Some(found) => Opened::Installed(Box::new(found)),
            None => Opened::Path(Box::new(open_package(path, purpose.crates(), output)?)),
        };
        // The host's file is for all plugins, but the option is meant for this one.
        if let Some(name) = &args.environment
            && lacks_environment(path, name)
        {
            output.note(&format!("the environment `{name}` has no effect: the plugin has no config/{name}.yaml"));
        }
        let log = StderrLog::new(common.log_threshold(), common.quiet);
        let logs = LogBuffer::new(Some(Box::new(log.clone())));
        let others = u32::try_from(others + file.local_plugins().count()).unwrap_or(u32::MAX);
        let builder = Runtime::builder()
            .live_instances(live_instances(others))
            .run_jobs(false)
            .code_cache(code_cache(output))
            .compile_isolation(CompileIsolation::ChildProcess(worker()?))
            .audit_sink(log.clone())
            .log_sink(logs.clone());
        let builder = args.trust.trust.iter().fold(builder, |builder, name| builder.trust(name));
        let mut options = NodeOptions::default();
        options.file = file;
        options.policy = policy;
        options.limits = asked.resources();
        options.environment = args.environment.clone();
        options.data_dir = args.data_dir.clone();
        options.only_checks = matches!(purpose, Purpose::Look(_));
        let node = Node::open(options, builder)?;
        node.notes.iter().for_each(|note| output.note(note));
        let package = match opened {
            Opened::Path(package) => node.configured(path, *package),
            Opened::Installed(found) => found.package(&node)?,
        };
        let package = configured(&node.runtime, package, &args.config);
        Ok(Host { runtime: node.runtime.clone(), package: package.resources(asked.resources()), asked, logs, node })
    }

    /// Locks the data directory for a process that runs jobs, if there is one.
    pub(crate) fn lock(&self) -> Result<Option<HostLock>, Error> {
        Ok(self.node.lock("plugbay run")?)
    }

    /// The host's file, which is empty if there is none.
    pub(crate) fn file(&self) -> &HostFile {
        self.node.file()
    }

    /// Another package of the plugin at this path, with the settings of the host's file and the options.
    pub(crate) fn configured(&self, path: &Path, package: Package, args: &HostArgs) -> Package {
        let package = configured(&self.runtime, self.node.configured(path, package), &args.config);
        package.resources(self.asked.resources())
    }

    /// The packages of `path`, which is this host's, and `with`, and of the plugins that they require.
    pub(crate) fn with_requirements(
        &self,
        path: &Path,
        with: &[PathBuf],
        output: Output,
    ) -> Result<Vec<Package>, Error> {
        let open = |path: &Path| match installed::find(path, || Ok(self.node.catalog()?))? {
            Some(found) => found.package(&self.node),
            None => Ok(self.node.configured(path, open_package(path, Crates::Build, output)?)),
        };
        let find = |name: &str| installed::required(&self.node, name, output);
        let find: Option<&FindInstalled<'_, Error>> = if self.node.has_catalog() { Some(&find) } else { None };
        let mut named = vec![(path.to_owned(), self.package.clone())];
        for path in with {
            named.push((path.clone(), open(path)?));
        }
        self.node.with_requirements(named, open, find).map_err(|error| match error {
            RequirementsError::Open(error) => error,
            RequirementsError::Load(error) => Error::Load(error),
            other => Error::Usage(other.to_string()),
        })
    }
}

/// PLUGIN, found and not yet configured.
enum Opened {
    Path(Box<Package>),
    Installed(Box<InstalledPlugin>),
}

/// The number of instances for one plugin and this many others.
fn live_instances(others: u32) -> u32 {
    if others == 0 {
        return LIVE_INSTANCES;
    }
    LIVE_INSTANCES
        .saturating_mul(others.saturating_add(1))
        .saturating_add(LIVE_INSTANCES_IN_CHAINS)
        .min(LIVE_INSTANCES_MAX)
}

/// Whether a plugin has configuration files but none of this name, such as for a misspelt environment.
fn lacks_environment(plugin: &Path, name: &str) -> bool {
    let Ok(files) = plugin.join("config").read_dir() else { return false };
    let is_it = |path: &Path| path.file_stem().is_some_and(|stem| stem == name) && Format::from_path(path).is_some();
    !files.flatten().any(|file| is_it(&file.path()))
}

/// Reads the host's file, if one is named, with the variables of the environment that override it.
pub(crate) fn host_file(path: Option<&Path>) -> Result<HostFile, Error> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned()));
    Ok(HostFile::read_with(path, std::env::vars_os().filter_map(text))?)
}

/// Runs a future on this thread: one call needs no others, and threads take time to start.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Error> {
    let executor = executor(&mut tokio::runtime::Builder::new_current_thread())?;
    Ok(executor.block_on(with_file_size_errors(future)))
}

/// Runs a future with a thread for each core. If a signal ends it, work on other threads is left behind.
pub(crate) fn block_on_all_cores<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let executor = executor(&mut tokio::runtime::Builder::new_multi_thread())?;
    let output = executor.block_on(with_file_size_errors(future));
    if let Err(Error::Signal(_)) = output {
        executor.shutdown_background();
    }
    output
}

/// Runs a future that reads standard input. A read of a terminal cannot be cancelled, so it is left behind.
pub(crate) fn block_on_standard_streams<F: Future>(future: F) -> Result<F::Output, Error> {
    let executor = executor(&mut tokio::runtime::Builder::new_multi_thread())?;
    let output = executor.block_on(future);
    executor.shutdown_background();
    Ok(output)
}

fn executor(builder: &mut tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, Error> {
    check_descriptors().context("cannot start the executor")?;
    Ok(builder.enable_all().build().context("cannot start the executor")?)
}

/// Runs a future in a process in which a write beyond `ulimit -f` is an error, and does not end it without a message.
async fn with_file_size_errors<F: Future>(future: F) -> F::Output {
    let _ = signal::ignore_file_size_signal();
    future.await
}

/// Checks that the process may open the executor's file descriptors, four for events and three for signals. Without
/// them it would panic.
fn check_descriptors() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        const NEEDED: usize = 8;
        let (first, _second) = std::os::unix::net::UnixStream::pair()?;
        let _others = (2..NEEDED).map(|_| first.try_clone()).collect::<std::io::Result<Vec<_>>>()?;
    }
    Ok(())
}

/// Whether a PLUGIN that is the directory of a Rust crate is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crates {
    /// It is built, which runs its build scripts and macros. A finished component in it may be older and is not used.
    Build,
    /// None of its code is run. Its finished component is used; without one, the crate is refused.
    UseFinished,
}

impl Crates {
    /// The choice of a command that builds only with `--build`.
    pub(crate) fn build_if(asked: bool) -> Self {
        if asked { Crates::Build } else { Crates::UseFinished }
    }
}

/// Opens PLUGIN, and builds it if it is a crate and `crates` says so.
pub(crate) fn open_package(path: &Path, crates: Crates, output: Output) -> Result<Package, Error> {
    match (Source::locate(path)?, crates) {
        (Source::File(path) | Source::Directory(path), _) => Ok(Package::open(path)?),
        (Source::Crate(directory), Crates::Build) => {
            let component = Crate::open(&directory)?.build(&output)?;
            Ok(Package::open_with_component(directory, component)?)
        }
        (Source::Crate(directory), Crates::UseFinished) => match Package::open(&directory) {
            Err(error) if matches!(error.kind(), LoadErrorKind::NoComponent { .. }) => Err(Error::NotBuilt(directory)),
            opened => {
                let package = opened?;
                let shown = directory.display();
                output.note(&format!(
                    "{shown} is a Rust crate; its finished component is used as it is (--build builds)"
                ));
                Ok(package)
            }
        },
    }
}

/// Sets the values of `--config`: as JSON if they parse as JSON, else as text. A value that looks like a number, such
/// as a key of digits, is a text if the plugin's configuration declares a string.
fn configured(runtime: &Runtime, package: Package, settings: &[(String, String)]) -> Package {
    // An integer of more than 64 bits would become another number.
    let is_exact = |text: &str, value: &Value| !value.is_f64() || text.contains(['.', 'e', 'E']);
    let value = |text: &str| match serde_json::from_str(text) {
        Ok(value) if is_exact(text, &value) => value,
        _ => Value::from(text),
    };
    let is_in_doubt = |(_, text): &(String, String)| !value(text).is_string();
    // An invalid manifest is reported by a later step.
    let declared = settings.iter().any(is_in_doubt).then(|| runtime.inspect(package.clone()).ok()).flatten();
    let declared = declared.map(|inspection| inspection.manifest.configuration).unwrap_or_default();
    settings.iter().fold(package, |package, (key, text)| match (value(text), declared.get(key)) {
        (Value::Null | Value::Bool(_) | Value::Number(_), Some(setting)) if setting.kind == SettingType::String => {
            package.configure(key, text.as_str())
        }
        (value, _) => package.configure(key, value),
    })
}

/// The policy of `--grant`. Its rules come before the host file's, because the first rule that matches decides.
fn typed_policy(args: &HostArgs) -> Result<Policy, Error> {
    args.grant.iter().try_fold(Policy::default(), |policy, grant| {
        policy.allow(grant).map_err(|error| Error::Usage(format!("--grant: {error}")))
    })
}

/// The code cache that the environment asks for.
pub(crate) fn code_cache_asked() -> CodeCacheLocation {
    match std::env::var_os("PLUGBAY_CACHE_DIR") {
        Some(off) if off == "off" => CodeCacheLocation::Off,
        Some(directory) if !directory.is_empty() => CodeCacheLocation::Directory(directory.into()),
        _ => CodeCacheLocation::UserDirectory,
    }
}

/// The code cache to use, with a note if the user's own directory cannot be used.
pub(crate) fn code_cache(output: Output) -> CodeCacheLocation {
    let cache = usable_code_cache(code_cache_asked());
    if let Some(problem) = cache.problem {
        output.note(&format!("compiled code is not cached, and the next run compiles again: {problem}"));
    }
    cache.at
}

/// The worker that compiles: this program, in a process with a deadline and a memory limit of its own.
pub(crate) fn worker() -> Result<WorkerCommand, Error> {
    Ok(WorkerCommand::this_program().context("cannot find this program's own file")?)
}

/// The host of one test. It runs plugins as this program does, and those of these names may run in trusted mode.
pub(crate) fn test_builder(worker: WorkerCommand, cache: CodeCacheLocation, trusted: &[String]) -> TestHostBuilder {
    let builder = TestHost::builder()
        .runtime(|runtime| runtime.code_cache(cache).compile_isolation(CompileIsolation::ChildProcess(worker)));
    trusted.iter().fold(builder, |builder, name| builder.trust(name))
}

/// Builds a runtime without plugins, to check that the memory pool can be reserved.
pub(crate) fn bare_runtime() -> Result<Runtime, BuildError> {
    Runtime::builder().live_instances(LIVE_INSTANCES).code_cache(CodeCacheLocation::Off).build()
}

/// Compiles the smallest component in a child process and returns the time that it took.
pub(crate) fn compile_in_child() -> Result<Duration, Error> {
    let runtime = Runtime::builder()
        .live_instances(LIVE_INSTANCES)
        .code_cache(CodeCacheLocation::Off)
        .compile_isolation(CompileIsolation::ChildProcess(worker()?))
        .build()?;
    let started = Instant::now();
    let compiled: Result<_, LoadError> = block_on(runtime.component(EMPTY_COMPONENT.to_vec()))?;
    compiled?;
    Ok(started.elapsed())
}
