//! An engine of the tests: a socket that answers as Docker does, and whose streams of events a test writes byte by
//! byte.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plugbay_manifest::{DockerEntry, DockerUrl};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use crate::endpoint::ByteStream;
use crate::{DockerEndpoint, DockerEvent, DockerFollower, DockerStatus};

/// A guard for a hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// Answers by the path below the version: a status and a body.
type Answers = Arc<Mutex<HashMap<String, (u16, String)>>>;

pub(crate) struct TestEngine {
    directory: tempfile::TempDir,
    answers: Answers,
    streams: mpsc::UnboundedReceiver<TestStream>,
    opened: mpsc::UnboundedSender<TestStream>,
}

/// A stream of events whose request was received. Dropping it cuts the connection.
pub(crate) struct TestStream {
    socket: Box<dyn ByteStream>,
    /// The path of the request.
    pub(crate) path: String,
}

impl TestStream {
    /// Sends the head of the answer, which some engines send with the first event.
    pub(crate) async fn begin(&mut self) {
        self.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n").await;
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.expect("the follower reads");
        self.socket.flush().await.expect("the follower reads");
    }
}

impl TestEngine {
    /// An engine with nothing in it, which does not listen yet.
    pub(crate) fn new() -> Self {
        let version =
            r#"{"Version":"27.1","ApiVersion":"1.41","MinAPIVersion":"1.24","Components":[{"Name":"Engine"}]}"#;
        let answers = [
            ("/version", version),
            ("/containers/json?all=1", "[]"),
            ("/images/json", "[]"),
            ("/networks", "[]"),
            ("/volumes", r#"{"Volumes":null}"#),
        ];
        let answers = answers.map(|(path, body)| (path.to_owned(), (200, body.to_owned())));
        let (opened, streams) = mpsc::unbounded_channel();
        let directory = tempfile::tempdir().expect("a directory");
        TestEngine { directory, answers: Arc::new(Mutex::new(answers.into())), streams, opened }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    pub(crate) fn endpoint(&self) -> DockerEndpoint {
        let entry = DockerEntry::new("local", DockerUrl::Unix(self.socket()));
        DockerEndpoint::new(&entry, 3).expect("it needs no files")
    }

    pub(crate) fn answer(&self, path: &str, status: u16, body: &str) {
        self.answers.lock().insert(path.to_owned(), (status, body.to_owned()));
    }

    /// Listens on its unix socket.
    pub(crate) fn listen(&self) {
        let listener = UnixListener::bind(self.socket()).expect("it is free");
        let (answers, opened) = (self.answers.clone(), self.opened.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(Box::new(socket), answers.clone(), opened.clone()));
            }
        });
    }

    /// Answers on a connection that a test accepted.
    pub(crate) fn serve(&self, socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        tokio::spawn(serve(Box::new(socket), self.answers.clone(), self.opened.clone()));
    }

    /// The next stream that the follower asks for.
    pub(crate) async fn stream(&mut self) -> TestStream {
        let stream = tokio::time::timeout(PATIENCE, self.streams.recv()).await;
        stream.expect("the follower asks for events").expect("the engine runs")
    }

    /// Starts an engine with a follower, and returns its first stream, whose head is sent.
    pub(crate) async fn followed(self) -> Followed {
        self.listen();
        self.followed_at_once().await
    }

    async fn followed_at_once(mut self) -> Followed {
        let (sender, events) = mpsc::channel(8);
        let follower = DockerFollower::start(self.endpoint(), sender);
        let mut stream = self.stream().await;
        stream.begin().await;
        Followed { engine: self, follower, events, stream: Some(stream) }
    }
}

/// An engine with its follower.
pub(crate) struct Followed {
    pub(crate) engine: TestEngine,
    pub(crate) follower: DockerFollower,
    pub(crate) events: mpsc::Receiver<DockerEvent>,
    stream: Option<TestStream>,
}

impl Followed {
    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.as_mut().expect("there is a stream").send(text).await;
    }

    /// The next event, as `container.start 4f`, with ` synthetic` if it is one.
    pub(crate) async fn next(&mut self) -> String {
        let event = next_of(&mut self.events).await;
        format!("{} {}{}", event.topic(), event.id, if event.is_synthetic { " synthetic" } else { "" })
    }

    /// Cuts the stream, and returns the path of the request for the next one, whose head is sent.
    pub(crate) async fn cut(&mut self) -> String {
        self.stream = None;
        let mut stream = self.engine.stream().await;
        stream.begin().await;
        let path = stream.path.clone();
        self.stream = Some(stream);
        path
    }

    /// Waits for a status.
    pub(crate) async fn until(&self, is_it: impl Fn(&DockerStatus) -> bool) -> DockerStatus {
        until(&self.follower, is_it).await
    }
}

/// Waits for the next event.
pub(crate) async fn next_of(events: &mut mpsc::Receiver<DockerEvent>) -> DockerEvent {
    tokio::time::timeout(PATIENCE, events.recv()).await.expect("an event").expect("it follows")
}

/// Waits for a status.
pub(crate) async fn until(follower: &DockerFollower, is_it: impl Fn(&DockerStatus) -> bool) -> DockerStatus {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let status = follower.status();
            if is_it(&status) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("{:?}", follower.status()))
}

/// Answers requests of one connection.
async fn serve(mut socket: Box<dyn ByteStream>, answers: Answers, opened: mpsc::UnboundedSender<TestStream>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match socket.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).expect("a request is text");
        let path = head.split(' ').nth(1).expect("a request has a path");
        // An engine refuses versions that it does not know.
        let below = path.strip_prefix("/v1.41").or((path == "/version").then_some(path));
        let (status, body) = match below {
            Some(below) if below.starts_with("/events") => {
                let _ = opened.send(TestStream { path: path.to_owned(), socket });
                return;
            }
            Some(below) => {
                answers.lock().get(below).cloned().unwrap_or((404, r#"{"message":"no such object"}"#.to_owned()))
            }
            None => (400, r#"{"message":"client version is too new"}"#.to_owned()),
        };
        let date = "Date: Thu, 01 Jan 1970 00:16:40 GMT";
        let answer = format!("HTTP/1.1 {status} X\r\n{date}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if socket.write_all(answer.as_bytes()).await.is_err() || socket.flush().await.is_err() {
            return;
        }
    }
}
