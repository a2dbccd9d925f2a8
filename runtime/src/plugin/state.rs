//! What belongs to one wasmtime `Store`: one instance of one plugin.
//!
//! A fresh sandbox for each call makes one of these for each call, so it holds what is cheap and makes the rest when a guest
//! first needs it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use plugbay_manifest::PermissionAction;
use wasmtime::ResourceLimiter;

use crate::admission::Chain;
use crate::capability::Denial;
use crate::invocation::Caller;
use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::plugin::deadline::TimeLimit;
use crate::plugin::instance::Call;
use crate::service::db::OpenTransaction;
use crate::service::output::Output;
use crate::service::wasi::Wasi;
use crate::service::{HostWork, PluginContext};

/// The data of one store.
pub(crate) struct HostState {
    pub(crate) plugin: Arc<PluginContext>,
    pub(crate) call: CallState,
    pub(crate) memory: InstanceLimiter,
    /// What a legacy plugin reads; handed to WASI when it is made.
    pub(crate) stdin: Option<Vec<u8>>,
    pub(crate) output: Option<Output>,
    pub(crate) wasi: Option<Box<Wasi>>,
    pub(crate) host_work: HostWork,
    /// The database transaction that the running call has begun.
    pub(crate) transaction: Option<OpenTransaction>,
    /// The status with which the guest ended itself.
    pub(crate) exit_code: Option<i32>,
}

impl HostState {
    pub(crate) fn new(plugin: Arc<PluginContext>, memory_bytes: u64) -> Self {
        HostState {
            plugin,
            call: CallState::default(),
            memory: InstanceLimiter::new(memory_bytes),
            stdin: None,
            output: None,
            wasi: None,
            host_work: HostWork::default(),
            transaction: None,
            exit_code: None,
        }
    }

    /// Whether the plugin was granted this use, which is counted and audited.
    pub(crate) fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        self.plugin.check_in(&self.call, resource, action)
    }
}

/// The call that runs in the store.
#[derive(Clone, Default)]
pub(crate) struct CallState {
    pub(crate) caller: Caller,
    /// `None` between calls.
    pub(crate) time: Option<TimeLimit>,
    /// Outgoing HTTP requests so far.
    pub(crate) http_requests: u32,
    /// The plugins that wait for this call.
    pub(crate) chain: Option<Arc<Chain>>,
    request_id: OnceLock<String>,
}

impl CallState {
    pub(crate) fn new(call: &Call<'_>) -> Self {
        CallState {
            caller: call.caller.clone(),
            time: Some(call.time),
            http_requests: 0,
            chain: call.chain.cloned(),
            request_id: call.request_id.map(|id| OnceLock::from(id.to_owned())).unwrap_or_default(),
        }
    }

    /// The time that is left to it; `None` where it may take as long as it likes.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.time?.left()
    }

    /// Counts a request, and answers what is to be known of the call while that is under way.
    pub(crate) fn count_http_request(&mut self) -> CallState {
        self.http_requests = self.http_requests.saturating_add(1);
        // Before it is copied: two copies would make two ids.
        self.request_id();
        self.clone()
    }

    /// The id under which the call is logged; made when somebody asks for it.
    pub(crate) fn request_id(&self) -> &str {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.request_id.get_or_init(|| format!("{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Counts and bounds what one instance allocates. wasmtime's own limiter bounds each memory by itself: a component with
/// eight memories would have eight times its limit.
pub(crate) struct InstanceLimiter {
    bytes: u64,
    bytes_max: u64,
    /// What the instance asked for when it was refused.
    pub(crate) refused: Option<RefusedGrowth>,
}

/// A growth that was refused: why the guest is trapping.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RefusedGrowth {
    /// Bytes that it would have had.
    Memory(u64),
    /// Elements that the table would have had.
    Table(usize),
}

impl InstanceLimiter {
    fn new(bytes_max: u64) -> Self {
        InstanceLimiter { bytes: 0, bytes_max, refused: None }
    }

    /// Bytes that the instance holds. A WebAssembly memory never shrinks, so this is its peak as well.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl ResourceLimiter for InstanceLimiter {
    /// Refuses by a trap: a guest whose allocator is told no aborts without a reason.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // The guest's own maximum comes first: it is told no, as it asked to be, and nothing is counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let wanted = self.bytes.saturating_add((desired - current) as u64);
        if wanted > self.bytes_max {
            self.refused = Some(RefusedGrowth::Memory(wanted));
            return Err(wasmtime::Error::msg("memory limit"));
        }
        self.bytes = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS_MAX {
            self.refused = Some(RefusedGrowth::Table(desired));
            return Err(wasmtime::Error::msg("table limit"));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_summed_over_all_memories() {
        let mut limiter = InstanceLimiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).is_ok());
        assert!(limiter.memory_growing(0, 40, None).is_ok());
        assert!(limiter.memory_growing(40, 41, None).is_err());
        assert!(matches!(limiter.refused, Some(RefusedGrowth::Memory(101))));
        assert_eq!(limiter.bytes(), 100);
    }

    #[test]
    fn growth_beyond_the_guests_own_maximum_is_not_counted() {
        let mut limiter = InstanceLimiter::new(100);
        for _ in 0..10 {
            assert!(matches!(limiter.memory_growing(20, 60, Some(50)), Ok(false)));
        }
        assert_eq!(limiter.bytes(), 0);
        assert!(limiter.refused.is_none());
    }
}
