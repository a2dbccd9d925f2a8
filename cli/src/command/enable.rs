//! `plugbay enable` and `plugbay disable`: whether hosts load an installed plugin.

use serde_json::json;

use crate::args::Named;
use crate::catalog::OpenedCatalog;
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::Output;

pub(crate) fn run(args: &Named, enabled: bool, output: Output) -> Result<Exit, Error> {
    let opened = OpenedCatalog::of_installed(&args.catalog)?;
    let installed = host::block_on(opened.catalog.set_enabled(&*args.name, enabled))??;
    let change = if enabled { "enabled" } else { "disabled" };
    if output.json {
        output.document(&json!({ "status": "ok", "change": change, "plugin": installed }))?;
    } else {
        output.result(&format!("{change} {}", installed.name))?;
    }
    opened.note_running_host(output);
    Ok(Exit::Ok)
}
