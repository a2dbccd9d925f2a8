//! `plugbay enable` and `plugbay disable`: whether hosts load a plugin, be it installed or one that the host's file or
//! its directory of plugins has.

use plugbay::Runtime;
use plugbay::compile::CodeCacheLocation;
use plugbay_node::{Node, NodeOptions};
use serde_json::json;

use crate::args::{Dependents, Disable, Named};
use crate::catalog::{OpenedCatalog, host_file};
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::Output;
use crate::remote;
use crate::server_client::ServerClient;

pub(crate) fn disable(args: &Disable, output: Output) -> Result<Exit, Error> {
    let Disable { plugin, dependents } = args;
    if let Some(server) = ServerClient::of(&plugin.server)? {
        return remote::change(&server, &plugin.name, &format!("disable?dependents={}", dependents.name()), output);
    }
    change(plugin, false, *dependents, output)
}

pub(crate) fn enable(args: &Named, output: Output) -> Result<Exit, Error> {
    match ServerClient::of(&args.server)? {
        Some(server) => remote::change(&server, &args.name, "enable", output),
        None => change(args, true, Dependents::Keep, output),
    }
}

fn change(args: &Named, enabled: bool, dependents: Dependents, output: Output) -> Result<Exit, Error> {
    let opened = match OpenedCatalog::of_installed(&args.catalog) {
        // Only the name of a plugin in a file needs a new catalog.
        Err(error @ Error::NothingInstalled(_)) if !is_local(args)? => return Err(error),
        Err(Error::NothingInstalled(_)) => OpenedCatalog::open(&args.catalog)?,
        opened => opened?,
    };
    let installed = host::block_on(opened.catalog.installed(&*args.name))?;
    let is_installed = match installed {
        Ok(_) => true,
        Err(error) if error.is_not_installed() => {
            if !host::block_on(opened.catalog.disabled_names())??.contains(&args.name) && !is_local(args)? {
                return Err(error.into());
            }
            false
        }
        Err(error) => return Err(error.into()),
    };
    let required_by = match enabled {
        true => Vec::new(),
        false => host::block_on(opened.dependents(&args.name, dependents))??,
    };
    if dependents == Dependents::Cascade {
        for dependent in &required_by {
            host::block_on(opened.catalog.set_enabled(&**dependent, false))??;
            output.note(&format!("disabled {dependent}, which requires `{}`", args.name));
        }
    }
    let (name, plugin) = if is_installed {
        let installed = host::block_on(opened.catalog.set_enabled(&*args.name, enabled))??;
        (installed.name.clone(), json!(installed))
    } else {
        host::block_on(opened.catalog.set_name_enabled(&args.name, enabled))??;
        (args.name.clone(), json!({ "name": args.name, "enabled": enabled }))
    };
    let change = if enabled { "enabled" } else { "disabled" };
    if output.json {
        output.document(&json!({ "status": "ok", "change": change, "plugin": plugin }))?;
    } else {
        output.result(&format!("{change} {name}"))?;
    }
    if dependents == Dependents::Keep {
        OpenedCatalog::note_dependents(&name, &required_by, output);
    }
    opened.tell_running_host(output);
    Ok(Exit::Ok)
}

/// Whether the host's file, or its directory of plugins, has a plugin of this name.
fn is_local(args: &Named) -> Result<bool, Error> {
    let mut options = NodeOptions::default();
    options.file = host_file(&args.catalog.file)?;
    options.only_checks = true;
    let builder =
        Runtime::builder().live_instances(host::LIVE_INSTANCES).run_jobs(false).code_cache(CodeCacheLocation::Off);
    let node = Node::open(options, builder)?;
    node.has_local(&args.name).map_err(|error| Error::Usage(error.to_string()))
}
