//! The instances of one plugin, leased to one call at a time.
//!
//! A call takes a permit, in the order in which calls came, and with it an idle instance or the right to make one. What a
//! lease does not give back, because the instance broke or the call was dropped, is gone; its permit is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use plugbay_manifest::Instances as Asked;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::instance::Instance;
use crate::limits::{CONCURRENT_SANDBOXES_MAX, WAITING_CALLS_MAX};

/// The live instances of one plugin and the calls that wait for them.
pub(crate) struct Instances {
    permits: Semaphore,
    permits_max: usize,
    waiting: AtomicUsize,
    idle: Mutex<Vec<Instance>>,
    /// Whether an instance serves more than one call.
    reused: bool,
}

/// Why there is no lease.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoLease {
    /// As many calls wait as may.
    Full,
    /// The deadline passed in the queue.
    Deadline,
    /// The plugin was unloaded.
    Closed,
}

/// The right to run one call.
pub(crate) struct Lease<'a> {
    instances: &'a Instances,
    instance: Option<Instance>,
    _permit: SemaphorePermit<'a>,
}

impl Instances {
    pub(crate) fn new(asked: Asked, legacy: bool) -> Self {
        let (permits_max, reused) = match asked {
            _ if legacy => (CONCURRENT_SANDBOXES_MAX, false),
            Asked::Count(count) => (count as usize, true),
            Asked::PerCall => (CONCURRENT_SANDBOXES_MAX, false),
        };
        Instances {
            permits: Semaphore::new(permits_max),
            permits_max,
            waiting: AtomicUsize::new(0),
            idle: Mutex::new(Vec::new()),
            reused,
        }
    }

    /// Waits for the call's turn.
    pub(crate) async fn lease(&self, deadline: Option<Instant>) -> Result<Lease<'_>, NoLease> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.wait(deadline).await?,
        };
        Ok(Lease { instances: self, instance: self.idle().pop(), _permit: permit })
    }

    async fn wait(&self, deadline: Option<Instant>) -> Result<SemaphorePermit<'_>, NoLease> {
        let _waiting = Waiting::enter(&self.waiting).ok_or(NoLease::Full)?;
        let permit = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.into(), self.permits.acquire())
                .await
                .map_err(|_| NoLease::Deadline)?,
            None => self.permits.acquire().await,
        };
        permit.map_err(|_| NoLease::Closed)
    }

    /// Takes the whole plugin: returns when no call runs any more, and no new one starts while the answer is held.
    pub(crate) async fn lease_all(&self, deadline: Option<Instant>) -> Result<SemaphorePermit<'_>, NoLease> {
        let all = self.permits.acquire_many(self.permits_max as u32);
        let permits = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.into(), all).await.map_err(|_| NoLease::Deadline)?,
            None => all.await,
        };
        permits.map_err(|_| NoLease::Closed)
    }

    /// Turns away every call that waits or comes.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// Puts an instance in that was started ahead of the first call. A plugin with a fresh sandbox for each call keeps none.
    pub(crate) fn put(&self, instance: Instance) {
        if self.reused {
            self.idle().push(instance);
        }
    }

    /// Takes all idle instances out.
    pub(crate) fn drain(&self) -> Vec<Instance> {
        std::mem::take(&mut *self.idle())
    }

    /// Calls that may run at once.
    pub(crate) fn permits_max(&self) -> usize {
        self.permits_max
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    /// The idle instance that came with the lease, if there was one.
    pub(crate) fn take(&mut self) -> Option<Instance> {
        self.instance.take()
    }

    /// Gives a healthy instance back for the next call.
    pub(crate) fn give_back(self, instance: Instance) {
        self.instances.put(instance);
    }
}

/// One place in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Option<Self> {
        if waiting.fetch_add(1, Ordering::Relaxed) < WAITING_CALLS_MAX {
            return Some(Waiting(waiting));
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
