//! From a URL to a connection: the host is looked up once, its addresses are checked, and one of them is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::{NetworkOptions, TransferProblem};
use crate::limits::ADDRESSES_MAX;

/// Bytes in both directions, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to the host of a URL.
pub(super) async fn connect(
    options: &NetworkOptions,
    tls: &TlsConnector,
    url: &Url,
) -> Result<Box<dyn Stream>, TransferProblem> {
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return Err(TransferProblem::Url) };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TransferProblem::Credentials);
    }
    let encrypted = match url.scheme() {
        "https" => true,
        "http" if names(&options.plain_hosts, &host, port) => false,
        "http" => return Err(TransferProblem::Plain),
        _ => return Err(TransferProblem::Url),
    };
    let addresses = look_up(&host, port).await?;
    if !names(&options.private_hosts, &host, port)
        && let Some(private) = addresses.iter().find(|address| plugbay_address::special(**address).is_some())
    {
        // One is enough to refuse all of them: the host would be reached by whichever answers.
        return Err(TransferProblem::PrivateAddress(private.to_string()));
    }
    let stream = connect_any(&addresses, port).await?;
    if !encrypted {
        return Ok(Box::new(stream));
    }
    let name = server_name(&host).ok_or(TransferProblem::Url)?;
    let secured = tls.connect(name, stream).await.map_err(|error| TransferProblem::Tls(error.to_string()))?;
    Ok(Box::new(secured))
}

/// The TLS settings: Mozilla's roots and those of the operator.
pub(super) fn connector(root_certificates: &[Vec<u8>]) -> Result<TlsConnector, rustls::Error> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    for certificate in root_certificates {
        roots.add(CertificateDer::from_slice(certificate))?;
    }
    // The provider is given, so that it does not matter whether the process has a default one.
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Whether a list names the host of a URL.
pub(super) fn names_url(list: &[String], url: &Url) -> bool {
    match (url.host(), url.port_or_known_default()) {
        (Some(host), Some(port)) => names(list, &host, port),
        _ => false,
    }
}

/// Whether a list names this host, with this port or with none.
fn names(list: &[String], host: &Host<&str>, port: u16) -> bool {
    list.iter().any(|entry| {
        let (entry_host, entry_port) = match entry.rsplit_once(':') {
            Some((host, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host, digits.parse::<u16>().ok())
            }
            _ => (&**entry, None),
        };
        // Parsed, so that all spellings of a name or an address are one.
        let same_host = Host::parse(entry_host).is_ok_and(|parsed| match (&parsed, host) {
            (Host::Domain(named), Host::Domain(host)) => named == host,
            (Host::Ipv4(named), Host::Ipv4(host)) => named == host,
            (Host::Ipv6(named), Host::Ipv6(host)) => named == host,
            _ => false,
        });
        let port_given = entry_host.len() < entry.len();
        same_host && (!port_given || entry_port == Some(port))
    })
}

async fn look_up(host: &Host<&str>, port: u16) -> Result<Vec<IpAddr>, TransferProblem> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![IpAddr::V4(*address)]),
        Host::Ipv6(address) => return Ok(vec![IpAddr::V6(*address)]),
        Host::Domain(name) => *name,
    };
    let unknown = |error: io::Error| TransferProblem::UnknownHost(error.to_string());
    let mut addresses: Vec<IpAddr> =
        tokio::net::lookup_host((name, port)).await.map_err(unknown)?.map(|address| address.ip()).collect();
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    match addresses.is_empty() {
        true => Err(TransferProblem::UnknownHost("it has no address".to_owned())),
        false => Ok(addresses),
    }
}

/// One address after the other. The caller bounds the time.
async fn connect_any(addresses: &[IpAddr], port: u16) -> Result<TcpStream, TransferProblem> {
    let mut last = None;
    for &address in addresses {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(TransferProblem::Connect(last.map_or_else(String::new, |error| error.to_string())))
}

fn server_name(host: &Host<&str>) -> Option<ServerName<'static>> {
    match host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::IpAddress(IpAddr::V4(*address).into())),
        Host::Ipv6(address) => Some(ServerName::IpAddress(IpAddr::V6(*address).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &[&str], url: &str, expected: bool) {
        let list: Vec<String> = list.iter().map(|entry| (*entry).to_owned()).collect();
        let url = Url::parse(url).expect("a URL");
        assert_eq!(names_url(&list, &url), expected, "{list:?} {url}");
    }

    #[test]
    fn host_is_named_with_its_port_or_with_all() {
        check(&["127.0.0.1:5000"], "http://127.0.0.1:5000/v2", true);
        check(&["127.0.0.1:5000"], "http://127.0.0.1:5001/v2", false);
        check(&["127.0.0.1"], "http://127.0.0.1:5001/v2", true);
        check(&["registry.internal"], "https://REGISTRY.internal/v2", true);
        check(&["registry.internal"], "https://x.registry.internal/v2", false);
        check(&["[::1]:5000"], "http://[::1]:5000/", true);
        check(&["[::1]"], "http://[::1]:5000/", true);
        check(&[""], "http://127.0.0.1/", false);
    }

    #[test]
    fn every_spelling_of_an_address_is_one() {
        check(&["127.0.0.1"], "http://2130706433/", true);
        check(&["127.0.0.1"], "http://0x7f.1/", true);
    }
}
