//! Where the command line becomes a runtime and a package: the only place that decides how this program runs plugins.
//!
//! The person at the command line is the operator. What is typed wins over the host's file, which wins over the manifest;
//! a limit above this program's own ceilings raises them, one above the host file's is cut down to it, and said so.

mod beside;
mod file;
mod limits;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use plugbay::manifest::{Rule, SettingType};
use plugbay::{
    BuildError, CodeCache, CodeCacheAt, CompileIsolation, LoadError, Package, Policy, Runtime, WorkerCommand,
};

use serde_json::Value;

use crate::args::{Common, HostArgs, LimitArgs};
use crate::error::Error;
use crate::log::StderrLog;
use crate::output::Output;
use plugbay_project::Source;
use plugbay_testing::{TestHost, TestHostBuilder};

pub(crate) use beside::{Beside, OrderError};
use file::HostFile;
pub(crate) use limits::Asked;

/// For each plugin that this program runs: it makes one call, and reserves no more than that takes.
const LIVE_INSTANCES: u32 = 4;
/// For all of them together where there are several: a sandbox for each call that may wait for another, and one to spare.
const LIVE_INSTANCES_IN_CHAINS: u32 = plugbay::limits::CALL_DEPTH_MAX as u32 + 2;
/// The smallest component there is: the header alone.
const EMPTY_COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// A runtime and the package that it is to run.
pub(crate) struct Host {
    pub(crate) runtime: Runtime,
    pub(crate) package: Package,
    /// What is loaded beside it.
    pub(crate) beside: Beside,
    /// The limits that were typed.
    pub(crate) asked: Asked,
}

impl Host {
    /// Finds the plugin, builds it if it is a crate, and makes a runtime for it. None of its code is compiled or run.
    pub(crate) fn open(
        path: &Path,
        limits: &LimitArgs,
        host: Option<&HostArgs>,
        common: &Common,
        output: Output,
    ) -> Result<Self, Error> {
        Host::open_with(path, &[], limits, host, common, output)
    }

    /// The same with other plugins beside it, in the same runtime: those of these paths, and those of the host's file that
    /// one of them requires.
    pub(crate) fn open_with(
        path: &Path,
        with: &[PathBuf],
        limits: &LimitArgs,
        host: Option<&HostArgs>,
        common: &Common,
        output: Output,
    ) -> Result<Self, Error> {
        let defaults = HostArgs::default();
        let args = host.unwrap_or(&defaults);
        let file = args.host_file.as_deref().map(HostFile::read).transpose()?.unwrap_or_default();
        let of_all = policy(args, file.policy())?;
        let asked = Asked::new(limits, &file.ceilings());
        let environment = args.environment.as_deref().or(file.environment());
        let environment = environment.map(file::environment_name).transpose().map_err(Error::Usage)?;

        let open = |path: &Path| {
            let policy = policy(args, &file.permissions_of(path))?;
            let package = open_package(path, output)?.policy(policy);
            Ok(file.options_of(path).into_iter().fold(package, |package, (key, value)| package.configure(key, value)))
        };
        let package = open(path)?;
        // The host's file speaks of all plugins; what was typed is meant for this one.
        if let (Some(name), Some(_)) = (environment, &args.environment)
            && file::lacks_environment(path, name)
        {
            output.note(&format!("there is no config/{name}.yaml: the environment `{name}` changes nothing here"));
        }
        let log = StderrLog::new(common.log_level, common.quiet);
        let others = u32::try_from(with.len() + file.local_plugins().count()).unwrap_or(u32::MAX);
        let mut builder = Runtime::builder()
            .live_instances(live_instances(others))
            .run_jobs(false)
            .code_cache(code_cache(output))
            .compile_isolation(CompileIsolation::ChildProcess(worker()?))
            .audit_sink(log.clone())
            .log_sink(log)
            .policy(of_all)
            .ceilings(asked.ceilings.clone());
        if let Some(environment) = environment {
            builder = builder.environment(environment);
        }
        if let Some(directory) = args.data_dir.clone().or_else(|| file.data_dir()) {
            check_data_dir(&directory).map_err(Error::Usage)?;
            builder = builder.data_dir(directory);
        }
        let runtime = builder.build()?;
        let package = configured(&runtime, package, &args.config).resources(asked.resources());
        let beside = Beside::find(&runtime, (path, &package), with, file.local_plugins().collect(), open)?;
        Ok(Host { runtime, package, beside, asked })
    }
}

/// Instances that one plugin and so many others take.
fn live_instances(others: u32) -> u32 {
    if others == 0 {
        return LIVE_INSTANCES;
    }
    LIVE_INSTANCES
        .saturating_mul(others.saturating_add(1))
        .saturating_add(LIVE_INSTANCES_IN_CHAINS)
        .min(plugbay::limits::LIVE_INSTANCES_DEFAULT)
}

/// What is not there yet is made with the first value. A file in its place is found out now, not as a plugin's trouble.
fn check_data_dir(directory: &Path) -> Result<(), String> {
    match directory.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(format!("--data-dir {}: it is not a directory", directory.display())),
        Err(error) => Err(format!("--data-dir {}: {error}", directory.display())),
    }
}

/// Runs a future on this thread: one call needs no others, and threads take time to start.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Error> {
    let executor =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the executor")?;
    Ok(executor.block_on(future))
}

/// Opens PLUGIN; a crate is built first.
pub(crate) fn open_package(path: &Path, output: Output) -> Result<Package, Error> {
    match Source::locate(path)? {
        Source::File(path) | Source::Directory(path) => Ok(Package::open(path)?),
        Source::Crate(found) => {
            let component = found.build(&output)?;
            Ok(Package::open_with_component(found.directory(), component)?)
        }
    }
}

/// Sets what was typed: JSON where it parses as JSON, else a text. What only looks like a number, such as a key of digits,
/// is a text where the plugin's configuration asks for one.
fn configured(runtime: &Runtime, package: Package, settings: &[(String, String)]) -> Package {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let is_in_doubt = |(_, text): &(String, String)| !value(text).is_string();
    // A manifest that is wrong is told by what comes next.
    let declared = settings.iter().any(is_in_doubt).then(|| runtime.inspect(package.clone()).ok()).flatten();
    let declared = declared.map(|inspection| inspection.manifest.configuration).unwrap_or_default();
    settings.iter().fold(package, |package, (key, text)| match (value(text), declared.get(key)) {
        (Value::Null | Value::Bool(_) | Value::Number(_), Some(setting)) if setting.kind == SettingType::String => {
            package.configure(key, text.as_str())
        }
        (value, _) => package.configure(key, value),
    })
}

/// What was typed comes before the host's file: the first rule that matches decides.
fn policy(args: &HostArgs, rules: &[Rule]) -> Result<Policy, Error> {
    let mut policy = Policy::default();
    for grant in &args.grant {
        policy = policy.allow(grant).map_err(|error| Error::Usage(format!("--grant: {error}")))?;
    }
    for rule in rules {
        policy.push(&rule.resource, rule.actions.clone(), rule.effect);
    }
    Ok(policy)
}

/// Where compiled code is to be kept.
pub(crate) fn code_cache_asked() -> CodeCacheAt {
    match std::env::var_os("PLUGBAY_CACHE_DIR") {
        Some(off) if off == "off" => CodeCacheAt::Off,
        Some(directory) if !directory.is_empty() => CodeCacheAt::Directory(directory.into()),
        _ => CodeCacheAt::UserDirectory,
    }
}

/// Where compiled code is kept. A directory that somebody named has to be usable; the user's own is a default, and where it
/// is not, as in a container without a writable home, plugins run all the same.
pub(crate) fn code_cache(output: Output) -> CodeCacheAt {
    let asked = code_cache_asked();
    if let (CodeCacheAt::UserDirectory, Some(directory)) = (&asked, CodeCache::user_directory())
        && let Err(error) = CodeCache::open(directory)
    {
        output.note(&format!("compiled code is not kept, and the next run compiles again: {error}"));
        return CodeCacheAt::Off;
    }
    asked
}

/// This program itself compiles, in a process with a deadline and a memory limit of its own.
pub(crate) fn worker() -> Result<WorkerCommand, Error> {
    Ok(WorkerCommand::this_program().context("cannot find this program's own file")?)
}

/// A host for one test, which runs plugins as this program does.
pub(crate) fn test_builder(worker: WorkerCommand, cache: CodeCacheAt) -> TestHostBuilder {
    TestHost::builder()
        .runtime(|runtime| runtime.code_cache(cache).compile_isolation(CompileIsolation::ChildProcess(worker)))
}

/// A runtime without a plugin: can the memory pool be reserved?
pub(crate) fn bare_runtime() -> Result<Runtime, BuildError> {
    Runtime::builder().live_instances(LIVE_INSTANCES).code_cache(CodeCacheAt::Off).build()
}

/// Has the smallest component compiled by a child process, and tells how long that took.
pub(crate) fn compile_in_child() -> Result<Duration, Error> {
    let runtime = Runtime::builder()
        .live_instances(LIVE_INSTANCES)
        .code_cache(CodeCacheAt::Off)
        .compile_isolation(CompileIsolation::ChildProcess(worker()?))
        .build()?;
    let started = Instant::now();
    let compiled: Result<_, LoadError> = block_on(runtime.component(EMPTY_COMPONENT.to_vec()))?;
    compiled?;
    Ok(started.elapsed())
}
