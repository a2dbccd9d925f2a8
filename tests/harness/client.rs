//! A client of HTTP/1.1 on a bare socket: it sends whatever bytes a test gives it, and reads answers as they come.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::patience::ends;

/// A connection to a server.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// With names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The status and the code of an error.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {}", self.text())).to_owned())
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = ends(TcpStream::connect(address)).await.expect("the server listens");
        Client { stream: BufReader::new(stream) }
    }

    /// Sends these bytes. A server that has closed the connection is not an error here: its answer is read next.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = ends(self.stream.get_mut().write_all(bytes.as_ref())).await;
    }

    /// Sends a request with a body and reads the answer. The connection stays open.
    pub(crate) async fn request(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Response {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n");
        self.send([head.as_bytes(), body].concat()).await;
        self.response(method == "HEAD").await
    }

    /// Reads an answer, whose body is left out if it answers `HEAD`.
    #[track_caller]
    pub(crate) fn response(&mut self, is_head: bool) -> impl Future<Output = Response> + '_ {
        let caller = std::panic::Location::caller();
        async move { self.try_response(is_head).await.unwrap_or_else(|| panic!("no whole answer, at {caller}")) }
    }

    /// Reads an answer. `None` if the server closes the connection before its end.
    pub(crate) async fn try_response(&mut self, is_head: bool) -> Option<Response> {
        let mut response = self.try_head().await?;
        let status = response.status;
        if is_head || matches!(status, 204 | 304) {
            return Some(response);
        }
        if let Some(length) = response.header("content-length") {
            response.body = vec![0; length.parse().ok()?];
            ends(self.stream.read_exact(&mut response.body)).await.ok()?;
        } else if response.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await? {
                response.body.extend(chunk);
            }
        }
        Some(response)
    }

    /// Reads the head of an answer, whose body is read by the caller.
    pub(crate) async fn head(&mut self) -> Response {
        self.try_head().await.expect("the head of an answer")
    }

    async fn try_head(&mut self) -> Option<Response> {
        let line = self.line().await?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(Response { status, headers, body: Vec::new() })
    }

    /// Reads this many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        ends(self.stream.read_exact(&mut bytes)).await.expect("the connection is open");
        bytes
    }

    /// Reads a chunk of a body; `Some(None)` is its end.
    pub(crate) async fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let length = usize::from_str_radix(self.line().await?.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        ends(self.stream.read_exact(&mut chunk)).await.ok()?;
        chunk.truncate(length);
        Some((length > 0).then_some(chunk))
    }

    /// A line without its end; `None` at the end of the connection.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = ends(self.stream.read_line(&mut line)).await.ok()?;
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Waits until the server has closed the connection, and returns what it sent before.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset also closes it.
        let _ = ends(self.stream.read_to_end(&mut rest)).await;
        rest
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> Response {
    Client::connect(address).await.request(method, path, "", body.as_bytes()).await
}

/// Sends a `GET` on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Response {
    request(address, "GET", path, "").await
}
