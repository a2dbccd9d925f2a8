//! `plugbay dev`: builds and loads a plugin, and does so again whenever its files change.
//!
//! The plugin stays loaded, so its jobs run and its log is shown. If it cannot be built or loaded, the error is shown,
//! and the last revision that could be continues to serve. A signal ends the command.

use std::path::PathBuf;

use anyhow::Context;
use plugbay::{Package, Plugin};
use plugbay_node::FileWatch;
use plugbay_project::Source;

use crate::args::{Common, Dev};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, Crates, Host, Purpose};
use crate::output::Output;
use crate::signal::EndSignals;

pub(crate) fn run(args: &Dev, common: &Common, output: Output) -> Result<Exit, Error> {
    Source::locate(&args.plugin)?;
    // Watched before it is built, so that a change during the first build is not missed.
    let mut watch = FileWatch::default();
    watch.add(&args.plugin);
    host::block_on(async {
        let mut signals = EndSignals::listen().context("cannot handle the signals that end a process")?;
        let mut session = None;
        loop {
            if let Err(error) = load(&mut session, args, common, output).await {
                error.report(output);
            }
            output.note(&format!("watching {}; Ctrl-C ends", args.plugin.display()));
            tokio::select! {
                biased;
                _ = signals.next() => break,
                _ = watch.changed() => {}
            }
        }
        if let Some(host) = session {
            tokio::select! {
                biased;
                () = host.runtime.shutdown() => {}
                signal = signals.next() => return Err(Error::Signal(signal)),
            }
        }
        Ok(Exit::Ok)
    })?
}

/// Builds the plugin, and loads it or replaces the revision that is loaded.
async fn load(session: &mut Option<Host>, args: &Dev, common: &Common, output: Output) -> Result<(), Error> {
    let (host, package) = match session {
        Some(host) => {
            let package = host.configured(&args.plugin, opened(args.plugin.clone(), output).await?, &args.host);
            (&*host, package)
        }
        None => {
            let host = Host::open_for(Purpose::Run, &args.plugin, 0, &args.limits, Some(&args.host), common, output)?;
            let package = host.package.clone();
            host.runtime.run_jobs();
            (&*session.insert(host), package)
        }
    };
    let is_loaded = !host.runtime.plugins().is_empty();
    let plugin = if is_loaded { host.runtime.reload(package).await? } else { host.runtime.load(package).await? };
    output.note(&loaded(&plugin));
    Ok(())
}

/// Opens the package, on a thread that may block because a build takes long.
async fn opened(path: PathBuf, output: Output) -> Result<Package, Error> {
    let opened = tokio::task::spawn_blocking(move || host::open_package(&path, Crates::Build, output));
    opened.await.context("the build panicked")?
}

fn loaded(plugin: &Plugin) -> String {
    let manifest = plugin.manifest();
    let digest = plugin.digest();
    format!("{} {} is loaded ({})", manifest.name, manifest.version, digest.get(..12).unwrap_or(&digest))
}
