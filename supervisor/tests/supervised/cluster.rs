//! Clusters behind their balancer: strategies, instances that end or do not listen, and ports that are taken.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use plugbay_manifest::{Format, HostFile, ProcessEntry};
use plugbay_supervisor::{Order, ProcessState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{PATIENCE, Supervised, supervised, supervised_in, until};

/// The variable that makes the test below an instance.
const INSTANCE_VARIABLE: &str = "SUPERVISOR_TEST_INSTANCE";

/// Is an instance of a cluster if the variable says so. It writes its number on each connection, and ends the
/// connection when the client does. With the value `late`, it waits for a file before it listens.
#[test]
fn instance_for_the_tests_below() {
    let Ok(value) = std::env::var(INSTANCE_VARIABLE) else { return };
    let variable = |name: &str| std::env::var(name).expect("it is set");
    let number = variable("PUP_CLUSTER_INSTANCE");
    while value == "late" && !std::path::Path::new(&format!("open-{number}")).exists() {
        std::thread::yield_now();
    }
    let port: u16 = variable("PUP_CLUSTER_PORT").parse().expect("a port");
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    println!("\nlistening");
    for client in listener.incoming() {
        let (mut client, number) = (client.expect("accepted"), number.clone());
        std::thread::spawn(move || {
            // The client may have gone.
            let _ = client.write_all(number.as_bytes());
            let _ = client.read_to_end(&mut Vec::new());
        });
    }
}

/// A port that is free, followed by others that are. The last one is for the balancer. No other test gets them, and
/// they are below those that the system gives to connections, one of which could otherwise take a port before its
/// instance.
fn free_ports(count: u16) -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        // Test processes that run at the same time begin at different ports.
        let offset = NEXT.fetch_add(count + 1, Ordering::Relaxed).wrapping_add(std::process::id() as u16 & 0x7f00);
        let first = 10_000 + offset % 20_000;
        if (first..=first + count).all(is_free) {
            return (first, first + count);
        }
    }
}

/// A cluster of instances for the tests, and the port of its balancer.
fn cluster(instances: u16, strategy: &str, value: &str) -> (ProcessEntry, u16) {
    let (first, common) = free_ports(instances);
    let file = format!(
        "processes: [{{ id: web, cmd: x, cluster: {{ instances: {instances}, startPort: {first}, commonPort: {common}, \
         strategy: {strategy} }} }}]"
    );
    let file = HostFile::parse("a file", &file, Format::Yaml).expect("valid");
    let test = std::env::current_exe().expect("this test");
    let command = format!("'{}' --exact cluster::instance_for_the_tests_below --nocapture", test.display());
    let mut entry = ProcessEntry::new("web", command);
    entry.cluster = file.supervision.processes[0].cluster.clone();
    entry.env = [(INSTANCE_VARIABLE.to_owned(), value.to_owned())].into();
    (entry, common)
}

/// Starts a cluster, and waits until its instances listen.
async fn started(instances: u16, strategy: &str) -> (Supervised, u16) {
    let (entry, common) = cluster(instances, strategy, "now");
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    listening(&all, 1..=instances, 1).await;
    (all, common)
}

/// Waits until instances have begun to listen for the given time: the first, the second and so on.
async fn listening(all: &Supervised, instances: impl IntoIterator<Item = u16>, times: usize) {
    for instance in instances {
        let id = format!("web-{instance}");
        let count = || all.supervisor.logs(&id, 1_000).iter().filter(|line| line.text == "listening").count();
        until("it listens", || count() == times).await;
    }
}

/// Connects to the balancer, and returns the connection with the number of its instance. `None` if it is closed.
async fn connect(port: u16) -> Option<(TcpStream, char)> {
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.expect("the balancer listens");
    let mut number = [0];
    let answer = tokio::time::timeout(PATIENCE, client.read_exact(&mut number)).await;
    answer.expect("the balancer passes the connection on, or ends it").ok()?;
    Some((client, char::from(number[0])))
}

/// The instances of some connections, each of which is ended before the next one.
async fn ask(port: u16, count: usize) -> String {
    let mut numbers = String::new();
    for _ in 0..count {
        match connect(port).await {
            Some((mut client, number)) => {
                numbers.push(number);
                client.shutdown().await.expect("ended");
                client.read_to_end(&mut Vec::new()).await.expect("the instance ends it, too");
            }
            None => numbers.push('-'),
        }
    }
    numbers
}

/// The marks of instances in the log.
fn marks(all: &Supervised) -> Vec<String> {
    let lines = all.supervisor.logs("web", 1_000).into_iter();
    let marks = lines.filter_map(|line| {
        let (instance, rest) = line.text.split_once(" at port ")?;
        Some(format!("{instance} {}", rest.split_once(" is marked as ")?.1))
    });
    marks.collect()
}

#[tokio::test]
async fn round_robin_takes_one_instance_after_another() {
    let (all, port) = started(3, "round-robin").await;
    assert_eq!(ask(port, 4).await, "0120");
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn ip_hash_takes_one_instance_for_an_address() {
    let (all, port) = started(3, "ip-hash").await;
    let numbers = ask(port, 4).await;
    assert!(["0000", "1111", "2222"].contains(&numbers.as_str()), "{numbers}");
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn least_connections_takes_the_instance_with_the_fewest() {
    let (all, port) = started(2, "least-connections").await;
    let (first, number) = connect(port).await.expect("an instance");
    let (second, other) = connect(port).await.expect("an instance");
    assert_ne!(number, other);
    drop(second);
    // The balancer sees the ends of connections at its own time. Then the first instance, which has an open one, gets
    // none.
    let expected = String::from(other).repeat(3);
    let asked = async { while ask(port, 3).await != expected {} };
    assert!(tokio::time::timeout(Duration::from_secs(60), asked).await.is_ok());
    drop(first);
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn instance_that_ends_is_left_out_and_its_connections_end() {
    let (all, port) = started(2, "round-robin").await;
    let (mut client, number) = connect(port).await.expect("an instance");
    assert_eq!(number, '0');
    all.order("web-1", Order::Stop).await.expect("stopped");
    all.wait("web-1", ProcessState::Finished).await;
    // A reset is an end, too.
    let _ = client.read_to_end(&mut Vec::new()).await;
    assert_eq!(ask(port, 3).await, "111");
    all.order("web-1", Order::Start).await.expect("started");
    listening(&all, [1], 2).await;
    assert!(ask(port, 2).await.contains('0'));
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn instance_is_down_after_five_failures_and_tried_again_after_a_minute() {
    let (entry, port) = cluster(2, "round-robin", "late");
    let all = supervised([entry]);
    std::fs::write(all.directory.path().join("open-0"), "").expect("written");
    all.order("web", Order::Start).await.expect("started");
    listening(&all, [1], 1).await;
    until("the balancer listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    assert_eq!(ask(port, 12).await, "0".repeat(12));
    assert_eq!(marks(&all), ["web-2 down"]);
    std::fs::write(all.directory.path().join("open-1"), "").expect("written");
    listening(&all, [2], 1).await;
    assert_eq!(ask(port, 4).await, "0000", "it is not tried");
    all.clock.advance(Duration::from_secs(60));
    let numbers = ask(port, 2).await;
    assert!(numbers.contains('1'), "{numbers}");
    assert_eq!(marks(&all), ["web-2 down", "web-2 up"]);
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn instances_that_are_all_down_are_tried_all_the_same() {
    let (entry, port) = cluster(2, "round-robin", "late");
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    until("the balancer listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    assert_eq!(ask(port, 6).await, "------");
    assert_eq!(marks(&all).len(), 2);
    std::fs::write(all.directory.path().join("open-0"), "").expect("written");
    listening(&all, [1], 1).await;
    assert_eq!(ask(port, 2).await, "00");
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn restarted_cluster_answers_at_once() {
    let (all, port) = started(2, "round-robin").await;
    all.order("web", Order::Stop).await.expect("stopped");
    for id in ["web-1", "web-2"] {
        all.wait(id, ProcessState::Finished).await;
    }
    assert_eq!(ask(port, 6).await, "------");
    assert_eq!(marks(&all).len(), 2);
    all.order("web", Order::Start).await.expect("started");
    listening(&all, 1..=2, 2).await;
    let numbers = ask(port, 4).await;
    assert!(["0101", "1010"].contains(&numbers.as_str()), "{numbers}");
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn port_that_is_taken_is_in_the_status_and_tried_again() {
    let (entry, port) = cluster(1, "round-robin", "now");
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    let all = supervised_in(tempfile::tempdir().expect("a directory"), [entry]);
    let error = || all.supervisor.status("web").and_then(|status| status.balancer_error);
    until("it is in the status", || error().is_some()).await;
    let text = error().expect("it is there");
    assert!(text.contains(&format!("cannot listen on 127.0.0.1:{port}: ")), "{text}");
    assert!(all.supervisor.logs("web", 10).iter().any(|line| line.text == text));
    drop(taken);
    until("it listens", || {
        all.clock.advance(Duration::from_secs(10));
        error().is_none()
    })
    .await;
    all.order("web", Order::Start).await.expect("started");
    listening(&all, [1], 1).await;
    assert_eq!(ask(port, 1).await, "0");
    all.supervisor.shutdown().await;
}
