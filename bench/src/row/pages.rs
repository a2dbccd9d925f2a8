//! Open pages that poll a loader whose answer does not change: the processor time of the server.
//!
//! The processor is idle in between, so a request costs several times what it costs in the rows `http`, which keep the
//! server busy: threads are woken, and caches are cold.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use plugbay::manifest::{Format, Instances, Layer};
use plugbay_server::access::{Access, AccessOptions, NewToken, Scope, ScopeKind, TokenStore};
use plugbay_server::admin::AdminState;
use plugbay_server::telemetry::LogBuffer;
use plugbay_server::{Server, ServerSettings, ServerState, host_router};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::boot::processor_seconds;
use super::{Bench, LIVE_INSTANCES};
use crate::report::{Row, Target};
use crate::subject::http::{HttpServer, exchange};
use crate::subject::{executor, plugbay as bay};

/// The argument that starts this program as the pages.
pub const CHILD: &str = "poll";
const PAGES: u32 = 200;
const INTERVAL: Duration = Duration::from_secs(1);
/// The time over which the processor time is taken.
const MEASURED: Duration = Duration::from_secs(20);

const PAGE: &str = r#"{
    "routes": [{"method": "GET", "path": "/ping", "actions": ["ping"]}],
    "frontend": {"pages": [{"path": "/", "template": {}, "loaders": [
        {"id": "ping", "apiRoute": "/ping", "polling": {"interval": 1000}}
    ]}]}
}"#;

/// The headers that a browser adds to a poll.
const HEADERS: &str = "accept: application/json\r\naccept-encoding: gzip, deflate, br, zstd\r\n\
    accept-language: en-US,en;q=0.9\r\ncontent-type: application/json\r\nsec-fetch-dest: empty\r\n\
    sec-fetch-mode: cors\r\nsec-fetch-site: same-origin\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64) \
    AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n";

pub fn row(bench: &Bench) -> anyhow::Result<Row> {
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let page = Layer::parse("page", PAGE, Format::Json)?;
    executor()?.block_on(runtime.load(bay::package("bench", &bench.wasm, Instances::Count(1)).manifest(page)))?;
    let tokens = std::sync::Arc::new(TokenStore::open(&bench.scratch)?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let token = tokens.create(&NewToken::new("pages", [Scope::all(ScopeKind::Call)]), now)?.secret;
    let state = ServerState::new(&runtime, ServerSettings::default());
    let admin = AdminState::new(&state, None, LogBuffer::default());
    let server = HttpServer::start(async move |listener| {
        let address = listener.local_addr().expect("it is bound");
        let access =
            Access::of_address(address, Some(tokens), &AccessOptions::default()).expect("it is a loopback address");
        Server::new(&state, host_router(&admin, access)).serve(listener).await;
    })?;
    let idle = processor_of(MEASURED / 4)?;
    let mut pages = Command::new(std::env::current_exe()?)
        .args([CHILD, &server.address.to_string(), &token])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(pages.stdout.take().context("it is piped")?).lines();
    ensure!(lines.next().transpose()?.as_deref() == Some("ready"), "the pages did not open");
    let busy = processor_of(MEASURED)?;
    drop(lines);
    let _ = pages.kill();
    let _ = pages.wait();
    let polls = f64::from(PAGES) / INTERVAL.as_secs_f64();
    Ok(Row::new(format!("http, {PAGES} pages that poll a loader each second without a change"), Vec::new())
        .fact("part of a core", busy * 100.0, "%", Some(Target::AtMost(5.0)))
        .fact("part of a core without pages", idle * 100.0, "%", None)
        .fact("processor time per poll", busy / polls * 1e6, "µs", Some(Target::AtMost(200.0))))
}

/// The processor time of this process in a second, over a time in which this thread does nothing.
fn processor_of(time: Duration) -> anyhow::Result<f64> {
    let (before, since) = (processor_seconds()?, Instant::now());
    std::thread::sleep(time);
    Ok((processor_seconds()? - before) / since.elapsed().as_secs_f64())
}

/// Runs the child process: it prints that all pages have been answered twice, and polls until it is killed.
pub fn child(arguments: &[String]) -> anyhow::Result<()> {
    let [address, token] = arguments else { bail!("address, token") };
    let address: SocketAddr = address.parse()?;
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    executor.block_on(async {
        let begin = Instant::now();
        let mut pages = tokio::task::JoinSet::new();
        for number in 0..PAGES {
            let token = token.clone();
            // As pages in browsers do: opened at any time, they poll at multiples of a tenth of the interval.
            pages.spawn(async move { page(address, &token, begin + INTERVAL * (number % 10) / 10).await });
        }
        sleep_until(begin + 3 * INTERVAL).await;
        println!("ready");
        while let Some(ended) = pages.join_next().await {
            ended??;
        }
        Ok(())
    })
}

/// Polls on one connection, which a browser keeps open.
async fn page(address: SocketAddr, token: &str, mut next: Instant) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut answer, mut known) = (Vec::new(), String::new());
    loop {
        sleep_until(next).await;
        next += INTERVAL;
        let body = format!(r#"{{"path":"/","loaderIds":["ping"],"known":{{{known}}},"poll":true}}"#);
        let request = format!(
            "POST /api/v1/plugins/bench/page/loaders HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             {HEADERS}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let status = exchange(&mut stream, &request, &mut answer).await?;
        let text = String::from_utf8_lossy(&answer);
        ensure!(status == 200 && text.contains(r#""success":true"#), "{text}");
        let is_known = text.contains(r#""unchanged":true"#);
        ensure!(is_known || known.is_empty(), "the answer has changed: {text}");
        let tag = text.split(r#""tag":""#).nth(1).and_then(|rest| rest.split('"').next()).context("a tag")?;
        known = format!(r#""ping":"{tag}""#);
    }
}
