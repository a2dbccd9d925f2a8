//! Counts a call against the rate limit of its plugin.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use crate::admission::rate::{RateCounter, RateError, RateFuture};
use crate::error::{InvokeError, InvokeErrorKind};
use crate::host::Call;
use crate::plugin::deadline::{Interrupted, panic_message, until};
use crate::plugin::loaded::LoadedPlugin;
use crate::plugin::verdict;

/// Admits and counts a call. A counter that has its answer at once costs neither an allocation nor a wait.
///
/// # Errors
/// [`InvokeErrorKind::RateLimited`]; [`InvokeErrorKind::Unavailable`] if the counter cannot count,
/// [`InvokeErrorKind::Timeout`] if it does not answer, [`InvokeErrorKind::Host`] if it panics.
#[inline]
pub(super) async fn admit(
    plugin: &LoadedPlugin,
    counter: &dyn RateCounter,
    call: &Call<'_>,
) -> Result<(), InvokeError> {
    // The counter may be the embedder's, and panic.
    let counted = catch_unwind(AssertUnwindSafe(|| counter.admit(call.time.started()).into_ready()));
    match counted {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(refused(plugin, call, error)),
        Ok(Err(waiting)) => Box::pin(wait(plugin, waiting, call)).await,
        Err(panic) => Err(failed(plugin, call, &panic_message(&*panic))),
    }
}

/// Waits for a counter that is not in this process.
async fn wait(plugin: &LoadedPlugin, mut waiting: RateFuture<'_>, call: &Call<'_>) -> Result<(), InvokeError> {
    match until(call.time, Pin::new(&mut waiting)).await {
        Ok(counted) => counted.map_err(|error| refused(plugin, call, error)),
        Err(Interrupted::Panicked(message)) => Err(failed(plugin, call, &message)),
        Err(Interrupted::Deadline) => {
            Err(plugin.error(call, verdict::timeout(call, &plugin.limits, &plugin.context.ceilings, false)))
        }
    }
}

#[cold]
fn refused(plugin: &LoadedPlugin, call: &Call<'_>, error: RateError) -> InvokeError {
    match (error, plugin.limits.rate) {
        (RateError::Limited { retry_after }, Some(limit)) => {
            plugin.error(call, InvokeErrorKind::RateLimited { calls: limit.calls, period: limit.period, retry_after })
        }
        (error, _) => {
            let message = not_counted(plugin, call, &error.to_string());
            plugin.error(call, InvokeErrorKind::Unavailable { message })
        }
    }
}

#[cold]
fn failed(plugin: &LoadedPlugin, call: &Call<'_>, message: &str) -> InvokeError {
    let message = not_counted(plugin, call, message);
    plugin.error(call, InvokeErrorKind::Host { message })
}

/// Logs that a call cannot be counted, and returns the text of its error.
fn not_counted(plugin: &LoadedPlugin, call: &Call<'_>, message: &str) -> String {
    let message = format!("the call cannot be counted against the rate limit: {message}");
    tracing::error!(plugin = plugin.name(), action = call.name, "{message}");
    message
}
