//! Manifests of the systems that Plugbay continues: what carries over, and what must change.
//!
//! Such a plugin has no component, but code in Python, JavaScript or TypeScript beside its manifest or inside it. None
//! of it is run, and only the manifest is read.

use std::path::{Path, PathBuf};

use plugbay::manifest::{FILE_NAMES, Format, HostFile, Layer, Manifest, Problem};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::advice::{grant_option, trust_option};
use crate::error::Error;

/// Names of Pup's configuration.
const PUP_FILES: [&str; 2] = ["pup.json", "pup.jsonc"];
/// The most bytes of a manifest, as for those of Plugbay.
const BYTES_MAX: u64 = 4 << 20;
/// The most routes, settings and the like that are listed by name.
const NAMES_SHOWN_MAX: usize = 12;

/// A manifest of another system.
#[derive(Debug, Serialize)]
pub(crate) struct Original {
    system: System,
    file: PathBuf,
    /// What is used as it is.
    carries_over: Vec<String>,
    /// What has to be done before the plugin can be loaded. Empty if nothing has to be.
    must_change: Vec<String>,
}

/// A system whose manifests are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum System {
    Pup,
    DockStat,
    Nexus,
    XCore,
}

impl System {
    fn name(self) -> &'static str {
        match self {
            System::Pup => "Pup",
            System::DockStat => "DockStat",
            System::Nexus => "the Nexus Platform",
            System::XCore => "XCore",
        }
    }

    /// The system of a manifest, by the fields that no other has.
    fn of(manifest: &Map<String, Value>) -> Option<System> {
        let has = |name: &str| manifest.get(name).is_some_and(|value| !value.is_null());
        let group = manifest.get("config").and_then(Value::as_object);
        let entry_point = manifest.get("entry_point").and_then(Value::as_str).unwrap_or_default();
        if has("nexus_version") || has("api_endpoints") {
            return Some(System::Nexus);
        }
        if has("framework_version") || entry_point.ends_with(".py") {
            return Some(System::XCore);
        }
        let grouped =
            group.is_some_and(|group| ["table", "apiRoutes", "actions"].iter().any(|it| group.contains_key(*it)));
        if has("repoType") || has("apiRoutes") || manifest.get("plugin").is_some_and(Value::is_string) || grouped {
            return Some(System::DockStat);
        }
        has("api").then_some(System::Pup)
    }
}

impl Original {
    /// The manifest of another system at a path: a manifest, a directory with one, or Pup's configuration. `None` for
    /// anything else, and for a plugin that has a component or is a crate.
    ///
    /// # Errors
    /// [`Error::Usage`] if the file cannot be read, or is not of its format.
    pub(crate) fn find(path: &Path) -> Result<Option<Original>, Error> {
        let Some(file) = manifest_file(path) else { return Ok(None) };
        let Some(format) = Format::from_path(&file).or_else(|| is_pup(&file).then_some(Format::Json)) else {
            return Ok(None);
        };
        let unreadable = |error: std::io::Error| Error::Usage(format!("cannot read {}: {error}", file.display()));
        if file.metadata().map_err(unreadable)?.len() > BYTES_MAX {
            return Ok(None);
        }
        // Text of another encoding is reported by the ordinary check.
        let Ok(text) = String::from_utf8(std::fs::read(&file).map_err(unreadable)?) else { return Ok(None) };
        if is_pup(&file) {
            return Ok(Some(pup_configuration(&file, &text)));
        }
        let shown = file.display().to_string();
        let Ok(Value::Object(manifest)) = format.parse(&shown, &text) else { return Ok(None) };
        let has_component =
            manifest.get("entry_point").and_then(Value::as_str).is_some_and(|path| path.ends_with(".wasm"));
        let Some(system) = System::of(&manifest).filter(|_| !has_component) else { return Ok(None) };
        let layer = Layer::parse(shown.as_str(), &text, format);
        let read = layer.and_then(|layer| Manifest::from_layers(&[layer]));
        let mut original = Original { system, file, carries_over: Vec::new(), must_change: Vec::new() };
        match read {
            Ok(checked) => original.describe(&checked),
            Err(error) => original.must_change.extend(error.problems.iter().map(without_origin)),
        }
        original.must_change.extend(code_of(system, &manifest));
        Ok(Some(original))
    }

    /// Whether nothing has to change.
    pub(crate) fn is_ready(&self) -> bool {
        self.must_change.is_empty()
    }

    /// The report for people.
    pub(crate) fn text(&self) -> String {
        let file = self.file.display();
        let what = match (self.system, is_pup(&self.file)) {
            (System::Pup, true) => "the configuration of",
            _ => "a manifest of",
        };
        let list = |title: &str, lines: &[String]| match lines {
            [] => String::new(),
            lines => format!("\n{title}:\n  {}", lines.join("\n  ")),
        };
        let begin = format!("{file} is {what} {}", self.system.name());
        let end = if self.is_ready() { "\nnothing has to change" } else { "" };
        let carries_over = list("carries over", &self.carries_over);
        format!("{begin}{carries_over}{}{end}", list("must change", &self.must_change))
    }

    /// Lists the parts of a manifest that apply as they are.
    fn describe(&mut self, manifest: &Manifest) {
        self.carries_over.push(format!("the name `{}` and the version {}", manifest.name, manifest.version));
        let mut add = |count: usize, text: String| {
            if count > 0 {
                self.carries_over.push(text);
            }
        };
        let routes = manifest.routes.iter().map(|route| format!("{} {}", route.method.name(), route.path));
        add(manifest.routes.len(), format!("routes: {}", names(routes)));
        let mut actions: Vec<&String> = manifest.routes.iter().flat_map(|route| &route.actions).collect();
        actions.dedup();
        add(actions.len(), format!("actions, which the component has to export: {}", names(actions)));
        add(manifest.configuration.len(), format!("settings: {}", names(manifest.configuration.keys())));
        add(manifest.tables.len(), format!("tables: {}", names(manifest.tables.iter().map(|table| &table.name))));
        let collections = manifest.database.as_ref().map(|database| database.collections.keys()).into_iter().flatten();
        let collections: Vec<&String> = collections.collect();
        add(collections.len(), format!("collections: {}", names(collections)));
        let subscriptions = manifest.events.subscribes.iter().map(|subscription| &subscription.topic);
        add(manifest.events.subscribes.len(), format!("subscriptions: {}", names(subscriptions)));
        add(manifest.events.publishes.len(), format!("published topics: {}", names(&manifest.events.publishes)));
        let required = manifest.requires.iter().map(|requirement| &requirement.name);
        add(manifest.requires.len(), format!("required plugins, which have to be there too: {}", names(required)));
        add(manifest.env.len(), format!("variables: {}", names(manifest.env.keys())));
        let pages = manifest.frontend.as_ref().map_or(0, |frontend| frontend.pages.len());
        add(pages, format!("pages: {pages}"));
        let grants = manifest.permissions.iter().map(|rule| {
            let actions = rule.actions.iter().flatten().map(|action| action.name()).collect::<Vec<_>>().join(",");
            let colon = if actions.is_empty() { "" } else { ":" };
            grant_option(&format!("{}{colon}{actions}", rule.resource))
        });
        add(manifest.permissions.len(), format!("permissions, which an operator grants: {}", names(grants)));
        if manifest.execution_mode == plugbay::manifest::ExecutionMode::Trusted {
            let trust = trust_option(&manifest.name);
            self.carries_over.push(format!("the execution mode `trusted`, if an operator allows it with {trust}"));
        }
        let about = |note: &&String| !note.contains("entry_point");
        self.carries_over.extend(manifest.notes.iter().filter(about).map(|note| format!("note: {note}")));
    }
}

/// The changes that the code of a plugin needs.
fn code_of(system: System, manifest: &Map<String, Value>) -> Vec<String> {
    let text = |name: &str| manifest.get(name).and_then(Value::as_str);
    let mut changes = Vec::new();
    match system {
        System::XCore => {
            let entry_point = text("entry_point").unwrap_or("src/main.py");
            changes.push(format!(
                "entry_point: `{entry_point}` is not run; build a component of the plugin, and name its `.wasm` file, or \
                 leave the field out"
            ));
        }
        System::Nexus => changes.push(
            "`plugin.py` is not run; build a component of the plugin, whose actions answer the routes of `api_endpoints`"
                .to_owned(),
        ),
        System::DockStat => {
            let has_routes = ["apiRoutes", "routes", "config"].iter().any(|name| manifest.contains_key(*name));
            changes.push("plugin: JavaScript is not run; build a component of it".to_owned());
            if !has_routes {
                changes.push(
                    "the table, the routes, the events and the pages are in the code: declare them in the component, or \
                     move them to this file as they stand"
                        .to_owned(),
                );
            }
        }
        System::Pup => changes.push(
            "the class `PupPlugin` is not run; build a component of it, or start it as a process of the host, which gets \
             the server's address and a token"
                .to_owned(),
        ),
    }
    changes
}

/// Pup's configuration, which is a host's file of Plugbay too.
fn pup_configuration(file: &Path, text: &str) -> Original {
    let mut original =
        Original { system: System::Pup, file: file.to_owned(), carries_over: Vec::new(), must_change: Vec::new() };
    match HostFile::parse(file.display().to_string(), text, Format::Json) {
        Ok(host) => {
            let processes = &host.supervision.processes;
            if !processes.is_empty() {
                let ids = processes.iter().map(|process| &process.id);
                original.carries_over.push(format!("processes: {}", names(ids)));
            }
            for plugin in &host.plugins {
                let plugbay::manifest::PluginSource::Local(path) = &plugin.source else { continue };
                if path.extension().is_some_and(|extension| extension == "ts" || extension == "js") {
                    let path = path.display();
                    original.must_change.push(format!(
                        "plugins: {path} is not run; build a component of it, and write its path; its options carry over"
                    ));
                }
            }
            let shown = file.display();
            original.carries_over.push(format!("the file as a whole: plugbay serve --host-file {shown}"));
        }
        Err(error) => original.must_change.extend(error.problems.iter().map(without_origin)),
    }
    original
}

/// The manifest at a path, if there is neither a component beside it nor a crate.
fn manifest_file(path: &Path) -> Option<PathBuf> {
    if is_pup(path) && path.is_file() {
        return Some(path.to_owned());
    }
    let is_manifest = |path: &Path| path.file_name().is_some_and(|name| FILE_NAMES.iter().any(|known| name == *known));
    let directory = match path.is_dir() {
        true => path,
        false if is_manifest(path) => path.parent()?,
        false => return None,
    };
    let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let is_component = |path: &Path| path.extension().is_some_and(|extension| extension == "wasm");
    let files: Vec<PathBuf> = here.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    if files.iter().any(|file| is_component(file) || file.ends_with("Cargo.toml")) {
        return None;
    }
    let named = FILE_NAMES.iter().chain(&PUP_FILES).map(|name| directory.join(name));
    named.into_iter().find(|file| file.is_file())
}

fn is_pup(path: &Path) -> bool {
    path.file_name().is_some_and(|name| PUP_FILES.iter().any(|known| name == *known))
}

/// A problem without the file's name, which the report begins with.
fn without_origin(problem: &Problem) -> String {
    match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("{path}: {}", problem.message),
    }
}

/// The first names of a list, and the number of the others.
fn names<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> String {
    let all: Vec<T> = list.into_iter().collect();
    let shown = all.iter().take(NAMES_SHOWN_MAX).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMES_SHOWN_MAX) {
        0 => shown,
        others => format!("{shown} and {others} others"),
    }
}
