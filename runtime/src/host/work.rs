//! The accounting of host calls, which determines when other tasks run in between.

use super::HostState;
use crate::limits::{HOST_BYTES_UNTIL_YIELD, HOST_CALL_BYTES};

/// The cost of host calls since the store last let other tasks run. Fuel measures only the guest's own work: between
/// two yields, a guest can make thousands of host calls that each move megabytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostWork {
    bytes: usize,
}

impl HostWork {
    /// Counts a host call that moved this many bytes. Returns whether to let other tasks run and check the deadline.
    pub(crate) fn is_time_to_yield(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(HOST_CALL_BYTES).saturating_add(bytes);
        let enough = self.bytes >= HOST_BYTES_UNTIL_YIELD;
        if enough {
            self.bytes = 0;
        }
        enough
    }
}

impl HostState {
    /// Ends a host call that moved this many bytes.
    pub(super) async fn end_host_call(&mut self, bytes: usize) {
        if self.host_work.is_time_to_yield(bytes) {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_work_is_due_after_many_small_calls_or_one_large_one() {
        let mut work = HostWork::default();
        let calls = (1..).find(|_| work.is_time_to_yield(0)).unwrap_or_default();
        assert_eq!(calls, HOST_BYTES_UNTIL_YIELD / HOST_CALL_BYTES);
        assert!(!work.is_time_to_yield(0), "it begins anew");
        assert!(work.is_time_to_yield(usize::MAX));
    }
}
