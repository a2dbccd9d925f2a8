//! TLS for connections: the certificate of the server, which is read once and again when its files change.
//!
//! A handshake uses the certificate in memory. If new files cannot be used, such as a certificate without its key, the
//! server continues with the old one.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{ConnectionInfo, Listen, Server};

/// The largest file of certificates or of a key, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate with its private key, from two files in the PEM format. Cheap to clone; clones share the certificate.
///
/// Clients are offered HTTP/2 and HTTP/1.1, over TLS 1.3 and 1.2.
#[derive(Debug, Clone)]
pub struct TlsCertificate(Arc<Files>);

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

/// A certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The file of the certificate has none.
    #[error("{} has no certificate in the PEM format (`BEGIN CERTIFICATE`)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file of the key has none.
    #[error("{} has no private key in the PEM format (`BEGIN PRIVATE KEY`)", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key or the certificate is of a kind that is not supported, or damaged.
    #[error("the certificate in {} with the key in {} cannot be used: {reason}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The certificate of an authority is of a kind that is not supported, or damaged.
    #[error("the certificates of authorities in {} cannot be used: {reason}", path.display())]
    UnusableAuthority {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The cryptography of this build offers no version of TLS, which does not occur.
    #[error("this build cannot speak TLS: {0}")]
    Protocol(rustls::Error),
}

impl TlsCertificate {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// [`TlsError`] if a file cannot be read, or they are not a certificate and its key.
    pub fn open(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (certificate, key) = (certificate.into(), key.into());
        let current = ArcSwap::new(read(&certificate, &key)?);
        Ok(TlsCertificate(Arc::new(Files { certificate, key, current })))
    }

    /// Reads the files again. New connections get the new certificate, and those that exist continue. Returns whether
    /// the certificate changed.
    ///
    /// # Errors
    /// As [`TlsCertificate::open`]. The present certificate stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let new = read(&self.0.certificate, &self.0.key)?;
        let has_changed = new.cert != self.0.current.load().cert;
        self.0.current.store(new);
        Ok(has_changed)
    }

    /// The files of the certificate and of its key.
    pub fn files(&self) -> [&Path; 2] {
        [&self.0.certificate, &self.0.key]
    }

    fn acceptor(&self) -> Result<TlsAcceptor, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.0.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let (chain_pem, key_pem) = (read_file(certificate)?, read_file(key)?);
    let unusable = |reason: String| TlsError::Unusable { certificate: certificate.into(), key: key.into(), reason };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain_pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: certificate.into() });
    }
    let key_der = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| TlsError::NoKey { path: key.into() })?;
    let signing = provider().key_provider.load_private_key(key_der).map_err(|error| unusable(error.to_string()))?;
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        // A key that cannot name its public half is tried with the first client.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Arc::new(certified)),
        Err(rustls::Error::InconsistentKeys(_)) => Err(unusable("the key is not that of the certificate".to_owned())),
        Err(error) => Err(unusable(error.to_string())),
    }
}

pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        let mut bytes = Vec::new();
        // Before it is opened: opening a pipe would wait for a writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > FILE_BYTES_MAX {
            true => Err(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes"))),
            false => Ok(bytes),
        }
    };
    read().map_err(|error| TlsError::Unreadable { path: path.into(), error })
}

impl Server {
    /// Accepts connections over TLS, as [`Server::serve`] does without it. Clones of a server share its limits. A
    /// client has [`ServerSettings::header_timeout`](crate::ServerSettings::header_timeout) for the handshake.
    ///
    /// # Errors
    /// If the cryptography of this build offers no version of TLS, which does not occur.
    pub async fn serve_tls(&self, listener: TcpListener, certificate: &TlsCertificate) -> Result<(), rustls::Error> {
        let acceptor = certificate.acceptor()?;
        self.serve_on(TlsListener { listener, acceptor }).await;
        Ok(())
    }
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listen for TlsListener {
    type Accepted = TcpStream;
    type Stream = TlsStream<TcpStream>;

    async fn accept(&self) -> io::Result<(TcpStream, ConnectionInfo)> {
        Listen::accept(&self.listener).await
    }

    fn open(&self, stream: TcpStream) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static {
        self.acceptor.accept(stream)
    }

    /// A client that expects TLS would not understand an answer without it.
    fn refuse(&self, _: &TcpStream) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(certificate: &str, key: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("cert.pem"), certificate).expect("written");
        std::fs::write(path("key.pem"), key).expect("written");
        TlsCertificate::open(path("cert.pem"), path("key.pem")).expect_err("not usable").to_string()
    }

    #[test]
    fn files_that_are_no_certificate_and_key_are_named_with_what_is_wrong() {
        assert!(open("", "").contains("cert.pem has no certificate"));
        assert!(open("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "").contains("cannot be used"));
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(open(certificate, certificate).contains("key.pem has no private key"));
        let missing = TlsCertificate::open("/nowhere/cert.pem", "/nowhere/key.pem").expect_err("missing");
        assert!(missing.to_string().contains("/nowhere/cert.pem cannot be read"), "{missing}");
        let device = TlsCertificate::open("/dev/zero", "/dev/zero").expect_err("a device");
        assert!(device.to_string().contains("not a file"), "{device}");
    }
}
