//! The choice of an instance for a connection.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use plugbay_manifest::BalanceStrategy;

/// The failed connections after which an instance counts as down, as in Pup.
const FAILURES_MAX: u32 = 5;
/// The time after which an instance that is down is tried again, as in Pup.
const RECHECK_AFTER: Duration = Duration::from_secs(60);

/// The instances of a cluster.
#[derive(Debug)]
pub(crate) struct Backends {
    backends: Vec<Backend>,
    strategy: BalanceStrategy,
    /// The index of the next one in turn.
    next: usize,
}

#[derive(Debug)]
struct Backend {
    port: u16,
    /// The number of its run in the operating system, to which the two below apply.
    pid: Option<u32>,
    connections: usize,
    failures: u32,
    down_until: Option<SystemTime>,
}

impl Backends {
    pub(crate) fn new(ports: Vec<u16>, strategy: BalanceStrategy) -> Self {
        let backend = |port| Backend { port, pid: None, connections: 0, failures: 0, down_until: None };
        Backends { backends: ports.into_iter().map(backend).collect(), strategy, next: 0 }
    }

    /// Forgets the failures of instances that run anew.
    pub(crate) fn set_runs(&mut self, pids: impl Iterator<Item = Option<u32>>) {
        for (backend, pid) in self.backends.iter_mut().zip(pids) {
            if std::mem::replace(&mut backend.pid, pid) != pid {
                (backend.failures, backend.down_until) = (0, None);
            }
        }
    }

    /// Chooses an instance that was not tried, and returns its index and port. Those that are down are the last resort.
    pub(crate) fn choose(&mut self, client: IpAddr, tried: &[usize], now: SystemTime) -> Option<(usize, u16)> {
        let count = self.backends.len();
        let first = match self.strategy {
            BalanceStrategy::IpHash => hash(client) % count.max(1),
            BalanceStrategy::RoundRobin | BalanceStrategy::LeastConnections => self.next,
        };
        // The first of those with the smallest key is chosen.
        let key = |index: &usize| {
            let backend = &self.backends[*index];
            let is_down = backend.down_until.is_some_and(|until| until > now);
            let counts = self.strategy == BalanceStrategy::LeastConnections;
            (is_down, if counts { backend.connections } else { 0 })
        };
        let untried = (first..first + count).map(|index| index % count).filter(|index| !tried.contains(index));
        let index = untried.min_by_key(key)?;
        if self.strategy != BalanceStrategy::IpHash {
            self.next = (index + 1) % count;
        }
        Some((index, self.backends[index].port))
    }

    /// Counts a connection, and returns whether the instance was down.
    pub(crate) fn connected(&mut self, index: usize) -> bool {
        let backend = &mut self.backends[index];
        backend.connections += 1;
        backend.failures = 0;
        backend.down_until.take().is_some()
    }

    pub(crate) fn closed(&mut self, index: usize) {
        self.backends[index].connections -= 1;
    }

    /// Counts a failed connection, and returns whether the instance is down since then. One that is tried again is down
    /// again after one more failure.
    pub(crate) fn failed(&mut self, index: usize, now: SystemTime) -> bool {
        let backend = &mut self.backends[index];
        backend.failures = (backend.failures + 1).min(FAILURES_MAX);
        let was_down = backend.down_until.is_some();
        if backend.failures == FAILURES_MAX {
            backend.down_until = now.checked_add(RECHECK_AFTER);
        }
        !was_down && backend.down_until.is_some()
    }
}

fn hash(client: IpAddr) -> usize {
    let mut hasher = DefaultHasher::new();
    client.hash(&mut hasher);
    usize::try_from(hasher.finish() & 0xffff_ffff).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn ports(backends: &mut Backends, count: usize) -> Vec<u16> {
        (0..count).map(|_| backends.choose(CLIENT, &[], UNIX_EPOCH).expect("one is up").1).collect()
    }

    #[test]
    fn round_robin_takes_turns() {
        let mut backends = Backends::new(vec![1, 2, 3], BalanceStrategy::RoundRobin);
        assert_eq!(ports(&mut backends, 4), [1, 2, 3, 1]);
    }

    #[test]
    fn ip_hash_keeps_an_address_at_one_instance() {
        let mut backends = Backends::new(vec![1, 2, 3], BalanceStrategy::IpHash);
        let first = ports(&mut backends, 3);
        assert!(first.iter().all(|port| *port == first[0]));
        let others = (0..=255).map(|last| backends.choose(IpAddr::from([10, 0, 0, last]), &[], UNIX_EPOCH));
        let used: std::collections::BTreeSet<u16> = others.map(|chosen| chosen.expect("one is up").1).collect();
        assert_eq!(used.len(), 3);
    }

    #[test]
    fn least_connections_takes_the_idlest() {
        let mut backends = Backends::new(vec![1, 2], BalanceStrategy::LeastConnections);
        backends.connected(0);
        assert_eq!(ports(&mut backends, 2), [2, 2]);
        (0..2).for_each(|_| _ = backends.connected(1));
        assert_eq!(ports(&mut backends, 1), [1]);
        (0..2).for_each(|_| backends.closed(1));
        assert_eq!(ports(&mut backends, 1), [2]);
    }

    #[test]
    fn instance_is_down_after_five_failures_for_a_minute() {
        let mut backends = Backends::new(vec![1, 2], BalanceStrategy::RoundRobin);
        assert!((0..4).all(|_| !backends.failed(0, UNIX_EPOCH)));
        assert_eq!(ports(&mut backends, 1), [1]);
        assert!(backends.failed(0, UNIX_EPOCH) && !backends.failed(0, UNIX_EPOCH), "it is down once");
        assert_eq!(ports(&mut backends, 2), [2, 2]);
        let later = UNIX_EPOCH + RECHECK_AFTER;
        assert_eq!(backends.choose(CLIENT, &[], later), Some((0, 1)));
        backends.failed(0, later);
        assert_eq!(ports_at(&mut backends, later), [2, 2], "one more failure is enough");
        assert!(backends.connected(0));
        assert_eq!(ports_at(&mut backends, later), [1, 2]);
    }

    fn ports_at(backends: &mut Backends, now: SystemTime) -> Vec<u16> {
        (0..2).filter_map(|_| Some(backends.choose(CLIENT, &[], now)?.1)).collect()
    }

    #[test]
    fn instances_that_are_down_are_the_last_resort() {
        let mut backends = Backends::new(vec![1, 2], BalanceStrategy::LeastConnections);
        (0..5).for_each(|_| _ = backends.failed(0, UNIX_EPOCH));
        assert_eq!(backends.choose(CLIENT, &[1], UNIX_EPOCH), Some((0, 1)));
        assert_eq!(backends.choose(CLIENT, &[0, 1], UNIX_EPOCH), None);
        backends.set_runs([Some(7), None].into_iter());
        backends.connected(1);
        assert_eq!(ports(&mut backends, 1), [1], "it runs anew");
        assert_eq!(Backends::new(Vec::new(), BalanceStrategy::IpHash).choose(CLIENT, &[], UNIX_EPOCH), None);
    }
}
