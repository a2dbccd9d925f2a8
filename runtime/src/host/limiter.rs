//! The bounds on an instance's allocations: memory, tables, core instances.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::metrics::Metrics;

/// Counts and bounds an instance's allocations. wasmtime's own limiter bounds each memory separately: a component with
/// eight memories would get eight times its limit.
pub(crate) struct InstanceLimiter {
    bytes: u64,
    bytes_max: u64,
    /// The counters of the plugin, which include this instance's memory.
    metrics: Arc<Metrics>,
    /// The growth that was refused, if any.
    pub(crate) refused: Option<RefusedGrowth>,
}

/// A refused growth, which is why the guest traps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RefusedGrowth {
    /// The total memory in bytes that the instance would have had.
    Memory(u64),
    /// The number of elements that the table would have had.
    Table(usize),
}

impl InstanceLimiter {
    pub(super) fn new(bytes_max: u64, metrics: Arc<Metrics>) -> Self {
        InstanceLimiter { bytes: 0, bytes_max, metrics, refused: None }
    }

    /// Returns the memory that the instance holds, in bytes. WebAssembly memory never shrinks, so this is also its
    /// peak.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for InstanceLimiter {
    fn drop(&mut self) {
        self.metrics.memory_released(self.bytes);
    }
}

impl ResourceLimiter for InstanceLimiter {
    /// Refuses by trapping, because a guest whose allocator merely fails aborts without a reason.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // The guest's own maximum comes first: growth beyond it fails as the guest declared, and is not counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let wanted = self.bytes.saturating_add((desired - current) as u64);
        if wanted > self.bytes_max {
            self.refused = Some(RefusedGrowth::Memory(wanted));
            return Err(wasmtime::Error::msg("memory limit"));
        }
        self.metrics.memory_grew(wanted - self.bytes);
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
        let mut limiter = InstanceLimiter::new(100, Arc::default());
        assert!(limiter.memory_growing(0, 60, None).is_ok());
        assert!(limiter.memory_growing(0, 40, None).is_ok());
        assert!(limiter.memory_growing(40, 41, None).is_err());
        assert!(matches!(limiter.refused, Some(RefusedGrowth::Memory(101))));
        assert_eq!(limiter.bytes(), 100);
    }

    #[test]
    fn growth_beyond_the_guests_own_maximum_is_not_counted() {
        let mut limiter = InstanceLimiter::new(100, Arc::default());
        for _ in 0..10 {
            assert!(matches!(limiter.memory_growing(20, 60, Some(50)), Ok(false)));
        }
        assert_eq!(limiter.bytes(), 0);
        assert!(limiter.refused.is_none());
    }
}
