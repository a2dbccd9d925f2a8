//! `plugbay events --follow` and `plugbay logs --follow` when their stream ends: they connect again and miss nothing.

use std::io::{BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::request;
use crate::harness::command::{Plugbay, lines_until};
use crate::harness::patience::ends;

/// A command that follows a server.
struct Following {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Following {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Plugbay::new(arguments).start();
        let stdout = child.stdout.take().map(BufReader::new);
        Following { child, stdout }
    }

    /// Reads standard output until a line has this text, and returns what was read.
    async fn printed_until(&mut self, text: &'static str) -> String {
        let mut stdout = self.stdout.take().expect("it is piped");
        let reading = tokio::task::spawn_blocking(move || (lines_until(&mut stdout, text, 1), stdout));
        let (read, stdout) = ends(reading).await.expect("the text comes");
        self.stdout = Some(stdout);
        read
    }

    /// Waits for the end, and returns the exit code, and the rest of standard output and standard error.
    async fn ended(mut self) -> (Option<i32>, String, String) {
        let (mut stdout, stderr) = (self.stdout.take().expect("it is piped"), self.child.stderr.take());
        let reading = tokio::task::spawn_blocking(move || {
            let (mut printed, mut noted) = (String::new(), String::new());
            stdout.read_to_string(&mut printed).expect("text");
            stderr.expect("it is piped").read_to_string(&mut noted).expect("text");
            (printed, noted)
        });
        let (printed, noted) = ends(reading).await.expect("it does not panic");
        (self.child.wait().expect("the test owns the process").code(), printed, noted)
    }

    async fn ended_by_signal(self) -> (Option<i32>, String, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        self.ended().await
    }
}

/// A test that fails leaves no command behind.
impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Connections of clients with a server, which end when this is dropped.
struct Relay(JoinHandle<()>);

impl Relay {
    /// Connects each client of a listener with the server.
    fn start(listener: &Arc<TcpListener>, server: SocketAddr) -> Self {
        let listener = listener.clone();
        Relay(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let mut stream = TcpStream::connect(server).await.expect("the server listens");
                connections.spawn(async move { drop(tokio::io::copy_bidirectional(&mut client, &mut stream).await) });
            }
        }))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A listener for a [`Relay`], and its URL.
async fn proxy() -> (Arc<TcpListener>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    (Arc::new(listener), url)
}

async fn post(server: &Served, path: &str, body: &str) {
    let answer = request(server.address, "POST", path, body).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.text());
}

#[tokio::test]
async fn events_of_an_interruption_are_printed_once() {
    let served = Served::start(&[]);
    let (proxy, url) = proxy().await;
    let follow = ["events", "--follow", "order.*", "--reconnect", "1h", "--json", "--server", &*url];
    let mut following = Following::start(&follow);
    let publish = async |number: u64| {
        post(&served, "/events", &format!("{{\"topic\":\"order.placed\",\"data\":{number}}}")).await;
    };
    let first = Relay::start(&proxy, served.address);
    // It may not follow yet, so events are published until one is printed.
    let publishing = async {
        loop {
            publish(1).await;
        }
    };
    tokio::select! {
        _ = following.printed_until("\"data\":1") => {}
        () = publishing => {}
    }
    publish(2).await;
    following.printed_until("\"data\":2").await;
    drop(first);
    publish(3).await;
    let _second = Relay::start(&proxy, served.address);
    publish(4).await;
    let printed = following.printed_until("\"data\":4").await;
    // The server may have received one of the first events late.
    let others = printed.lines().filter(|line| !line.contains("\"data\":1")).count();
    let (code, _, noted) = following.ended_by_signal().await;
    assert_eq!((code, others), (Some(0), 2), "{printed}{noted}");
    assert_contains(&printed, &["\"data\":3"]);
    served.end();
}

#[tokio::test]
async fn lines_of_an_interruption_are_printed_once() {
    let served = Served::start(&[]);
    let (proxy, url) = proxy().await;
    let write = async |text: &str| {
        post(&served, "/api/v1/logs", &format!("{{\"level\":\"warn\",\"message\":\"{text}\"}}")).await;
    };
    write("line one").await;
    let follow = ["logs", "--follow", "--severity", "warn", "--reconnect", "1h", "--server", &*url];
    let mut following = Following::start(&follow);
    let first = Relay::start(&proxy, served.address);
    following.printed_until("line one").await;
    write("line two").await;
    following.printed_until("line two").await;
    drop(first);
    write("line three").await;
    let _second = Relay::start(&proxy, served.address);
    write("line four").await;
    let printed = following.printed_until("line four").await;
    let (code, rest, noted) = following.ended_by_signal().await;
    assert_eq!((code, printed.lines().count(), &*rest), (Some(0), 2, ""), "{printed}{noted}");
    assert_contains(&printed, &["line three"]);
    served.end();
}

#[tokio::test]
async fn server_that_comes_back_is_followed_further() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let served = Served::start(&["--data-dir", data]);
    let mut following = Following::start(&["logs", "--follow", "--reconnect", "1h", "--data-dir", data]);
    post(&served, "/api/v1/logs", r#"{"level":"warn","message":"before"}"#).await;
    following.printed_until("before").await;
    served.end();
    let served = Served::start(&["--data-dir", data]);
    post(&served, "/api/v1/logs", r#"{"level":"warn","message":"after"}"#).await;
    following.printed_until("after").await;
    let (code, _, noted) = following.ended_by_signal().await;
    assert_eq!(code, Some(0), "{noted}");
    assert_contains(&noted, &["the server was restarted"]);
    served.end();
}

#[tokio::test]
async fn server_that_is_gone_for_good_is_an_error() {
    let served = Served::start(&[]);
    let url = format!("http://{}", served.address);
    let mut following = Following::start(&["logs", "--follow", "--reconnect", "0", "--server", &url]);
    post(&served, "/api/v1/logs", r#"{"level":"warn","message":"a line"}"#).await;
    following.printed_until("a line").await;
    served.end();
    let (code, _, noted) = following.ended().await;
    assert_eq!(code, Some(2), "{noted}");
    assert_contains(&noted, &["error[server_unreachable]", "does not answer"]);
}
