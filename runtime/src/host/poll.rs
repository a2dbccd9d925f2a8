//! `wasi:io/poll` of wasmtime-wasi, with pauses for other tasks.
//!
//! A guest can poll a thousand ready pollables again and again, which costs the guest little but takes all of the
//! thread's time on the host. Therefore the functions here count their work and let other tasks run in between.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll::{self, Host, HostPollable};

use super::{HostState, HostWork};
use crate::limits::HOST_CALL_BYTES;

/// Adds the functions to a linker, replacing those of wasmtime-wasi.
pub(crate) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let added = poll::add_to_linker::<_, WithBreaks>(linker, HostState::polling);
    linker.allow_shadowing(false);
    added
}

struct WithBreaks;

impl HasData for WithBreaks {
    type Data<'a> = Polling<'a>;
}

/// The resources of an instance, and the cost of its host calls so far.
pub(crate) struct Polling<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) work: &'a mut HostWork,
}

impl Polling<'_> {
    async fn count(&mut self, pollables: usize) {
        if self.work.is_time_to_yield(pollables.saturating_mul(HOST_CALL_BYTES)) {
            tokio::task::yield_now().await;
        }
    }
}

impl Host for Polling<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.count(pollables.len()).await;
        self.table.poll(pollables).await
    }
}

impl HostPollable for Polling<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.count(1).await;
        self.table.ready(pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.count(1).await;
        self.table.block(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        HostPollable::drop(self.table, pollable)
    }
}
