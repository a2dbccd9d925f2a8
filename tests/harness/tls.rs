//! Certificates in files, and clients that speak TLS and HTTP/2 to the server under test.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::Response;
use super::patience::ends;

/// A directory with `cert.pem` and `key.pem` of `localhost`, and `root.pem` of the authority that issued it.
pub(crate) struct CertificateFiles {
    directory: tempfile::TempDir,
}

impl CertificateFiles {
    pub(crate) fn new() -> Self {
        let files = CertificateFiles { directory: tempfile::tempdir().expect("a directory") };
        files.renew();
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a new certificate of a new authority in place of the present one.
    pub(crate) fn renew(&self) {
        let random = "there is a random source";
        let (key, authority_key) = (KeyPair::generate().expect(random), KeyPair::generate().expect(random));
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority.self_signed(&authority_key).expect("it signs itself").der().to_vec();
        let issuer = Issuer::new(authority, authority_key);
        let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        let certificate = params.signed_by(&key, &issuer).expect("it signs");
        self.write("root.pem", "CERTIFICATE", &root);
        self.write("cert.pem", "CERTIFICATE", certificate.der());
        self.write("key.pem", "PRIVATE KEY", &key.serialize_der());
    }

    /// Writes a file beside the present one and renames it, so that no reader sees a part of it.
    fn write(&self, name: &str, kind: &str, der: &[u8]) {
        let text = format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", BASE64.encode(der));
        self.write_text(name, &text);
    }

    pub(crate) fn write_text(&self, name: &str, text: &str) {
        std::fs::write(self.path("new"), text).expect("written");
        std::fs::rename(self.path("new"), self.path(name)).expect("renamed");
    }
}

/// Opens a connection over TLS that trusts the authority in this file, and offers these protocols.
pub(crate) async fn connect(address: SocketAddr, root: &Path, protocols: &[&str]) -> io::Result<TlsStream<TcpStream>> {
    let text = std::fs::read_to_string(root).expect("the authority");
    let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(BASE64.decode(base64.as_bytes()).expect("PEM"))).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports these versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    ends(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

/// A connection of HTTP/2, on which requests run at once.
#[derive(Clone)]
pub(crate) struct Http2(http2::SendRequest<Full<Bytes>>);

impl Http2 {
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) =
            ends(http2::handshake(TokioExecutor::new(), TokioIo::new(stream))).await.expect("a connection of HTTP/2");
        tokio::spawn(connection);
        Http2(sender)
    }

    /// A connection without TLS, whose first bytes are those of HTTP/2.
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Http2::over(TcpStream::connect(address).await.expect("the server listens")).await
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> hyper::Result<Response> {
        let mut request = Request::builder().method(method).uri(format!("http://localhost{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        let mut sender = self.0.clone();
        ends(async {
            sender.ready().await?;
            read(sender.send_request(request).await?).await
        })
        .await
    }

    pub(crate) async fn request(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Response {
        self.try_request(method, path, &[], body).await.expect("an answer")
    }
}

/// Sends a `GET` of HTTP/1.1 on a connection and reads its answer.
pub(crate) async fn get_http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    path: &str,
) -> hyper::Result<Response> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "localhost").body(Full::<Bytes>::default()).expect("a request");
    ends(async { read(sender.send_request(request).await?).await }).await
}

async fn read(response: http::Response<hyper::body::Incoming>) -> hyper::Result<Response> {
    let (parts, body) = response.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = body.collect().await?.to_bytes().to_vec();
    Ok(Response { status: parts.status.as_u16(), headers, body })
}
