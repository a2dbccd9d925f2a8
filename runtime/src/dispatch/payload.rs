//! Checks of payloads against the schemas of their actions: short payloads on the call's own thread, large ones on a
//! blocking thread.

use std::sync::Arc;

use super::request::Request;
use crate::error::{InvokeError, InvokeErrorKind};
use crate::host::Call;
use crate::limits::PAYLOAD_CHECKED_ASIDE_BYTES;
use crate::plugin::loaded::{Action, LoadedPlugin};
use crate::plugin::schema::PayloadSchema;
use crate::plugin::verdict;

fn schema(declared: Option<&Action>) -> Option<&Arc<PayloadSchema>> {
    declared?.payload.as_ref()
}

/// Returns whether checking the payload would block the executor for too long.
pub(super) fn is_checked_on_blocking_thread(declared: Option<&Action>, request: &impl Request) -> bool {
    schema(declared).is_some() && request.payload().len() >= PAYLOAD_CHECKED_ASIDE_BYTES
}

/// Checks a short payload on this thread.
pub(super) fn check_here(
    plugin: &LoadedPlugin,
    declared: Option<&Action>,
    request: &impl Request,
    call: &Call<'_>,
) -> Result<(), InvokeError> {
    match schema(declared) {
        Some(schema) if request.payload().len() < PAYLOAD_CHECKED_ASIDE_BYTES => {
            schema.check(plugin.name(), call.name, request.payload())
        }
        _ => Ok(()),
    }
}

/// Checks a large payload on a separate thread.
pub(super) async fn check_aside(
    plugin: &LoadedPlugin,
    declared: Option<&Action>,
    request: &impl Request,
    call: &Call<'_>,
) -> Result<(), InvokeError> {
    let Some(schema) = schema(declared).cloned() else { return Ok(()) };
    let (name, payload, action) = (plugin.name().to_owned(), request.payload().to_owned(), call.name.to_owned());
    let check = tokio::task::spawn_blocking(move || schema.check(&name, &action, &payload));
    let checked = match call.time.deadline() {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), check).await,
        None => Ok(check.await),
    };
    match checked {
        Ok(Ok(checked)) => checked,
        Ok(Err(error)) => {
            let message = format!("its payload could not be checked: {error}");
            Err(plugin.error(call, InvokeErrorKind::Host { message }))
        }
        Err(_) => Err(plugin.error(call, verdict::timeout(call, &plugin.limits, &plugin.context.ceilings, false))),
    }
}
