//! The balancer of a cluster: connections to a common port go to its instances.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plugbay_manifest::BalanceStrategy;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::backends::Backends;
use crate::host::Host;
use crate::log_line::LogSeverity;
use crate::process::later;
use crate::status::ProcessStatus;

/// The most connections at once. Others wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// The time that an instance has to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a connection that cannot be accepted, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The time after which a port that another program has is tried again.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// The category of its lines in the log, as in Pup.
const CATEGORY: &str = "loadbalancer";

/// The balancer of a cluster.
pub(crate) struct Balancer {
    /// The name of the cluster.
    id: String,
    /// The common port.
    address: SocketAddr,
    ports: Vec<u16>,
    /// The statuses of the instances, in the order of `ports`.
    statuses: Vec<watch::Receiver<ProcessStatus>>,
    backends: Mutex<Backends>,
    host: Arc<Host>,
}

impl Balancer {
    pub(crate) fn new(
        id: &str,
        address: SocketAddr,
        ports: Vec<u16>,
        strategy: BalanceStrategy,
        statuses: Vec<watch::Receiver<ProcessStatus>>,
        host: &Arc<Host>,
    ) -> Self {
        let backends = Mutex::new(Backends::new(ports.clone(), strategy));
        Balancer { id: id.to_owned(), address, ports, statuses, backends, host: Arc::clone(host) }
    }

    /// Passes connections on until it is dropped. `error` is the reason for which it does not listen.
    pub(crate) async fn run(self, error: watch::Sender<Option<String>>) {
        let listener = self.listen(&error).await;
        let balancer = Arc::new(self);
        let allowed = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let Ok(permit) = Arc::clone(&allowed).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((client, address)) => {
                    let balancer = Arc::clone(&balancer);
                    connections.spawn(async move {
                        balancer.pass_on(client, address).await;
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

    /// Listens as soon as the port is free.
    async fn listen(&self, error: &watch::Sender<Option<String>>) -> TcpListener {
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => {
                    if error.send_replace(None).is_some() {
                        self.log(LogSeverity::Info, format!("The balancer listens on {}", self.address));
                    }
                    return listener;
                }
                Err(problem) => {
                    let text = format!("The balancer cannot listen on {}: {problem}", self.address);
                    if error.send_replace(Some(text.clone())).as_ref() != Some(&text) {
                        self.log(LogSeverity::Error, text);
                    }
                }
            }
            let again = later(self.host.now(), LISTEN_AGAIN_AFTER);
            while self.host.now() < again {
                self.host.clock.sleep_until(again).await;
            }
        }
    }

    /// Passes a connection on to the first chosen instance that accepts it. Without one, it is closed.
    async fn pass_on(&self, mut client: TcpStream, address: SocketAddr) {
        self.backends.lock().set_runs(self.statuses.iter().map(|status| status.borrow().pid));
        let mut tried = Vec::new();
        loop {
            let chosen = self.backends.lock().choose(address.ip(), &tried, self.host.now());
            let Some((index, port)) = chosen else { return };
            let connect = TcpStream::connect((IpAddr::from(Ipv4Addr::LOCALHOST), port));
            match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
                // Nothing listens there if the system has given the same port to this end, which connects it to itself.
                Ok(Ok(mut server)) if server.local_addr().ok() != server.peer_addr().ok() => {
                    let open = Open::count(self, index);
                    // Either side may end the connection at any time.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    drop(open);
                    return;
                }
                _ => {
                    if self.backends.lock().failed(index, self.host.now()) {
                        self.log_mark(index, "down");
                    }
                    tried.push(index);
                }
            }
        }
    }

    fn log_mark(&self, index: usize, mark: &str) {
        let port = self.ports[index];
        self.log(LogSeverity::Warn, format!("{}-{} at port {port} is marked as {mark}", self.id, index + 1));
    }

    fn log(&self, severity: LogSeverity, text: String) {
        self.host.log(severity, CATEGORY, &self.id, text);
    }
}

/// Counts a connection until it is dropped.
struct Open<'b> {
    balancer: &'b Balancer,
    index: usize,
}

impl<'b> Open<'b> {
    fn count(balancer: &'b Balancer, index: usize) -> Self {
        if balancer.backends.lock().connected(index) {
            balancer.log_mark(index, "up");
        }
        Open { balancer, index }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.balancer.backends.lock().closed(self.index);
    }
}
