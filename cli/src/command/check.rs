//! `plugbay check`: all steps of loading before the first instruction of the plugin.
//!
//! An invalid manifest ends the check, with all of its problems, because nothing else can be checked without one. All
//! refused imports are listed. Compiling and linking report their first problem.
//!
//! The plugin is checked, not the operator's grants: without `--grant` and `--host-file`, everything that its manifest
//! asks for counts as granted, and a note lists it. With either, the plugin is checked against those grants.
//!
//! A manifest of another system ([`original`]) has no component. The check says what carries over and what must change.

pub(crate) mod original;

use plugbay::error::LoadErrorKind;
use plugbay::inspection::Inspection;
use plugbay::{LoadError, Policy};

use self::original::Original;
use crate::advice::{self, grant_option};
use crate::args::{Check, Common, HostArgs};
use crate::error::{Error, RefusedImport};
use crate::exit::Exit;
use crate::host::{self, Crates, Host};
use crate::output::{GREEN, Output, plain};
use crate::progress::Progress;
use crate::units::show_bytes;

pub(crate) fn run(args: &Check, common: &Common, output: Output) -> Result<Exit, Error> {
    if let Some(original) = Original::find(&args.plugin.path)? {
        return report(original, output);
    }
    let host =
        Host::open(&args.plugin.path, Crates::build_if(args.build), &args.limits, Some(&args.host), common, output)?;
    let inspection = host.runtime.inspect(host.package.clone())?;
    for note in &inspection.manifest.notes {
        output.note(note);
    }
    host.asked.note_cuts_of_inspection(&inspection, output);
    if host.package.is_lazy() {
        note_what_waits(&inspection, output);
    }
    let progress = Progress::start(format!("checking {}", args.plugin.path.display()), output.quiet);
    let package = match has_operator(&args.host) {
        true => host.package,
        false => host.package.policy(Policy::allow_all()),
    };
    let checked = host::block_on(host.runtime.check(package))?;
    drop(progress);
    if !has_operator(&args.host) && !inspection.not_allowed.is_empty() {
        let grants: Vec<String> = inspection.not_allowed.iter().map(|permission| grant_option(permission)).collect();
        output.note(&format!("an operator must allow what it asks for: {}", grants.join(" ")));
    }
    match checked {
        // The first inspection has the actual grants.
        Ok(_) => print(&inspection, output).map(|()| Exit::Ok),
        Err(error) => Err(with_all_imports(error, &inspection)),
    }
}

/// Reports a manifest of another system, which is an error unless nothing has to change.
fn report(original: Original, output: Output) -> Result<Exit, Error> {
    if !original.is_ready() {
        return Err(Error::Original(Box::new(original)));
    }
    if output.json {
        output.document(&serde_json::json!({ "status": "ok", "original": original }))?;
    } else {
        output.result(&plain(&original.text()))?;
    }
    Ok(Exit::Ok)
}

/// Names what a lazy plugin does not do before its first use.
fn note_what_waits(inspection: &Inspection, output: Output) {
    let manifest = &inspection.manifest;
    if !manifest.events.subscribes.is_empty() {
        output.note("it is lazy in the host's file: it receives no events before its first use");
    }
    if manifest.permissions.iter().any(|rule| rule.resource.starts_with("scheduler.")) {
        output.note("it is lazy in the host's file: its jobs do not run before its first use");
    }
}

/// Whether there are grants to check the plugin against.
fn has_operator(host: &HostArgs) -> bool {
    !host.grant.is_empty() || host.host_file.is_some()
}

fn print(inspection: &Inspection, output: Output) -> Result<(), Error> {
    if output.json {
        return Ok(output.document(&serde_json::json!({ "status": "ok", "plugin": inspection }))?);
    }
    let manifest = &inspection.manifest;
    let actions = match manifest.actions.len() {
        0 => "no actions declared".to_owned(),
        1 => "1 action".to_owned(),
        count => format!("{count} actions"),
    };
    let pages = match manifest.frontend.as_ref().map_or(0, |frontend| frontend.pages.len()) {
        0 => String::new(),
        1 => ", 1 page".to_owned(),
        count => format!(", {count} pages"),
    };
    let text = format!(
        "{GREEN}ok{GREEN:#} {} {} ({actions}{pages}, {} imports, {})",
        manifest.name,
        manifest.version,
        inspection.imports.len(),
        show_bytes(inspection.size_bytes),
    );
    Ok(output.result(&text)?)
}

/// The error, with all refused imports. Loading reports only the first one.
fn with_all_imports(error: LoadError, inspection: &Inspection) -> Error {
    let about_an_import = matches!(error.kind(), LoadErrorKind::Denied { .. } | LoadErrorKind::UnknownImport { .. });
    let refused: Vec<RefusedImport> = inspection
        .imports
        .iter()
        .filter_map(|import| {
            let refusal = import.refusal.as_ref()?;
            Some(RefusedImport {
                import: import.name.clone(),
                permission: import.permission.clone(),
                msg: plain(&refusal.to_string()).into_owned(),
                advice: advice::of_refusal(refusal),
            })
        })
        .collect();
    if about_an_import && refused.len() > 1 {
        return Error::Imports {
            plugin: error.subject().to_owned(),
            refused,
            not_allowed: inspection.not_allowed.clone(),
        };
    }
    error.into()
}
