//! Following a server's streams, for `plugbay events --follow` and `plugbay logs --follow`.
//!
//! The server ends each stream after a while, and restarts of it end all of them. The command then connects again, and
//! names the last event that it received, so that the server sends those since then.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use plugbay_catalog::HostLock;
use serde_json::Value;

use crate::args::{CatalogArgs, ServerArg};
use crate::catalog::{data_dir, host_file};
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::Output;
use crate::server_client::ServerClient;
use crate::signal::EndSignals;
use crate::units::show_duration;

/// The longest line of a stream, in bytes. Events are smaller.
const LINE_BYTES_MAX: usize = 64 << 20;
/// The first and the longest pause before the command connects again.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a server may take to begin its answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long a stream may be silent. A server sends a comment every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The server that the options name: at a URL, or the one that runs on the data directory.
pub(super) fn server(server: &ServerArg, catalog: &CatalogArgs) -> Result<ServerClient, Error> {
    if let Some(server) = ServerClient::of(server)? {
        return Ok(server);
    }
    let directory = data_dir(catalog, &host_file(&catalog.file)?)?;
    ServerClient::of_data_dir(&directory).ok_or_else(|| {
        let shown = directory.display();
        Error::Usage(match HostLock::holder(&directory) {
            Ok(Some(holder)) => format!("{holder} runs on the data directory {shown}, and is not a server"),
            _ => format!("no server runs on the data directory {shown}: start one with `plugbay serve`"),
        })
    })
}

/// A stream of a server, and how it is followed.
pub(super) struct Followed<'a> {
    pub(super) server: &'a ServerClient,
    pub(super) path: &'a str,
    /// The path of the lines before the stream.
    pub(super) latest: Option<&'a str>,
    /// How long the command tries to reach a server that is gone.
    pub(super) patience: Duration,
    pub(super) output: Output,
}

impl Followed<'_> {
    /// Passes each document of the stream to `print`, until a signal arrives. Before them come the lines at `latest`,
    /// which are left out of the stream: it is opened first, so that none is missing.
    ///
    /// # Errors
    /// If the server refuses the command, or is gone and does not come back.
    pub(super) fn print(self, mut print: impl FnMut(&Value) -> Result<(), Error>) -> Result<Exit, Error> {
        host::block_on(async {
            let mut signals = EndSignals::listen().context("cannot handle the signals that end a process")?;
            tokio::select! {
                biased;
                _ = signals.next() => Ok(Exit::Ok),
                error = self.run(&mut print) => Err(error),
            }
        })?
    }

    /// Follows the stream until an error ends that.
    async fn run(&self, print: &mut impl FnMut(&Value) -> Result<(), Error>) -> Error {
        let mut events = Events::default();
        let mut stream = match self.server.stream(self.path, None).await {
            Ok(stream) => stream,
            Err(error) => return error,
        };
        let mut printed = match self.print_latest(print).await {
            Ok(printed) => printed,
            Err(error) => return error,
        };
        loop {
            if let Err(error) = self.read(stream, &mut events, &mut printed, print).await {
                return error;
            }
            events.begin();
            stream = match self.connect_again(events.last_id.as_deref()).await {
                Ok(stream) => stream,
                Err(error) => return error,
            };
        }
    }

    /// Prints the lines before the stream, and returns the number of the last one.
    async fn print_latest(&self, print: &mut impl FnMut(&Value) -> Result<(), Error>) -> Result<Option<u64>, Error> {
        let Some(latest) = self.latest else { return Ok(None) };
        let answer = self.server.get(latest).await?;
        let mut last = None;
        for line in answer["lines"].as_array().into_iter().flatten() {
            last = line["number"].as_u64().or(last);
            print(line)?;
        }
        Ok(last)
    }

    /// Reads a stream to its end. Lines up to the number `printed` are left out.
    async fn read(
        &self,
        mut stream: Incoming,
        events: &mut Events,
        printed: &mut Option<u64>,
        print: &mut impl FnMut(&Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE_MAX, stream.frame()).await {
            let Ok(bytes) = frame.into_data() else { continue };
            for sent in events.add(&bytes) {
                match sent {
                    Sent::Document(document) if printed.is_none() || document["number"].as_u64() > *printed => {
                        print(&document)?;
                    }
                    Sent::Document(_) => {}
                    Sent::Missed(Some(count)) => {
                        self.output.note(&format!("{count} were missed, because the server no longer has them"));
                    }
                    Sent::Missed(None) => {
                        *printed = None;
                        self.output.note("the server was restarted: what it sent before its end may be missing");
                    }
                }
            }
        }
        Ok(())
    }

    /// Connects again, for as long as the command is patient.
    async fn connect_again(&self, last_id: Option<&str>) -> Result<Incoming, Error> {
        let (since, mut pause, mut is_noted) = (Instant::now(), PAUSE, false);
        loop {
            tokio::time::sleep(pause.min(self.patience)).await;
            let connected = tokio::time::timeout(ANSWER_MAX, self.server.stream(self.path, last_id)).await;
            let error = match connected.unwrap_or_else(|_| Err(self.server.unreachable(&"it took too long"))) {
                Ok(stream) => {
                    if is_noted {
                        self.output.note("the server answers again");
                    }
                    return Ok(stream);
                }
                Err(error) if !may_come_back(&error) => return Err(error),
                Err(error) => error,
            };
            if since.elapsed() >= self.patience {
                return Err(error);
            }
            if !std::mem::replace(&mut is_noted, true) {
                let patience = show_duration(self.patience);
                self.output.note(&format!("{}; trying for {patience} to connect again", error.text()));
            }
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }
}

/// Whether another attempt may succeed: the server is gone or busy, or a proxy before it says so.
fn may_come_back(error: &Error) -> bool {
    matches!(error, Error::Server(failure) if matches!(&*failure.code, "server_unreachable" | "busy" | "server_error"))
}

/// What a server sends in a stream.
#[derive(Debug, PartialEq)]
enum Sent {
    /// An event or a log line.
    Document(Value),
    /// The number of those that were lost; `None` if it is not known, because the server was restarted.
    Missed(Option<u64>),
}

/// The reader of a stream of server-sent events.
#[derive(Default)]
struct Events {
    /// The beginning of a line.
    rest: Vec<u8>,
    /// The id, the name and the data of the event that is being read.
    id: Option<String>,
    name: Vec<u8>,
    data: Option<Value>,
    /// The id of the last event that was read.
    last_id: Option<String>,
}

impl Events {
    /// Adds bytes of the stream, and returns what is complete.
    fn add(&mut self, bytes: &Bytes) -> Vec<Sent> {
        self.rest.extend_from_slice(bytes);
        let mut sent = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            sent.extend(self.line(line.trim_ascii_end()));
        }
        if self.rest.len() > LINE_BYTES_MAX {
            self.rest.clear();
        }
        sent
    }

    /// Reads a line, and returns what it completes.
    fn line(&mut self, line: &[u8]) -> Option<Sent> {
        if line.is_empty() {
            self.last_id = self.id.take().or(self.last_id.take());
            let (name, data) = (std::mem::take(&mut self.name), self.data.take()?);
            return Some(if name == b"missed" { Sent::Missed(data["missed"].as_u64()) } else { Sent::Document(data) });
        }
        let field = |name: &[u8]| Some(line.strip_prefix(name)?.trim_ascii_start());
        if let Some(data) = field(b"data:") {
            self.data = serde_json::from_slice(data).ok();
        } else if let Some(id) = field(b"id:") {
            self.id = std::str::from_utf8(id).ok().map(str::to_owned);
        } else if let Some(name) = field(b"event:") {
            self.name = name.to_vec();
        }
        None
    }

    /// Forgets what a stream left incomplete.
    fn begin(&mut self) {
        *self = Events { last_id: self.last_id.take(), ..Events::default() };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_found_wherever_the_stream_is_cut() {
        let stream =
            b"id: a-0\n\nid: a-1\ndata: {\"a\":1}\n\n: comment\nevent: missed\ndata: {\"missed\":2}\n\nid: a-2\n";
        let expected = [Sent::Document(json!({ "a": 1 })), Sent::Missed(Some(2))];
        for cut in 0..stream.len() {
            let mut events = Events::default();
            let mut found = events.add(&Bytes::copy_from_slice(&stream[..cut]));
            found.extend(events.add(&Bytes::copy_from_slice(&stream[cut..])));
            assert_eq!(found, expected, "cut at {cut}");
            assert_eq!(events.last_id.as_deref(), Some("a-1"), "the last event is not complete");
        }
    }
}
