//! The server of a data directory or at a URL, as other commands reach it: over its local socket, or with a token.
//!
//! The command changes the catalog itself, whether or not a host runs. Over the socket it makes the host follow the
//! change at once, and asks for the states of its plugins.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use plugbay_server::client_tls;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::args::ServerArg;
use crate::error::{Error, ServerFailure};
use crate::host;

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A server that a command speaks to.
#[derive(Debug, Clone)]
pub(crate) enum ServerClient {
    /// Over the local socket at this path.
    #[cfg(unix)]
    Local(std::path::PathBuf),
    /// At a host and port, with a token.
    Remote(Remote),
}

/// A server on another machine.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    /// The host with its port.
    authority: String,
    token: Option<String>,
    /// The name that its certificate has to have, and the authorities that may have issued it. `None` is plain HTTP.
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

impl ServerClient {
    /// The server that runs on a data directory; `None` if none does, or it has no socket.
    #[cfg(unix)]
    pub(crate) fn of_data_dir(data_dir: &Path) -> Option<Self> {
        let path = data_dir.join(plugbay_server::LOCAL_SOCKET_NAME);
        // A host that was killed leaves its socket, which then refuses connections.
        std::os::unix::net::UnixStream::connect(&path).ok()?;
        Some(ServerClient::Local(path))
    }

    #[cfg(not(unix))]
    pub(crate) fn of_data_dir(_: &Path) -> Option<Self> {
        None
    }

    /// The server at the URL of the options, if they have one, with the token of the environment.
    pub(crate) fn of(args: &ServerArg) -> Result<Option<Self>, Error> {
        let Some(url) = &args.server else { return Ok(None) };
        let wrong = |problem: &str| Error::Usage(format!("--server {url}: {problem}"));
        let uri: Uri = url.parse().map_err(|_| wrong("is not a URL"))?;
        let (is_https, port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(wrong("write https://HOST or http://HOST:PORT")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        let host = authority.host();
        let tls = match is_https {
            true => {
                let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(name).map_err(|_| wrong("its host cannot have a certificate"))?;
                let tls = client_tls(args.cacert.as_deref());
                Some((name, Arc::new(tls.map_err(|error| Error::Usage(format!("--cacert: {error}")))?)))
            }
            false => None,
        };
        let authority = format!("{host}:{}", authority.port_u16().unwrap_or(port));
        let token = std::env::var("PLUGBAY_TOKEN").ok().filter(|token| !token.is_empty());
        Ok(Some(ServerClient::Remote(Remote { authority, token, tls })))
    }

    /// Sends a request and returns the JSON of its answer.
    pub(crate) fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        host::block_on(self.answer(self.request(method, path, body)?))?
    }

    /// Sends a component and returns the JSON of its answer.
    pub(crate) fn upload(&self, path: &str, component: Vec<u8>) -> Result<Value, Error> {
        let mut request = self.request(Method::POST, path, None)?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/wasm"));
        *request.body_mut() = Full::from(component);
        host::block_on(self.answer(request))?
    }

    /// Sends a `GET` and returns the JSON of its answer, inside an executor.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Error> {
        self.answer(self.request(Method::GET, path, None)?).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Value, Error> {
        let response = self.send(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| self.unreachable(&error))?.to_bytes();
        let answer = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        if status.is_success() { Ok(answer) } else { Err(failure(status, answer)) }
    }

    /// Sends a `GET` for a stream of events after the one with this id, and returns its answer. The body is read as it
    /// comes.
    pub(crate) async fn stream(&self, path: &str, last_id: Option<&str>) -> Result<Incoming, Error> {
        let mut request = self.request(Method::GET, path, None)?;
        if let Some(id) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            request.headers_mut().insert("last-event-id", id);
        }
        let response = self.send(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| self.unreachable(&error))?.to_bytes();
        Err(failure(status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Sends a `GET` that makes the connection one of another protocol, and returns the connection.
    pub(crate) async fn upgrade(&self, path: &str, protocol: &str) -> Result<TokioIo<Upgraded>, Error> {
        let mut request = self.request(Method::GET, path, None)?;
        let protocol = HeaderValue::from_str(protocol).map_err(|error| self.unreachable(&error))?;
        request.headers_mut().insert(UPGRADE, protocol);
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        let response = self.send(request).await?;
        let status = response.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let upgraded = hyper::upgrade::on(response).await;
            return upgraded.map(TokioIo::new).map_err(|error| self.unreachable(&error));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| self.unreachable(&error))?.to_bytes();
        Err(failure(status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, Error> {
        let (host, token) = match self {
            #[cfg(unix)]
            ServerClient::Local(_) => ("localhost", None),
            ServerClient::Remote(remote) => (remote.authority.as_str(), remote.token.as_deref()),
        };
        let mut request = Request::builder().method(method).uri(path).header(HOST, host);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Full::from(body.to_string())
            }
            None => Full::default(),
        };
        request.body(body).map_err(|error| Error::Usage(format!("PLUGBAY_TOKEN or the name of a plugin: {error}")))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<http::Response<Incoming>, Error> {
        let sent = match self {
            #[cfg(unix)]
            ServerClient::Local(path) => match tokio::net::UnixStream::connect(path).await {
                Ok(stream) => exchange(stream, request).await,
                Err(error) => return Err(self.unreachable(&error)),
            },
            ServerClient::Remote(remote) => {
                let stream = TcpStream::connect(&remote.authority).await.map_err(|error| self.unreachable(&error))?;
                match &remote.tls {
                    None => exchange(stream, request).await,
                    Some((name, config)) => {
                        let opened = TlsConnector::from(config.clone()).connect(name.clone(), stream).await;
                        exchange(opened.map_err(|error| self.unreachable(&error))?, request).await
                    }
                }
            }
        };
        sent.map_err(|error| self.unreachable(&error))
    }

    pub(crate) fn unreachable(&self, error: &dyn std::fmt::Display) -> Error {
        let place = match self {
            #[cfg(unix)]
            ServerClient::Local(path) => path.display().to_string(),
            ServerClient::Remote(remote) => remote.authority.clone(),
        };
        Error::Server(Box::new(ServerFailure {
            code: "server_unreachable".to_owned(),
            message: format!("the server at {place} does not answer: {error}"),
            details: None,
        }))
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> hyper::Result<http::Response<Incoming>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await
}

/// The error of the server.
fn failure(status: StatusCode, mut answer: Value) -> Error {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Error::Server(Box::new(ServerFailure {
        code: text(&answer["code"]).unwrap_or_else(|| "server_error".to_owned()),
        message: text(&answer["msg"]).unwrap_or_else(|| format!("the server answered with the status {status}")),
        details: answer.get_mut("details").map(Value::take),
    }))
}

/// A text as one part of a path.
pub(crate) fn path_part(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => part.push(char::from(byte)),
            other => part.push_str(&format!("%{other:02X}")),
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_one_part_of_a_path() {
        assert_eq!(path_part("my-plugin_1"), "my-plugin_1");
        assert_eq!(path_part("../x?y ü"), "%2E%2E%2Fx%3Fy%20%C3%BC");
    }

    #[test]
    fn url_is_checked_before_anything_is_sent() {
        let at = |url: &str| ServerClient::of(&ServerArg { server: Some(url.to_owned()), cacert: None });
        for wrong in ["localhost", "ftp://x", "http://", "https://"] {
            assert!(matches!(at(wrong), Err(Error::Usage(_))), "{wrong}");
        }
        for (url, expected) in [
            ("http://example.org", "example.org:80"),
            ("https://example.org", "example.org:443"),
            ("https://[::1]:7070", "[::1]:7070"),
        ] {
            let Ok(Some(ServerClient::Remote(remote))) = at(url) else { panic!("{url}") };
            assert_eq!((&*remote.authority, remote.tls.is_some()), (expected, url.starts_with("https")));
        }
    }
}
