//! The cost of the host's services for a plugin, compared with the same native call on the same backend, and with an
//! unchecked host call.

use std::collections::hash_map::RandomState;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use hashlink::LinkedHashMap;
use parking_lot::Mutex;
use plugbay::compile::CodeCacheLocation;
use plugbay::manifest::{Format, Instances, Layer};
use plugbay::{Invocation, Package, Plugin, Policy, Runtime};
use rusqlite::{Connection, params};
use tokio::runtime::Runtime as Executor;

use super::{Bench, LIVE_INSTANCES};
use crate::measure::{Subject, interleave};
use crate::report::{Row, Target};
use crate::subject::{executor, plugbay as bay, raw, timed};

/// The value that the guest stores and reads.
const VALUE: &str = "\"thirty bytes of any text, quoted\"";
/// The manifest of the guest, with the permissions that it needs in all rows.
const MANIFEST: &str = r#"{
    "permissions": [
        {"resource": "cache.key", "actions": ["read", "write"]},
        {"resource": "data.key", "actions": ["read", "write"]},
        {"resource": "db.entries", "actions": ["read", "write"]},
        {"resource": "events.*", "actions": ["publish", "subscribe"]}
    ],
    "events": {"publishes": ["service.unheard"]}
}"#;

/// A host function that the guest calls repeatedly.
#[derive(Clone, Copy)]
pub enum Service {
    Cache,
    Data,
    DataWrite,
    Db,
}

/// A checked host call compared with an unchecked one. Both return a configuration value of 34 bytes.
pub fn checked_call(bench: &Bench) -> anyhow::Result<Row> {
    let executor = executor()?;
    let mut raw_host = raw::Host::new(LIVE_INSTANCES)?;
    let mut instance = executor.block_on(raw_host.compile_with_config(&bench.service_wasm, VALUE)?.start())?;
    let runtime = runtime(&bench.scratch("service-call"))?;
    let plugin = load(&executor, &runtime, bench)?;
    let subjects = vec![
        Subject::new("raw wasmtime, unchecked", |calls| {
            timed(&executor, instance.call_owned("config", calls.to_string()))
        }),
        Subject::new("plugbay", |calls| timed(&executor, many(&plugin, "config", calls))),
    ];
    Ok(Row::new("host call: one configuration value", interleave(subjects, bench.plan)?)
        .ratio("plugbay", "raw wasmtime, unchecked", None)
        .difference("plugbay", "raw wasmtime, unchecked", Some(Target::AtMost(1_000.0))))
}

/// A service compared with its backend.
pub fn row(bench: &Bench, service: Service) -> anyhow::Result<Row> {
    let executor = executor()?;
    let (name, action) = match service {
        Service::Cache => ("service: cache.get of 34 bytes", "cache"),
        Service::Data => ("service: data.get of 34 bytes", "data"),
        Service::DataWrite => ("service: data.set of 34 bytes, on disk when it returns", "data-set"),
        Service::Db => ("service: a select of one row by its key", "db"),
    };
    let scratch = bench.scratch(action);
    let runtime = runtime(&scratch)?;
    let plugin = load(&executor, &runtime, bench)?;
    executor.block_on(many(&plugin, "prepare", 0))?;
    let native = native(service, &scratch)?;
    let subjects = vec![
        Subject::new("native", native),
        Subject::new("plugbay", |calls| timed(&executor, many(&plugin, action, calls))),
    ];
    let plan = bench.slower(Duration::from_millis(8));
    Ok(Row::new(name, interleave(subjects, plan)?)
        .ratio("plugbay", "native", None)
        .difference("plugbay", "native", None))
}

/// A batch of the same call on the same backend.
fn native(service: Service, scratch: &Path) -> anyhow::Result<Box<dyn FnMut(u32) -> anyhow::Result<Duration>>> {
    Ok(match service {
        Service::Cache => {
            let cache = Mutex::new(LinkedHashMap::<String, String, RandomState>::default());
            cache.lock().insert("key".to_owned(), VALUE.to_owned());
            repeat(move || Ok(cache.lock().to_back("key").is_some_and(|value| value == VALUE)))
        }
        Service::Data | Service::Db => {
            let database = database(scratch)?;
            repeat(move || {
                let mut select = database.prepare_cached("SELECT value FROM entries WHERE key = ?1")?;
                Ok(select.query_row(["key"], |row| row.get::<_, String>(0))? == VALUE)
            })
        }
        Service::DataWrite => {
            let database = database(scratch)?;
            repeat(move || {
                let mut replace = database.prepare_cached("INSERT OR REPLACE INTO entries VALUES (?1, ?2)")?;
                Ok(replace.execute(params!["key", VALUE])? == 1)
            })
        }
    })
}

/// A database with the settings of the services.
fn database(scratch: &Path) -> anyhow::Result<Connection> {
    let database = Connection::open(scratch.join("native.sqlite3"))?;
    database.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    let table = "CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID";
    database.execute(table, [])?;
    database.execute("INSERT INTO entries VALUES (?1, ?2)", params!["key", VALUE])?;
    Ok(database)
}

fn repeat(mut call: impl FnMut() -> anyhow::Result<bool> + 'static) -> Box<dyn FnMut(u32) -> anyhow::Result<Duration>> {
    Box::new(move |calls| {
        let started = Instant::now();
        for _ in 0..calls {
            ensure!(black_box(call()?), "the backend did not return the stored value");
        }
        Ok(started.elapsed())
    })
}

fn runtime(data: &Path) -> anyhow::Result<Runtime> {
    Ok(Runtime::builder()
        .live_instances(LIVE_INSTANCES)
        .code_cache(CodeCacheLocation::Off)
        .policy(Policy::allow_all())
        .data_dir(data)
        .build()?)
}

fn load(executor: &Executor, runtime: &Runtime, bench: &Bench) -> anyhow::Result<Plugin> {
    Ok(executor.block_on(runtime.load(package(bench, "service", Instances::Count(1))?))?)
}

/// The guest under this name.
pub fn package(bench: &Bench, name: &str, instances: Instances) -> anyhow::Result<Package> {
    let manifest = Layer::parse("bench", MANIFEST, Format::Json)?;
    Ok(bay::package(name, &bench.service_wasm, instances).manifest(manifest).configure("key", VALUE))
}

/// One call of the action, which calls its service `calls` times.
pub async fn many(plugin: &Plugin, action: &str, calls: u32) -> anyhow::Result<()> {
    plugin.invoke(Invocation::new(action).payload_json(calls.to_string())).await?;
    Ok(())
}
