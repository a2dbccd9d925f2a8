//! Retries of idempotent actions.

use plugbay_manifest::Retry;

use super::request::Request;
use super::{Cost, serve};
use crate::error::InvokeError;
use crate::host::Call;
use crate::plugin::loaded::LoadedPlugin;

/// Runs a request, and retries it while its failures look transient, attempts are left and the deadline allows it.
pub(super) async fn serve_with_retries<R: Request>(
    plugin: &LoadedPlugin,
    request: &R,
    call: &Call<'_>,
    retry: Retry,
    cost: &mut Cost,
) -> Result<R::Reply, InvokeError> {
    cost.repeats = true;
    let mut pause = retry.backoff;
    for attempt in 1..retry.max_attempts {
        cost.not_started = false;
        let answer = serve(plugin, &mut request.clone(), call, cost).await;
        let Err(error) = &answer else { return answer };
        if !error.is_transient() || call.time.left().is_some_and(|left| pause >= left) {
            return answer;
        }
        tracing::info!(plugin = plugin.name(), action = call.name, attempt, "failed and is tried again: {error}");
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2);
    }
    cost.not_started = false;
    serve(plugin, &mut request.clone(), call, cost).await
}
