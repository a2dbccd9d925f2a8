//! Counts the wrong tokens of each address, to refuse more of them for a while.
//!
//! Tokens have too many bits to be found by trying; the limit keeps an address that tries anyway from filling the log.
//! A right token is never refused: clients behind one proxy share an address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Wrong tokens of one address in a window that get a plain refusal.
pub(crate) const WRONG_MAX: u32 = 10;
/// The window's length.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// The most addresses that are counted at once. If there are more, one whose window is over or any other is forgotten.
const ADDRESSES_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct WrongTokens {
    counts: Mutex<HashMap<IpAddr, Count>>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    wrong: u32,
}

impl WrongTokens {
    /// Counts a wrong token of an address. Returns how long further ones are refused if there were too many.
    pub(crate) fn count(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let address = network(address);
        let mut counts = self.counts.lock();
        if counts.len() >= ADDRESSES_MAX && !counts.contains_key(&address) {
            counts.retain(|_, count| now.duration_since(count.since) < WINDOW);
            if counts.len() >= ADDRESSES_MAX
                && let Some(any) = counts.keys().next().copied()
            {
                counts.remove(&any);
            }
        }
        let count = counts.entry(address).or_insert(Count { since: now, wrong: 0 });
        if now.duration_since(count.since) >= WINDOW {
            *count = Count { since: now, wrong: 0 };
        }
        count.wrong = count.wrong.saturating_add(1);
        (count.wrong > WRONG_MAX).then(|| WINDOW.saturating_sub(now.duration_since(count.since)))
    }
}

/// The address, or for IPv6 the network of 64 bits that one customer usually has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn eleventh_wrong_token_in_a_minute_is_one_too_many() {
        let (wrong, start) = (WrongTokens::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(wrong.count(address("192.0.2.1"), start), None);
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(wrong.count(address("192.0.2.1"), later), Some(Duration::from_secs(40)));
        assert_eq!(wrong.count(address("192.0.2.2"), later), None, "another address");
        assert_eq!(wrong.count(address("192.0.2.1"), start + WINDOW), None, "another window");
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let (wrong, start) = (WrongTokens::default(), Instant::now());
        for host in 0..10 {
            assert_eq!(wrong.count(address(&format!("2001:db8::{host}")), start), None);
        }
        assert!(wrong.count(address("2001:db8::ffff:1"), start).is_some());
        assert!(wrong.count(address("2001:db8:0:1::1"), start).is_none());
    }

    #[test]
    fn number_of_counted_addresses_is_bounded() {
        let (wrong, start) = (WrongTokens::default(), Instant::now());
        for number in 0..12_000_u32 {
            wrong.count(IpAddr::V4(number.into()), start);
        }
        assert!(wrong.counts.lock().len() <= ADDRESSES_MAX);
    }
}
