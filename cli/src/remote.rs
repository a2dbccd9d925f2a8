//! Commands through a server: the same operations and texts as on a data directory.

use std::path::{Path, PathBuf};

use http::Method;
use plugbay::Package;
use plugbay_catalog::PackageOrigin;
use serde_json::{Value, json};

use crate::args::{ConsentArgs, Remove, Update};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{DIM, Output, RED};
use crate::server_client::{ServerClient, path_part};
use crate::table::{Cell, section};
use crate::units::show_time;

/// The plugins with their states.
pub(crate) fn list(server: &ServerClient, output: Output) -> Result<Exit, Error> {
    let answer = server.call(Method::GET, "/api/v1/plugins", None)?;
    if output.json {
        output.document(&answer)?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    match answer["plugins"].as_array().map(Vec::as_slice).unwrap_or_default() {
        [] => text.push_str("no plugin is installed or loaded"),
        [plugin] => section(&mut text, "1 plugin", vec![row(plugin)]),
        plugins => section(&mut text, &format!("{} plugins", plugins.len()), plugins.iter().map(row).collect()),
    }
    output.result(&text)?;
    Ok(Exit::Ok)
}

fn row(plugin: &Value) -> Vec<Cell> {
    let text = |name: &str| plugin[name].as_str().unwrap_or_default();
    let state = match text("state") {
        state @ ("failed" | "restarting") => Cell::styled(RED, state),
        state @ ("disabled" | "lazy") => Cell::styled(DIM, state),
        state => state.into(),
    };
    let number = plugin["id"].as_i64().map_or("-".to_owned(), |id| id.to_string());
    let origin = if text("origin").is_empty() { "not from the catalog" } else { text("origin") };
    vec![number.into(), text("name").into(), text("version").into(), state, origin.into()]
}

/// One plugin, or the host as a whole.
pub(crate) fn status(server: &ServerClient, plugin: Option<&str>, output: Output) -> Result<Exit, Error> {
    let path = match plugin {
        Some(name) => format!("/api/v1/plugins/{}", path_part(name)),
        None => "/api/v1/status".to_owned(),
    };
    let answer = server.call(Method::GET, &path, None)?;
    if output.json {
        output.document(&answer)?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    let members = answer.as_object().into_iter().flatten();
    let simple = members.filter(|(_, value)| !value.is_object() && !value.is_array());
    let rows = simple.map(|(name, value)| vec![name.as_str().into(), shown(name, value).into()]).collect();
    section(&mut text, plugin.unwrap_or("Host"), rows);
    if let Some(states) = answer["plugins"].as_object() {
        let rows = states.iter().map(|(state, count)| vec![state.as_str().into(), count.to_string().into()]).collect();
        section(&mut text, "Plugins", rows);
    }
    output.result(&text)?;
    Ok(Exit::Ok)
}

fn shown(name: &str, value: &Value) -> String {
    match value.as_u64().filter(|_| name.ends_with("_at") || name == "since") {
        Some(seconds) => show_time(seconds),
        None => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// Enables, disables, rolls back.
pub(crate) fn change(server: &ServerClient, plugin: &str, change: &str, output: Output) -> Result<Exit, Error> {
    let path = format!("/api/v1/plugins/{}/{change}", path_part(plugin));
    print(&server.call(Method::POST, &path, None)?, plugin, output)
}

/// Removes a plugin, and its data if asked.
pub(crate) fn remove(server: &ServerClient, args: &Remove, output: Output) -> Result<Exit, Error> {
    let Remove { name, data, dependents, .. } = args;
    let path = format!("/api/v1/plugins/{}?data={data}&dependents={}", path_part(name), dependents.name());
    print(&server.call(Method::DELETE, &path, None)?, name, output)
}

/// Installs a plugin from a reference that the server can reach, or from this machine: then its component is sent.
pub(crate) fn install(
    server: &ServerClient,
    reference: &str,
    consent: &ConsentArgs,
    output: Output,
) -> Result<Exit, Error> {
    if let Some(path) = local_path(reference) {
        let component = component_of(&path, output)?;
        let ConsentArgs { yes, accept_moved_version } = consent;
        let path = format!("/api/v1/plugins/upload?yes={yes}&accept_moved_version={accept_moved_version}");
        return print(&server.upload(&path, component)?, reference, output);
    }
    let body = json!({
        "reference": reference, "yes": consent.yes, "accept_moved_version": consent.accept_moved_version,
    });
    print(&server.call(Method::POST, "/api/v1/plugins", Some(&body))?, reference, output)
}

/// The path of a reference to this machine.
fn local_path(reference: &str) -> Option<PathBuf> {
    match PackageOrigin::parse(reference) {
        Ok(PackageOrigin::Directory(path) | PackageOrigin::File(path) | PackageOrigin::LocalManifest(path)) => {
            Some(path)
        }
        // A server says what is wrong with a reference.
        _ => None,
    }
}

/// The component of a plugin on this machine, with the manifest beside it inside.
fn component_of(path: &Path, output: Output) -> Result<Vec<u8>, Error> {
    let is_manifest = path.is_file() && path.extension().is_none_or(|extension| extension != "wasm");
    if is_manifest {
        let shown = path.display();
        return Err(Error::Usage(format!("{shown}: name the directory of the manifest, or a .wasm file, to send it")));
    }
    if path.join("config").is_dir() {
        output
            .note("config/ is not sent: declare its values as defaults in `configuration`, or set them on the server");
    }
    Ok(Package::open(path)?.to_component()?)
}

/// Replaces a plugin by a newer version.
pub(crate) fn update(server: &ServerClient, args: &Update, output: Output) -> Result<Exit, Error> {
    let Update { name, reference, consent, .. } = args;
    if let Some(local) = reference.as_deref().filter(|reference| local_path(reference).is_some()) {
        return Err(Error::Usage(format!(
            "{local} is on this machine: `plugbay install {local} --server URL` sends it, and updates the plugin of its name"
        )));
    }
    let body = json!({
        "reference": reference, "yes": consent.yes, "accept_moved_version": consent.accept_moved_version,
    });
    let path = format!("/api/v1/plugins/{}/update", path_part(name));
    print(&server.call(Method::POST, &path, Some(&body))?, name, output)
}

/// Prints the answer to a change.
fn print(answer: &Value, plugin: &str, output: Output) -> Result<Exit, Error> {
    if output.json {
        output.document(answer)?;
        return Ok(Exit::Ok);
    }
    let name = answer["plugin"]["name"].as_str().unwrap_or(plugin);
    let change = answer["change"].as_str().unwrap_or("changed");
    let version = answer["plugin"]["current"]["version"].as_str().or(answer["plugin"]["version"].as_str());
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    let data = if answer["data_removed"] == true { " and its data" } else { "" };
    output.result(&format!("{change} {name}{version}{data}"))?;
    for note in answer["notes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        output.note(note);
    }
    note_refresh(&answer["host"], output);
    Ok(Exit::Ok)
}

/// Notes what a host did when it followed a change of the catalog.
pub(crate) fn note_refresh(report: &Value, output: Output) {
    for what in ["loaded", "reloaded", "disabled", "unloaded"] {
        let plugins: Vec<&str> = report[what].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !plugins.is_empty() {
            output.note(&format!("the host that runs has {what} {}", plugins.join(", ")));
        }
    }
    for error in report["errors"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        output.note(&format!("in the host that runs: {error}"));
    }
}
