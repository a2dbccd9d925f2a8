//! Runs of a page's loaders: several at once, and one for several polls of the same request.

use std::sync::Arc;
use std::time::SystemTime;

use plugbay_manifest::page::{PageLoader, PlaceholderValue};
use tokio::task::JoinSet;

use super::{Values, answer, ms, parsed, request};
use crate::clock::time_of;
use crate::invocation::{HttpRequest, Outcome};
use crate::limits::PAGE_LOADERS_AT_ONCE;
use crate::page::{LoaderResult, PageCall, PageCallError};
use crate::plugin::current::CurrentRevision;
use crate::plugin::polled_results::{Answer, PolledRequest, PolledResult, PolledResults};

/// Runs loaders, several at once. The results are in the order of the loaders.
pub(super) async fn run(
    plugin: &Arc<CurrentRevision>,
    loaders: Vec<PageLoader>,
    values: &Values,
    call: &PageCall,
) -> Vec<LoaderResult> {
    let scope = values.scope();
    let now = || time_of(&*plugin.borrow().context.clock);
    let loaders: Vec<_> = loaders.into_iter().map(Arc::new).collect();
    let mut results: Vec<Option<LoaderResult>> = loaders.iter().map(|_| None).collect();
    let mut waiting = Vec::new();
    for (index, loader) in loaders.iter().enumerate() {
        let body = loader.body.as_ref().map(|body: &PlaceholderValue| body.fill(&scope));
        match request(&loader.api_route, loader.method, body, &scope) {
            Ok(request) => waiting.push((index, request)),
            Err(error) => results[index] = Some(failed(loader, error, now())),
        }
    }
    if let ([loader], Some((index, request))) = (&*loaders, waiting.pop_if(|_| loaders.len() == 1)) {
        // Most pages have one loader, which needs no task of its own.
        results[index] = Some(load(plugin, call, loader, request).await);
    }
    let mut waiting = waiting.into_iter();
    // The tasks end with this set, so a caller that stops waiting stops them.
    let mut running = JoinSet::new();
    loop {
        while running.len() < PAGE_LOADERS_AT_ONCE
            && let Some((index, request)) = waiting.next()
        {
            let (plugin, call, loader) = (Arc::clone(plugin), call.clone(), Arc::clone(&loaders[index]));
            running.spawn(async move { (index, load(&plugin, &call, &loader, request).await) });
        }
        match running.join_next().await {
            Some(Ok((index, result))) => results[index] = Some(result),
            Some(Err(_)) => {}
            None => break,
        }
    }
    let host_failed = || PageCallError::new("host_error", "the host failed");
    let result = |(loader, result): (&Arc<PageLoader>, Option<LoaderResult>)| {
        result.unwrap_or_else(|| failed(loader, host_failed(), now()))
    };
    loaders.iter().zip(results).map(result).collect()
}

async fn load(plugin: &CurrentRevision, call: &PageCall, loader: &PageLoader, request: HttpRequest) -> LoaderResult {
    let (pages, clock) = {
        let revision = plugin.borrow();
        (revision.pages.clone(), revision.context.clock.clone())
    };
    let now = || time_of(&*clock);
    let polled = pages.as_ref().map(|pages| &pages.polled);
    let shared = polled.and_then(|polled| Some((polled, polled.key(loader, call, &request)?)));
    let ask = async { answer(plugin, call, request).await.map(Outcome::into_json).map(Answer::new) };
    match shared {
        Some((polled, key)) => {
            let result = share(polled, &key, call, loader, now, ask).await;
            match &result.answer {
                Ok(answer) => loaded(loader, call, answer, result.ended),
                Err(error) => failed(loader, error.clone(), result.ended),
            }
        }
        None => match ask.await {
            Ok(answer) => loaded(loader, call, &answer, now()),
            Err(error) => failed(loader, error, now()),
        },
    }
}

/// Returns the result of another run if this one shares results and accepts it, or else that of `ask`, for others.
async fn share(
    polled: &PolledResults,
    key: &PolledRequest,
    call: &PageCall,
    loader: &PageLoader,
    now: impl Fn() -> SystemTime,
    ask: impl Future<Output = Result<Answer, PageCallError>>,
) -> Arc<PolledResult> {
    let mut _turn = None;
    if let Some(run) = polled.ask(loader, call) {
        if let Some(found) = polled.find(key, &run, now()) {
            return found;
        }
        if let Some(turn) = polled.turn(key, now()) {
            // If the run that has it is dropped, the next one asks.
            _turn = Some(turn.lock_owned().await);
            if let Some(found) = polled.find(key, &run, now()) {
                return found;
            }
            if let Some(pause) = polled.pause(key, &run, now()) {
                tokio::time::sleep(pause).await;
            }
        }
    }
    let begun = polled.begin(now());
    let answer = ask.await;
    polled.store(key, loader, &begun, answer, now())
}

/// The result with an answer. One that the renderer has is neither read nor sent.
fn loaded(loader: &PageLoader, call: &PageCall, answer: &Answer, at: SystemTime) -> LoaderResult {
    let known = call.known.as_ref();
    let unchanged = known.is_some_and(|known| known.get(&loader.id).is_some_and(|tag| tag == answer.tag()));
    let data = match unchanged {
        true => None,
        false => match parsed(&answer.json) {
            Ok(data) => Some(data),
            Err(error) => return failed(loader, error, at),
        },
    };
    let tag = known.map(|_| answer.tag().to_owned());
    LoaderResult { success: true, data, tag, unchanged, ..empty(loader, at) }
}

fn failed(loader: &PageLoader, error: PageCallError, at: SystemTime) -> LoaderResult {
    LoaderResult { error: Some(error), ..empty(loader, at) }
}

fn empty(loader: &PageLoader, at: SystemTime) -> LoaderResult {
    LoaderResult {
        loader_id: loader.id.clone(),
        success: false,
        data: None,
        tag: None,
        unchanged: false,
        error: None,
        state_key: loader.state_key.clone(),
        data_key: loader.data_key.clone(),
        loaded_at: ms(at),
    }
}
