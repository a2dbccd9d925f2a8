//! `plugbay run`: the main job. Loads a plugin, calls one action, prints its result.

use std::time::Instant;

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
    let host = Host::open(&args.plugin.path, &args.limits, Some(&args.host), common, output)?;
    host::block_on(call(host, args, payload, output))?
}

async fn call(host: Host, args: &Run, payload: String, output: Output) -> Result<Exit, Error> {
    let Host { runtime, package, .. } = host;
    let loading = Instant::now();
    let progress = Progress::start(format!("loading {}", args.plugin.path.display()), output.quiet);
    let plugin = runtime.load(package).await?;
    let load = loading.elapsed();
    drop(progress);
    host.asked.tell_what_was_cut(&plugin.limits(), output);

    let progress = Progress::start(format!("running {}", args.action), output.quiet);
    let answer = invoke(&plugin, &args.action, payload).await;
    drop(progress);
    if let Ok(outcome) = &answer {
        output.json_result(outcome.json())?;
        if args.stats {
            let metrics = plugin.metrics();
            let uses = Some((metrics.allows, metrics.denials));
            Stats { usage: outcome.usage(), limits: &plugin.limits(), uses, load }.show(output);
        }
    }
    // After the answer, which need not wait for it.
    runtime.unload(&plugin.name()).await;
    answer?;
    Ok(Exit::Ok)
}

async fn invoke(plugin: &Plugin, action: &str, payload: String) -> Result<Outcome, InvokeError> {
    plugin.invoke(Invocation::new(action).payload_json(payload)?.caller(Caller::Cli)).await
}
