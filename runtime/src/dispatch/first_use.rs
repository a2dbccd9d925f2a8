//! The first use of a lazy plugin: the call starts it, or waits until another call has.

use super::begin_to_wait;
use crate::error::InvokeError;
use crate::host::Call;
use crate::plugin::current::CurrentRevision;
use crate::plugin::instances::NoLease;

/// Starts the plugin, and returns when it serves, or when the call has no time left. The start itself goes on then.
///
/// # Errors
/// The error of the call, if the plugin does not start in time, or the start waits for the plugin that makes the call.
pub(super) async fn start(plugin: &CurrentRevision, call: &Call<'_>) -> Result<(), InvokeError> {
    let revision = plugin.get();
    // What starts holds one instance, so a chain that leads back to it would wait forever.
    let _waiting = begin_to_wait(&revision, call, 1)?;
    let starting = plugin.start_lazy();
    let started = match call.time.deadline() {
        Some(deadline) => match tokio::time::timeout_at(deadline.into(), starting).await {
            Ok(started) => started,
            Err(_) => return Err(revision.no_lease(NoLease::Deadline, call)),
        },
        None => starting.await,
    };
    started.map_err(|kind| revision.error(call, kind))
}
