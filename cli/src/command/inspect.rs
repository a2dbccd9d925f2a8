//! `plugbay inspect`: a plugin's manifest, exports, imports and permissions. Its component is validated, and neither
//! compiled nor run, except by cargo with `--build`.

use std::time::Duration;

use plugbay::inspection::{ImportRefusal, InspectedDirectory, Inspection, Trust};
use plugbay::manifest::page::Page;
use plugbay::manifest::{ActionDeclaration, Effect, ExecutionMode, Manifest, Rule, Setting, Subscription, Table};

use crate::advice::{self, grant_option, is_everything, trust_option};
use crate::args::{Common, Inspect};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{Crates, Host};
use crate::output::{GREEN, Output, RED};
use crate::shape;
use crate::table::{Cell, section};
use crate::units::{show_bytes, show_count, show_duration};

pub(crate) fn run(args: &Inspect, common: &Common, output: Output) -> Result<Exit, Error> {
    let host =
        Host::open(&args.plugin.path, Crates::build_if(args.build), &args.limits, Some(&args.host), common, output)?;
    let inspection = host.runtime.inspect(host.package)?;
    for note in &inspection.manifest.notes {
        output.note(note);
    }
    let is_plugin = |export: &String| export.starts_with("plugbay:plugin/actions@");
    if inspection.manifest.execution_mode != ExecutionMode::Legacy && !inspection.exports.iter().any(is_plugin) {
        output.note(
            "it is not a plugin: it does not export `plugbay:plugin/actions`; `plugbay call` calls its functions",
        );
    }
    host.asked.note_cuts_of_inspection(&inspection, output);
    if output.json {
        output.document(&inspection)?;
    } else {
        output.result(&text(&inspection))?;
    }
    Ok(Exit::Ok)
}

/// The text for people: the manifest's main fields, in sections. Empty sections are omitted.
pub(crate) fn text(inspection: &Inspection) -> String {
    let manifest = &inspection.manifest;
    let mut text = String::new();
    section(&mut text, &heading(manifest), identity(inspection));
    section(&mut text, "Exports", inspection.exports.iter().map(|export| vec![export.as_str().into()]).collect());
    section(
        &mut text,
        "Hooks",
        inspection.hooks.iter().map(|hook| vec![(*hook).into(), hook_functions(hook).into()]).collect(),
    );
    section(&mut text, "Imports", imports(inspection));
    let asked = manifest.permissions.iter().map(|rule| permission(rule, &inspection.not_allowed));
    section(&mut text, "Asks for", asked.collect());
    section(&mut text, "Directories", inspection.directories.iter().map(directory).collect());
    section(&mut text, "Actions", manifest.actions.iter().map(action).collect());
    section(
        &mut text,
        "Configuration",
        manifest.configuration.iter().map(|(name, setting)| configured(name, setting)).collect(),
    );
    section(&mut text, "Routes", routes(manifest));
    section(&mut text, "Pages", pages(manifest));
    section(&mut text, "Subscribes to", manifest.events.subscribes.iter().map(subscription).collect());
    let publishes = manifest.events.publishes.iter().map(|topic| vec![topic.as_str().into()]);
    section(&mut text, "Publishes", publishes.collect());
    section(&mut text, "Tables", manifest.tables.iter().map(table).collect());
    section(&mut text, "Limits", limits(inspection));
    text
}

fn heading(manifest: &Manifest) -> String {
    match &manifest.title {
        Some(title) => format!("{} {} ({title})", manifest.name, manifest.version),
        None => format!("{} {}", manifest.name, manifest.version),
    }
}

fn identity(inspection: &Inspection) -> Vec<Vec<Cell>> {
    let manifest = &inspection.manifest;
    let mode = match manifest.execution_mode {
        ExecutionMode::Sandboxed => Cell::from("sandboxed"),
        ExecutionMode::Trusted if inspection.trust == Trust::NotGiven => {
            Cell::styled(RED, format!("trusted, which the operator does not allow: {}", trust_option(&manifest.name)))
        }
        ExecutionMode::Trusted => Cell::from("trusted: with the directories and addresses that are granted"),
        ExecutionMode::Legacy => Cell::from("legacy: a WASI command, run once for each call"),
    };
    let requires: Vec<String> = manifest
        .requires
        .iter()
        .map(|required| match &required.version {
            Some(version) => format!("{} {version}", required.name),
            None => required.name.clone(),
        })
        .collect();
    let author = manifest.author.as_ref().map(|author| match &author.email {
        Some(email) => format!("{} <{email}>", author.name),
        None => author.name.clone(),
    });
    let rows: [(&str, Option<Cell>); 9] = [
        ("about", manifest.description.as_deref().map(Cell::from)),
        ("author", author.map(Cell::from)),
        ("licence", manifest.license.as_deref().map(Cell::from)),
        ("mode", Some(mode)),
        ("kind", Some(inspection.kind.into())),
        (
            "size",
            Some(format!("{} bytes ({})", show_count(inspection.size_bytes), show_bytes(inspection.size_bytes)).into()),
        ),
        ("sha256", Some(inspection.digest.as_str().into())),
        ("plugbay", manifest.plugbay_version.as_ref().map(|version| version.to_string().into())),
        ("requires", Some(requires.join(", ")).filter(|requires| !requires.is_empty()).map(Cell::from)),
    ];
    rows.into_iter().filter_map(|(name, value)| Some(vec![name.into(), value?])).collect()
}

/// What the host calls of an optional interface.
fn hook_functions(hook: &str) -> &'static str {
    match hook {
        "lifecycle" => "called when it is loaded, reloaded and unloaded",
        "health" => "called when it is asked how it is",
        "event-handler" => "called for the events that it subscribes to",
        _ => "",
    }
}

fn imports(inspection: &Inspection) -> Vec<Vec<Cell>> {
    inspection
        .imports
        .iter()
        .map(|import| {
            let permission = import.permission.as_deref().unwrap_or("-");
            let verdict = match &import.refusal {
                None if import.permission.is_none() => Cell::from("needs no permission"),
                None => Cell::styled(GREEN, "granted"),
                Some(refusal) => Cell::styled(RED, refused(refusal)),
            };
            vec![import.name.as_str().into(), permission.into(), verdict]
        })
        .collect()
}

fn refused(refusal: &ImportRefusal) -> String {
    match advice::of_refusal(refusal) {
        Some(advice) => format!("refused: {refusal}: {advice}"),
        None => format!("refused: {refusal}"),
    }
}

fn permission(rule: &Rule, not_allowed: &[String]) -> Vec<Cell> {
    let actions = match &rule.actions {
        Some(actions) => actions.iter().map(|action| action.name()).collect::<Vec<_>>().join(", "),
        None => "all actions".to_owned(),
    };
    let is_of_rule = |permission: &&String| match permission.strip_prefix(&rule.resource) {
        Some(rest) => rest.is_empty() || rest.rfind(':') == Some(0),
        None => false,
    };
    let verdict = match not_allowed.iter().find(is_of_rule) {
        _ if rule.effect == Effect::Deny => Cell::from("never"),
        Some(permission) if is_everything(permission) => {
            Cell::styled(RED, "not all granted: it asks for everything; grant what it needs")
        }
        Some(permission) => Cell::styled(RED, format!("not all granted: {}", grant_option(permission))),
        None => Cell::styled(GREEN, "granted"),
    };
    vec![rule.resource.as_str().into(), actions.into(), verdict]
}

/// The path with the one to which its links lead, and what is granted.
fn directory(directory: &InspectedDirectory) -> Vec<Cell> {
    let path = match &directory.resolved {
        Some(resolved) if *resolved != directory.path => format!("{} -> {resolved}", directory.path),
        _ => directory.path.clone(),
    };
    let verdict = match &directory.denial {
        Some(denial) => Cell::styled(RED, format!("refused: {denial}")),
        None => Cell::styled(GREEN, directory.granted.join(", ")),
    };
    vec![path.into(), verdict]
}

/// The action's description, and on a line of its own the types of its payload and result.
fn action(action: &ActionDeclaration) -> Vec<Cell> {
    let shape = |schema: &Option<serde_json::Value>| schema.as_ref().map_or_else(|| "any".to_owned(), shape::summary);
    let types = format!("{} -> {}", shape(&action.payload), shape(&action.result));
    let about = match &action.description {
        Some(description) => format!("{description}\n{types}"),
        None => types,
    };
    vec![action.name.as_str().into(), about.into()]
}

fn configured(name: &str, setting: &Setting) -> Vec<Cell> {
    let mut about = vec![setting.kind.name().to_owned()];
    if setting.required {
        about.push("required".to_owned());
    }
    if setting.secret {
        about.push("secret".to_owned());
    }
    if let Some(default) = &setting.default {
        about.push(format!("default {default}"));
    }
    vec![name.into(), about.join(", ").into(), setting.description.as_deref().unwrap_or_default().into()]
}

fn routes(manifest: &Manifest) -> Vec<Vec<Cell>> {
    manifest
        .routes
        .iter()
        .map(|route| {
            vec![
                route.method.name().into(),
                route.path.as_str().into(),
                format!("-> {}", route.actions.join(" -> ")).into(),
            ]
        })
        .collect()
}

/// The pages, with the routes that their loaders and actions request.
fn pages(manifest: &Manifest) -> Vec<Vec<Cell>> {
    let Some(frontend) = &manifest.frontend else { return Vec::new() };
    let page = |page: &Page| {
        let loaded = page.loaders.iter().map(|loader| format!("{} {}", loader.method.name(), loader.api_route));
        let called = page
            .actions
            .iter()
            .filter_map(|action| Some(format!("{} {}", action.method?.name(), action.api_route.as_ref()?)));
        let requests: Vec<String> = loaded.chain(called).collect();
        let title = page.meta.title.as_deref().unwrap_or_default();
        vec![page.path.as_str().into(), title.into(), requests.join(", ").into()]
    };
    frontend.pages.iter().map(page).collect()
}

fn subscription(subscription: &Subscription) -> Vec<Cell> {
    let mut about = vec![format!("priority {}", subscription.priority)];
    about.extend(subscription.once.then(|| "once".to_owned()));
    about.extend(subscription.durable.then(|| "durable".to_owned()));
    vec![subscription.topic.as_str().into(), about.join(", ").into()]
}

fn table(table: &Table) -> Vec<Cell> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    vec![table.name.as_str().into(), columns.join(", ").into()]
}

fn limits(inspection: &Inspection) -> Vec<Vec<Cell>> {
    let limits = &inspection.limits;
    let unlimited = || "no limit".to_owned();
    let duration = |seconds: f64| show_duration(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    let rate =
        limits.rate_limit.as_ref().map(|rate| format!("{} calls in {}", rate.calls, duration(rate.period_seconds)));
    [
        ("time", limits.timeout_seconds.map_or_else(unlimited, duration)),
        (
            "memory",
            format!(
                "{} ({} at the start)",
                show_bytes(limits.memory_bytes),
                show_bytes(inspection.initial_memory_bytes)
            ),
        ),
        ("fuel", limits.fuel.map_or_else(unlimited, |fuel| format!("{} units a call", show_count(fuel)))),
        ("rate", rate.unwrap_or_else(unlimited)),
        ("instances", limits.instances.clone()),
        ("payload", show_bytes(limits.payload_bytes as u64)),
        ("result", show_bytes(limits.result_bytes as u64)),
    ]
    .into_iter()
    .map(|(name, value)| vec![name.into(), value.into()])
    .collect()
}
