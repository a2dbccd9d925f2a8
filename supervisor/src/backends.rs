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
    connections: usize,
    failures: u32,
    down_until: Option<SystemTime>,
}

impl Backends {
    pub(crate) fn new(ports: Vec<u16>, strategy: BalanceStrategy) -> Self {
        let backend = |port| Backend { port, connections: 0, failures: 0, down_until: None };
        Backends { backends: ports.into_iter().map(backend).collect(), strategy, next: 0 }
    }

    /// Chooses an instance that is not down and was not tried, and returns its index and port.
    pub(crate) fn choose(&mut self, client: IpAddr, tried: &[usize], now: SystemTime) -> Option<(usize, u16)> {
        let count = self.backends.len();
        let first = match self.strategy {
            BalanceStrategy::IpHash => hash(client) % count.max(1),
            BalanceStrategy::RoundRobin | BalanceStrategy::LeastConnections => self.next,
        };
        let is_up =
            |index: &usize| !tried.contains(index) && self.backends[*index].down_until.is_none_or(|until| until <= now);
        let mut usable = (first..first + count).map(|index| index % count).filter(is_up);
        let index = match self.strategy {
            BalanceStrategy::LeastConnections => usable.min_by_key(|index| self.backends[*index].connections),
            _ => usable.next(),
        }?;
        if self.strategy != BalanceStrategy::IpHash {
            self.next = (index + 1) % count;
        }
        Some((index, self.backends[index].port))
    }

    pub(crate) fn connected(&mut self, index: usize) {
        let backend = &mut self.backends[index];
        backend.connections += 1;
        (backend.failures, backend.down_until) = (0, None);
    }

    pub(crate) fn closed(&mut self, index: usize) {
        self.backends[index].connections -= 1;
    }

    /// Counts a failed connection. One that is tried again is down again after one more failure.
    pub(crate) fn failed(&mut self, index: usize, now: SystemTime) {
        let backend = &mut self.backends[index];
        backend.failures = (backend.failures + 1).min(FAILURES_MAX);
        if backend.failures == FAILURES_MAX {
            backend.down_until = now.checked_add(RECHECK_AFTER);
        }
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
        (0..2).for_each(|_| backends.connected(1));
        assert_eq!(ports(&mut backends, 1), [1]);
        (0..2).for_each(|_| backends.closed(1));
        assert_eq!(ports(&mut backends, 1), [2]);
    }

    #[test]
    fn instance_is_down_after_five_failures_for_a_minute() {
        let mut backends = Backends::new(vec![1, 2], BalanceStrategy::RoundRobin);
        (0..4).for_each(|_| backends.failed(0, UNIX_EPOCH));
        assert_eq!(ports(&mut backends, 1), [1]);
        backends.failed(0, UNIX_EPOCH);
        assert_eq!(ports(&mut backends, 2), [2, 2]);
        assert_eq!(backends.choose(CLIENT, &[1], UNIX_EPOCH), None);
        let later = UNIX_EPOCH + RECHECK_AFTER;
        assert_eq!(backends.choose(CLIENT, &[1], later), Some((0, 1)));
        backends.failed(0, later);
        assert_eq!(backends.choose(CLIENT, &[1], later), None, "one more failure is enough");
        backends.connected(0);
        assert_eq!(backends.choose(CLIENT, &[1], later), Some((0, 1)));
        assert_eq!(Backends::new(Vec::new(), BalanceStrategy::IpHash).choose(CLIENT, &[], later), None);
    }
}
