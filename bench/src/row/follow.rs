//! Clients that follow events: the memory of one that waits, and how long an event takes to reach all of them.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use plugbay::{Event, Runtime};
use plugbay_server::access::{Access, AccessOptions};
use plugbay_server::admin::AdminState;
use plugbay_server::telemetry::LogBuffer;
use plugbay_server::{Server, ServerSettings, ServerState, host_router};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::Bench;
use super::memory::status_bytes;
use crate::measure::Spread;
use crate::report::{Row, Target};
use crate::subject::executor;
use crate::subject::http::HttpServer;

/// The argument that starts this program as the clients.
pub const CHILD: &str = "follow";
const CLIENTS: usize = 1_000;
/// The events that are published, each when the one before has reached all clients.
const EVENTS: usize = 20;

const REQUEST: &str = "GET /api/v1/events/stream?topic=bench.event HTTP/1.1\r\nhost: localhost\r\n\r\n";

pub fn row(_: &Bench) -> anyhow::Result<Row> {
    let runtime = Runtime::new()?;
    let state = ServerState::new(&runtime, ServerSettings::default());
    let admin = AdminState::new(&state, None, LogBuffer::default());
    let server = HttpServer::start(async move |listener| {
        let address = listener.local_addr().expect("it is bound");
        let access = Access::of_address(address, None, &AccessOptions::default()).expect("it is a loopback address");
        Server::new(&state, host_router(&admin, access)).serve(listener).await;
    })?;
    // What the first client costs is there once: code that is read from its file, and tables that grow.
    let _first = first_client(server.address)?;
    let before = status_bytes("RssAnon:")?;
    let mut clients = Command::new(std::env::current_exe()?)
        .args([CHILD, &server.address.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(clients.stdout.take().context("it is piped")?).lines();
    ensure!(lines.next().transpose()?.as_deref() == Some("ready"), "the clients did not connect");
    let each = (status_bytes("RssAnon:")? - before) / CLIENTS as f64 / 1024.0;
    let (executor, mut spreads) = (executor()?, Vec::new());
    for number in 0..EVENTS {
        executor.block_on(runtime.emit(Event::new("bench.event", number as u64)))?;
        spreads.push(lines.next().context("the clients have ended")??.parse::<f64>()?);
    }
    let _ = clients.wait();
    let Spread { median, max, .. } = Spread::of(spreads);
    Ok(Row::new(format!("http, {CLIENTS} clients that follow events"), Vec::new())
        .fact("memory of a client that waits", each, "KiB", Some(Target::AtMost(20.0)))
        .fact("from the first to the last client, median", median, "ms", Some(Target::AtMost(50.0)))
        .fact("from the first to the last client, slowest event", max, "ms", None))
}

/// A client of another topic.
fn first_client(address: SocketAddr) -> anyhow::Result<std::net::TcpStream> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(REQUEST.replace("bench.event", "bench.none").as_bytes())?;
    let mut head = BufReader::new(stream.try_clone()?).lines();
    ensure!(head.next().context("the server closed the connection")??.contains("200"), "the stream is refused");
    Ok(stream)
}

/// Runs the child process: it prints that all clients are connected, then for each event the milliseconds from the
/// first client that received it to the last.
pub fn child(arguments: &[String]) -> anyhow::Result<()> {
    let [address] = arguments else { bail!("address") };
    let address: SocketAddr = address.parse()?;
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    executor.block_on(async {
        let (sender, mut received) = mpsc::unbounded_channel();
        for _ in 0..CLIENTS {
            let mut stream = tokio::io::BufReader::with_capacity(1 << 10, TcpStream::connect(address).await?);
            stream.write_all(REQUEST.as_bytes()).await?;
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                ensure!(stream.read_line(&mut line).await? > 0, "the server closed the connection");
            }
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
                    if line.starts_with("data:") {
                        let _ = sender.send(Instant::now());
                    }
                    line.clear();
                }
            });
        }
        println!("ready");
        for _ in 0..EVENTS {
            let (mut first, mut last) = (None, Instant::now());
            for _ in 0..CLIENTS {
                let next = tokio::time::timeout(Duration::from_secs(10), received.recv()).await;
                last = next.context("an event did not reach all clients")?.context("no client is left")?;
                first = first.or(Some(last));
            }
            println!("{}", first.map_or(0.0, |first| (last - first).as_secs_f64() * 1e3));
            std::io::stdout().flush()?;
        }
        Ok(())
    })
}
