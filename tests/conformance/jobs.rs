//! The rules of a backend for `scheduler`: `plugbay::store::JobStoreProvider` and `JobStore`.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};

use plugbay::store::{
    DueRun, Job, JobChange, JobError, JobLimits, JobOutcome, JobSchedule, JobState, JobStore, JobStoreProvider,
    JobUpdate, NewJob,
};

/// Checks every rule.
///
/// # Panics
/// If the backend breaks one.
pub(crate) async fn check(provider: &dyn JobStoreProvider) {
    macro_rules! check {
        ($($rule:ident)*) => {
            $($rule(&Backend::fresh(provider, stringify!($rule)).await).await;)*
        };
    }
    check! {
        job_is_returned_as_it_was_added
        job_of_any_text_and_moment_is_returned
        stores_of_one_name_share_jobs
        plugins_share_no_jobs
        taken_id_is_refused_without_effect
        replacement_removes_job_and_outcomes
        number_is_never_used_again
        limits_are_enforced
        jobs_are_listed_by_the_bytes_of_their_ids
        pausing_changes_once_and_resets_interruptions
        removal_returns_whether_there_was_a_job
        outcomes_are_returned_newest_first
        outcomes_outlive_a_job_that_its_run_removes
        outcomes_are_bounded
        claim_is_held_once_and_released_when_dropped
        due_jobs_are_in_order_of_their_runs
        run_begins_once_and_only_as_it_was_due
        update_changes_only_the_job_of_its_run
        updates_take_effect_in_order
        concurrent_adds_of_one_id_add_one_job
        concurrent_begins_of_one_run_begin_it_once
        dropped_change_is_whole_or_absent
        provider_removes_the_jobs_of_one_plugin
    }
}

/// The backend, with the names of two plugins that have no jobs.
struct Backend<'a> {
    provider: &'a dyn JobStoreProvider,
    plugin: String,
    other: String,
}

impl<'a> Backend<'a> {
    async fn fresh(provider: &'a dyn JobStoreProvider, rule: &str) -> Self {
        let (plugin, other) = (format!("conformance-{rule}"), format!("conformance-other-{rule}"));
        for name in [&plugin, &other] {
            provider.remove(name).await.expect("removed");
        }
        Backend { provider, plugin, other }
    }

    async fn open(&self) -> Arc<dyn JobStore> {
        self.open_with(JobLimits::default()).await
    }

    async fn open_with(&self, limits: JobLimits) -> Arc<dyn JobStore> {
        self.provider.open(&self.plugin, limits).await.expect("it opens")
    }

    async fn open_other(&self) -> Arc<dyn JobStore> {
        self.provider.open(&self.other, JobLimits::default()).await.expect("it opens")
    }
}

fn new_job(id: &str, next_ms: u64) -> NewJob {
    NewJob {
        id: id.to_owned(),
        action: "act".to_owned(),
        args: "null".to_owned(),
        schedule: JobSchedule::IntervalMs(1_000),
        next_ms: Some(next_ms),
        added_ms: 5,
        replace: false,
    }
}

async fn add(store: &dyn JobStore, id: &str, next_ms: u64) -> Job {
    store.add(new_job(id, next_ms)).await.expect("it is added");
    get(store, id).await
}

async fn get(store: &dyn JobStore, id: &str) -> Job {
    store.get(id).await.expect("it can be read").expect("it exists")
}

async fn ids(store: &dyn JobStore) -> Vec<String> {
    store.list().await.expect("it can be read").into_iter().map(|job| job.id).collect()
}

/// Begins the next run of a job.
async fn begin(store: &dyn JobStore, job: &Job, started_ms: u64) -> bool {
    let run = DueRun { number: job.number, scheduled_ms: job.state.next_ms.expect("a next run") };
    let begun = store.begin(vec![run], started_ms).await.expect("it can be written");
    assert!(begun.iter().all(|run| (run.number, &run.action, &run.args) == (job.number, &job.action, &job.args)));
    !begun.is_empty()
}

fn outcome(id: &str, n: u64) -> JobOutcome {
    JobOutcome {
        job: id.to_owned(),
        scheduled_ms: n,
        started_ms: n + 1,
        finished_ms: n + 2,
        answer: if n.is_multiple_of(2) { Ok(n.to_string()) } else { Err(format!("{{\"n\":{n}}}")) },
    }
}

/// An update that only stores an outcome.
fn only_outcome(id: &str, n: u64) -> JobUpdate {
    JobUpdate { number: u32::MAX.into(), begun_ms: Some(n), outcome: Some(outcome(id, n)), change: JobChange::Remove }
}

fn set(next_ms: Option<u64>) -> JobChange {
    JobChange::Set { next_ms, covered_ms: 70, interruptions: 3, pause: false }
}

async fn outcomes(store: &dyn JobStore, id: &str) -> Vec<JobOutcome> {
    store.outcomes(id, u32::MAX).await.expect("they can be read")
}

async fn due(store: &dyn JobStore, now_ms: u64) -> (Vec<String>, Option<u64>) {
    let due = store.due(now_ms).await.expect("it can be read");
    (due.jobs.into_iter().map(|job| job.id).collect(), due.next_ms)
}

async fn job_is_returned_as_it_was_added(backend: &Backend<'_>) {
    let store = backend.open().await;
    assert_eq!(store.get("j").await, Ok(None));
    let schedules = [
        JobSchedule::IntervalMs(1_000),
        JobSchedule::DateMs(7),
        JobSchedule::Cron { expression: "0 3 * * *".into(), time_zone: "Europe/Berlin".into() },
    ];
    for (index, schedule) in schedules.into_iter().enumerate() {
        let id = format!("j{index}");
        store.add(NewJob { schedule: schedule.clone(), ..new_job(&id, 9) }).await.expect("it is added");
        let job = get(&*store, &id).await;
        let state = JobState { next_ms: Some(9), covered_ms: 5, ..JobState::default() };
        let number = job.number;
        assert_eq!(job, Job { number, id, action: "act".into(), args: "null".into(), schedule, state });
        assert!(store.list().await.expect("it can be read").contains(&job));
    }
    assert!(backend.provider.may_have_jobs(&backend.plugin));
}

async fn job_of_any_text_and_moment_is_returned(backend: &Backend<'_>) {
    const END_OF_9999: u64 = 253_402_300_799_999;
    let store = backend.open().await;
    let ids = ["'; DROP TABLE jobs; --", "../../etc/passwd", "a:b*c?[d]", "\"ü\u{10ffff}", " ", &"x".repeat(128)];
    for id in ids {
        let args = format!("{:?}", "'\u{0}\\ü".repeat(5_000));
        let job = NewJob { args: args.clone(), added_ms: END_OF_9999, ..new_job(id, END_OF_9999) };
        store.add(job).await.expect("it is added");
        let job = get(&*store, id).await;
        assert_eq!((job.args, job.state.next_ms, job.state.covered_ms), (args, Some(END_OF_9999), END_OF_9999));
    }
    store.add(NewJob { next_ms: None, ..new_job("never", 0) }).await.expect("it is added");
    assert_eq!(get(&*store, "never").await.state.next_ms, None);
}

async fn stores_of_one_name_share_jobs(backend: &Backend<'_>) {
    let (one, other) = (backend.open().await, backend.open().await);
    let job = add(&*one, "j", 9).await;
    assert_eq!(get(&*other, "j").await, job);
    drop((one, other));
    let later = backend.open().await;
    assert_eq!(get(&*later, "j").await, job, "jobs outlive their stores");
}

async fn plugins_share_no_jobs(backend: &Backend<'_>) {
    let (store, other) = (backend.open().await, backend.open_other().await);
    add(&*store, "j", 9).await;
    store.update(vec![only_outcome("j", 1)]).await.expect("it can be written");
    assert_eq!(other.get("j").await, Ok(None));
    assert_eq!(outcomes(&*other, "j").await, []);
    assert_eq!(due(&*other, 9).await, (vec![], None));
    assert_eq!(other.remove("j").await, Ok(false));
    let claims = (store.claim().await.expect("claimed"), other.claim().await.expect("claimed"));
    assert!(claims.0.is_some() && claims.1.is_some());
    assert_eq!(ids(&*store).await, ["j"]);
}

async fn taken_id_is_refused_without_effect(backend: &Backend<'_>) {
    let store = backend.open().await;
    let job = add(&*store, "j", 9).await;
    let error = store.add(NewJob { args: "1".into(), ..new_job("j", 10) }).await.expect_err("it is taken");
    assert_eq!(error, JobError::exists("j"));
    assert_eq!(get(&*store, "j").await, job);
}

async fn replacement_removes_job_and_outcomes(backend: &Backend<'_>) {
    let store = backend.open().await;
    let old = add(&*store, "j", 9).await;
    assert!(begin(&*store, &old, 9).await);
    store.update(vec![only_outcome("j", 1), only_outcome("other", 2)]).await.expect("it can be written");
    store.add(NewJob { replace: true, args: "1".into(), ..new_job("j", 10) }).await.expect("it is replaced");
    let new = get(&*store, "j").await;
    assert_ne!(new.number, old.number);
    assert_eq!((&*new.args, new.state.next_ms, new.state.begun_ms), ("1", Some(10), None));
    assert_eq!(outcomes(&*store, "j").await, []);
    assert_eq!(outcomes(&*store, "other").await.len(), 1);
    store.add(NewJob { replace: true, ..new_job("new", 10) }).await.expect("there is nothing to replace");
}

async fn number_is_never_used_again(backend: &Backend<'_>) {
    let store = backend.open().await;
    let mut numbers = vec![add(&*store, "stays", 9).await.number];
    for _ in 0..5 {
        numbers.push(add(&*store, "j", 9).await.number);
        assert_eq!(store.remove("j").await, Ok(true));
    }
    drop(store);
    numbers.push(add(&*backend.open().await, "j", 9).await.number);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 7);
}

async fn limits_are_enforced(backend: &Backend<'_>) {
    let limits = JobLimits { jobs_max: 3, args_bytes_max: 20, ..JobLimits::default() };
    let store = backend.open_with(limits).await;
    let with_args = |id: &str, bytes: usize| NewJob { args: "1".repeat(bytes), ..new_job(id, 9) };
    store.add(with_args("a", 10)).await.expect("it fits");
    store.add(with_args("b", 10)).await.expect("it fits");
    let error = store.add(with_args("c", 1)).await.expect_err("the arguments are too long together");
    assert_eq!(Err(error), limits.check(3, 21));
    let error = store.add(NewJob { replace: true, ..with_args("b", 11) }).await.expect_err("they are still");
    assert_eq!(Err(error), limits.check(2, 21));
    assert_eq!(get(&*store, "b").await.args.len(), 10, "the job that was to be replaced stays");
    store.add(NewJob { replace: true, ..with_args("b", 1) }).await.expect("it fits");
    store.add(with_args("c", 1)).await.expect("it fits");
    let error = store.add(with_args("d", 1)).await.expect_err("there are enough jobs");
    assert_eq!(Err(error), limits.check(4, 13));
    store.add(NewJob { replace: true, ..with_args("c", 1) }).await.expect("it replaces one");
    assert_eq!(ids(&*store).await, ["a", "b", "c"]);
}

async fn jobs_are_listed_by_the_bytes_of_their_ids(backend: &Backend<'_>) {
    let store = backend.open().await;
    for id in ["ü", "b", "a/b", "B", "a", "z", "\u{10000}", "\u{ffff}"] {
        add(&*store, id, 9).await;
    }
    assert_eq!(ids(&*store).await, ["B", "a", "a/b", "b", "z", "ü", "\u{ffff}", "\u{10000}"]);
}

async fn pausing_changes_once_and_resets_interruptions(backend: &Backend<'_>) {
    let store = backend.open().await;
    let job = add(&*store, "j", 9).await;
    let interrupted = |pause| JobUpdate {
        number: job.number,
        begun_ms: None,
        outcome: None,
        change: JobChange::Set { next_ms: Some(9), covered_ms: 5, interruptions: 3, pause },
    };
    store.update(vec![interrupted(false)]).await.expect("it can be written");
    assert_eq!(store.set_paused("j", false).await, Ok(false));
    assert_eq!(get(&*store, "j").await.state.interruptions, 3, "nothing changed");
    assert_eq!((store.set_paused("j", true).await, store.set_paused("j", true).await), (Ok(true), Ok(false)));
    let state = get(&*store, "j").await.state;
    assert_eq!((state.paused, state.interruptions, state.next_ms), (true, 0, Some(9)));
    store.update(vec![interrupted(false)]).await.expect("it can be written");
    assert!(get(&*store, "j").await.state.paused, "an update that does not pause does not resume");
    assert_eq!(store.set_paused("j", false).await, Ok(true));
    let state = get(&*store, "j").await.state;
    assert_eq!((state.paused, state.interruptions), (false, 0));
    store.update(vec![interrupted(true)]).await.expect("it can be written");
    let state = get(&*store, "j").await.state;
    assert_eq!((state.paused, state.interruptions), (true, 3));
    assert_eq!(store.set_paused("x", true).await, Err(JobError::not_found("x")));
}

async fn removal_returns_whether_there_was_a_job(backend: &Backend<'_>) {
    let store = backend.open().await;
    add(&*store, "j", 9).await;
    store.update(vec![only_outcome("j", 1)]).await.expect("it can be written");
    assert_eq!((store.remove("j").await, store.remove("j").await), (Ok(true), Ok(false)));
    assert_eq!((store.get("j").await, outcomes(&*store, "j").await), (Ok(None), vec![]));
}

async fn outcomes_are_returned_newest_first(backend: &Backend<'_>) {
    let store = backend.open().await;
    // The order is that of storing, whatever their times.
    for n in [1, 4, 2] {
        store.update(vec![only_outcome("j", n)]).await.expect("it can be written");
    }
    assert_eq!(outcomes(&*store, "j").await, [outcome("j", 2), outcome("j", 4), outcome("j", 1)]);
    assert_eq!(store.outcomes("j", 2).await.expect("readable"), [outcome("j", 2), outcome("j", 4)]);
    assert_eq!(store.outcomes("j", 0).await.expect("readable"), []);
}

async fn outcomes_outlive_a_job_that_its_run_removes(backend: &Backend<'_>) {
    let store = backend.open().await;
    let job = add(&*store, "j", 9).await;
    assert!(begin(&*store, &job, 10).await);
    let update =
        JobUpdate { number: job.number, begun_ms: Some(10), outcome: Some(outcome("j", 9)), change: JobChange::Remove };
    store.update(vec![update]).await.expect("it can be written");
    assert_eq!((store.get("j").await, outcomes(&*store, "j").await), (Ok(None), vec![outcome("j", 9)]));
}

async fn outcomes_are_bounded(backend: &Backend<'_>) {
    let limits = JobLimits { outcomes_max: 3, outcomes_total_max: 8, ..JobLimits::default() };
    let store = backend.open_with(limits).await;
    for n in 0..10 {
        store.update(vec![only_outcome("a", n)]).await.expect("it can be written");
    }
    assert_eq!(outcomes(&*store, "a").await, [outcome("a", 9), outcome("a", 8), outcome("a", 7)]);
    for id in ["b", "c"] {
        store.update((0..3).map(|n| only_outcome(id, n)).collect()).await.expect("it can be written");
    }
    let stored = (outcomes(&*store, "a").await.len(), outcomes(&*store, "b").await.len());
    assert_eq!(stored, (2, 3), "the oldest of all makes way");
}

async fn claim_is_held_once_and_released_when_dropped(backend: &Backend<'_>) {
    let (one, other) = (backend.open().await, backend.open().await);
    let claim = one.claim().await.expect("it can be claimed").expect("it is free");
    assert!(claim.is_held());
    assert!(other.claim().await.expect("it can be asked").is_none());
    assert!(one.claim().await.expect("it can be asked").is_none());
    let copy = claim.clone();
    drop((claim, one));
    assert!(other.claim().await.expect("it can be asked").is_none(), "a copy holds it, and no store needs to");
    drop(copy);
    assert!(other.claim().await.expect("it can be claimed").is_some());
}

async fn due_jobs_are_in_order_of_their_runs(backend: &Backend<'_>) {
    let store = backend.open().await;
    assert_eq!(due(&*store, 100).await, (vec![], None));
    for (id, next_ms) in [("late", 30), ("first", 10), ("same", 20), ("also", 20), ("paused", 10), ("later", 40)] {
        add(&*store, id, next_ms).await;
    }
    store.add(NewJob { next_ms: None, ..new_job("never", 0) }).await.expect("it is added");
    store.set_paused("paused", true).await.expect("it is paused");
    assert_eq!(due(&*store, 9).await, (vec![], Some(10)));
    let in_order = ["first", "same", "also"].map(str::to_owned);
    assert_eq!(due(&*store, 20).await, (in_order.to_vec(), Some(30)), "at the moment, too");
    assert_eq!(due(&*store, 29).await, (in_order.to_vec(), Some(30)));
    let late = get(&*store, "late").await;
    assert!(begin(&*store, &late, 30).await);
    let found = store.due(9).await.expect("it can be read");
    assert_eq!((found.jobs.len(), found.next_ms), (1, Some(10)), "a run that has begun is found, and is not next");
    let begun = &found.jobs[0];
    assert_eq!((begun.number, &*begun.id, &begun.schedule), (late.number, "late", &late.schedule));
    assert_eq!(begun.state, JobState { begun_ms: Some(30), ..late.state });
    store.set_paused("late", true).await.expect("it is paused");
    assert_eq!(store.due(9).await.expect("it can be read").jobs.len(), 1, "even if it was paused since");
}

async fn run_begins_once_and_only_as_it_was_due(backend: &Backend<'_>) {
    let store = backend.open().await;
    let (job, other) = (add(&*store, "j", 10).await, add(&*store, "other", 10).await);
    let wrong = [
        DueRun { number: job.number, scheduled_ms: 11 },
        DueRun { number: job.number + other.number + 1, scheduled_ms: 10 },
    ];
    assert_eq!(store.begin(wrong.to_vec(), 12).await, Ok(vec![]));
    assert!(begin(&*store, &job, 12).await);
    assert_eq!(get(&*store, "j").await.state, JobState { begun_ms: Some(12), ..job.state });
    assert!(!begin(&*store, &job, 13).await, "it has begun");
    assert_eq!(get(&*store, "other").await, other);
    store.set_paused("other", true).await.expect("it is paused");
    assert!(!begin(&*store, &other, 13).await, "it is paused");
    store.remove("other").await.expect("it is removed");
    assert!(!begin(&*store, &other, 13).await, "it is removed");
    store.add(NewJob { replace: true, ..new_job("j", 10) }).await.expect("it is replaced");
    assert!(!begin(&*store, &job, 13).await, "another job has taken its place");
    let (new, more) = (get(&*store, "j").await, add(&*store, "more", 20).await);
    let runs = [&new, &more].map(|job| DueRun { number: job.number, scheduled_ms: job.state.next_ms.expect("next") });
    assert_eq!(store.begin(runs.to_vec(), 30).await.expect("it can be written").len(), 2);
}

async fn update_changes_only_the_job_of_its_run(backend: &Backend<'_>) {
    let store = backend.open().await;
    let job = add(&*store, "j", 10).await;
    let update = |begun_ms, change| JobUpdate { number: job.number, begun_ms, outcome: Some(outcome("j", 1)), change };
    assert!(begin(&*store, &job, 12).await);
    for change in [set(Some(50)), JobChange::Remove] {
        for begun_ms in [None, Some(11)] {
            store.update(vec![update(begun_ms, change)]).await.expect("it can be written");
        }
    }
    assert_eq!(get(&*store, "j").await.state, JobState { begun_ms: Some(12), ..job.state });
    assert_eq!(outcomes(&*store, "j").await.len(), 4, "the outcomes are stored in any case");

    store.update(vec![update(Some(12), set(Some(50)))]).await.expect("it can be written");
    let expected = JobState { next_ms: Some(50), covered_ms: 70, begun_ms: None, paused: false, interruptions: 3 };
    assert_eq!(get(&*store, "j").await.state, expected);
    store.update(vec![update(None, set(None))]).await.expect("it can be written");
    assert_eq!(get(&*store, "j").await.state, JobState { next_ms: None, ..expected });
    store.update(vec![update(None, JobChange::Remove)]).await.expect("it can be written");
    assert_eq!(store.get("j").await, Ok(None));
    assert_eq!(outcomes(&*store, "j").await.len(), 7);

    add(&*store, "j", 10).await;
    store.update(vec![update(None, JobChange::Remove)]).await.expect("it can be written");
    assert_eq!(ids(&*store).await, ["j"], "the new job has another number");
}

async fn updates_take_effect_in_order(backend: &Backend<'_>) {
    let store = backend.open().await;
    let (a, b) = (add(&*store, "a", 10).await, add(&*store, "b", 10).await);
    let update = |job: &Job, n, next_ms| JobUpdate {
        number: job.number,
        begun_ms: None,
        outcome: Some(outcome(&job.id, n)),
        change: set(Some(next_ms)),
    };
    store.update(vec![update(&a, 1, 20), update(&b, 2, 30), update(&a, 3, 40)]).await.expect("it can be written");
    assert_eq!(get(&*store, "a").await.state.next_ms, Some(40));
    assert_eq!(get(&*store, "b").await.state.next_ms, Some(30));
    assert_eq!(outcomes(&*store, "a").await, [outcome("a", 3), outcome("a", 1)]);
    store.update(vec![]).await.expect("nothing to do");
}

async fn concurrent_adds_of_one_id_add_one_job(backend: &Backend<'_>) {
    let mut adding = tokio::task::JoinSet::new();
    for n in 0..20 {
        let store = backend.open().await;
        adding.spawn(async move { store.add(new_job("j", n)).await });
    }
    let added = adding.join_all().await;
    assert_eq!(added.iter().filter(|added| added.is_ok()).count(), 1);
    assert!(added.into_iter().filter_map(Result::err).all(|error| error == JobError::exists("j")));
}

async fn concurrent_begins_of_one_run_begin_it_once(backend: &Backend<'_>) {
    let job = add(&*backend.open().await, "j", 10).await;
    let mut beginning = tokio::task::JoinSet::new();
    for started_ms in 10..30 {
        let (store, job) = (backend.open().await, job.clone());
        beginning.spawn(async move { begin(&*store, &job, started_ms).await });
    }
    assert_eq!(beginning.join_all().await.into_iter().filter(|begun| *begun).count(), 1);
}

async fn dropped_change_is_whole_or_absent(backend: &Backend<'_>) {
    let store = backend.open().await;
    for n in 0..10 {
        let id = format!("j{n}");
        let mut adding = Box::pin(store.add(new_job(&id, 9)));
        let _ = adding.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(adding);
    }
    // A change that follows comes after them.
    add(&*store, "last", 9).await;
    for job in store.list().await.expect("it can be read") {
        assert_eq!((&*job.action, &*job.args, job.state.next_ms), ("act", "null", Some(9)), "{}", job.id);
    }
}

async fn provider_removes_the_jobs_of_one_plugin(backend: &Backend<'_>) {
    let remove = async || backend.provider.remove(&backend.plugin).await;
    assert_eq!(remove().await, Ok(false));
    let (store, other) = (backend.open().await, backend.open_other().await);
    add(&*store, "j", 9).await;
    add(&*other, "j", 9).await;
    store.update(vec![only_outcome("j", 1)]).await.expect("it can be written");
    drop((store, other));
    assert_eq!((remove().await, remove().await), (Ok(true), Ok(false)));
    let (store, other) = (backend.open().await, backend.open_other().await);
    assert_eq!((ids(&*store).await, outcomes(&*store, "j").await), (vec![], vec![]));
    assert_eq!(ids(&*other).await, ["j"]);
}
