//! The counting allocator: the global one, with a header in front of each allocation that stores its length.
//!
//! This module contains the crate's unsafe code.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ffi::{c_int, c_void};

use rusqlite::ffi;

use super::{give_back, take};

/// The size of the header in front of each allocation, which is also its alignment.
const HEAD: usize = 16;

/// Returns the layout of an allocation of `bytes` bytes and its header.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEAD)?, HEAD).ok()
}

// SAFETY, for all of this module: the seven functions satisfy the contract of `sqlite3_mem_methods`. `take_memory` and
// `change_memory` return null or the address `HEAD` bytes into an allocation of the global allocator, whose first word
// is the requested length. SQLite passes back only such addresses, and frees each at most once. So each length that is
// read was written here, and each layout is that of the allocation. 16 is at least the alignment that SQLite needs.
// None of them panics, so nothing unwinds into SQLite. The global allocator is thread-safe and the count is
// thread-local; a wrong count could make a statement fail, but never makes an address wrong. `sqlite3_config` must not
// run while another thread uses SQLite: if SQLite is initialised, it returns `SQLITE_MISUSE` and changes nothing.
// SQLite copies the table of functions.
#[allow(unsafe_code)]
mod functions {
    use super::*;

    pub(crate) fn give() -> bool {
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
        // SAFETY: above: the address is one of ours, and its length is the one that it was allocated with.
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

pub(super) use functions::give;
