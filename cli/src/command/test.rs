//! `plugbay test`: runs a plugin's test files, each test in a host of its own.
//!
//! The crate `plugbay-testing` runs tests. This file finds and filters them and prints their outcomes.

use std::path::Path;

use plugbay::Package;
use plugbay::compile::{CodeCacheLocation, WorkerCommand};
use plugbay::error::BuildError;
use plugbay_project::Source;
use plugbay_testing::{DeclaredTests, Surroundings, TestFailure, TestHostBuilder, TestOutcome};
use serde_json::{Value, json};

use crate::advice;
use crate::args::{Common, LogThreshold, Test};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, Crates};
use crate::output::{GREEN, Output, RED, indented, plain};
use crate::units::show_duration;

pub(crate) fn run(args: &Test, common: &Common, output: Output) -> Result<Exit, Error> {
    // Problems of the files are reported before anything is built.
    let files = read_files(args)?;
    let wanted = |name: &str| args.filter.is_empty() || args.filter.iter().any(|text| name.contains(&**text));
    if !files.iter().flat_map(DeclaredTests::names).any(wanted) {
        let text = args.filter.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(" or ");
        return Err(Error::Usage(format!("no test has a name that contains {text}")));
    }
    let package = host::open_package(&args.plugin, Crates::Build, output)?;
    let place = Place { worker: host::worker()?, cache: host::code_cache(output), trust: &args.trust.trust, output };
    let mut all = Vec::new();
    for tests in &files {
        if !output.json {
            output.result(&plain(&tests.path().display().to_string()))?;
        }
        let mut report = |outcome: &TestOutcome| print(outcome, common.log_threshold(), output);
        let outcomes = tests.run(&package, &place, &wanted, &mut report)?;
        all.push((tests.path(), outcomes));
    }
    conclude(all, output)
}

/// The named files, or those of the plugin.
fn read_files(args: &Test) -> Result<Vec<DeclaredTests>, Error> {
    let files = if args.file.is_empty() {
        // If PLUGIN does not exist, that is the error, not its missing tests.
        Source::locate(&args.plugin)?;
        DeclaredTests::read_all(directory_of(&args.plugin))?
    } else {
        args.file.iter().map(DeclaredTests::read).collect::<Result<_, _>>()?
    };
    if files.is_empty() {
        let shown = directory_of(&args.plugin).display().to_string();
        let text = format!(
            "there are no tests in {shown}: write plugin.test.yaml or tests/NAME.test.yaml there, or name a file with \
             --file\n`plugbay test --help` shows one"
        );
        return Err(Error::Usage(text));
    }
    Ok(files)
}

/// The directory of PLUGIN's test files: for a file, the directory that contains it.
fn directory_of(plugin: &Path) -> &Path {
    match plugin.parent() {
        Some(parent) if !plugin.is_dir() && parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) if !plugin.is_dir() => parent,
        _ => plugin,
    }
}

/// The environment of every test.
struct Place<'a> {
    worker: WorkerCommand,
    cache: CodeCacheLocation,
    trust: &'a [String],
    output: Output,
}

impl Surroundings for Place<'_> {
    fn host(&self) -> Result<TestHostBuilder, BuildError> {
        Ok(host::test_builder(self.worker.clone(), self.cache.clone(), self.trust))
    }

    fn open(&self, path: &Path) -> Result<Package, String> {
        host::open_package(path, Crates::Build, self.output).map_err(|error| error.text())
    }
}

/// Prints one line for each test, and its failure below it.
fn print(outcome: &TestOutcome, level: LogThreshold, output: Output) {
    if output.json {
        return;
    }
    let TestOutcome { name, failure, duration, .. } = outcome;
    let time = show_duration(*duration);
    let text = match failure {
        None => format!("  {GREEN}ok{GREEN:#}     {} ({time})", plain(name)),
        Some(failure) => {
            let log = shown_log(outcome, level);
            format!("  {RED}FAILED{RED:#} {} ({time}){}{log}", plain(name), shown_failure(failure))
        }
    };
    // If standard output is closed, the exit code still reports the outcome.
    let _ = output.result(&text);
}

fn shown_failure(failure: &TestFailure) -> String {
    let step = if failure.step.is_empty() { String::new() } else { format!("{}: ", failure.step) };
    let mut text = format!("\n    {step}{}", indented(&plain(&failure.message), "      "));
    for advice in failure.load_error.iter().flat_map(advice::of_load) {
        text.push_str(&format!("\n      here: {}", plain(&advice)));
    }
    for difference in &failure.differences {
        text.push_str(&format!("\n      {}", indented(&plain(difference), "        ")));
    }
    text
}

fn shown_log(outcome: &TestOutcome, level: LogThreshold) -> String {
    let Some(threshold) = level.threshold() else { return String::new() };
    let lines = outcome.log.iter().filter(|line| line.level >= threshold);
    let lines: String = lines
        .map(|line| format!("\n      {}: {}", line.plugin, indented(&plain(&line.to_string()), "        ")))
        .collect();
    if lines.is_empty() { lines } else { format!("\n    log:{lines}") }
}

/// Prints the totals and determines the exit code.
fn conclude(mut all: Vec<(&Path, Vec<TestOutcome>)>, output: Output) -> Result<Exit, Error> {
    let count = |failed: bool| {
        all.iter().flat_map(|(_, outcomes)| outcomes).filter(|outcome| outcome.failure.is_some() == failed).count()
    };
    let (passed, failed) = (count(false), count(true));
    if output.json {
        output.document(&document(&all, passed, failed))?;
    } else {
        output.result(&format!("{passed} passed, {failed} failed"))?;
    }
    // If no plugin could be loaded, that is the command's error.
    let mut failures = all.iter_mut().flat_map(|(_, outcomes)| outcomes).filter_map(|outcome| outcome.failure.as_mut());
    let load_errors: Option<Vec<_>> = failures.by_ref().map(|failure| failure.load_error.take()).collect();
    match (failed, load_errors.into_iter().flatten().next()) {
        (0, _) => Ok(Exit::Ok),
        (_, Some(error)) if passed == 0 => Ok(Exit::from(&Error::Load(error))),
        _ => Ok(Exit::PluginError),
    }
}

fn document(all: &[(&Path, Vec<TestOutcome>)], passed: usize, failed: usize) -> Value {
    let files = all
        .iter()
        .map(|(path, outcomes)| json!({ "path": path, "tests": outcomes.iter().map(shown).collect::<Vec<_>>() }));
    json!({
        "status": if failed == 0 { "ok" } else { "failed" },
        "passed": passed,
        "failed": failed,
        "files": files.collect::<Vec<_>>(),
    })
}

fn shown(outcome: &TestOutcome) -> Value {
    let TestOutcome { name, failure, duration, log, .. } = outcome;
    let mut shown = json!({
        "name": name,
        "status": if failure.is_none() { "ok" } else { "failed" },
        "duration_seconds": duration.as_secs_f64(),
    });
    if let Some(TestFailure { step, message, differences, load_error, .. }) = failure {
        shown["failure"] = json!({ "step": step, "message": message, "differences": differences });
        if let Some(error) = load_error {
            shown["failure"]["load_error"] = error.to_json();
        }
        shown["log"] = log.iter().map(|line| json!({ "plugin": line.plugin, "line": line.to_string() })).collect();
    }
    shown
}
