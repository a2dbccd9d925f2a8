//! `plugbay run`: loads a plugin, calls one action and prints its result.

use std::convert::Infallible;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use plugbay::error::{InvokeErrorKind, LoadErrorKind};
use plugbay::policy::Denial;
use plugbay::{Caller, Invocation, InvokeError, LoadError, Outcome, Package, Plugin, Runtime};
use plugbay_node::watch_plugins;

use crate::args::{Common, Run};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, Host, Purpose};
use crate::output::{Output, shell_word};
use crate::payload;
use crate::progress::Progress;
use crate::signal::EndSignals;
use crate::stats::Stats;

/// The time to finish printing a result after a signal. Without a limit, a pipe that is not read would block forever.
const PRINTING_MAX: Duration = Duration::from_secs(1);

/// The most denials of a failed call for which advice is printed. The others are in the log.
const DENIALS_SHOWN_MAX: usize = 3;

pub(crate) fn run(args: &Run, common: &Common, output: Output) -> Result<Exit, Error> {
    // Errors of the command line are reported before anything is built or compiled.
    let payload = payload::read(args.payload.as_deref()).map_err(Error::Usage)?;
    let (path, others) = (&args.plugin.path, args.with.len());
    if !path.exists() && Path::new(&args.action).exists() {
        let (plugin, action) = (shell_word(&args.action), path.display().to_string());
        let right = format!("plugbay run {plugin} {}", shell_word(&action));
        return Err(Error::Usage(format!("PLUGIN comes before ACTION; did you mean `{right}`?")));
    }
    let host = Host::open_for(Purpose::Run, path, others, &args.limits, Some(&args.host), common, output)?;
    // A process that runs jobs is a host: there is one for each data directory.
    let _lock = args.linger.map(|_| host.lock()).transpose()?;
    // Crates are built before the executor starts.
    let packages = host.with_requirements(path, &args.with, output)?;
    host::block_on(call(host, packages, args, payload, output))?
}

async fn call(host: Host, packages: Vec<Package>, args: &Run, payload: String, output: Output) -> Result<Exit, Error> {
    let mut signals = EndSignals::listen().context("cannot handle the signals that end a process")?;
    let runtime = host.runtime.clone();
    let (done, is_ended) =
        until_signal(&mut signals, |is_printing| load_and_call(host, packages, args, payload, output, is_printing))
            .await;
    if let (Ok(_), false, Some(time)) = (&done, is_ended, args.linger) {
        runtime.run_jobs();
        tokio::select! {
            () = linger(time, &mut signals) => {}
            never = watch(&runtime, output), if args.watch => match never {},
        }
    }
    // Plugins are unloaded after the answer is printed. A second signal ends the command at once.
    tokio::select! {
        biased;
        () = runtime.shutdown() => done,
        signal = signals.next() => Err(Error::Signal(signal)),
    }
}

/// Runs `work` until it is done or a signal arrives, and returns whether one arrived. If a result is being printed
/// then, its reader may have part of it already, so printing is finished first.
async fn until_signal<F: Future<Output = Result<Exit, Error>>>(
    signals: &mut EndSignals,
    work: impl FnOnce(Arc<AtomicBool>) -> F,
) -> (F::Output, bool) {
    let is_printing = Arc::new(AtomicBool::new(false));
    let mut work = pin!(work(is_printing.clone()));
    tokio::select! {
        biased;
        done = &mut work => (done, false),
        signal = signals.next() => {
            let wait = if is_printing.load(Ordering::SeqCst) { PRINTING_MAX } else { Duration::ZERO };
            let printed = tokio::time::timeout(wait, work).await;
            (printed.unwrap_or(Err(Error::Signal(signal))), true)
        }
    }
}

async fn load_and_call(
    host: Host,
    packages: Vec<Package>,
    args: &Run,
    payload: String,
    output: Output,
    is_printing: Arc<AtomicBool>,
) -> Result<Exit, Error> {
    let Host { runtime, package, asked, .. } = host;
    let progress = Progress::start(format!("loading {}", args.plugin.path.display()), output.quiet);
    let loading = Instant::now();
    let plugin = load(&runtime, package, packages).await?;
    let load = loading.elapsed();
    drop(progress);
    asked.note_cuts(&plugin.limits(), output);

    let progress = Progress::start(format!("running {}", args.action), output.quiet);
    let (denied, recorded) = (denials_of(&runtime), runtime.audit_trail().len());
    let answer = invoke(&plugin, &args.action, payload).await;
    drop(progress);
    let invalid = |error: &InvokeError| matches!(error.kind(), InvokeErrorKind::Validation { .. });
    if args.payload.is_none() && answer.as_ref().is_err_and(invalid) {
        output.note("no payload was given, so the action was called with null; write it behind the action, as JSON");
    }
    let outcome = answer.map_err(|error| {
        let denials = runtime.audit_trail().into_iter().skip(recorded).map(|entry| entry.denial);
        failed(error, denied < denials_of(&runtime), denials.take(DENIALS_SHOWN_MAX).collect())
    })?;
    is_printing.store(true, Ordering::SeqCst);
    print(&outcome, output).await?;
    if args.stats {
        let metrics = plugin.metrics();
        let uses = Some((metrics.allows, metrics.denials));
        Stats { usage: outcome.usage(), limits: &plugin.limits(), uses, load }.show(output);
    }
    Ok(Exit::Ok)
}

/// Loads all of them and returns the plugin of `main`. The first that cannot be loaded is an error.
async fn load(runtime: &Runtime, main: Package, mut packages: Vec<Package>) -> Result<Plugin, Error> {
    if packages.len() == 1 {
        return Ok(runtime.load(packages.pop().unwrap_or(main)).await?);
    }
    let name = runtime.inspect(main)?.manifest.name;
    let mut errors = runtime.load_all(packages).await.errors;
    // The original failure is more useful than those that it caused.
    errors.sort_by_key(is_consequence);
    match (errors.into_iter().next(), runtime.plugin(&name)) {
        (None, Some(plugin)) => Ok(plugin),
        (Some(error), _) => Err(error.into()),
        (None, None) => Err(Error::Internal(anyhow::anyhow!("`{name}` is not loaded, without an error"))),
    }
}

fn is_consequence(error: &LoadError) -> bool {
    matches!(error.kind(), LoadErrorKind::RequirementFailed { .. })
}

/// Prints the result on a thread of its own. A pipe that is not read blocks that thread, while the command still
/// handles signals.
async fn print(outcome: &Outcome, output: Output) -> Result<(), Error> {
    let json: Arc<str> = outcome.json().into();
    let (done, written) = tokio::sync::oneshot::channel();
    let printer = thread::Builder::new().name("stdout".into()).spawn({
        let json = json.clone();
        move || drop(done.send(output.json_result(&json)))
    });
    match printer {
        Ok(_) => Ok(written.await.unwrap_or_else(|_| Err(std::io::Error::other("the thread that prints panicked")))?),
        Err(_) => Ok(output.json_result(&json)?),
    }
}

/// Reloads plugins whose files change, and notes it.
async fn watch(runtime: &Runtime, output: Output) -> Infallible {
    watch_plugins(runtime, |name, reloaded| match reloaded {
        Ok(()) => output.note(&format!("{name} was reloaded, because its files have changed")),
        Err(error) => output.note(&format!("{name} serves as before, because its changed files fail: {error}")),
    })
    .await
}

/// Waits for the given time (zero means forever) or for a signal.
async fn linger(time: Duration, signals: &mut EndSignals) {
    let wait = async { if time.is_zero() { std::future::pending().await } else { tokio::time::sleep(time).await } };
    tokio::select! {
        () = wait => {}
        _ = signals.next() => {}
    }
}

/// The number of denials of all plugins so far. A plugin may return the denial of another as its error.
fn denials_of(runtime: &Runtime) -> u64 {
    runtime.plugins().iter().map(|plugin| plugin.metrics().denials).sum()
}

/// A plugin's error `permission_denied` counts as a denial only if one occurred in the call, since any plugin can
/// return that code.
fn failed(error: InvokeError, was_denied: bool, denials: Vec<Denial>) -> Error {
    match error.failure() {
        Some(failure) if was_denied && failure.code == "permission_denied" => Error::PassedOn(error, denials),
        _ => Error::Invoke(error, denials),
    }
}

async fn invoke(plugin: &Plugin, action: &str, payload: String) -> Result<Outcome, InvokeError> {
    plugin.invoke(Invocation::new(action).payload_json(payload).caller(Caller::Cli)).await
}
