//! Bounds the memory that one SQL statement may allocate.
//!
//! SQLite bounds the memory of a process, not of a statement: under its own limit, a plugin that allocates all of it
//! and holds on would make its neighbours' statements fail. So the host gives SQLite an allocator that counts. A
//! statement runs on one thread from beginning to end, and all memory that SQLite allocates on that thread meanwhile
//! counts as the statement's: sorting, temporary tables, intermediate values, its own program. If a statement exceeds
//! the bound, the allocation fails, and SQLite ends that statement alone with an out-of-memory error.
//!
//! SQLite accepts an allocator once per process, before its first use. If an embedder uses SQLite before it builds a
//! runtime, SQLite keeps its own allocator, and the host logs that statements are not bounded.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use rusqlite::ffi;

use crate::limits::DB_STATEMENT_MEMORY_BYTES_MAX;

/// Installs the counting allocator. Only the first call in a process has an effect.
pub(crate) fn count_memory() {
    static COUNTS: OnceLock<bool> = OnceLock::new();
    let counts = *COUNTS.get_or_init(give_allocator);
    if !counts {
        tracing::warn!("SQLite was in use before the runtime: the memory of plugins' statements is not bounded");
    }
}

thread_local! {
    /// Bytes that the statement on this thread may still allocate; `None` while the host's own SQL runs.
    static ROOM: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether an allocation of the last statement on this thread was refused.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the last statement on this thread tried to allocate more memory than its bound.
pub(crate) fn was_refused() -> bool {
    REFUSED.get()
}

/// A guard: while it lives, SQLite's allocations on this thread count as one statement's. It cannot leave its thread.
pub(crate) struct OneStatement(std::marker::PhantomData<*const ()>);

impl OneStatement {
    pub(crate) fn begin() -> Self {
        ROOM.set(Some(DB_STATEMENT_MEMORY_BYTES_MAX));
        REFUSED.set(false);
        OneStatement(std::marker::PhantomData)
    }
}

impl Drop for OneStatement {
    fn drop(&mut self) {
        ROOM.set(None);
    }
}

/// Counts an allocation of `bytes` bytes; returns whether the statement may have it.
fn take(bytes: usize) -> bool {
    let Some(room) = ROOM.get() else { return true };
    let left = room.checked_sub(bytes);
    match left {
        Some(_) => ROOM.set(left),
        None => REFUSED.set(true),
    }
    left.is_some()
}

fn give_back(bytes: usize) {
    ROOM.set(ROOM.get().map(|room| room.saturating_add(bytes)));
}

/// The size of the header in front of each allocation, which stores its length. As large as the alignment.
const HEAD: usize = 16;

/// The layout of an allocation of `bytes` bytes and its header.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEAD)?, HEAD).ok()
}

// SAFETY, for all of this module: the five functions keep the promises of `sqlite3_mem_methods`. What `take_memory` and
// `change_memory` answer is null or the address `HEAD` bytes into an allocation of the global allocator, whose first
// word is the length that was asked for; SQLite hands back nothing but such addresses, each at most once to be freed,
// and so every length that is read was written here and every layout is the one of the allocation. 16 is at least the
// alignment that SQLite needs. Nothing in them panics, so nothing unwinds into SQLite. The global allocator is
// thread-safe, the count is the thread's own, and a wrong count could make a statement fail, never an address wrong.
// `sqlite3_config` is called once, before any connection was opened by this crate; where another has initialised SQLite
// by then, it answers `SQLITE_MISUSE` and changes nothing. The table that it gets is copied.
#[allow(unsafe_code)]
mod allocator {
    use super::*;

    pub(crate) fn give_allocator() -> bool {
        let methods = ffi::sqlite3_mem_methods {
            xMalloc: Some(take_memory),
            xFree: Some(free_memory),
            xRealloc: Some(change_memory),
            xSize: Some(length),
            xRoundup: Some(round_up),
            xInit: Some(begin),
            xShutdown: Some(end),
            pAppData: std::ptr::null_mut(),
        };
        // SAFETY: above.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods) == ffi::SQLITE_OK }
    }

    unsafe extern "C" fn take_memory(bytes: c_int) -> *mut c_void {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let Some(layout) = layout(bytes) else { return std::ptr::null_mut() };
        if !take(bytes) {
            return std::ptr::null_mut();
        }
        // SAFETY: the layout has at least `HEAD` bytes, which hold a word.
        unsafe { with_head(alloc(layout), bytes) }
    }

    unsafe extern "C" fn free_memory(address: *mut c_void) {
        if address.is_null() {
            return;
        }
        // SAFETY: above: the address is one of ours, and its length is what it was made with.
        unsafe {
            let start = address.byte_sub(HEAD);
            let bytes = start.cast::<usize>().read();
            give_back(bytes);
            if let Some(layout) = layout(bytes) {
                dealloc(start.cast(), layout);
            }
        }
    }

    unsafe extern "C" fn change_memory(address: *mut c_void, bytes: c_int) -> *mut c_void {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        // SAFETY: as in `free_memory`; SQLite never passes null or a length of 0 here.
        unsafe {
            let start = address.byte_sub(HEAD);
            let before = start.cast::<usize>().read();
            let (Some(old), Some(new)) = (layout(before), layout(bytes)) else { return std::ptr::null_mut() };
            if !take(bytes.saturating_sub(before)) {
                return std::ptr::null_mut();
            }
            give_back(before.saturating_sub(bytes));
            with_head(realloc(start.cast(), old, new.size()), bytes)
        }
    }

    /// SAFETY: `start` is null or the start of an allocation of at least [`HEAD`] bytes.
    unsafe fn with_head(start: *mut u8, bytes: usize) -> *mut c_void {
        if start.is_null() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise; the allocation is aligned to `HEAD`.
        unsafe {
            start.cast::<usize>().write(bytes);
            start.add(HEAD).cast()
        }
    }

    unsafe extern "C" fn length(address: *mut c_void) -> c_int {
        if address.is_null() {
            return 0;
        }
        // SAFETY: as in `free_memory`.
        let bytes = unsafe { address.byte_sub(HEAD).cast::<usize>().read() };
        c_int::try_from(bytes).unwrap_or(c_int::MAX)
    }

    unsafe extern "C" fn round_up(bytes: c_int) -> c_int {
        bytes.saturating_add(7) & !7
    }

    unsafe extern "C" fn begin(_: *mut c_void) -> c_int {
        ffi::SQLITE_OK
    }

    unsafe extern "C" fn end(_: *mut c_void) {}
}

use allocator::give_allocator;
