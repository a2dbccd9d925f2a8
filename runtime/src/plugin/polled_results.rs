//! Results of loaders that several pages share, when they poll and after events.
//!
//! A poll asks whether what its page shows has changed. Without this module, each page that is open would make the
//! plugin answer the same request as often as it polls. So a poll accepts a result that another one got at most half
//! the loader's interval before, and one that asks while the plugin is answering waits for that answer.
//!
//! An event reaches all pages at about one moment, and each of them asks. Such a run accepts the result of another one
//! that began after it asked, because an older one may not show what the event is about. The first asks the plugin at
//! once. The others wait until [`EVENT_RUNS_APART`] is over, and one of them asks for all.
//!
//! A page never goes back to an older result than it has:
//!
//! - Runs that a person causes never take a stored result, and theirs replace older ones.
//! - A result whose run began before an action of a page ended is neither stored nor found afterwards.
//! - Only `GET` requests are shared, and if the plugin can see who calls, only among calls of one identity with the
//!   same scopes.
//!
//! Failures are shared too: a plugin that fails should not be called more often than one that works.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use plugbay_manifest::Method;
use plugbay_manifest::page::PageLoader;

use crate::invocation::HttpRequest;
use crate::limits::{POLLED_KEY_BYTES_MAX, POLLED_RESULTS_BYTES_MAX, POLLED_RESULTS_MAX};
use crate::page::{PageCall, PageCallError};

/// The time from the beginning of a run to that of the next one of the same request, if events cause it. A person does
/// not notice it, and it is long enough for the requests of many pages to arrive.
const EVENT_RUNS_APART: Duration = Duration::from_millis(100);

/// The latest results of the requests that the pages of a revision repeat.
pub(crate) struct PolledResults {
    /// Whether the plugin can see the identity behind a call.
    sees_callers: bool,
    stored: Mutex<Stored>,
}

#[derive(Default)]
struct Stored {
    /// The number of actions of pages that have ended: a result is valid as long as it does not change.
    actions: u64,
    /// The numbers of runs that have begun and ended.
    begun: u64,
    ended: u64,
    requests: HashMap<PolledRequest, Slot>,
    /// Bytes of the keys and texts.
    bytes: usize,
}

/// A request of a loader, with all that its answer may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PolledRequest {
    path: String,
    query: Vec<(String, String)>,
    /// The identity and its scopes, if the plugin can see them.
    caller: Option<(Option<String>, Vec<String>)>,
    /// Errors have their full texts.
    full_errors: bool,
}

#[derive(Default)]
struct Slot {
    /// Locked by the run that asks the plugin. The others wait for it.
    turn: Arc<tokio::sync::Mutex<()>>,
    result: Option<Arc<PolledResult>>,
    /// The number of the latest run that has ended, even if its result is not stored.
    latest: u64,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct PolledResult {
    /// The plugin's answer.
    pub(crate) answer: Result<Answer, PageCallError>,
    began: SystemTime,
    pub(crate) ended: SystemTime,
    /// The greatest age at which it is of use.
    age_max: Duration,
    /// The number of its run, and its place among the runs that have ended.
    begun: u64,
    number: u64,
}

/// An answer of a plugin.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) json: String,
    tag: OnceLock<String>,
}

impl Answer {
    pub(crate) fn new(json: String) -> Self {
        Answer { json, tag: OnceLock::new() }
    }

    /// Returns its tag: a hash of the text. A plugin that finds two answers with one hash misleads its own page alone.
    pub(crate) fn tag(&self) -> &str {
        self.tag.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            hasher.write(self.json.as_bytes());
            format!("{:016x}", hasher.finish())
        })
    }
}

/// A run that has begun.
pub(crate) struct Begun {
    at: SystemTime,
    actions: u64,
    number: u64,
}

/// A run that shares results, and those that it accepts.
pub(crate) enum SharedRun {
    /// A poll: results of this age, and those that were on their way when it asked: those after this number of runs
    /// that had ended.
    Poll { age_max: Duration, ended: u64 },
    /// A run after an event: results of the runs after this number of runs that had begun when it asked.
    Event { begun: u64 },
}

/// The greatest age of a result that a poll of this loader accepts.
fn age_max(loader: &PageLoader) -> Duration {
    Duration::from_millis(loader.polling.as_ref().map_or(0, |polling| polling.interval_ms) / 2)
}

impl PolledResults {
    /// Creates an empty store, for a plugin that can or cannot see the identity behind a call.
    pub(crate) fn new(sees_callers: bool) -> Self {
        PolledResults { sees_callers, stored: Mutex::default() }
    }

    /// Returns the key of a request, or `None` if its results are not shared.
    pub(crate) fn key(&self, loader: &PageLoader, call: &PageCall, request: &HttpRequest) -> Option<PolledRequest> {
        let is_repeated = loader.polling.is_some() || !loader.events.is_empty();
        if loader.method != Method::Get || !is_repeated || call.has_timeout() {
            return None;
        }
        let caller = self.sees_callers.then(|| call.caller());
        let (path, query) = (request.path.clone(), request.query.clone());
        let key = PolledRequest { path, query, caller, full_errors: call.full_errors };
        (key.bytes() <= POLLED_KEY_BYTES_MAX).then_some(key)
    }

    /// Notes that a run begins.
    pub(crate) fn begin(&self, now: SystemTime) -> Begun {
        let mut stored = self.stored.lock();
        stored.begun += 1;
        Begun { at: now, actions: stored.actions, number: stored.begun }
    }

    /// Notes that a run begins to wait for a result of another one; `None` if a person caused it.
    pub(crate) fn ask(&self, loader: &PageLoader, call: &PageCall) -> Option<SharedRun> {
        let stored = self.stored.lock();
        if call.is_after_event {
            Some(SharedRun::Event { begun: stored.begun })
        } else {
            call.is_poll.then(|| SharedRun::Poll { age_max: age_max(loader), ended: stored.ended })
        }
    }

    /// Returns the result of a request that a run accepts at this moment.
    pub(crate) fn find(&self, key: &PolledRequest, run: &SharedRun, now: SystemTime) -> Option<Arc<PolledResult>> {
        let stored = self.stored.lock();
        let result = stored.requests.get(key)?.result.as_ref()?;
        let is_accepted = match run {
            SharedRun::Poll { age_max, ended } => result.number > *ended || result.is_young(*age_max, now),
            SharedRun::Event { begun } => result.begun > *begun,
        };
        is_accepted.then(|| result.clone())
    }

    /// Returns how long a run with the turn waits before it asks the plugin.
    pub(crate) fn pause(&self, key: &PolledRequest, run: &SharedRun, now: SystemTime) -> Option<Duration> {
        let SharedRun::Event { .. } = run else { return None };
        let stored = self.stored.lock();
        let since = now.duration_since(stored.requests.get(key)?.result.as_ref()?.began).ok()?;
        EVENT_RUNS_APART.checked_sub(since)
    }

    /// Returns the lock that a run holds while it asks the plugin, or `None` if too many requests are stored.
    pub(crate) fn turn(&self, key: &PolledRequest, now: SystemTime) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let mut stored = self.stored.lock();
        if let Some(slot) = stored.requests.get(key) {
            return Some(slot.turn.clone());
        }
        stored.remove_old(now);
        if stored.requests.len() >= POLLED_RESULTS_MAX {
            return None;
        }
        stored.bytes += key.bytes();
        Some(stored.requests.entry(key.clone()).or_default().turn.clone())
    }

    /// Stores the result of a run if the request is shared and no later run has ended.
    pub(crate) fn store(
        &self,
        key: &PolledRequest,
        loader: &PageLoader,
        begun: &Begun,
        answer: Result<Answer, PageCallError>,
        now: SystemTime,
    ) -> Arc<PolledResult> {
        let mut stored = self.stored.lock();
        stored.ended += 1;
        let (number, age_max) = (stored.ended, age_max(loader).max(EVENT_RUNS_APART));
        let (began, begun_number) = (begun.at, begun.number);
        let result = Arc::new(PolledResult { answer, began, ended: now, age_max, begun: begun_number, number });
        if stored.actions != begun.actions {
            return result;
        }
        let Some(slot) = stored.requests.get_mut(key) else { return result };
        if slot.latest > begun.number {
            return result;
        }
        slot.latest = begun.number;
        // The older one has to go even if this one is too large.
        let freed = slot.result.take().map_or(0, |older| older.bytes());
        stored.bytes -= freed;
        let bytes = result.bytes();
        if stored.bytes + bytes > POLLED_RESULTS_BYTES_MAX {
            stored.remove_old(now);
        }
        if stored.bytes + bytes <= POLLED_RESULTS_BYTES_MAX
            && let Some(slot) = stored.requests.get_mut(key)
        {
            slot.result = Some(result.clone());
            stored.bytes += bytes;
        }
        result
    }

    /// Removes all results, because an action may have changed what they show.
    pub(crate) fn forget(&self) {
        let mut stored = self.stored.lock();
        stored.actions += 1;
        stored.requests.retain(|_, slot| {
            slot.result = None;
            Arc::strong_count(&slot.turn) > 1
        });
        stored.bytes = stored.requests.keys().map(PolledRequest::bytes).sum();
    }
}

impl Stored {
    /// Removes the results that are too old, and the requests without one for which no run waits.
    fn remove_old(&mut self, now: SystemTime) {
        let mut left = 0;
        self.requests.retain(|key, slot| {
            slot.result.take_if(|result| !result.is_young(result.age_max, now));
            let is_needed = slot.result.is_some() || Arc::strong_count(&slot.turn) > 1;
            if is_needed {
                left += key.bytes() + slot.result.as_ref().map_or(0, |result| result.bytes());
            }
            is_needed
        });
        self.bytes = left;
    }
}

impl PolledRequest {
    fn bytes(&self) -> usize {
        let query = self.query.iter().map(|(name, value)| name.len() + value.len());
        let caller = self.caller.iter().flat_map(|(identity, scopes)| identity.iter().chain(scopes)).map(String::len);
        self.path.len() + query.sum::<usize>() + caller.sum::<usize>()
    }
}

impl PolledResult {
    /// Whether it is at most this old. Nothing is known of its age if the clock was set back.
    fn is_young(&self, age_max: Duration, now: SystemTime) -> bool {
        now.duration_since(self.began).is_ok_and(|age| age <= age_max)
    }

    fn bytes(&self) -> usize {
        match &self.answer {
            Ok(answer) => answer.json.len(),
            Err(error) => error.message.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);

    fn loader() -> PageLoader {
        let manifest = json!({
            "name": "p", "version": "1.0.0",
            "routes": [{ "method": "GET", "path": "/", "actions": ["a"] }],
            "frontend": { "pages": [{ "path": "/", "template": {}, "loaders": [
                { "id": "l", "apiRoute": "/", "polling": { "interval": INTERVAL.as_millis() as u64 } },
            ] }] },
        });
        let layer = plugbay_manifest::Layer::parse("p", &manifest.to_string(), plugbay_manifest::Format::Json);
        let manifest = plugbay_manifest::Manifest::from_layers(&[layer.expect("JSON")]).expect("good");
        manifest.frontend.expect("pages").pages[0].loaders[0].clone()
    }

    fn poll(polled: &PolledResults) -> SharedRun {
        polled.ask(&loader(), &PageCall::new("/").poll(true)).expect("it is shared")
    }

    fn after_event(polled: &PolledResults) -> SharedRun {
        polled.ask(&loader(), &PageCall::new("/").after_event(true)).expect("it is shared")
    }

    fn key(path: &str) -> PolledRequest {
        PolledRequest { path: path.to_owned(), query: Vec::new(), caller: None, full_errors: false }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + seconds)
    }

    fn store(polled: &PolledResults, key: &PolledRequest, begun: &Begun, json: &str, now: SystemTime) {
        polled.store(key, &loader(), begun, Ok(Answer::new(json.to_owned())), now);
    }

    fn found(polled: &PolledResults, key: &PolledRequest, run: &SharedRun, now: SystemTime) -> Option<String> {
        let result = polled.find(key, run, now)?;
        Some(result.answer.as_ref().expect("an answer").json.clone())
    }

    #[test]
    fn result_on_its_way_is_accepted_at_any_age() {
        let (polled, key) = (PolledResults::new(false), key("/"));
        let turn = polled.turn(&key, at(0));
        let begun = polled.begin(at(0));
        let waiting = poll(&polled);
        store(&polled, &key, &begun, "1", at(60));
        assert_eq!(found(&polled, &key, &waiting, at(60)).as_deref(), Some("1"));
        assert_eq!(found(&polled, &key, &poll(&polled), at(60)), None, "it is a minute old");
        drop(turn);
    }

    #[test]
    fn run_after_an_event_accepts_a_run_that_began_later_and_waits_for_others() {
        let (polled, key) = (PolledResults::new(false), key("/"));
        let _turn = polled.turn(&key, at(0));
        let first = after_event(&polled);
        assert_eq!(polled.pause(&key, &first, at(0)), None, "no run was before");
        let begun = polled.begin(at(0));
        let second = after_event(&polled);
        store(&polled, &key, &begun, "1", at(0));
        assert_eq!(found(&polled, &key, &first, at(0)).as_deref(), Some("1"));
        assert_eq!(found(&polled, &key, &second, at(0)), None, "the run began before it asked");
        assert_eq!(polled.pause(&key, &second, at(0)), Some(EVENT_RUNS_APART));
        assert_eq!(polled.pause(&key, &second, at(1)), None);
        assert_eq!(polled.pause(&key, &poll(&polled), at(0)), None, "polls do not wait");
        store(&polled, &key, &polled.begin(at(60)), "2", at(60));
        assert_eq!(found(&polled, &key, &second, at(99)).as_deref(), Some("2"), "at any age");
        assert!(polled.ask(&loader(), &PageCall::new("/")).is_none(), "a person asks the plugin");
    }

    #[test]
    fn older_run_replaces_no_later_one_and_none_from_before_an_action() {
        let (polled, key) = (PolledResults::new(false), key("/"));
        let _turn = polled.turn(&key, at(0));
        let (older, later) = (polled.begin(at(0)), polled.begin(at(0)));
        store(&polled, &key, &later, "later", at(0));
        store(&polled, &key, &older, "older", at(0));
        let poll = poll(&polled);
        assert_eq!(found(&polled, &key, &poll, at(0)).as_deref(), Some("later"));

        let before = polled.begin(at(0));
        polled.forget();
        assert_eq!(found(&polled, &key, &poll, at(0)), None);
        store(&polled, &key, &before, "before", at(0));
        assert_eq!(found(&polled, &key, &poll, at(0)), None);
    }

    #[test]
    fn results_that_are_too_large_are_not_stored_and_leave_no_older_one() {
        let (polled, key) = (PolledResults::new(false), key("/"));
        let _turn = polled.turn(&key, at(0));
        store(&polled, &key, &polled.begin(at(0)), "1", at(0));
        store(&polled, &key, &polled.begin(at(0)), &" ".repeat(POLLED_RESULTS_BYTES_MAX), at(0));
        assert_eq!(found(&polled, &key, &poll(&polled), at(0)), None);
        assert_eq!(polled.stored.lock().bytes, key.bytes());
    }

    #[test]
    fn further_requests_are_not_shared_until_older_results_are_too_old() {
        let polled = PolledResults::new(false);
        for number in 0..POLLED_RESULTS_MAX {
            let key = key(&format!("/{number}"));
            let _turn = polled.turn(&key, at(0)).expect("there is space");
            store(&polled, &key, &polled.begin(at(0)), "1", at(0));
        }
        let further = key("/further");
        assert!(polled.turn(&further, at(1)).is_none());
        assert!(polled.turn(&further, at(2)).is_some());
        let stored = polled.stored.lock();
        assert_eq!((stored.requests.len(), stored.bytes), (1, further.bytes()));
    }
}
