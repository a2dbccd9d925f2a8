//! Connects to a target: looks up its name, checks the addresses, and connects to one of them.
//!
//! Each name is looked up once, so that no second answer can differ from the one that was checked. Proxies in the
//! environment are ignored, and no connection serves two requests, so that no plugin can use another's connection.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use url::Host;

use super::target::Target;
use super::{HttpResolver, HttpResponder};
use crate::limits::{HTTP_ADDRESSES_MAX, HTTP_CONNECTIONS_MAX, HTTP_LOOKUPS_IN_ALL_MAX};

/// The reason why a connection failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConnectError {
    /// The name lookup took too long.
    LookupTimeout,
    /// The name has no address.
    UnknownName,
    /// The host has no permitted address.
    NoAddress,
    /// The name cannot occur in a certificate.
    InvalidName,
    /// No address accepted the connection.
    Refused,
    /// No address answered in time.
    Timeout,
    /// None of the addresses is reachable.
    Unreachable,
    /// The host's own root certificates are not valid.
    TlsConfiguration,
    /// The server's certificate is not valid.
    TlsCertificate,
    /// The server refused the handshake with this alert.
    TlsAlert {
        /// The number of the alert.
        id: u8,
        /// Its name.
        name: String,
    },
    /// The server violated the TLS protocol.
    TlsProtocol,
    /// The connection was closed during the handshake.
    Terminated,
}

/// A function that returns the value of `traceparent`, if there is a trace.
pub(crate) type TraceParent = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Outgoing network access, shared by all plugins of a runtime.
pub(crate) struct Network {
    /// `None` uses the system's resolver.
    resolver: Option<Arc<dyn HttpResolver>>,
    pub(crate) responder: Option<Arc<dyn HttpResponder>>,
    /// Returns the value of `traceparent` for a request that is sent now.
    pub(crate) trace_parent: Option<TraceParent>,
    root_certificates: Vec<Vec<u8>>,
    /// Created for the first `https` request.
    tls: OnceLock<Result<TlsConnector, rustls::Error>>,
    /// Time limit of a whole request.
    pub(crate) timeout: Duration,
    pub(crate) connections: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
}

/// A byte stream, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Network {
    pub(crate) fn new(
        resolver: Option<Arc<dyn HttpResolver>>,
        responder: Option<Arc<dyn HttpResponder>>,
        trace_parent: Option<TraceParent>,
        root_certificates: Vec<Vec<u8>>,
        timeout: Duration,
    ) -> Self {
        Network {
            resolver,
            responder,
            trace_parent,
            root_certificates,
            timeout,
            tls: OnceLock::new(),
            connections: Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX)),
            lookups: Arc::new(Semaphore::new(HTTP_LOOKUPS_IN_ALL_MAX)),
        }
    }

    /// Returns the distinct addresses of a host. An IP address is its own; a name is looked up once a permit of the
    /// plugin and one of the runtime are free.
    pub(crate) async fn lookup(&self, host: &Host, turns: &Arc<Semaphore>) -> Result<Vec<IpAddr>, ConnectError> {
        let name = match host {
            Host::Ipv4(address) => return Ok(vec![IpAddr::V4(*address)]),
            Host::Ipv6(address) => return Ok(vec![IpAddr::V6(*address)]),
            Host::Domain(name) => name,
        };
        let found = match &self.resolver {
            Some(resolver) => resolver.resolve(name).await,
            None => {
                let turns = take_turn(turns, &self.lookups).await.map_err(|_| ConnectError::LookupTimeout)?;
                let name = name.clone();
                ask(turns, move || ask_the_system(&name)).await
            }
        };
        let mut addresses = Vec::new();
        for address in found.map_err(|error| unknown_name(name, &error))? {
            let address = address.to_canonical();
            if !addresses.contains(&address) && addresses.len() < HTTP_ADDRESSES_MAX {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }

    /// Connects to the first of these addresses that answers; the name is checked against the certificate.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        addresses: &[IpAddr],
        deadline: Instant,
    ) -> Result<Box<dyn Stream>, ConnectError> {
        let stream = connect_tcp(addresses, target.port, deadline).await?;
        if !target.tls {
            return Ok(Box::new(stream));
        }
        let connector = self.tls()?;
        let name = match &target.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| ConnectError::InvalidName)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        let stream = connector.connect(name, stream).await.map_err(|error| tls_error(target, &error))?;
        Ok(Box::new(stream))
    }

    fn tls(&self) -> Result<&TlsConnector, ConnectError> {
        let made = self.tls.get_or_init(|| connector(&self.root_certificates));
        made.as_ref().map_err(|error| {
            tracing::error!("outgoing TLS cannot be set up: {error}");
            ConnectError::TlsConfiguration
        })
    }
}

/// Creates a connector that trusts Mozilla's roots and those of the host.
fn connector(root_certificates: &[Vec<u8>]) -> Result<TlsConnector, rustls::Error> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    for certificate in root_certificates {
        roots.add(CertificateDer::from_slice(certificate))?;
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn take_turn(turns: &Arc<Semaphore>, in_all: &Arc<Semaphore>) -> Result<[OwnedSemaphorePermit; 2], AcquireError> {
    let turn = turns.clone().acquire_owned().await?;
    Ok([turn, in_all.clone().acquire_owned().await?])
}

/// Resolves a name on a separate thread, because the system's resolver blocks. It cannot be cancelled either, so the
/// permits are held until it answers, even if the caller no longer waits.
async fn ask(
    turns: [OwnedSemaphorePermit; 2],
    question: impl FnOnce() -> io::Result<Vec<IpAddr>> + Send + 'static,
) -> io::Result<Vec<IpAddr>> {
    let asked = tokio::task::spawn_blocking(move || {
        let answer = question();
        drop(turns);
        answer
    });
    asked.await.map_err(io::Error::other)?
}

fn ask_the_system(name: &str) -> io::Result<Vec<IpAddr>> {
    (name, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
}

fn unknown_name(name: &str, error: &io::Error) -> ConnectError {
    tracing::debug!(name, "not looked up: {error}");
    ConnectError::UnknownName
}

/// Tries one address after the other, each with its share of the remaining time.
async fn connect_tcp(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<TcpStream, ConnectError> {
    let mut last = ConnectError::NoAddress;
    for (index, &address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
        last = match tokio::time::timeout(share, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => {
                // Requests are written in one piece, so waiting for more data would only delay them.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => {
                tracing::debug!(%address, port, "not connected: {error}");
                match error.kind() {
                    io::ErrorKind::ConnectionRefused => ConnectError::Refused,
                    io::ErrorKind::TimedOut => ConnectError::Timeout,
                    _ => ConnectError::Unreachable,
                }
            }
            Err(_) => ConnectError::Timeout,
        };
    }
    Err(last)
}

fn tls_error(target: &Target, error: &io::Error) -> ConnectError {
    tracing::debug!(%target, "no TLS: {error}");
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => ConnectError::TlsCertificate,
        Some(rustls::Error::AlertReceived(alert)) => {
            ConnectError::TlsAlert { id: u8::from(*alert), name: format!("{alert:?}") }
        }
        Some(_) => ConnectError::TlsProtocol,
        None => ConnectError::Terminated,
    }
}

/// The future of a resolver or a responder.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn name_waits_for_its_turn_and_an_address_does_not() {
        let network = Network::new(None, None, None, Vec::new(), Duration::ZERO);
        let (none, one) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(1)));
        let name = Host::parse("localhost").expect("a name");
        let waiting = tokio::time::timeout(Duration::from_millis(20), network.lookup(&name, &none));
        assert!(waiting.await.is_err(), "all turns are taken");
        assert!(network.lookup(&name, &one).await.is_ok_and(|found| found.iter().all(IpAddr::is_loopback)));
        let address = Host::parse("127.1").expect("an address");
        assert_eq!(network.lookup(&address, &none).await.ok(), Some(vec![[127, 0, 0, 1].into()]));
    }

    /// The caller no longer waits, but the resolver's thread is not free until it has an answer.
    #[tokio::test]
    async fn turn_is_kept_by_who_asks_and_not_by_who_waits() {
        let turns = Arc::new(Semaphore::new(1));
        let turn = [
            turns.clone().try_acquire_owned().expect("free"),
            Arc::new(Semaphore::new(1)).try_acquire_owned().expect("free"),
        ];
        let (answer, asked) = std::sync::mpsc::channel::<()>();
        let waiting = tokio::spawn(ask(turn, move || {
            let _ = asked.recv();
            Ok(Vec::new())
        }));
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(turns.available_permits(), 0);
        answer.send(()).expect("it asks");
        assert!(turns.acquire().await.is_ok(), "the turn comes back with the answer");
    }
}
