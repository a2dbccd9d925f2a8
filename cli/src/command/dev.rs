//! `plugbay dev`: builds and loads a plugin, and does so again whenever its files change.
//!
//! The plugin stays loaded, so its jobs run and its log is shown. If it cannot be built or loaded, the error is shown,
//! and the last revision that could be continues to serve. Pages of the plugin are served and follow the changes. A
//! signal ends the command.

mod pages;

use std::path::PathBuf;

use anyhow::Context;
use plugbay::{Package, Plugin};
use plugbay_node::FileWatch;
use plugbay_project::Source;

use crate::args::{Common, Dev};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, Crates, Host, Purpose};
use crate::output::{Output, plain};
use crate::signal::EndSignals;

use self::pages::Pages;

/// What the command has loaded.
struct Session {
    host: Host,
    /// The server, once the plugin has pages.
    pages: Option<Pages>,
}

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
                if let Some(Session { pages: Some(pages), .. }) = &session {
                    pages.changes.failed(plain(&error.text()));
                }
            }
            output.note(&format!("watching {}; Ctrl-C ends", args.plugin.display()));
            tokio::select! {
                biased;
                _ = signals.next() => break,
                _ = watch.changed() => {}
            }
        }
        if let Some(session) = session {
            if let Some(pages) = &session.pages {
                pages.close();
            }
            tokio::select! {
                biased;
                () = session.host.runtime.shutdown() => {}
                signal = signals.next() => return Err(Error::Signal(signal)),
            }
        }
        Ok(Exit::Ok)
    })?
}

/// Builds the plugin, and loads it or replaces the revision that is loaded.
async fn load(session: &mut Option<Session>, args: &Dev, common: &Common, output: Output) -> Result<(), Error> {
    let (session, package) = match session {
        Some(session) => {
            let package = session.host.configured(&args.plugin, opened(args.plugin.clone(), output).await?, &args.host);
            (session, package)
        }
        None => {
            let host = Host::open_for(Purpose::Run, &args.plugin, 0, &args.limits, Some(&args.host), common, output)?;
            let package = host.package.clone();
            host.runtime.run_jobs();
            (session.insert(Session { host, pages: None }), package)
        }
    };
    let host = &session.host;
    let is_loaded = !host.runtime.plugins().is_empty();
    let plugin = if is_loaded { host.runtime.reload(package).await? } else { host.runtime.load(package).await? };
    output.note(&loaded(&plugin));
    match &session.pages {
        Some(pages) => pages.changes.loaded(),
        None if plugin.manifest().frontend.is_some() => {
            let pages = Pages::serve(host, &plugin.name(), args.address).await?;
            output.note(&format!("its pages are at {}", pages.url));
            session.pages = Some(pages);
        }
        None => {}
    }
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
