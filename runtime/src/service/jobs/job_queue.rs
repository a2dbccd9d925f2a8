//! The jobs of one plugin as its revisions, its runner and its guests share them: the store behind them, the ids of the
//! jobs that run now, the claim, and the runner to wake.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;

use super::store::{Job, JobClaim, JobError, JobLimits, JobOutcome, JobSchedule, JobStore, JobStoreProvider, NewJob};
use super::when::When;
use crate::clock::{Clock, unix_ms};
use crate::limits::{JOB_MOMENT_MS_MAX, JOB_OUTCOMES_MAX, JOB_STORE_WAIT_MAX};

/// The jobs of one plugin.
pub(crate) struct JobQueue {
    /// The plugin's name.
    plugin: Arc<str>,
    clock: Arc<dyn Clock>,
    provider: Arc<dyn JobStoreProvider>,
    /// Opened at the first use: a plugin without jobs costs no file and no memory.
    store: OnceCell<Arc<dyn JobStore>>,
    /// Created when the jobs are first looked at, for the same reason.
    activity: OnceLock<Box<Activity>>,
    /// The latest time that was read since the jobs were last checked against the clock. An earlier time shows that the
    /// clock was set back. `u64::MAX` if they have not been checked.
    latest_ms: AtomicU64,
    waker: Arc<Mutex<Option<Box<dyn Wake>>>>,
}

/// What is going on with the jobs of a plugin.
#[derive(Default)]
pub(super) struct Activity {
    /// The ids of the jobs that run now. Two runs of one id never overlap, even if the job was replaced.
    pub(super) running: watch::Sender<HashSet<String>>,
    /// Held during a look at what is due.
    pub(super) looking: tokio::sync::Mutex<()>,
    /// Held by the runner and by each run.
    claim: Mutex<Option<Weak<dyn JobClaim>>>,
}

/// The runner of the jobs, as the queue sees it.
pub(crate) trait Wake: Send + Sync {
    /// Makes the runner look again at what is due.
    fn wake(&self);

    /// Whether the runner only waits, for a moment or a change.
    fn is_waiting(&self) -> bool;

    /// Begins no more jobs. The returned handle, if any, completes when the runner has ended.
    fn stop(&self) -> Option<JoinHandle<()>>;
}

impl JobQueue {
    /// The jobs of the plugin of this name. Nothing is opened or created before the first use.
    pub(crate) fn new(plugin: Arc<str>, clock: Arc<dyn Clock>, provider: Arc<dyn JobStoreProvider>) -> Self {
        JobQueue {
            plugin,
            clock,
            provider,
            store: OnceCell::new(),
            activity: OnceLock::new(),
            latest_ms: AtomicU64::new(u64::MAX),
            waker: Arc::default(),
        }
    }

    /// The plugin's name.
    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The current time.
    pub(super) fn now_ms(&self) -> u64 {
        let now_ms = unix_ms(self.clock.now()).min(JOB_MOMENT_MS_MAX);
        self.latest_ms.fetch_max(now_ms, Ordering::Relaxed);
        now_ms
    }

    /// The current time, and whether the stored jobs have to be checked against it: the clock was set back, or they
    /// were never checked.
    pub(super) fn now_ms_and_set_back(&self) -> (u64, bool) {
        let now_ms = unix_ms(self.clock.now()).min(JOB_MOMENT_MS_MAX);
        (now_ms, now_ms < self.latest_ms.swap(now_ms, Ordering::Relaxed))
    }

    /// Checks the stored jobs against the clock at the next look.
    pub(super) fn check_clock_again(&self) {
        self.latest_ms.store(u64::MAX, Ordering::Relaxed);
    }

    /// Whether there may be jobs: something was stored, by this process or an earlier one.
    pub(crate) fn may_have_jobs(&self) -> bool {
        self.store.initialized() || self.provider.may_have_jobs(&self.plugin)
    }

    pub(super) async fn store(&self) -> Result<&Arc<dyn JobStore>, JobError> {
        self.store.get_or_try_init(|| within(self.provider.open(&self.plugin, JobLimits::default()))).await
    }

    /// Notifies this runner of every change from now on. Returns the previous one.
    pub(crate) fn set_waker(&self, waker: Option<Box<dyn Wake>>) -> Option<Box<dyn Wake>> {
        std::mem::replace(&mut *self.waker.lock(), waker)
    }

    pub(super) fn activity(&self) -> &Activity {
        self.activity.get_or_init(Box::default)
    }

    /// The number of jobs that run now.
    pub(crate) fn running(&self) -> usize {
        self.activity.get().map_or(0, |activity| activity.running.borrow().len())
    }

    /// Waits until no job runs.
    pub(crate) async fn settled(&self) {
        if let Some(activity) = self.activity.get() {
            let _ = activity.running.subscribe().wait_for(HashSet::is_empty).await;
        }
    }

    /// Whether no job runs or is about to begin.
    pub(crate) fn is_idle(&self) -> bool {
        self.running() == 0 && self.waker.lock().as_ref().is_none_or(|waker| waker.is_waiting())
    }

    /// Makes the runner look again at what is due, if there may be any jobs.
    pub(crate) fn wake(&self) {
        if self.may_have_jobs() {
            drop(self.wake_on_drop());
        }
    }

    pub(super) fn wake_on_drop(&self) -> WakeOnDrop {
        WakeOnDrop(self.waker.clone())
    }

    /// The claim on these jobs, unless another process has it. Runs of an earlier runner share theirs.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn claim(&self) -> Result<Option<Arc<dyn JobClaim>>, JobError> {
        self.check_clock_again();
        let held = self.activity().claim.lock().as_ref().and_then(Weak::upgrade);
        if let Some(claim) = held.filter(|claim| claim.is_held()) {
            return Ok(Some(claim));
        }
        let claim = within(self.store().await?.claim()).await?;
        *self.activity().claim.lock() = claim.as_ref().map(Arc::downgrade);
        Ok(claim)
    }

    /// Adds a job. Returns when it first runs.
    ///
    /// # Errors
    /// [`JobError`].
    pub(super) async fn add(
        &self,
        id: String,
        action: String,
        args: String,
        schedule: JobSchedule,
        replace: bool,
    ) -> Result<Option<u64>, JobError> {
        let when = When::parse(&schedule).map_err(JobError::Invalid)?;
        let added_ms = self.now_ms();
        let next_ms = find_run(&when, move |when| when.first(added_ms)).await;
        if next_ms.is_none() {
            return Err(JobError::Invalid("the cron expression fits no day at all".to_owned()));
        }
        let job = NewJob { id, action, args, schedule, next_ms, added_ms, replace };
        self.change(|store| async move { store.add(job).await }).await?;
        Ok(next_ms)
    }

    /// The job with this id.
    ///
    /// # Errors
    /// [`JobError::Unavailable`].
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Job>, JobError> {
        self.store().await?.get(id).await
    }

    /// All jobs, by id.
    ///
    /// # Errors
    /// [`JobError::Unavailable`].
    pub(crate) async fn list(&self) -> Result<Vec<Job>, JobError> {
        self.store().await?.list().await
    }

    /// Pauses or resumes a job. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`JobError::NotFound`] and [`JobError::Unavailable`].
    pub(crate) async fn set_paused(&self, id: String, paused: bool) -> Result<bool, JobError> {
        self.change(|store| async move { store.set_paused(&id, paused).await }).await
    }

    /// Removes a job and its outcomes. Returns whether it existed.
    ///
    /// # Errors
    /// [`JobError::Unavailable`].
    pub(crate) async fn remove(&self, id: String) -> Result<bool, JobError> {
        self.change(|store| async move { store.remove(&id).await }).await
    }

    /// The last outcomes of a job, newest first: at most `limit`.
    ///
    /// # Errors
    /// [`JobError::Unavailable`].
    pub(crate) async fn outcomes(&self, id: &str, limit: u32) -> Result<Vec<JobOutcome>, JobError> {
        self.store().await?.outcomes(id, limit.min(JOB_OUTCOMES_MAX)).await
    }

    /// Makes a change and wakes the runner after it. A task of its own does both, so that the runner learns of the
    /// change even if the caller stops waiting before it is made.
    async fn change<T, F>(&self, change: impl FnOnce(Arc<dyn JobStore>) -> F) -> Result<T, JobError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, JobError>> + Send + 'static,
    {
        let change = change(self.store().await?.clone());
        let wake = self.wake_on_drop();
        let changed = tokio::spawn(async move {
            let changed = within(change).await;
            drop(wake);
            changed
        });
        changed.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(JobError::Unavailable("the host is shutting down".to_owned())),
        })
    }
}

/// Wakes the runner when it is dropped.
pub(super) struct WakeOnDrop(Arc<Mutex<Option<Box<dyn Wake>>>>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        if let Some(waker) = &*self.0.lock() {
            waker.wake();
        }
    }
}

/// Bounds an operation of the store for callers that have no deadline of their own.
pub(super) async fn within<T>(operation: impl Future<Output = Result<T, JobError>>) -> Result<T, JobError> {
    tokio::time::timeout(JOB_STORE_WAIT_MAX, operation).await.unwrap_or_else(|_| {
        let seconds = JOB_STORE_WAIT_MAX.as_secs();
        Err(JobError::Unavailable(format!("the store of the jobs has not answered for {seconds} s: try again")))
    })
}

/// Finds a run of a schedule, on a thread that may block if that may take long.
pub(super) async fn find_run(when: &When, find: impl Fn(&When) -> Option<u64> + Send + 'static) -> Option<u64> {
    if !when.is_slow() {
        return find(when);
    }
    let when = when.clone();
    tokio::task::spawn_blocking(move || find(&when)).await.ok().flatten()
}
