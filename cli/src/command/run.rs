//! `plugbay run`: the main job. Loads a plugin, calls one action, prints its result.

use std::time::{Duration, Instant};

use plugbay::{Caller, Invocation, InvokeError, Outcome, Plugin};

use crate::args::{Common, Run};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, Host};
use crate::output::Output;
use crate::payload;
use crate::progress::Progress;
use crate::stats::Stats;

pub(crate) fn run(args: &Run, common: &Common, output: Output) -> Result<Exit, Error> {
    // What is wrong with the command line is told before anything is built or compiled.
    let payload = payload::read(args.payload.as_deref()).map_err(Error::Usage)?;
    let host = Host::open_with(&args.plugin.path, &args.with, &args.limits, Some(&args.host), common, output)?;
    host::block_on(call(host, args, payload, output))?
}

async fn call(host: Host, args: &Run, payload: String, output: Output) -> Result<Exit, Error> {
    let runtime = host.runtime.clone();
    let mut loaded = Vec::new();
    let done = load_and_call(host, args, payload, output, &mut loaded).await;
    // After the answer, which need not wait for it. Those that require others go before them.
    while let Some(last) = loaded.pop() {
        runtime.unload(&last).await;
    }
    done
}

async fn load_and_call(
    host: Host,
    args: &Run,
    payload: String,
    output: Output,
    loaded: &mut Vec<String>,
) -> Result<Exit, Error> {
    let Host { runtime, package, beside, asked } = host;
    let progress = Progress::start(format!("loading {}", args.plugin.path.display()), output.quiet);
    for package in beside.before {
        loaded.push(runtime.load(package).await?.name());
    }
    let loading = Instant::now();
    let plugin = runtime.load(package).await?;
    let load = loading.elapsed();
    loaded.push(plugin.name());
    for package in beside.after {
        loaded.push(runtime.load(package).await?.name());
    }
    drop(progress);
    asked.tell_what_was_cut(&plugin.limits(), output);

    let progress = Progress::start(format!("running {}", args.action), output.quiet);
    let answer = invoke(&plugin, &args.action, payload).await;
    drop(progress);
    let outcome = answer?;
    output.json_result(outcome.json())?;
    if args.stats {
        let metrics = plugin.metrics();
        let uses = Some((metrics.allows, metrics.denials));
        Stats { usage: outcome.usage(), limits: &plugin.limits(), uses, load }.show(output);
    }
    if let Some(time) = args.linger {
        runtime.run_jobs();
        linger(time).await;
    }
    Ok(Exit::Ok)
}

/// Waits for so long, or for ever where that is nothing, and ends with an interrupt.
async fn linger(time: Duration) {
    let wait = async { if time.is_zero() { std::future::pending().await } else { tokio::time::sleep(time).await } };
    tokio::select! {
        () = wait => {}
        // Where no interrupt can be waited for, it ends the process as it always does.
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
}

async fn invoke(plugin: &Plugin, action: &str, payload: String) -> Result<Outcome, InvokeError> {
    plugin.invoke(Invocation::new(action).payload_json(payload)?.caller(Caller::Cli)).await
}
