//! The bounds of this crate: the unit, the default and the reason of each. Those of a component before it is compiled
//! are a table of their own ([`ScanLimits`]).

mod scan;

use std::time::Duration;

pub use self::scan::{Quantity, ScanLimits};

// One instance, and the engine's pool.

/// The most that one linear memory can hold: 4 GiB, the end of 32-bit addresses. 64-bit memories are switched off.
pub const MEMORY_BYTES_MAX: u64 = 1 << 32;
/// The stack of a guest: 512 KiB, deep enough for recursive parsers; a runaway recursion ends in well under a
/// millisecond.
pub const WASM_STACK_BYTES: usize = 512 << 10;
/// The fiber that a guest runs on: its stack and 1.5 MiB for the host functions that it calls. A host function that
/// overran its part would abort the process.
pub const FIBER_STACK_BYTES: usize = 2 << 20;
/// Core instances in one component instance.
pub const CORE_INSTANCES_MAX: u32 = 64;
/// Linear memories in one component instance.
pub const MEMORIES_MAX: u32 = 8;
/// Tables in one component instance.
pub const TABLES_MAX: u32 = 8;
/// Elements of one table: real plugins have a few hundred, interpreters a few thousand.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;
/// Bytes of one component's instance data inside the pool, wasmtime's bookkeeping for its core instances included.
pub const INSTANCE_DATA_BYTES_MAX: usize = 1 << 20;
/// Addresses that a memory outside of a pool reserves to grow without moving: 16 MiB, beyond what it starts with.
pub const MEMORY_GROWTH_BYTES: u64 = 16 << 20;
/// Addresses after a memory outside of a pool that nothing is mapped to: 64 KiB.
pub const MEMORY_GUARD_BYTES: u64 = 64 << 10;
/// Bytes of a pooled instance's memory that stay resident between two calls, so that the next one faults no pages in.
pub const MEMORY_KEPT_RESIDENT_BYTES: usize = 4 << 20;
/// The same of each of its tables.
pub const TABLE_KEPT_RESIDENT_BYTES: usize = 64 << 10;
/// The same of the stack that it runs on.
pub const STACK_KEPT_RESIDENT_BYTES: usize = 64 << 10;
/// How often the clock of the engine without fuel ticks: deadlines there are met within two ticks.
pub const EPOCH_TICK: Duration = Duration::from_millis(1);

// Reading and compiling.

/// The largest component: 128 MiB. A Python interpreter with its library takes 18 MB, a JavaScript engine 12 MB; debug
/// information is most of the largest real files (97 MB).
pub const COMPONENT_BYTES_MAX: u64 = 128 << 20;
/// How long a compilation may take, waiting for its turn not included: 60 s. Python takes 4 s on four cores and 15 s on
/// one, unoptimised Rust with large dependencies twice that.
pub const COMPILE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// Memory of a compiling child: 2 GiB. StarlingMonkey takes 500 MiB and unoptimised Rust with large dependencies 600
/// MiB on four cores; more cores compile more functions at once and take more.
pub const COMPILE_MEMORY_BYTES_DEFAULT: u64 = 2 << 30;
/// Compilations at the same time: 2. One already uses every core as long as it has functions left, so more would only
/// add up their memory; with one alone, a component that takes its whole deadline would hold up all others.
pub const COMPILATIONS_MAX: usize = 2;
/// The least memory that a compiling child gets, whatever it is allowed: 64 MiB. With less, it could not start its
/// threads.
pub const COMPILE_MEMORY_BYTES_MIN: u64 = 64 << 20;
/// The most threads that a compiling child uses: 8. Its memory grows with them.
pub const WORKER_THREADS_MAX: usize = 8;
/// All entries of the cache of compiled code together: 1 GiB, the code of 25 interpreters or some thousands of small
/// plugins.
pub const CODE_CACHE_BYTES_MAX: u64 = 1 << 30;
