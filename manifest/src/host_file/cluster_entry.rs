//! The part `cluster` of a process: instances of it behind one port.

use std::net::IpAddr;
use std::ops::Range;

use serde_json::Value;

use crate::field::{Table, field};
use crate::limits::LINE_CHARS_MAX;
use crate::problem::{Report, code, quoted};
use crate::read::Node;
use crate::shape;

/// The most instances that can be asked for, as in Pup.
const INSTANCES_MAX: u64 = 65_535;
const STRATEGIES: [&str; 3] = ["ip-hash", "round-robin", "least-connections"];

/// Instances of a process, which are named `ID-1`, `ID-2` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterEntry {
    /// The number of instances. Default: 1.
    pub instances: u16,
    /// The address on which the balancer listens. Default: 127.0.0.1. Pup listens on all addresses.
    pub hostname: IpAddr,
    /// The port on which the balancer listens. `None` runs no balancer.
    pub common_port: Option<u16>,
    /// The port of the first instance; the others have those that follow. Each has its own in `PUP_CLUSTER_PORT`.
    pub start_port: Option<u16>,
    /// The choice of an instance for a connection. Default: round-robin.
    pub strategy: BalanceStrategy,
}

/// The choice of an instance for a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BalanceStrategy {
    /// The same instance for all connections from one address.
    IpHash,
    /// One after another.
    #[default]
    RoundRobin,
    /// The one with the fewest connections.
    LeastConnections,
}

const CLUSTER: Table = &[
    field("instances", "The number of instances. Default: 1.", || shape::count(0, INSTANCES_MAX)),
    field("hostname", "The IP address on which the balancer listens. Default: 127.0.0.1.", || {
        shape::line(LINE_CHARS_MAX)
    }),
    field("commonPort", "The port on which the balancer listens.", || shape::count(1, 65_535)),
    field("startPort", "The port of the first instance. The others have those that follow.", || {
        shape::count(1, 65_535)
    }),
    field("strategy", "The choice of an instance: ip-hash, round-robin or least-connections.", || {
        shape::word(&STRATEGIES)
    }),
];

pub(super) fn cluster_shape() -> Value {
    shape::object(CLUSTER, &[])
}

pub(super) fn read(node: &Node<'_>, report: &mut Report) -> Option<ClusterEntry> {
    let object = node.object(CLUSTER, report)?;
    let number = |name: &str, least: u64, report: &mut Report| {
        let number = object.get(name)?.count(least..=INSTANCES_MAX, report)?;
        u16::try_from(number).ok()
    };
    let entry = ClusterEntry {
        instances: number("instances", 0, report).unwrap_or(1),
        hostname: object
            .get("hostname")
            .and_then(|node| read_address(&node, report))
            .unwrap_or(IpAddr::from([127, 0, 0, 1])),
        common_port: number("commonPort", 1, report),
        start_port: number("startPort", 1, report),
        strategy: match object.get("strategy").and_then(|node| node.word(&STRATEGIES, report)) {
            Some("ip-hash") => BalanceStrategy::IpHash,
            Some("least-connections") => BalanceStrategy::LeastConnections,
            _ => BalanceStrategy::RoundRobin,
        },
    };
    if entry.common_port.is_some() && entry.start_port.is_none() {
        let message = "the balancer has no instances to connect to without `startPort`";
        node.problem(report, code::MISSING_FIELD, message);
    }
    let last = entry.start_port.map(|port| u32::from(port) + u32::from(entry.instances));
    if last.is_some_and(|last| last > 65_536) {
        node.problem(report, code::OUT_OF_RANGE, "the ports of the instances go beyond 65535");
    }
    if let Some(common) = entry.common_port
        && entry.instance_ports().contains(&u32::from(common))
    {
        node.problem(report, code::CONFLICT, format!("port {common} is also that of an instance"));
    }
    Some(entry)
}

impl ClusterEntry {
    /// The ports of the instances, which may go beyond 65,535 in an entry that is refused.
    fn instance_ports(&self) -> Range<u32> {
        self.start_port.map_or(0..0, |port| u32::from(port)..u32::from(port) + u32::from(self.instances))
    }

    /// A port that this cluster and another one would use.
    pub(super) fn shared_port(&self, other: &ClusterEntry) -> Option<u32> {
        let is_same_address =
            self.hostname == other.hostname || self.hostname.is_unspecified() || other.hostname.is_unspecified();
        let (common, other_common) = (self.common_port.map(u32::from), other.common_port.map(u32::from));
        let (own, others) = (self.instance_ports(), other.instance_ports());
        let first_shared = own.start.max(others.start);
        common
            .filter(|port| others.contains(port) || (is_same_address && other_common == Some(*port)))
            .or_else(|| other_common.filter(|port| own.contains(port)))
            .or_else(|| (own.contains(&first_shared) && others.contains(&first_shared)).then_some(first_shared))
    }
}

pub(super) fn read_address(node: &Node<'_>, report: &mut Report) -> Option<IpAddr> {
    let text = node.line(LINE_CHARS_MAX, report)?;
    let text = if text == "localhost" { "127.0.0.1" } else { &text };
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("{} is not an IP address, such as 127.0.0.1", quoted(text));
        node.problem(report, code::INVALID_VALUE, message);
    }
    address
}
