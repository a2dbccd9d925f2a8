//! `plugbay check`: everything that loading does before the first instruction of the plugin, with all problems at once.
//!
//! A wrong manifest ends it, because nothing else can be judged without one; it lists all of its own problems. Imports are
//! judged one by one, and all that are refused are listed. What is compiled and linked after them shows the next problem.

use plugbay::{Inspection, LoadError, LoadFailure};

use crate::args::{Check, Common};
use crate::error::{Error, RefusedImport};
use crate::exit::Exit;
use crate::host::{self, Host};
use crate::output::{GREEN, Output, plain};
use crate::progress::Progress;
use crate::units::show_bytes;

pub(crate) fn run(args: &Check, common: &Common, output: Output) -> Result<Exit, Error> {
    let host = Host::open(&args.plugin.path, &args.limits, Some(&args.host), common, output)?;
    let inspection = host.runtime.inspect(host.package.clone())?;
    for note in &inspection.manifest.notes {
        output.note(note);
    }
    let progress = Progress::start(format!("checking {}", args.plugin.path.display()), output.quiet);
    let checked = host::block_on(host.runtime.check(host.package))?;
    drop(progress);
    match checked {
        Ok(inspection) => tell(&inspection, output).map(|()| Exit::Ok),
        Err(error) => Err(with_all_imports(error, &inspection)),
    }
}

fn tell(inspection: &Inspection, output: Output) -> Result<(), Error> {
    if output.json {
        return Ok(output.document(&serde_json::json!({ "status": "ok", "plugin": inspection }))?);
    }
    let manifest = &inspection.manifest;
    let actions = match manifest.actions.len() {
        0 => "no actions declared".to_owned(),
        1 => "1 action".to_owned(),
        count => format!("{count} actions"),
    };
    let text = format!(
        "{GREEN}ok{GREEN:#} {} {} ({actions}, {} imports, {})",
        manifest.name,
        manifest.version,
        inspection.imports.len(),
        show_bytes(inspection.size_bytes),
    );
    Ok(output.result(&text)?)
}

/// Loading ends at the first import that is refused; here all of them are worth knowing before the next try.
fn with_all_imports(error: LoadError, inspection: &Inspection) -> Error {
    let about_an_import = matches!(error.source, LoadFailure::Denied { .. } | LoadFailure::UnknownImport { .. });
    let refused: Vec<RefusedImport> = inspection
        .imports
        .iter()
        .filter_map(|import| {
            let msg = plain(import.denial.as_deref()?).into_owned();
            Some(RefusedImport { import: import.name.clone(), permission: import.permission.clone(), msg })
        })
        .collect();
    if about_an_import && refused.len() > 1 {
        return Error::Imports { plugin: error.plugin, refused, not_allowed: inspection.not_allowed.clone() };
    }
    error.into()
}
