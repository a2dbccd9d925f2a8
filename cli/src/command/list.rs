//! `plugbay list`: the installed plugins, and those from elsewhere that are disabled.

use plugbay_catalog::Installed;
use plugbay_catalog::store::InstalledState;
use serde_json::json;

use crate::args::List;
use crate::catalog::{OpenedCatalog, data_dir, host_file};
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::{DIM, Output, RED};
use crate::remote;
use crate::server_client::ServerClient;
use crate::table::{Cell, section};

pub(crate) fn run(args: &List, output: Output) -> Result<Exit, Error> {
    let server = match ServerClient::of(&args.server)? {
        Some(server) => Some(server),
        // The host that runs on the data directory knows the states of its plugins.
        None => ServerClient::of_data_dir(&data_dir(&args.catalog, &host_file(&args.catalog.file)?)?),
    };
    if let Some(server) = server {
        return remote::list(&server, output);
    }
    let (installed, disabled) = match OpenedCatalog::open_existing(&args.catalog)? {
        Some(opened) => {
            let catalog = &opened.catalog;
            (host::block_on(catalog.list())??, host::block_on(catalog.disabled_names())??)
        }
        None => Default::default(),
    };
    if output.json {
        output.document(&json!({ "plugins": installed, "disabled": disabled }))?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    match installed.len() {
        0 => text.push_str("no plugin is installed\n"),
        count => {
            let heading =
                if count == 1 { "1 installed plugin".to_owned() } else { format!("{count} installed plugins") };
            section(&mut text, &heading, installed.iter().map(row).collect());
        }
    }
    let names = disabled.into_iter().map(|name| vec![name.into()]).collect();
    section(&mut text, "Disabled, and not installed", names);
    output.result(&text)?;
    Ok(Exit::Ok)
}

fn row(plugin: &Installed) -> Vec<Cell> {
    let state = match (plugin.enabled, plugin.state) {
        (false, _) => Cell::styled(DIM, "disabled"),
        (true, InstalledState::Failed) => Cell::styled(RED, "failed"),
        (true, state) => state.name().into(),
    };
    let number = plugin.id.to_string();
    vec![
        number.into(),
        plugin.name.as_str().into(),
        plugin.current.version.to_string().into(),
        state,
        plugin.current.origin.as_str().into(),
    ]
}
