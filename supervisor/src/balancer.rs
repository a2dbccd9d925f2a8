//! The balancer of a cluster: connections to a common port go to its instances.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plugbay_manifest::BalanceStrategy;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::backends::Backends;
use crate::clock::Clock;

/// The most connections at once. Others wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// The time that an instance has to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a connection that cannot be accepted, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Passes connections on until it is dropped.
pub(crate) async fn balance(listener: TcpListener, ports: Vec<u16>, strategy: BalanceStrategy, clock: Arc<dyn Clock>) {
    let backends = Arc::new(Mutex::new(Backends::new(ports, strategy)));
    let allowed = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&allowed).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((client, address)) => {
                let (backends, clock) = (Arc::clone(&backends), Arc::clone(&clock));
                connections.spawn(async move {
                    pass_on(client, address, &backends, &*clock).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the balancer of a cluster cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Passes a connection on to the first chosen instance that accepts it. Without one, it is closed.
async fn pass_on(mut client: TcpStream, address: SocketAddr, backends: &Mutex<Backends>, clock: &dyn Clock) {
    let mut tried = Vec::new();
    loop {
        let chosen = backends.lock().choose(address.ip(), &tried, clock.now());
        let Some((index, port)) = chosen else { return };
        let connect = TcpStream::connect((IpAddr::from(Ipv4Addr::LOCALHOST), port));
        match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok(mut server)) => {
                backends.lock().connected(index);
                let _open = Open { backends, index };
                // Either side may end the connection at any time.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                return;
            }
            _ => {
                backends.lock().failed(index, clock.now());
                tried.push(index);
            }
        }
    }
}

/// Counts a connection until it is dropped.
struct Open<'b> {
    backends: &'b Mutex<Backends>,
    index: usize,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.backends.lock().closed(self.index);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::clock::ManualClock;

    /// A server that answers each connection with a text and its input.
    async fn server(text: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut input = String::new();
                    client.read_to_string(&mut input).await.expect("read");
                    client.write_all(format!("{text} {input}").as_bytes()).await.expect("written");
                });
            }
        });
        port
    }

    async fn ask(port: u16, input: &str) -> String {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
        client.write_all(input.as_bytes()).await.expect("written");
        client.shutdown().await.expect("the end is sent");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("read");
        answer
    }

    #[tokio::test]
    async fn connections_go_to_instances_that_accept_them() {
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let closed_port = closed.local_addr().expect("an address").port();
        drop(closed);
        let ports = vec![server("one").await, closed_port, server("two").await];
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let clock = Arc::new(ManualClock::default());
        let task = tokio::spawn(balance(listener, ports, BalanceStrategy::RoundRobin, clock));
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(ask(port, "hello").await);
        }
        assert_eq!(answers, ["one hello", "two hello", "one hello"]);
        task.abort();
    }
}
