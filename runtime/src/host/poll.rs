//! `wasi:io/poll`, as wasmtime-wasi has it, but with breaks.
//!
//! A guest can poll a thousand ready pollables again and again. That is next to no work for the guest, but takes all of
//! the thread's time on the host. So everything here counts its work and lets other tasks run in between.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll::{self, Host, HostPollable};

use super::{HostState, HostWork};
use crate::limits::HOST_CALL_BYTES;

/// Puts the functions into a linker, over those of wasmtime-wasi.
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

/// The resources of one instance, and what its host calls have cost so far.
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
