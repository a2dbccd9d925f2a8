//! `plugbay call`: calls an exported function of any component, plugin or not, in a fresh instance with a plugin's
//! limits.

use std::time::Instant;

use plugbay_component_call::{AnyComponent, Called, ExportedFunction, to_json, to_wave};
use serde_json::json;

use crate::args::{Call, Common, HostArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, Crates, Host};
use crate::output::{Output, plain};
use crate::payload;
use crate::progress::Progress;
use crate::stats::Stats;

pub(crate) fn run(args: &Call, common: &Common, output: Output) -> Result<Exit, Error> {
    if args.arguments.iter().filter(|argument| *argument == "-").count() > 1 {
        return Err(Error::Usage("`-` stands for standard input, which can be read once".to_owned()));
    }
    let arguments: Result<Vec<String>, String> =
        args.arguments.iter().map(|argument| payload::read_argument(argument)).collect();
    let arguments = arguments.map_err(Error::Usage)?;
    let operator = HostArgs { trust: args.trust.clone(), ..HostArgs::default() };
    let host = Host::open(&args.file, Crates::build_if(args.build), &args.limits, Some(&operator), common, output)?;
    host::block_on(call(host, args, &arguments, output))?
}

async fn call(host: Host, args: &Call, arguments: &[String], output: Output) -> Result<Exit, Error> {
    let loading = Instant::now();
    let progress = Progress::start(format!("loading {}", args.file.display()), output.quiet);
    let component = AnyComponent::new(host.runtime.component(host.package).await?);
    let load = loading.elapsed();
    drop(progress);
    host.asked.note_cuts(component.limits(), output);

    let Some(export) = &args.export else {
        return list(&component, output).map(|()| Exit::Ok);
    };
    let progress = Progress::start(format!("running {export}"), output.quiet);
    let called = component.call(export, arguments).await;
    drop(progress);
    let called = called?;
    show(&called, output)?;
    if args.stats {
        Stats { usage: &called.usage, limits: component.limits(), uses: None, load }.show(output);
    }
    Ok(if called.is_err() { Exit::PluginError } else { Exit::Ok })
}

/// Prints the result. A function without one prints nothing, or `null` with `--json`.
fn show(called: &Called, output: Output) -> Result<(), Error> {
    let unwritable = |error| Error::Internal(anyhow::anyhow!("the result cannot be written as text: {error}"));
    match &called.value {
        Some(value) if output.json => {
            output.json_result(&to_json(value).map_err(unwritable)?.to_string())?;
        }
        Some(value) => output.result(&plain(&to_wave(value).map_err(unwritable)?))?,
        None if output.json => output.json_result("null")?,
        None => {}
    }
    Ok(())
}

/// Prints each function and its type, one per line.
fn list(component: &AnyComponent, output: Output) -> Result<(), Error> {
    let functions = component.functions();
    if output.json {
        let members = |function: &ExportedFunction| json!({ "name": function.name, "type": function.to_string() });
        output.document(&functions.iter().map(members).collect::<Vec<_>>())?;
    } else if functions.is_empty() {
        output.note("it exports no functions");
    } else {
        let lines: Vec<String> = functions.iter().map(ToString::to_string).collect();
        output.result(&plain(&lines.join("\n")))?;
    }
    Ok(())
}
