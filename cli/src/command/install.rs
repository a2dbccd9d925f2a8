//! `plugbay install`: stores a plugin in the catalog, after a check and a confirmation.

use plugbay_catalog::Candidate;
use serde_json::json;

use crate::args::{ConsentArgs, Install};
use crate::catalog::OpenedCatalog;
use crate::consent;
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::Output;
use crate::progress::TransferProgress;
use crate::remote;
use crate::server_client::ServerClient;

pub(crate) fn run(args: &Install, output: Output) -> Result<Exit, Error> {
    if let Some(server) = ServerClient::of(&args.server)? {
        return remote::install(&server, &args.reference, &args.consent, output);
    }
    let opened = OpenedCatalog::open(&args.catalog)?;
    let progress = TransferProgress::new(output.quiet);
    let candidate = host::block_on(opened.catalog.candidate(&args.reference, &progress))??;
    store(&opened, &candidate, &args.consent, output)
}

/// Stores a candidate once it is confirmed and checked.
pub(super) fn store(
    opened: &OpenedCatalog,
    candidate: &Candidate,
    args: &ConsentArgs,
    output: Output,
) -> Result<Exit, Error> {
    let Candidate { package, replaces, difference, .. } = candidate;
    for note in &package.manifest.notes {
        output.note(note);
    }
    let consent = consent::of_operator(candidate, args, output)?;
    // A package that the catalog refuses is not compiled first.
    if !difference.unchanged && (consent.widening || !difference.widens()) {
        opened.check(package, output)?;
    }
    let installed = host::block_on(opened.catalog.install(candidate, consent))??;
    let (name, version) = (&installed.name, &installed.current.version);
    let (change, text) = match replaces {
        None => ("installed", format!("installed {name} {version} as number {}", installed.id)),
        Some(_) if difference.unchanged => ("unchanged", format!("{name} {version} is installed already, unchanged")),
        Some(old) => ("updated", format!("updated {name} {} -> {version}", old.current.version)),
    };
    if output.json {
        output.document(&json!({
            "status": "ok", "change": change, "plugin": installed, "difference": difference,
        }))?;
    } else {
        output.result(&text)?;
    }
    if change != "unchanged" {
        host::block_on(opened.note_unmet(&installed, output))??;
        opened.tell_running_host(output);
    }
    Ok(Exit::Ok)
}
