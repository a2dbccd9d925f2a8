//! `plugbay remove`: removes a plugin from the catalog, and its data if asked.
//!
//! The plugin is removed before its data, so that no host loads it without them. If the command ends in between, the
//! same command removes the data: a name that is not installed but has data is accepted with `--data`.

use plugbay::Runtime;
use plugbay::compile::CodeCacheLocation;
use plugbay_catalog::{HostLock, Installed};
use serde_json::json;

use crate::args::{Dependents, Remove};
use crate::catalog::OpenedCatalog;
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::Output;
use crate::remote;
use crate::server_client::ServerClient;

pub(crate) fn run(args: &Remove, output: Output) -> Result<Exit, Error> {
    if let Some(server) = ServerClient::of(&args.server)? {
        return remote::remove(&server, args, output);
    }
    let opened = OpenedCatalog::of_installed(&args.catalog)?;
    // The host that runs closes the data before it removes them.
    if args.data
        && let Some(host) = ServerClient::of_data_dir(&opened.data_dir)
    {
        return remote::remove(&host, args, output);
    }
    // A host has the data of its plugins open.
    let lock = args.data.then(|| HostLock::acquire(&opened.data_dir, "plugbay remove --data")).transpose()?;
    let dependents = host::block_on(opened.dependents(&args.name, args.dependents))??;
    // Those of a plugin that is not installed stay as they are.
    if args.dependents == Dependents::Cascade && host::block_on(opened.catalog.installed(&*args.name))?.is_ok() {
        for dependent in &dependents {
            let removed = host::block_on(opened.catalog.remove(&**dependent))??;
            output.note(&format!("removed {dependent} {}, which requires `{}`", removed.current.version, args.name));
        }
    }
    let removed = host::block_on(opened.catalog.remove(&*args.name))?;
    let (name, removed) = match removed {
        Ok(installed) => (installed.name.clone(), Some(installed)),
        Err(error) if args.data && error.is_not_installed() => match remove_data(&opened, &args.name)? {
            true => return print(&args.name, None, true, output),
            false => return Err(error.into()),
        },
        Err(error) => return Err(error.into()),
    };
    let data_removed = args.data && remove_data(&opened, &name)?;
    drop(lock);
    if args.dependents == Dependents::Keep {
        OpenedCatalog::note_dependents(&name, &dependents, output);
    }
    print(&name, removed.as_ref(), data_removed, output)?;
    opened.tell_running_host(output);
    Ok(Exit::Ok)
}

fn print(name: &str, removed: Option<&Installed>, data_removed: bool, output: Output) -> Result<Exit, Error> {
    if output.json {
        output.document(&json!({
            "status": "ok", "change": "removed", "name": name, "plugin": removed, "data_removed": data_removed,
        }))?;
        return Ok(Exit::Ok);
    }
    let text = match (removed, data_removed) {
        (Some(installed), true) => format!("removed {name} {} and its data", installed.current.version),
        (Some(installed), false) => format!("removed {name} {}", installed.current.version),
        (None, _) => format!("removed the data of {name}, which was not installed"),
    };
    output.result(&text)?;
    Ok(Exit::Ok)
}

fn remove_data(opened: &OpenedCatalog, name: &str) -> Result<bool, Error> {
    let runtime = Runtime::builder()
        .live_instances(host::LIVE_INSTANCES)
        .run_jobs(false)
        .code_cache(CodeCacheLocation::Off)
        .data_dir(&opened.data_dir)
        .build()?;
    host::block_on(runtime.remove_data(name))?.map_err(|error| Error::Usage(error.to_string()))
}
