//! `plugbay publish`: a plugin as an artefact of an OCI registry.

use plugbay_catalog::registry::{OciReference, PublishOptions, publish};
use plugbay_node::ComponentScanner;
use serde_json::json;

use crate::args::Publish;
use crate::catalog::host_file;
use crate::command::sign::private_key;
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, Crates};
use crate::output::Output;
use crate::progress::TransferProgress;

pub(crate) fn run(args: &Publish, output: Output) -> Result<Exit, Error> {
    let reference = args.reference.strip_prefix("oci://").unwrap_or(&args.reference);
    let wrong =
        |reason: String| Error::Usage(format!("`{}` is not a reference to an artefact: {reason}", args.reference));
    let reference: OciReference = reference.parse().map_err(wrong)?;
    let fetcher = plugbay_node::own_fetcher(&host_file(&args.file)?)?;
    let key = args.key.key.as_deref().map(private_key).transpose()?;
    let package = host::open_package(&args.plugin, Crates::Build, output)?;
    if args.plugin.join("config").is_dir() {
        output.note("config/ is not published: declare its values as defaults in `configuration`");
    }
    let fetched = fetcher.fetch_bytes(&args.reference, package.fallback_name(), package.to_component()?)?;
    let package = fetched.check(&ComponentScanner)?;
    for note in &package.manifest.notes {
        output.note(note);
    }
    let mut options = PublishOptions::default();
    options.key = key.as_ref();
    options.overwrite = args.overwrite;
    let progress = TransferProgress::new(output.quiet);
    let published = host::block_on(publish(&fetcher, &package, &reference, &options, &progress))??;
    drop(progress);
    let signed_by = key.as_ref().map(|key| key.id());
    if output.json {
        output.document(&json!({
            "status": "ok", "name": package.name(), "version": package.manifest.version,
            "reference": format!("oci://{}", published.reference), "unchanged": published.unchanged,
            "component_digest": package.component_digest, "signed_by": signed_by,
        }))?;
    } else {
        let done = if published.unchanged { "unchanged" } else { "published" };
        let signed = signed_by.map_or_else(|| "no".to_owned(), |key| format!("by key {key}"));
        output.result(&format!(
            "{done}  {} {}\nreference  oci://{}\ncomponent  {}\nsigned     {signed}",
            package.name(),
            package.manifest.version,
            published.reference,
            package.component_digest
        ))?;
    }
    Ok(Exit::Ok)
}
