//! `plugbay rollback`: brings back the previous version of an installed plugin.

use serde_json::json;

use crate::args::Named;
use crate::catalog::OpenedCatalog;
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::Output;
use crate::remote;
use crate::server_client::ServerClient;

pub(crate) fn run(args: &Named, output: Output) -> Result<Exit, Error> {
    if let Some(server) = ServerClient::of(&args.server)? {
        return remote::change(&server, &args.name, "rollback", output);
    }
    let opened = OpenedCatalog::of_installed(&args.catalog)?;
    let installed = host::block_on(opened.catalog.rollback(&*args.name))??;
    if output.json {
        output.document(&json!({ "status": "ok", "change": "rolled_back", "plugin": installed }))?;
    } else {
        let replaced = installed.previous.as_ref().map(|previous| format!(", in place of {}", previous.version));
        let (name, version) = (&installed.name, &installed.current.version);
        output.result(&format!("{name} {version} is installed again{}", replaced.unwrap_or_default()))?;
    }
    host::block_on(opened.note_unmet(&installed, output))??;
    opened.tell_running_host(output);
    Ok(Exit::Ok)
}
