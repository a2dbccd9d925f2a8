//! Servers for requests of another process, and that process.

use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::measure::Spread;

/// The argument that starts this program as a client.
pub const CLIENT: &str = "request";
/// Connections of the client, each with one request at a time.
const CONNECTIONS: usize = 16;

/// A server on a thread pool of its own, which ends with this value.
pub struct HttpServer {
    pub address: SocketAddr,
    _executor: tokio::runtime::Runtime,
}

impl HttpServer {
    /// Starts a server on a free port of the loopback interface.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl FnOnce(TcpListener) -> F,
    ) -> anyhow::Result<HttpServer> {
        let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = executor.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        executor.spawn(serve(listener));
        Ok(HttpServer { address, _executor: executor })
    }
}

/// The answer of an action as JSON.
pub fn json(answer: anyhow::Result<String>) -> Response {
    match answer {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// A kind of request.
#[derive(Clone, Copy)]
pub struct Asked {
    pub method: &'static str,
    pub path: &'static str,
    pub body: &'static str,
}

/// Sends requests from another process over 16 connections, and adds their 99th percentile to `slow`, in microseconds.
/// Returns the time from the first request to the last answer.
pub fn requests(address: SocketAddr, asked: Asked, calls: u32, slow: &mut Vec<f64>) -> anyhow::Result<Duration> {
    let Asked { method, path, body } = asked;
    let output = Command::new(std::env::current_exe()?)
        .args([CLIENT, &address.to_string(), method, path, body, &calls.to_string()])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (nanos, percentile) = text.trim().split_once(' ').context("two numbers")?;
    slow.push(percentile.parse()?);
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// Runs the child process, which sends the requests and prints its times.
pub fn client(arguments: &[String]) -> anyhow::Result<()> {
    let [address, method, path, body, calls] = arguments else { bail!("address, method, path, body, calls") };
    let request = request(method, path, body);
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let (took, micros) = local.block_on(&executor, send_all(address.parse()?, request.into(), calls.parse()?))?;
    println!("{} {}", took.as_nanos(), percentile(micros));
    Ok(())
}

/// The 99th percentile.
pub fn percentile(mut micros: Vec<f64>) -> f64 {
    micros.sort_by(f64::total_cmp);
    micros.get(micros.len() * 99 / 100).copied().unwrap_or_default()
}

/// The text of a request.
pub fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}")
}

async fn send_all(address: SocketAddr, request: Rc<str>, calls: usize) -> anyhow::Result<(Duration, Vec<f64>)> {
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS.min(calls) {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let left = Rc::new(std::cell::Cell::new(calls));
    let begun = Instant::now();
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|stream| tokio::task::spawn_local(send(stream, request.clone(), left.clone())))
        .collect();
    let mut micros = Vec::with_capacity(calls);
    for task in tasks {
        micros.extend(task.await??);
    }
    Ok((begun.elapsed(), micros))
}

/// Sends requests on one connection until none is left.
async fn send(mut stream: TcpStream, request: Rc<str>, left: Rc<std::cell::Cell<usize>>) -> anyhow::Result<Vec<f64>> {
    let (mut micros, mut buffer) = (Vec::new(), Vec::with_capacity(64 << 10));
    while let Some(now) = left.get().checked_sub(1) {
        left.set(now);
        let since = Instant::now();
        let status = exchange(&mut stream, &request, &mut buffer).await?;
        ensure!(status == 200, "{}", String::from_utf8_lossy(&buffer));
        micros.push(since.elapsed().as_secs_f64() * 1e6);
    }
    Ok(micros)
}

/// Sends a request and reads its answer into the buffer. Returns its status.
pub async fn exchange(stream: &mut TcpStream, request: &str, buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
    stream.write_all(request.as_bytes()).await?;
    buffer.clear();
    loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
        if let Some(length) = response_bytes(buffer)?
            && buffer.len() >= length
        {
            let status = buffer.get(9..12).context("a status")?;
            return Ok(std::str::from_utf8(status)?.parse()?);
        }
    }
}

/// The size of a response, if its head has arrived. One without a length ends with its last chunk.
fn response_bytes(received: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&received[..end])?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    if let Some(length) = length {
        return Ok(Some(end + 4 + length?));
    }
    ensure!(head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "an answer without a length");
    const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";
    // The first line break of an empty body is that of the head.
    let last = received[end + 2..].windows(LAST_CHUNK.len()).position(|window| window == LAST_CHUNK);
    Ok(last.map(|position| end + 2 + position + LAST_CHUNK.len()))
}

/// The median of percentiles, for a row's facts.
pub fn median(micros: Vec<f64>) -> f64 {
    Spread::of(micros).median
}
