//! The limits of this crate: their units, their defaults and their reasons. The limits of a component before it is
//! compiled are in a separate table ([`ScanLimits`]).

mod scan;

use std::time::Duration;

pub use self::scan::{Quantity, ScanLimits};

// An instance, and the engine's pool.

/// Size of a linear memory: 4 GiB, the maximum for 32-bit addresses. 64-bit memories are disabled.
pub const MEMORY_BYTES_MAX: u64 = 1 << 32;
/// Stack of a guest: 512 KiB, deep enough for recursive parsers; a runaway recursion ends in well under a millisecond.
pub const WASM_STACK_BYTES: usize = 512 << 10;
/// Stack of the fiber that a guest runs on: the guest's stack and 1.5 MiB for host functions that it calls. A host
/// function that overran its part would abort the process.
pub const FIBER_STACK_BYTES: usize = 2 << 20;
/// Core instances in a component instance.
pub const CORE_INSTANCES_MAX: u32 = 64;
/// Linear memories in a component instance.
pub const MEMORIES_MAX: u32 = 8;
/// Tables in a component instance.
pub const TABLES_MAX: u32 = 8;
/// Elements of a table: real plugins have a few hundred, interpreters a few thousand.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;
/// Size of a component's instance data in the pool, including wasmtime's metadata of its core instances.
pub const INSTANCE_DATA_BYTES_MAX: usize = 1 << 20;
/// Address space that a memory outside a pool reserves beyond its initial size, to grow without moving: 16 MiB.
pub const MEMORY_GROWTH_BYTES: u64 = 16 << 20;
/// Guard after a memory outside a pool, to which nothing is mapped: 64 KiB of address space.
pub const MEMORY_GUARD_BYTES: u64 = 64 << 10;
/// Bytes of a slot of the pool for memories that stay resident when it is free, so that the next instance in it causes
/// no page faults. Most guests write to less, and what hundreds of slots keep is not there for anything else.
pub const MEMORY_KEPT_RESIDENT_BYTES: usize = 256 << 10;
/// Bytes of each of its tables that stay resident.
pub const TABLE_KEPT_RESIDENT_BYTES: usize = 64 << 10;
/// Bytes of its stack that stay resident.
pub const STACK_KEPT_RESIDENT_BYTES: usize = 64 << 10;
/// Interval of the epoch clock of the unmetered engine: deadlines there are met within two ticks.
pub const EPOCH_TICK: Duration = Duration::from_millis(1);

// Reading and compiling.

/// Size of a component: 128 MiB. A Python interpreter with its library takes 18 MB, a JavaScript engine 12 MB; debug
/// information is most of the largest real files (97 MB).
pub const COMPONENT_BYTES_MAX: u64 = 128 << 20;
/// Time limit of a compilation, without waiting for its turn: 60 s. Python takes 4 s on four cores and 15 s on one,
/// unoptimised Rust with large dependencies twice that.
pub const COMPILE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// Memory of a compiling child: 2 GiB. StarlingMonkey takes 500 MiB and unoptimised Rust with large dependencies 600
/// MiB on four cores; more cores compile more functions at once and take more.
pub const COMPILE_MEMORY_BYTES_DEFAULT: u64 = 2 << 30;
/// Concurrent compilations: 2. One uses every core as long as it has functions left, so more would only add up their
/// memory; with only one, a component that takes its whole deadline would block all others.
pub const COMPILATIONS_MAX: usize = 2;
/// Minimum memory of a compiling child, regardless of its limit: 64 MiB. With less, it could not start its threads.
pub const COMPILE_MEMORY_BYTES_MIN: u64 = 64 << 20;
/// Threads of a compiling child: 8. Its memory grows with them.
pub const WORKER_THREADS_MAX: usize = 8;
/// Total size of the cache of compiled code: 1 GiB, the code of 25 interpreters or some thousands of small plugins.
pub const CODE_CACHE_BYTES_MAX: u64 = 1 << 30;
