//! Calls of actions that the application provides. No guest runs, so no instance is leased; size, depth and time of a
//! call are limited as those of a call between plugins.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use super::{check_depth, not_json, shown};
use crate::admission::Chain;
use crate::error::{InvokeError, InvokeErrorKind, LimitOrigin, PayloadProblem};
use crate::host::TimeLimit;
use crate::host_plugin::{HandlerError, HostCall, ProvidedPlugin};
use crate::invocation::Invocation;

/// An action of the application panicked.
struct Panicked;

/// Runs an action that the application provides, counts it, and returns its JSON answer.
pub(crate) async fn invoke_provided(
    plugin: &ProvidedPlugin,
    invocation: Invocation<'_>,
) -> Result<String, InvokeError> {
    let begun = Instant::now();
    let answer = run(plugin, invocation).await;
    plugin.metrics().call(begun.elapsed(), None);
    if let Err(error) = &answer {
        plugin.metrics().error(error);
    }
    answer
}

async fn run(plugin: &ProvidedPlugin, invocation: Invocation<'_>) -> Result<String, InvokeError> {
    let Invocation { action, payload, invalid_payload, request_id, timeout, chain, .. } = invocation;
    if let Some(message) = invalid_payload {
        return Err(not_json(plugin.name(), &action, message));
    }
    if let Some(chain) = &chain {
        check_depth(plugin.name(), &action, chain)?;
    }
    let Some(handler) = plugin.action(&action) else {
        let kind = InvokeErrorKind::UnknownAction { known: plugin.action_names() };
        return Err(InvokeError::new(plugin.name(), shown(&action), kind));
    };
    let failed = |kind| Err(InvokeError::new(plugin.name(), &*action, kind));
    let (allowed, observed) = (plugin.payload_bytes(), payload.len());
    if observed > allowed {
        return failed(InvokeErrorKind::PayloadTooLarge { allowed, observed });
    }
    let call = HostCall {
        plugin: chain.as_ref().map(|chain| chain.caller().to_owned()).unwrap_or_default(),
        request_id: request_id.unwrap_or_default().into_owned(),
        time_left: timeout,
    };
    let time = TimeLimit::from_now(timeout);
    let work = without_panic(async { handler(call, &payload).await });
    let work = async {
        match chain {
            Some(chain) => Chain::of_application(plugin.name().into(), chain).waits_for(work).await,
            None => work.await,
        }
    };
    let answer = match time.deadline() {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), work).await,
        None => Ok(work.await),
    };
    let json = match answer {
        Ok(Ok(Ok(json))) => json,
        Ok(Ok(Err(HandlerError::Failed(failure)))) => {
            return failed(InvokeErrorKind::Guest { failure: Box::new(failure) });
        }
        Ok(Ok(Err(HandlerError::Payload(error)))) => {
            let problems = vec![PayloadProblem { path: String::new(), message: error.to_string() }];
            return failed(InvokeErrorKind::Validation { problems });
        }
        Ok(Ok(Err(HandlerError::Answer(error)))) => {
            let message = format!("its answer cannot be JSON: {error}");
            return failed(InvokeErrorKind::Host { message });
        }
        Ok(Err(Panicked)) => {
            let message = "the action panicked".to_owned();
            return failed(InvokeErrorKind::Host { message });
        }
        Err(_) => {
            let (allowed, observed) = (timeout.unwrap_or_default(), time.elapsed());
            return failed(InvokeErrorKind::Timeout {
                allowed,
                observed,
                is_waiting: false,
                origin: LimitOrigin::Caller,
            });
        }
    };
    let (allowed, observed) = (plugin.result_bytes(), json.len());
    if observed > allowed {
        let observed = Some(observed);
        return failed(InvokeErrorKind::ResultTooLarge { allowed, observed });
    }
    Ok(json)
}

/// Returns the output of a future unless polling it panics. The panic hook has then reported the panic, and the future
/// is not polled again. The application must itself keep the state that its actions share consistent.
async fn without_panic<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
