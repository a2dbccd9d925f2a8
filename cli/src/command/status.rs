//! `plugbay status`: one plugin in detail, or the catalog with the host that runs on its data directory.
//!
//! A host that runs knows the states of its plugins, and has some that are not installed, so it is asked first.

use http::Method;
use plugbay_catalog::store::{InstalledState, InstalledVersion};
use plugbay_catalog::{HostLock, Installed};
use serde_json::{Value, json};

use crate::args::{CatalogArgs, Status};
use crate::catalog::{OpenedCatalog, data_dir, host_file};
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::{Output, RED};
use crate::remote;
use crate::server_client::{ServerClient, path_part};
use crate::table::{Cell, section};
use crate::units::{show_bytes, show_time};

pub(crate) fn run(args: &Status, output: Output) -> Result<Exit, Error> {
    if let Some(server) = ServerClient::of(&args.server)? {
        return remote::status(&server, args.name.as_deref(), output);
    }
    let running = ServerClient::of_data_dir(&data_dir(&args.catalog, &host_file(&args.catalog.file)?)?);
    match (&args.name, running) {
        (Some(name), Some(host)) if output.json => remote::status(&host, Some(name), output),
        (Some(name), Some(host)) => match installed(&args.catalog, name)? {
            Some(installed) => of_plugin(&installed, Some(&host), output),
            None => remote::status(&host, Some(name), output),
        },
        (Some(name), None) => {
            let opened = OpenedCatalog::of_installed(&args.catalog)?;
            let installed = host::block_on(opened.catalog.installed(&**name))??;
            of_plugin(&installed, None, output)
        }
        (None, running) => match (OpenedCatalog::open_existing(&args.catalog)?, running) {
            (None, Some(host)) => remote::status(&host, None, output),
            (None, None) => of_catalog(&OpenedCatalog::of_installed(&args.catalog)?, output),
            (Some(opened), _) => of_catalog(&opened, output),
        },
    }
}

/// The installed plugin of this name or number; `None` if there is none.
fn installed(args: &CatalogArgs, name: &str) -> Result<Option<Installed>, Error> {
    let Some(opened) = OpenedCatalog::open_existing(args)? else { return Ok(None) };
    match host::block_on(opened.catalog.installed(name))? {
        Ok(installed) => Ok(Some(installed)),
        Err(error) if error.code() == "not_installed" => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn of_catalog(opened: &OpenedCatalog, output: Output) -> Result<Exit, Error> {
    let holder = HostLock::holder(&opened.data_dir)?;
    let installed = host::block_on(opened.catalog.list())??;
    let is_loaded = |plugin: &&Installed| holder.is_some() && plugin.state == InstalledState::Loaded;
    let loaded: Vec<i64> = installed.iter().filter(is_loaded).map(|plugin| plugin.id).collect();
    if output.json {
        let status = host::block_on(opened.catalog.get_status(&loaded))??;
        let mut document = serde_json::to_value(status).unwrap_or_default();
        document["host"] = json!(holder);
        document["data_dir"] = json!(opened.data_dir);
        output.document(&document)?;
        return Ok(Exit::Ok);
    }
    let count = |state: InstalledState| installed.iter().filter(|plugin| plugin.state == state).count().to_string();
    let enabled = installed.iter().filter(|plugin| plugin.enabled).count();
    let rows: Vec<Vec<Cell>> = vec![
        vec!["data directory".into(), opened.data_dir.display().to_string().into()],
        vec!["host".into(), holder.unwrap_or_else(|| "not running".to_owned()).into()],
        vec!["installed".into(), installed.len().to_string().into()],
        vec!["enabled".into(), enabled.to_string().into()],
        vec!["loaded".into(), loaded.len().to_string().into()],
        vec!["failed".into(), count(InstalledState::Failed).into()],
    ];
    let mut text = String::new();
    section(&mut text, "Catalog", rows);
    output.result(&text)?;
    Ok(Exit::Ok)
}

fn of_plugin(installed: &Installed, host: Option<&ServerClient>, output: Output) -> Result<Exit, Error> {
    if output.json {
        output.document(installed)?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    let mut rows: Vec<Vec<Cell>> = vec![
        vec!["number".into(), installed.id.to_string().into()],
        vec!["enabled".into(), if installed.enabled { "yes" } else { "no" }.into()],
        vec!["state".into(), running_state(installed, host).into()],
    ];
    if let Some(error) = &installed.last_error {
        rows.push(vec!["last error".into(), Cell::styled(RED, error)]);
    }
    rows.push(vec!["installed".into(), show_time(installed.installed_at).into()]);
    section(&mut text, &installed.name, rows);
    section(&mut text, "Version", version(&installed.current));
    if let Some(previous) = &installed.previous {
        section(&mut text, "Previous version, for `plugbay rollback`", version(previous));
    }
    let asked = installed.current.manifest["permissions"].as_array().map(Vec::as_slice).unwrap_or_default();
    section(&mut text, "Asks for", asked.iter().map(permission).collect());
    let subscribes = installed.current.manifest["events"]["subscribes"].as_array().map(Vec::as_slice);
    section(&mut text, "Subscribes to", subscribes.unwrap_or_default().iter().map(subscription).collect());
    output.result(&text)?;
    Ok(Exit::Ok)
}

/// The state in the host that runs, or the one that the last host recorded.
fn running_state(installed: &Installed, host: Option<&ServerClient>) -> String {
    let recorded = installed.state.name().to_owned();
    let Some(host) = host else { return recorded };
    let plugin = host.call(Method::GET, &format!("/api/v1/plugins/{}", path_part(&installed.name)), None);
    plugin.ok().and_then(|plugin| plugin["state"].as_str().map(str::to_owned)).unwrap_or(recorded)
}

fn version(version: &InstalledVersion) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = vec![
        vec!["version".into(), version.version.to_string().into()],
        vec!["stored".into(), show_time(version.stored_at).into()],
        vec!["origin".into(), version.origin.as_str().into()],
        vec!["content".into(), version.pinned.as_str().into()],
        vec!["component".into(), version.component_digest.to_string().into()],
        vec!["size".into(), show_bytes(version.component_bytes).into()],
    ];
    let signed = version.signed_by.as_ref().map_or("by no trusted key".to_owned(), |key| format!("by key {key}"));
    rows.push(vec!["signed".into(), signed.into()]);
    rows
}

/// A subscription of the stored manifest.
fn subscription(subscription: &Value) -> Vec<Cell> {
    let marks = ["once", "durable"].into_iter().filter(|mark| subscription[*mark] == true).collect::<Vec<_>>();
    let priority = format!("priority {}", subscription["priority"]);
    let about = [&[&*priority], &marks[..]].concat().join(", ");
    vec![subscription["topic"].as_str().unwrap_or_default().into(), about.into()]
}

/// A rule of the stored manifest.
fn permission(rule: &Value) -> Vec<Cell> {
    let actions = rule["actions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let actions: Vec<&str> = actions.iter().filter_map(Value::as_str).collect();
    let effect = if rule["effect"] == "deny" { "denied" } else { "" };
    vec![rule["resource"].as_str().unwrap_or_default().into(), actions.join(", ").into(), effect.into()]
}
