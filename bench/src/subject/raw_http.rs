//! Raw wasmtime behind axum: handlers that call the component of the baseline, and nothing else. A host on wasmtime and
//! axum that does anything more is slower, so this is the limit for Plugbay's routes.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use parking_lot::Mutex;
use plugbay_manifest::Instances;
use tokio::sync::Semaphore;

use super::executor;
use super::http::json;
use super::raw::{Host, Instance, Plugin};

/// A component, and its instances that are free.
struct Pool {
    plugin: Plugin,
    free: Semaphore,
    instances: Mutex<Vec<Instance>>,
    is_fresh: bool,
}

/// The routes of the benchmark's plugin, answered by this component with as many instances as the plugin has.
pub fn router(live_instances: u32, wasm: &[u8], instances: Instances) -> anyhow::Result<Router> {
    let plugin = Host::new(live_instances)?.compile(wasm)?;
    let (is_fresh, count) = match instances {
        Instances::Count(count) => (false, count),
        Instances::PerCall => (true, live_instances),
    };
    let started = if is_fresh { 0 } else { count };
    let instances = (0..started).map(|_| executor()?.block_on(plugin.start())).collect::<anyhow::Result<_>>()?;
    let free = Semaphore::new(count.try_into()?);
    let pool = Arc::new(Pool { plugin, free, instances: Mutex::new(instances), is_fresh });
    Ok(Router::new()
        .route("/plugins/bench/ping", get(async |State(pool): State<Arc<Pool>>| json(pool.call("ping", "null").await)))
        .route(
            "/plugins/bench/echo",
            post(async |State(pool): State<Arc<Pool>>, body: Bytes| json(pool.echo(body).await)),
        )
        .with_state(pool))
}

impl Pool {
    async fn echo(&self, body: Bytes) -> anyhow::Result<String> {
        self.with_instance(async |instance| instance.call_owned("echo", String::from_utf8(body.into())?).await).await
    }

    async fn call(&self, action: &'static str, payload: &'static str) -> anyhow::Result<String> {
        self.with_instance(async |instance| instance.call(action, payload).await).await
    }

    async fn with_instance(
        &self,
        call: impl AsyncFnOnce(&mut Instance) -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        let _place = self.free.acquire().await?;
        if self.is_fresh {
            return call(&mut self.plugin.start().await?).await;
        }
        let mut instance = self.instances.lock().pop().context("a free instance")?;
        let answer = call(&mut instance).await;
        self.instances.lock().push(instance);
        answer
    }
}
