//! What one statement may take of the host's memory.
//!
//! SQLite bounds the memory of a process, not of a statement: under its own limit, a plugin that takes all and keeps it
//! would make the statements of its neighbours fail. So the host gives SQLite an allocator that counts. A statement
//! runs on one thread from its beginning to its end, and what that thread takes meanwhile is the statement's: sorting,
//! temporary tables, values in the making, its own program. Where it takes too much, SQLite is told that there is no
//! memory, and ends that statement alone.
//!
//! SQLite takes its allocator once in a process, before its first use. An embedder that uses SQLite before it builds a
//! runtime keeps its own allocator, and the host says in its log that statements are not bounded.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use rusqlite::ffi;

use crate::limits::DB_STATEMENT_MEMORY_BYTES_MAX;

/// Makes SQLite use the allocator that counts. Only the first call of a process does something.
pub(crate) fn count_memory() {
    static COUNTS: OnceLock<bool> = OnceLock::new();
    let counts = *COUNTS.get_or_init(give_allocator);
    if !counts {
        tracing::warn!("SQLite was in use before the runtime: the memory of plugins' statements is not bounded");
    }
}

thread_local! {
    /// Bytes that the statement on this thread may still take; `None` where the host's own work runs.
    static ROOM: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether the last statement on this thread was refused memory.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the last statement on this thread wanted more memory than it may take.
pub(crate) fn was_refused() -> bool {
    REFUSED.get()
}

/// While this lives, what SQLite takes on this thread is one statement's. Stays on its thread.
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

/// Whether the statement on this thread may take so much.
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

/// Before each allocation stands how long it is, in as many bytes as its alignment takes.
const HEAD: usize = 16;

/// Room for so many bytes and their head.
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
