//! TLS of connections that this host or its command opens: to a collector, or to another host.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::TlsError;
use crate::listen::{provider, read_file};

/// Returns the settings of TLS for a client that trusts the authorities in a file in the PEM format, or the public
/// authorities (those of Mozilla) without one.
///
/// # Errors
/// [`TlsError`] if the file cannot be read, or has no certificate or one that cannot be used.
pub fn client_tls(authorities: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unusable = |reason: String| TlsError::UnusableAuthority { path: path.to_owned(), reason };
            for certificate in CertificateDer::pem_slice_iter(&read_file(path)?) {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(TlsError::NoCertificate { path: path.to_owned() });
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    Ok(builder.map_err(TlsError::Protocol)?.with_root_certificates(roots).with_no_client_auth())
}
