//! One good plugin beside a hundred hostile ones: how long its answers take, and what is left when they are gone.
//!
//! The good plugin gets a request every 10 ms, whether or not the one before it was answered. A third process calls the
//! hostile plugins, each again 10 ms after it was answered.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use plugbay::compile::CodeCacheLocation;
use plugbay::manifest::{Format, Instances, Layer};
use plugbay::{Policy, Runtime};
use plugbay_server::{Server, ServerSettings, ServerState, plugin_routes};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};

use super::memory::status_bytes;
use super::{Bench, LIVE_INSTANCES, service};
use crate::report::{Row, Target};
use crate::subject::http::{HttpServer, exchange, percentile, request};
use crate::subject::{executor, plugbay as bay};

/// The argument that starts this program as the client of the good plugin.
pub const GOOD: &str = "request-good";
/// The argument that starts this program as the client of the hostile plugins.
pub const HOSTILE: &str = "request-hostile";

const HOSTILE_PLUGINS: usize = 100;
const ACTIONS: [&str; 5] = ["spin", "grow", "log", "publish", "query"];
const PAUSE: Duration = Duration::from_millis(10);
/// How long the client uses an idle connection again.
const REUSED_FOR: Duration = Duration::from_secs(2);
/// The duration of the measurement without and with the hostile plugins, in seconds.
const IDLE_SECONDS: u64 = 15;
const HOSTILE_SECONDS: u64 = 60;

pub fn row(bench: &Bench) -> anyhow::Result<Row> {
    let executor = executor()?;
    let runtime = Runtime::builder()
        .live_instances(LIVE_INSTANCES)
        .code_cache(CodeCacheLocation::Off)
        .policy(Policy::allow_all())
        .data_dir(bench.scratch("hostile"))
        .build()?;
    let routes = Layer::parse(
        "routes",
        r#"{"routes": [{"method": "GET", "path": "/ping", "actions": ["ping"]}]}"#,
        Format::Json,
    )?;
    let good = bay::package("good", &bench.wasm, Instances::Count(2)).manifest(routes);
    executor.block_on(runtime.load(good))?;
    let state = ServerState::new(&runtime, ServerSettings::default());
    let server = Server::new(&state, plugin_routes(&state));
    let server = HttpServer::start(async move |listener| server.serve(listener).await)?;

    let idle = Answers::of(server.address, IDLE_SECONDS)?;
    let before = status_bytes("VmRSS:")?;
    for number in 0..HOSTILE_PLUGINS {
        let package = service::package(bench, &format!("hostile-{number}"), Instances::Count(1))?;
        executor.block_on(runtime.load(package))?;
    }
    let mut attack = Attack::start(server.address)?;
    let beside = Answers::of(server.address, HOSTILE_SECONDS)?;
    ensure!(attack.0.try_wait()?.is_none(), "the hostile plugins were called to the end");
    drop(attack);
    for number in 0..HOSTILE_PLUGINS {
        ensure!(executor.block_on(runtime.unload(&format!("hostile-{number}"))), "it was loaded");
    }
    let held = status_bytes("VmRSS:")? - before;
    let slower = beside.percentile / idle.percentile;
    Ok(Row::new(format!("http, a good plugin beside {HOSTILE_PLUGINS} hostile ones"), Vec::new())
        .fact("alone, 99th percentile", idle.percentile, "µs", None)
        .fact("beside them, 99th percentile", beside.percentile, "µs", None)
        .fact("beside them / alone", slower, "x", Some(Target::AtMost(10.0)))
        .fact("requests", beside.requests, "", None)
        .fact("failed requests", beside.failed + idle.failed, "", Some(Target::AtMost(0.0)))
        .fact("memory held after they were unloaded", held / f64::from(1 << 20), "MiB", None))
}

/// How the requests to the good plugin were answered.
struct Answers {
    requests: f64,
    failed: f64,
    percentile: f64,
}

impl Answers {
    fn of(address: SocketAddr, seconds: u64) -> anyhow::Result<Self> {
        let output = Command::new(std::env::current_exe()?)
            .args([GOOD, &address.to_string(), &seconds.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "the client of the good plugin failed");
        let text = String::from_utf8(output.stdout)?;
        let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [requests, failed, percentile] = numbers[..] else { bail!("three numbers: {text}") };
        Ok(Answers { requests, failed, percentile })
    }
}

/// The client of the hostile plugins, until dropped.
struct Attack(Child);

impl Attack {
    fn start(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Attack(Command::new(std::env::current_exe()?).args([HOSTILE, &address.to_string()]).spawn()?))
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the client of the good plugin, which prints the number of requests, how many failed, and their percentile.
pub fn good_client(arguments: &[String]) -> anyhow::Result<()> {
    let [address, seconds] = arguments else { bail!("address, seconds") };
    let (address, duration): (SocketAddr, _) = (address.parse()?, Duration::from_secs(seconds.parse()?));
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answers = LocalSet::new().block_on(&executor, async {
        let idle: Rc<RefCell<Vec<(TcpStream, Instant)>>> = Rc::default();
        let (begun, mut tasks) = (tokio::time::Instant::now(), Vec::new());
        let mut due = begun;
        while due < begun + duration {
            tokio::time::sleep_until(due).await;
            let (idle, since) = (idle.clone(), Instant::from(due));
            tasks.push(spawn_local(async move {
                let answered = one_request(address, &idle).await;
                (answered, since.elapsed().as_secs_f64() * 1e6)
            }));
            due += PAUSE;
        }
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await?);
        }
        anyhow::Ok(answers)
    })?;
    let failed = answers.iter().filter_map(|(answered, _)| answered.as_ref().err());
    failed.clone().take(3).for_each(|error| eprintln!("a request to the good plugin failed: {error:#}"));
    let failed = failed.count();
    println!("{} {failed} {}", answers.len(), percentile(answers.into_iter().map(|(_, micros)| micros).collect()));
    Ok(())
}

/// Sends a request on an idle connection, or on a new one if there is none.
async fn one_request(address: SocketAddr, idle: &RefCell<Vec<(TcpStream, Instant)>>) -> anyhow::Result<()> {
    // The server may be about to close one that has been idle for long.
    let fresh = |(_, since): &(TcpStream, Instant)| since.elapsed() < REUSED_FOR;
    let stream = idle.borrow_mut().pop().filter(fresh).map(|(stream, _)| stream);
    let mut stream = match stream {
        Some(stream) => stream,
        None => TcpStream::connect(address).await?,
    };
    let mut buffer = Vec::with_capacity(4 << 10);
    let status = exchange(&mut stream, &request("GET", "/plugins/good/ping", ""), &mut buffer).await?;
    ensure!(status == 200, "{}", String::from_utf8_lossy(&buffer));
    idle.borrow_mut().push((stream, Instant::now()));
    Ok(())
}

/// Runs the client of the hostile plugins, which does not end by itself.
pub fn hostile_client(arguments: &[String]) -> anyhow::Result<()> {
    let [address] = arguments else { bail!("address") };
    let address: SocketAddr = address.parse()?;
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&executor, async {
        let tasks: Vec<_> = (0..HOSTILE_PLUGINS).map(|number| spawn_local(attack(address, number))).collect();
        for task in tasks {
            task.await?.context("a hostile plugin was not answered")?;
        }
        Ok(())
    })
}

async fn attack(address: SocketAddr, number: usize) -> anyhow::Result<()> {
    let path = format!("/plugins/hostile-{number}/actions/{}", ACTIONS[number % ACTIONS.len()]);
    let (request, mut buffer) = (request("POST", &path, "0"), Vec::new());
    loop {
        let mut stream = TcpStream::connect(address).await?;
        // The server may end the connection: it is opened again.
        while exchange(&mut stream, &request, &mut buffer).await.is_ok() {
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
