//! `plugbay update`: replaces an installed plugin by a newer version.

use crate::args::Update;
use crate::catalog::OpenedCatalog;
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::Output;
use crate::progress::TransferProgress;
use crate::remote;
use crate::server_client::ServerClient;

use super::install::store;

pub(crate) fn run(args: &Update, output: Output) -> Result<Exit, Error> {
    if let Some(server) = ServerClient::of(&args.server)? {
        return remote::update(&server, args, output);
    }
    let opened = OpenedCatalog::of_installed(&args.catalog)?;
    let progress = TransferProgress::new(output.quiet);
    let candidate = opened.catalog.update_candidate(&*args.name, args.reference.as_deref(), &progress);
    let candidate = host::block_on(candidate)??;
    drop(progress);
    store(&opened, &candidate, &args.consent, output)
}
