//! Processes of a served host, by a client that is written from Pup's types of its API alone, by the command, and by a
//! program that the host runs.

use std::net::SocketAddr;
use std::path::Path;

use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, Response};
use crate::harness::command::Plugbay;
use crate::harness::patience::until;

/// The types of Pup's client, as far as it reads them.
#[derive(Debug, Deserialize)]
struct ApiProcesses {
    data: Vec<ApiProcess>,
}

#[derive(Debug, Deserialize)]
struct ApiProcess {
    status: ProcessInformation,
    config: ProcessConfiguration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ProcessInformation {
    id: String,
    status: u16,
    code: Option<i32>,
    signal: Option<String>,
    pid: Option<u32>,
    started: Option<String>,
    exited: Option<String>,
    blocked: Option<bool>,
    restarts: Option<u64>,
    updated: String,
    pending_restart_reason: Option<String>,
    telemetry: Option<Value>,
    r#type: String,
    /// The instances of a cluster, which Pup's type does not have.
    #[serde(default)]
    processes: Vec<ProcessInformation>,
}

#[derive(Debug, Deserialize)]
struct ProcessConfiguration {
    id: String,
    cmd: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ApplicationState {
    pid: u32,
    version: String,
    status: String,
    updated: String,
    started: String,
    memory: Value,
    port: u16,
    system_memory: Value,
    load_avg: Vec<f64>,
    os_uptime: f64,
    os_release: String,
    runtime: String,
    r#type: String,
    processes: Vec<ProcessInformation>,
}

/// A frame of Pup's web socket, with the data of its event.
#[expect(dead_code, reason = "reading one checks its shape")]
#[derive(Debug, Deserialize)]
#[serde(tag = "t", content = "d", rename_all = "snake_case", deny_unknown_fields)]
enum Frame {
    Log(LogEvent),
    Init(()),
    #[serde(rename = "server.boot")]
    Boot(()),
    Watchdog(()),
    ProcessStatusChanged(StatusEvent),
    ProcessScheduled(ScheduledEvent),
    ProcessScheduledTerminate(ScheduledEvent),
    ProcessWatch(WatchEvent),
    ProcessTelemetry(TelemetryEvent),
    ApplicationState(Box<ApplicationState>),
    Terminating(u64),
    Ipc(IpcEvent),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogEvent {
    severity: String,
    category: String,
    text: String,
    process_id: String,
    time_stamp: u64,
}

#[derive(Debug, Deserialize)]
struct StatusEvent {
    old: Option<u16>,
    new: Option<u16>,
    status: ProcessInformation,
}

#[expect(dead_code, reason = "reading one checks its shape")]
#[derive(Debug, Deserialize)]
struct ScheduledEvent {
    next: String,
    status: ProcessInformation,
}

#[expect(dead_code, reason = "reading one checks its shape")]
#[derive(Debug, Deserialize)]
struct WatchEvent {
    at: String,
    status: ProcessInformation,
}

#[derive(Debug, Deserialize)]
struct TelemetryEvent {
    sender: String,
    memory: Value,
    sent: String,
    cwd: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IpcEvent {
    sender: Option<String>,
    target: String,
    event: String,
    event_data: Value,
}

/// The web socket of Pup's clients.
struct Socket(Client);

impl Socket {
    /// The next frame; `None` at the end.
    async fn next(&mut self) -> Option<Frame> {
        let head = self.0.exactly(2).await;
        if head[0] == 0x88 {
            return None;
        }
        assert_eq!(head[0], 0x81, "a whole frame of text");
        let length = match head[1] {
            126 => u16::from_be_bytes(self.0.exactly(2).await.try_into().expect("two bytes")).into(),
            127 => u64::from_be_bytes(self.0.exactly(8).await.try_into().expect("eight bytes")),
            length => length.into(),
        };
        let text = self.0.exactly(usize::try_from(length).expect("it fits")).await;
        let shown = String::from_utf8_lossy(&text);
        Some(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error}: {shown}")))
    }

    /// The first frame that fits.
    async fn find<T>(&mut self, fits: impl Fn(Frame) -> Option<T>) -> T {
        loop {
            let frame = self.next().await.expect("the host runs");
            if let Some(found) = fits(frame) {
                return found;
            }
        }
    }
}

/// A client of Pup's API.
struct PupClient {
    address: SocketAddr,
    token: String,
}

impl PupClient {
    async fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        let headers = format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n", self.token);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Client::connect(self.address).await.request(method, path, &headers, &body).await
    }

    async fn processes(&self) -> Vec<ApiProcess> {
        let answer = self.send("GET", "/processes", &Value::Null).await;
        serde_json::from_value::<ApiProcesses>(answer.json()).expect("Pup's shape").data
    }

    async fn process(&self, id: &str) -> ProcessInformation {
        let found = self.processes().await.into_iter().find(|process| process.status.id == id);
        found.expect("there is such a process").status
    }

    async fn wait(&self, id: &str, status: u16) -> ProcessInformation {
        until(&format!("{id} has state {status}"), async || {
            Some(self.process(id).await).filter(|process| process.status == status)
        })
        .await
    }

    async fn follow(&self) -> Socket {
        let mut client = Client::connect(self.address).await;
        client
            .send(format!(
                "GET /wss HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: upgrade\r\n\
                 upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                self.token
            ))
            .await;
        assert_eq!(client.head().await.status, 101);
        Socket(client)
    }

    async fn order(&self, id: &str, order: &str) -> Response {
        self.send("POST", &format!("/processes/{id}/{order}"), &Value::Null).await
    }
}

/// A host with processes, and a client with the right to manage it.
struct Scene {
    data: String,
    served: Served,
    client: PupClient,
    directory: tempfile::TempDir,
}

impl Scene {
    fn new(file_name: &str, file: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(file_name);
        std::fs::write(&path, file).expect("written");
        Scene::of(directory, &path)
    }

    fn of(directory: tempfile::TempDir, file: &Path) -> Self {
        let data = directory.path().join("data").to_str().expect("UTF-8").to_owned();
        let served = Served::start(&["--data-dir", &data, "--host-file", file.to_str().expect("UTF-8")]);
        let made = ["token", "create", "--consumer", "ci", "--scope", "manage", "--json", "--data-dir", &data];
        let token = Plugbay::new(made).run().exits_with(0).json()["token"].as_str().expect("a token").to_owned();
        let client = PupClient { address: served.address, token };
        Scene { data, served, client, directory }
    }
}

const PUP_JSON: &str = r#"{
    // Pup's configuration, with its comments
    "processes": [
        { "id": "web", "cmd": "sleep 1000000", "autostart": true, "env": { "SECRET": "hunter2" } },
        { "id": "job", "cmd": "/bin/sh -c 'echo $PUP_PROCESS_ID; exit 3'" }, /* no restart */
    ],
}"#;

#[tokio::test]
async fn client_of_pup_lists_orders_and_reads_the_state() {
    let scene = Scene::new("pup.json", PUP_JSON);
    let client = &scene.client;
    let web = client.wait("web", 200).await;
    assert!(web.pid.is_some() && web.started.is_some() && web.blocked == Some(false), "{web:?}");
    let processes = client.processes().await;
    assert_eq!((&*processes[0].config.id, &*processes[0].config.cmd), ("web", "sleep 1000000"));
    let listed = client.send("GET", "/processes", &Value::Null).await;
    assert!(!listed.text().contains("hunter2"), "values of variables are hidden: {}", listed.text());

    let started = client.order("job", "start").await;
    assert_eq!((started.status, &*started.text()), (200, ""));
    let job = client.wait("job", 400).await;
    assert_eq!((job.code, &job.signal, job.r#type.as_str()), (Some(3), &None, "process"));
    assert!(job.exited.as_ref() <= Some(&job.updated) && job.pending_restart_reason.is_none(), "{job:?}");
    assert_eq!((client.order("web", "start").await.error()), (409, "process_running".to_owned()));
    assert_eq!(client.order("other", "start").await.error(), (404, "not_found".to_owned()));
    assert_eq!(client.order("web", "kick").await.error(), (404, "not_found".to_owned()));
    assert_eq!(client.order("web", "restart").await.status, 200);
    let pid = web.pid;
    let again = until("another run", async || {
        Some(client.process("web").await).filter(|web| web.status == 200 && web.pid != pid)
    })
    .await;
    assert_eq!(again.restarts, Some(1));

    let state = client.send("GET", "/state", &Value::Null).await.json();
    let state: ApplicationState = serde_json::from_value(state["data"].clone()).expect("Pup's shape");
    assert_eq!((state.port, &*state.r#type, state.processes.len()), (scene.served.address.port(), "main", 2));
    assert!(state.pid > 0 && state.os_uptime > 0.0 && state.load_avg.len() == 3, "{state:?}");
    assert!(state.started <= state.updated && !state.version.is_empty() && !state.os_release.is_empty(), "{state:?}");
    assert!(state.memory["rss"].as_f64() > Some(0.0) && state.system_memory["total"].as_f64() > Some(0.0), "{state:?}");
    assert!(state.status == "Running" && state.runtime.starts_with("plugbay"), "{state:?}");

    let telemetry = |sender: &str| {
        let memory = json!({ "rss": 1, "heapTotal": 2, "heapUsed": 3, "external": 4 });
        json!({ "sender": sender, "memory": memory, "sent": "2026-01-01T00:00:00.000Z", "cwd": "/" })
    };
    assert_eq!(client.send("POST", "/telemetry", &telemetry("web")).await.status, 200);
    assert_eq!(client.send("POST", "/telemetry", &telemetry("other")).await.status, 404);
    assert_eq!(client.send("POST", "/telemetry", &json!({ "sender": "web" })).await.status, 400);
    until("the report", async || client.process("web").await.telemetry).await;

    let lines = client.send("GET", "/logs?processId=job", &Value::Null).await.json();
    let line = lines["data"].as_array().expect("lines").iter().find(|line| line["text"] == "job");
    let line = line.unwrap_or_else(|| panic!("{lines}"));
    assert_eq!((&line["severity"], &line["category"]), (&json!("log"), &json!("stdout")));
    scene.served.end();
}

#[tokio::test]
async fn client_of_pup_follows_every_event() {
    let file = r#"{ "processes": [
        { "id": "web", "cmd": "sleep 1000000", "cron": "0 3 * * *", "terminate": "0 4 * * *" },
        { "id": "pair", "cmd": "sleep 1000000", "cluster": { "instances": 2 } }
    ] }"#;
    let scene = Scene::new("pup.json", file);
    let client = &scene.client;
    let mut socket = client.follow().await;
    let changes = async |socket: &mut Socket, id: &str| {
        socket
            .find(|frame| match frame {
                Frame::ProcessStatusChanged(event) if event.status.id == id => Some((event.old, event.new)),
                _ => None,
            })
            .await
    };
    assert_eq!(client.order("web", "start").await.status, 200);
    assert_eq!(changes(&mut socket, "web").await, (Some(0), Some(100)));
    assert_eq!(changes(&mut socket, "web").await, (Some(100), Some(200)));
    for order in ["block", "stop", "unblock"] {
        assert_eq!(client.order("web", order).await.status, 200, "{order}");
    }
    assert_eq!(changes(&mut socket, "web").await, (Some(200), Some(250)));
    assert_eq!(changes(&mut socket, "web").await, (Some(250), Some(300)));
    assert_eq!(client.order("all", "start").await.status, 200);
    for instance in ["pair-1", "pair-2"] {
        let lines = async || {
            let lines = client.send("GET", "/logs?processId=pair", &Value::Null).await;
            lines.text().contains(&format!("\"processId\":\"{instance}\"")).then_some(())
        };
        until("a line of an instance under the name of its cluster", lines).await;
    }
    let written = json!({ "severity": "Warn", "plugin": "mine", "message": "look" });
    assert_eq!(client.send("POST", "/log", &written).await.status, 201);
    let line = socket.find(|frame| match frame {
        Frame::Log(line) if line.category == "starting" && line.process_id == "pair-1" => Some(line),
        _ => None,
    });
    let line = line.await;
    assert!(line.severity == "log" && line.text.starts_with("Process starting") && line.time_stamp > 0, "{line:?}");
    let message = json!({ "target": "web", "event": "hello", "eventData": { "a": 1 } });
    assert_eq!(client.send("POST", "/ipc", &message).await.status, 200);
    let heard = socket.find(|frame| if let Frame::Ipc(event) = frame { Some(event) } else { None }).await;
    assert_eq!((heard.sender.as_deref(), &*heard.target, &*heard.event), (Some("ci"), "web", "hello"));
    assert_eq!(heard.event_data, json!({ "a": 1 }));
    let memory = json!({ "rss": 1.0, "heapTotal": 2.0, "heapUsed": 3.0, "external": 4.0 });
    let report = json!({ "sender": "web", "memory": memory, "sent": "2026-01-01T00:00:00.000Z", "cwd": "/" });
    assert_eq!(client.send("POST", "/telemetry", &report).await.status, 200);
    let heard = socket.find(|frame| if let Frame::ProcessTelemetry(event) = frame { Some(event) } else { None }).await;
    assert_eq!(
        (&*heard.sender, &heard.memory, &*heard.sent, &*heard.cwd),
        ("web", &memory, "2026-01-01T00:00:00.000Z", "/")
    );
    let state = socket.find(|frame| if let Frame::ApplicationState(state) = frame { Some(state) } else { None }).await;
    let processes: Vec<_> = state.processes.iter().map(|process| (&*process.id, process.processes.len())).collect();
    assert_eq!((&*state.r#type, processes), ("main", vec![("web", 0), ("pair", 2)]));

    // While the processes end, the host answers, and its clients see all of it.
    assert_eq!(client.send("POST", "/terminate", &Value::Null).await.status, 202);
    assert_eq!(socket.find(|frame| if let Frame::Terminating(ms) = frame { Some(ms) } else { None }).await, 30_000);
    let mut ended = std::collections::BTreeSet::new();
    while let Some(frame) = socket.next().await {
        if let Frame::ProcessStatusChanged(StatusEvent { new: Some(300), status, .. }) = frame {
            ended.insert(status.id);
        }
    }
    assert_eq!(Vec::from_iter(ended), ["pair-1", "pair-2", "web"]);
    assert_eq!(scene.served.ended().0, Some(0));
}

#[tokio::test]
async fn orders_need_the_scope_manage() {
    let scene = Scene::new("plugbay.yaml", "processes: [{ id: job, cmd: \"true\" }]");
    let anonymous = PupClient { address: scene.served.address, token: String::new() };
    let mut client = Client::connect(anonymous.address).await;
    let refused = client.request("POST", "/processes/job/start", "", b"").await;
    assert_eq!(refused.status, 401, "{}", refused.text());
    scene.served.end();
}

#[tokio::test]
async fn token_of_a_process_reports_for_that_process_alone() {
    let file = "processes: [{ id: web, cmd: \"sh -c 'echo token=$PUP_API_TOKEN'\" }, { id: other, cmd: \"true\" }]";
    let scene = Scene::new("plugbay.yaml", file);
    assert_eq!(scene.client.order("web", "start").await.status, 200);
    let token = until("the token", async || {
        let lines = scene.client.send("GET", "/logs?processId=web", &Value::Null).await.text();
        let (_, rest) = lines.split_once("token=")?;
        Some(rest.split('"').next()?.to_owned())
    })
    .await;
    let process = PupClient { address: scene.served.address, token };
    let memory = json!({ "rss": 1, "heapTotal": 2, "heapUsed": 3, "external": 4 });
    let report = |sender: &str| json!({ "sender": sender, "memory": memory, "sent": "now", "cwd": "/" });
    assert_eq!(process.send("POST", "/telemetry", &report("web")).await.status, 200);
    assert_eq!(process.send("POST", "/telemetry", &report("other")).await.error(), (403, "other_process".to_owned()));
    assert_eq!(process.order("other", "start").await.error(), (403, "insufficient_scope".to_owned()));
    scene.served.end();
}

#[tokio::test]
async fn command_lists_and_orders_processes() {
    let scene = Scene::new("plugbay.yaml", "processes: [{ id: web, cmd: sleep 1000000 }, { id: bad, cmd: /no/such }]");
    let run = |arguments: &[&str]| Plugbay::new([arguments, &["--data-dir", &scene.data]].concat()).run();
    let listed = run(&["ps"]).exits_with(0);
    assert_contains(&listed.stdout, &["2 processes", "web", "created"]);
    run(&["start", "web"]).exits_with(0);
    assert_contains(&run(&["ps"]).exits_with(0).stdout, &["running", "pid"]);
    let again = run(&["start", "web"]);
    assert_contains(&again.stderr, &["process `web` runs already"]);
    let bad = run(&["start", "bad"]);
    assert_contains(&bad.stderr, &["process `bad` cannot be started", "/no/such"]);
    run(&["block", "web"]).exits_with(0);
    run(&["stop", "web"]).exits_with(0);
    scene.client.wait("web", 300).await;
    assert_contains(&run(&["start", "web"]).stderr, &["process `web` is blocked"]);
    run(&["unblock", "web"]).exits_with(0);
    let document = run(&["restart", "web", "--json"]).exits_with(0).json();
    assert_eq!((&document["change"], &document["process"]["status"]), (&json!("restart"), &json!(200)));
    let lines = run(&["logs", "web"]).exits_with(0);
    assert_contains(&lines.stdout, &["[web]", "Process blocked, reason: REST API request by"]);
    scene.served.end();
}

#[tokio::test]
async fn balancer_without_its_port_is_listed_with_the_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port();
    let cluster =
        format!("{{ instances: 1, startPort: {}, commonPort: {port} }}", if port > 2_000 { 1_999 } else { 2_999 });
    let scene =
        Scene::new("plugbay.yaml", &format!("processes: [{{ id: web, cmd: sleep 1000000, cluster: {cluster} }}]"));
    let listed = async || {
        let listed = Plugbay::new(["ps", "--data-dir", &scene.data]).run().exits_with(0).stdout;
        listed.contains(&port.to_string()).then_some(listed)
    };
    assert_contains(&until("the reason", listed).await, &["1 process", "web", "cannot listen"]);
    scene.served.end();
}

#[tokio::test]
async fn lines_of_a_process_outlive_a_host_that_is_killed() {
    let scene = Scene::new("plugbay.yaml", "processes: [{ id: job, cmd: echo first }]");
    assert_eq!(scene.client.order("job", "start").await.status, 200);
    scene.client.wait("job", 300).await;
    let lines =
        async |scene: &Scene| scene.client.send("GET", "/logs?processId=job", &Value::Null).await.json()["data"].take();
    let written = until("the line", async || Some(lines(&scene).await).filter(|all| all.to_string().contains("first")));
    let before = written.await;
    scene.served.send(Signal::KILL);
    drop(scene.served);

    let file = scene.directory.path().join("plugbay.yaml");
    let scene = Scene::of(scene.directory, &file);
    assert_eq!(lines(&scene).await, before, "with their times, before the process was started again");
    let printed = Plugbay::new(["logs", "job", "--data-dir", &scene.data]).run().exits_with(0);
    assert_contains(&printed.stdout, &["[job]", "first"]);
    scene.served.end();
}

#[test]
fn processes_that_cannot_be_set_up_are_reported_before_anything_is_loaded() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("plugbay.yaml");
    let file =
        "processes: [{ id: a, cmd: \"x 'y\" }, { id: b, cmd: x, cron: 61 * * * * }, { id: c, cmd: x, detach: true }]";
    std::fs::write(&path, file).expect("written");
    let ended = Plugbay::new(["serve", "--host-file", path.to_str().expect("UTF-8")]).run().exits_with(2);
    assert_contains(
        &ended.stderr,
        &["process `a`: `cmd` cannot be split", "process `b`: `cron`", "process `c`: `detach`"],
    );
}

#[tokio::test]
async fn program_of_the_host_reports_and_follows_it_with_its_token() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/outside/plugbay.yaml");
    let scene = Scene::of(tempfile::tempdir().expect("a directory"), &example);
    let client = &scene.client;
    let lines = async |id: &str| client.send("GET", &format!("/logs?processId={id}"), &Value::Null).await.text();
    until("it follows the events", async || lines("reporter").await.contains("following").then_some(())).await;
    assert!(client.process("reporter").await.telemetry.is_some());
    assert_eq!(client.order("broken", "start").await.status, 200);
    let written = async || lines("core").await.contains("process broken has failed with exit code 1").then_some(());
    until("its line in the log", written).await;
    scene.served.end();
}
