//! What `plugbay serve` reads again while it runs: the host's file at SIGHUP, and the certificate then and whenever it
//! changes.

use std::convert::Infallible;
use std::sync::Arc;

use plugbay_node::FileWatch;
use plugbay_server::TlsCertificate;

use crate::host::ServedHost;
use crate::output::Output;

/// Reads the host's file and the certificate again. What cannot be used leaves the present settings in force.
pub(super) async fn reload(host: &Arc<ServedHost>, certificate: Option<&TlsCertificate>, output: Output) {
    output.note("SIGHUP: the settings are read again");
    let reloading = host.clone();
    match tokio::task::spawn_blocking(move || reloading.reload()).await {
        Ok(Ok((reloaded, level))) => {
            reloaded.notes.iter().for_each(|note| output.note(note));
            output.note(&format!("the policy has {} rules, and the log level is {}", reloaded.rules, level.name()));
            if !reloaded.needs_restart.is_empty() {
                let parts = reloaded.needs_restart.join(", ");
                output.note(&format!("changes of these parts of the host's file need a restart: {parts}"));
            }
        }
        Ok(Err(error)) => {
            error.report_as_text();
            output.note("the policy and the level of log lines stay as they are");
        }
        Err(panic) => tracing::error!("the host's file was not read: {panic}"),
    }
    if let Some(certificate) = certificate {
        renew_now(certificate, output).await;
    }
}

/// Reads the certificate again whenever its files have changed since it was read.
pub(super) async fn renew(certificate: Option<&TlsCertificate>, output: Output) -> Infallible {
    let Some(certificate) = certificate else { return std::future::pending().await };
    let mut watch = FileWatch::default();
    certificate.files().into_iter().for_each(|file| watch.add(file));
    loop {
        renew_now(certificate, output).await;
        watch.changed().await;
    }
}

async fn renew_now(certificate: &TlsCertificate, output: Output) {
    let renewed = certificate.clone();
    match tokio::task::spawn_blocking(move || renewed.reload()).await {
        Ok(Ok(true)) => output.note("new connections get the new certificate"),
        Ok(Ok(false)) => {}
        Ok(Err(error)) => tracing::error!("the present certificate stays in use: {error}"),
        Err(panic) => tracing::error!("the certificate was not read: {panic}"),
    }
}
