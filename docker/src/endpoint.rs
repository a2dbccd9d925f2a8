//! The address of an engine, and connections to it: a unix socket, TCP on this machine, or TCP with TLS.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plugbay_manifest::{DockerEntry, DockerTlsEntry, DockerUrl};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::DockerError;

/// The largest file for TLS, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Bytes in both directions.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// An engine and the way to reach it. Its files for TLS have been read.
#[derive(Clone)]
pub struct DockerEndpoint {
    pub(crate) name: Arc<str>,
    pub(crate) number: u32,
    pub(crate) url: DockerUrl,
    /// The time between two measurements of its containers.
    metrics_interval: Duration,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl fmt::Debug for DockerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerEndpoint").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

impl DockerEndpoint {
    /// Reads the files of an entry. Paths that are not absolute are relative to the current directory. `number` is the
    /// engine's number in events, DockStat's `hostId`.
    ///
    /// # Errors
    /// [`DockerError::TlsFile`] and [`DockerError::Tls`] if a file cannot be used.
    pub fn new(entry: &DockerEntry, number: u32) -> Result<Self, DockerError> {
        let tls = match (&entry.url, &entry.tls) {
            (DockerUrl::Tcp { host, .. }, Some(files)) => Some(connector(&entry.name, host, files)?),
            _ => None,
        };
        let (name, url) = (entry.name.as_str().into(), entry.url.clone());
        Ok(DockerEndpoint { name, number, url, metrics_interval: entry.metrics_interval, tls })
    }

    /// The time between two measurements of its containers.
    pub fn metrics_interval(&self) -> Duration {
        self.metrics_interval
    }

    /// The value of the header `Host`.
    pub(crate) fn host_header(&self) -> String {
        match &self.url {
            DockerUrl::Unix(_) => "docker".to_owned(),
            DockerUrl::Tcp { .. } => self.url.to_string().trim_start_matches("tcp://").to_owned(),
        }
    }

    pub(crate) async fn connect(&self) -> Result<Box<dyn ByteStream>, DockerError> {
        let failed = |error: io::Error| DockerError::Connect { reason: self.advice(&error) };
        match &self.url {
            DockerUrl::Unix(path) => unix(path).await.map_err(failed),
            DockerUrl::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                match &self.tls {
                    None => Ok(Box::new(stream)),
                    Some((connector, name)) => {
                        let stream = connector.connect(name.clone(), stream).await.map_err(failed)?;
                        Ok(Box::new(stream))
                    }
                }
            }
        }
    }

    /// The error with what to do about it.
    fn advice(&self, error: &io::Error) -> String {
        let advice = match (&self.url, error.kind()) {
            (DockerUrl::Unix(_), io::ErrorKind::NotFound) => "start the engine, or correct the path of its socket",
            (DockerUrl::Unix(_), io::ErrorKind::PermissionDenied) => {
                "the user of this host needs access to the socket, for example as a member of the group `docker`"
            }
            (_, io::ErrorKind::ConnectionRefused) => "start the engine",
            (DockerUrl::Tcp { .. }, io::ErrorKind::InvalidData) => "compare the certificates on both sides",
            _ => return error.to_string(),
        };
        format!("{error}: {advice}")
    }
}

#[cfg(unix)]
async fn unix(path: &Path) -> io::Result<Box<dyn ByteStream>> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

#[cfg(not(unix))]
async fn unix(_: &Path) -> io::Result<Box<dyn ByteStream>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no unix sockets: write a tcp:// URL"))
}

fn connector(
    engine: &str,
    host: &str,
    files: &DockerTlsEntry,
) -> Result<(TlsConnector, ServerName<'static>), DockerError> {
    let failed = |reason: String| DockerError::Tls { engine: engine.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    match &files.ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in certificates(engine, path)? {
                roots.add(certificate).map_err(|error| file_error(engine, path, &error))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| failed(error.to_string()))?.with_root_certificates(roots);
    let config = match &files.client {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => config
            .with_client_auth_cert(certificates(engine, certificate)?, private_key(engine, key)?)
            .map_err(|error| failed(format!("{} with {}: {error}", certificate.display(), key.display())))?,
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn certificates(engine: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, DockerError> {
    let bytes = read(engine, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|error| file_error(engine, path, &error))?;
    match certificates.is_empty() {
        true => Err(file_error(engine, path, &"has no certificate in the PEM format (`BEGIN CERTIFICATE`)")),
        false => Ok(certificates),
    }
}

fn private_key(engine: &str, path: &Path) -> Result<PrivateKeyDer<'static>, DockerError> {
    let bytes = read(engine, path)?;
    let no_key = "has no private key in the PEM format (`BEGIN PRIVATE KEY`)";
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| file_error(engine, path, &no_key))
}

fn read(engine: &str, path: &Path) -> Result<Vec<u8>, DockerError> {
    use std::io::Read;

    let read = || {
        let mut bytes = Vec::new();
        // Before it is opened: opening a pipe would wait for a writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes: Vec<u8> =
        read().map_err(|error: io::Error| file_error(engine, path, &format!("cannot be read: {error}")))?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(file_error(engine, path, &format!("is longer than {FILE_BYTES_MAX} bytes"))),
        false => Ok(bytes),
    }
}

fn file_error(engine: &str, path: &Path, reason: &impl fmt::Display) -> DockerError {
    DockerError::TlsFile { engine: engine.to_owned(), path: PathBuf::from(path), reason: reason.to_string() }
}
