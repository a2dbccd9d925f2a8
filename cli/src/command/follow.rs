//! Following a server's streams, for `plugbay events --follow` and `plugbay logs --follow`.

use anyhow::Context;
use bytes::Bytes;
use http_body_util::BodyExt;
use plugbay_catalog::HostLock;
use serde_json::Value;

use crate::args::{CatalogArgs, ServerArg};
use crate::catalog::{data_dir, host_file};
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::server_client::ServerClient;
use crate::signal::EndSignals;

/// The longest line of a stream, in bytes. Events are smaller.
const LINE_BYTES_MAX: usize = 64 << 20;

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

/// Passes each document of a stream to `print`, until a signal arrives or the server ends the stream. Before them come
/// the `lines` at the path `latest`, which are left out of the stream: it is opened first, so that none is missing.
pub(super) fn follow(
    server: &ServerClient,
    path: &str,
    latest: Option<&str>,
    mut print: impl FnMut(&Value) -> Result<(), Error>,
) -> Result<Exit, Error> {
    host::block_on(async {
        let mut signals = EndSignals::listen().context("cannot handle the signals that end a process")?;
        let mut body = tokio::select! {
            biased;
            body = server.stream(path) => body?,
            _ = signals.next() => return Ok(Exit::Ok),
        };
        let mut last = None;
        if let Some(latest) = latest {
            let answer = tokio::select! {
                biased;
                answer = server.get(latest) => answer?,
                _ = signals.next() => return Ok(Exit::Ok),
            };
            for line in answer["lines"].as_array().into_iter().flatten() {
                last = line["number"].as_u64().or(last);
                print(line)?;
            }
        }
        let mut lines = Lines::default();
        loop {
            let frame = tokio::select! {
                biased;
                _ = signals.next() => return Ok(Exit::Ok),
                frame = body.frame() => frame,
            };
            let Some(Ok(frame)) = frame else { return Ok(Exit::Ok) };
            let Ok(bytes) = frame.into_data() else { continue };
            let is_new = |document: &Value| last.is_none() || document["number"].as_u64() > last;
            for document in lines.add(&bytes).iter().filter(|document| is_new(document)) {
                print(document)?;
            }
        }
    })?
}

/// The documents in the lines of a stream of server-sent events.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Adds bytes of the stream, and returns the documents that are complete.
    fn add(&mut self, bytes: &Bytes) -> Vec<Value> {
        self.rest.extend_from_slice(bytes);
        let mut documents = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let data = line.strip_prefix(b"data:").map(serde_json::from_slice);
            documents.extend(data.and_then(Result::ok));
        }
        if self.rest.len() > LINE_BYTES_MAX {
            self.rest.clear();
        }
        documents
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_found_wherever_the_stream_is_cut() {
        let stream = b"id: 1\ndata: {\"a\":1}\n\n: comment\nevent: missed\ndata: {\"missed\":2}\n\n";
        for cut in 0..stream.len() {
            let mut lines = Lines::default();
            let mut found = lines.add(&Bytes::copy_from_slice(&stream[..cut]));
            found.extend(lines.add(&Bytes::copy_from_slice(&stream[cut..])));
            assert_eq!(found, [json!({ "a": 1 }), json!({ "missed": 2 })], "cut at {cut}");
        }
    }
}
