//! The reason why a guest stopped: maps wasmtime's errors and traps to the names that users know.
//!
//! wasmtime reports what happened, and the state of the store shows why: refused growth of memory and access out of
//! bounds are both "a trap", but a plugin author needs to know which it was.

use plugbay_compile::pooled_memories;
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::FieldMapError;

use super::deadline::Interrupted;
use crate::error::{Failure, InvokeError, InvokeErrorKind, LimitHit, LimitOrigin};
use crate::host::output::{Output, ResultOverflow};
use crate::host::{Call, HostState, RefusedGrowth};
use crate::limits::{
    CORE_INSTANCES_MAX, FRAME_CHARS_MAX, HANDLES_MAX, HOSTCALL_BYTES_MAX, HTTP_HEADER_BYTES_MAX,
    MANGLED_NAME_BYTES_MAX, MEMORIES_MAX, RESOURCES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX, WASM_STACK_BYTES,
};
use crate::plugin_limits::{Ceilings, Limits};

/// Returns the guest's answer, or the error that names what stopped it.
#[inline]
pub(crate) fn judge<R>(
    ran: Result<wasmtime::Result<R>, Interrupted>,
    store: &mut Store<HostState>,
    call: &Call<'_>,
    limits: &Limits,
) -> Result<R, InvokeError> {
    match ran {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(stopped(&error, store, call, limits)),
        Err(interrupted) => Err(interruption(interrupted, store, call, limits)),
    }
}

#[cold]
fn interruption(interrupted: Interrupted, store: &Store<HostState>, call: &Call<'_>, limits: &Limits) -> InvokeError {
    match interrupted {
        Interrupted::Deadline => named(store, call, timeout(call, limits, &store.data().plugin.ceilings, false)),
        Interrupted::Panicked(message) => {
            let message = format!("a host function panicked: {message}");
            tracing::error!(plugin = &*store.data().plugin.name, action = call.name, "{message}");
            host_error(store, call, &wasmtime::Error::msg(message))
        }
    }
}

/// Returns the error for a failure inside the host.
pub(crate) fn host_error(store: &Store<HostState>, call: &Call<'_>, error: &wasmtime::Error) -> InvokeError {
    named(store, call, InvokeErrorKind::Host { message: format!("{error:#}") })
}

/// Creates the error of this call of the plugin in this store.
fn named(store: &Store<HostState>, call: &Call<'_>, kind: InvokeErrorKind) -> InvokeError {
    InvokeError::new(&*store.data().plugin.name, call.name, kind)
}

/// Returns the error for a passed deadline, possibly while the call waited for an instance.
pub(crate) fn timeout(call: &Call<'_>, limits: &Limits, ceilings: &Ceilings, is_waiting: bool) -> InvokeErrorKind {
    let origin = if call.time.timeout == limits.timeout {
        LimitOrigin::below(limits.timeout, ceilings.timeout)
    } else {
        LimitOrigin::Caller
    };
    let (allowed, observed) = (call.time.timeout.unwrap_or_default(), call.time.elapsed());
    InvokeErrorKind::Timeout { allowed, observed, is_waiting, origin }
}

#[cold]
fn stopped(error: &wasmtime::Error, store: &mut Store<HostState>, call: &Call<'_>, limits: &Limits) -> InvokeError {
    let kind = why_stopped(error, store, call, limits);
    named(store, call, kind)
}

fn why_stopped(
    error: &wasmtime::Error,
    store: &mut Store<HostState>,
    call: &Call<'_>,
    limits: &Limits,
) -> InvokeErrorKind {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        store.data_mut().exit_code = Some(exit.0);
    }
    let resource_limit = |limit, allowed: usize, observed: String| InvokeErrorKind::ResourceLimit {
        hit: LimitHit { limit, allowed: allowed.to_string(), observed },
    };
    match store.data().memory.refused {
        Some(RefusedGrowth::Memory(observed)) => {
            let origin = LimitOrigin::below(Some(limits.memory_bytes), store.data().plugin.ceilings.memory_bytes);
            return InvokeErrorKind::MemoryLimit { allowed: limits.memory_bytes, observed, origin };
        }
        Some(RefusedGrowth::Table(elements)) => {
            return resource_limit("table_elements", TABLE_ELEMENTS_MAX, elements.to_string());
        }
        None => {}
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            let origin = LimitOrigin::below(limits.fuel, store.data().plugin.ceilings.fuel);
            return InvokeErrorKind::OutOfFuel { allowed: limits.fuel.unwrap_or(u64::MAX), origin };
        }
        Some(Trap::StackOverflow) => return InvokeErrorKind::StackOverflow { allowed: WASM_STACK_BYTES },
        Some(Trap::Interrupt) => return timeout(call, limits, &store.data().plugin.ceilings, false),
        _ => {}
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
        return resource_limit("host_resources", RESOURCES_MAX, more_than(RESOURCES_MAX));
    }
    if let Some(FieldMapError::TotalSizeTooBig | FieldMapError::TooManyFields) = error.downcast_ref::<FieldMapError>() {
        return resource_limit("http_header_bytes", HTTP_HEADER_BYTES_MAX, more_than(HTTP_HEADER_BYTES_MAX));
    }
    if error.is::<PoolConcurrencyLimitError>() {
        // Only memories can run out: of all other resources the pool has the maximum that its instances may use.
        let allowed = pooled_memories(store.data().plugin.live_instances) as usize;
        return InvokeErrorKind::Busy { reason: "live instances use all memories of the pool", allowed };
    }
    if let Some(ResultOverflow { allowed, observed }) = error.downcast_ref() {
        return InvokeErrorKind::ResultTooLarge { allowed: *allowed, observed: Some(*observed) };
    }
    // wasmtime distinguishes these by their texts alone.
    let cause = error.root_cause().to_string();
    if cause.contains("fuel allocated for hostcalls") {
        return InvokeErrorKind::ResultTooLarge { allowed: HOSTCALL_BYTES_MAX, observed: None };
    }
    if cause.contains("handle limit exceeded") {
        return resource_limit("handles", HANDLES_MAX, more_than(HANDLES_MAX));
    }
    // An engine with a pool refuses such a component at load.
    for (what, limit, allowed) in [
        ("instance", "core_instances", CORE_INSTANCES_MAX),
        ("memory", "memories", MEMORIES_MAX),
        ("table", "tables", TABLES_MAX),
    ] {
        if let Some(observed) = cause.strip_prefix(&format!("resource limit exceeded: {what} count too high at ")) {
            return resource_limit(limit, allowed as usize, observed.to_owned());
        }
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
    InvokeErrorKind::Trapped { message: trap_message(error, store), backtrace }
}

/// Returns the observed value of a limit that is checked before it is exceeded.
fn more_than(allowed: usize) -> String {
    format!("more than {allowed}")
}

/// Returns the panic that the guest printed, or the trap with the end of its standard error.
fn trap_message(error: &wasmtime::Error, store: &Store<HostState>) -> String {
    let tail = store.data().output.as_ref().map(Output::stderr_tail).unwrap_or_default();
    if let Some(panic) = panic_in(&tail) {
        return panic;
    }
    let trap = match (error.downcast_ref::<Trap>(), error.downcast_ref::<I32Exit>()) {
        (Some(trap), _) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        (None, Some(I32Exit(code))) => match Ended::with_code(*code) {
            Ended::Failure => "it exited with a failure instead of answering".to_owned(),
            Ended::Success | Ended::Status(_) => format!("it exited with status {code} instead of answering"),
        },
        (None, None) => error.root_cause().to_string(),
    };
    match tail.trim() {
        "" => trap,
        words => format!("{trap}; its standard error ends with: {words}"),
    }
}

/// Extracts `panicked at src/lib.rs:9:5: message` from the output of Rust's panic handler.
fn panic_in(stderr: &str) -> Option<String> {
    let start = stderr.rfind("panicked at ")?;
    let (place, rest) = stderr[start..].split_once(":\n").unwrap_or((&stderr[start..], ""));
    let message = rest.split("\nnote: ").next().unwrap_or(rest).trim();
    Some(if message.is_empty() { place.trim().to_owned() } else { format!("{}: {message}", place.trim()) })
}

fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    backtrace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            Some(name) => demangled(name),
            None => format!("function {}", frame.func_index()),
        })
        .collect()
}

/// Demangles a function's name to its Rust form. The name is untrusted, so it may be anything.
fn demangled(name: &str) -> String {
    let name = &name[..name.floor_char_boundary(MANGLED_NAME_BYTES_MAX)];
    let shown = format!("{:#}", rustc_demangle::demangle(name));
    shown.chars().filter(|c| !c.is_control()).take(FRAME_CHARS_MAX).collect()
}

/// How a legacy command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With status 0.
    Success,
    /// With an unknown status. WASI 0.2's `exit`, which the adapter for preview 1 and the C library use, reports
    /// success or failure without a number.
    Failure,
    /// With this status, which WASI 0.2.12's `exit-with-code` reports.
    Status(i32),
}

impl Ended {
    /// wasmtime reports a failure without a number as 1, so a 1 may not be the program's own.
    pub(crate) fn with_code(code: i32) -> Self {
        match code {
            0 => Ended::Success,
            1 => Ended::Failure,
            code => Ended::Status(code),
        }
    }
}

/// Returns the exit status of a command that stopped by exiting.
pub(crate) fn exit_code(store: &mut Store<HostState>) -> Option<i32> {
    store.data_mut().exit_code.take()
}

/// Returns the answer of a legacy command: JSON on standard output if it succeeded; otherwise a failure, the command's
/// own if it printed one.
pub(crate) fn command_answer(ended: Ended, stdout: Vec<u8>, output: &Output) -> Result<String, Box<Failure>> {
    if ended == Ended::Success {
        // Never repaired: with a replaced byte, the answer would be a different one.
        let stdout = std::str::from_utf8(&stdout)
            .map_err(|error| failure("invalid_answer", format!("its standard output is not UTF-8: {error}"), None))?;
        let json = if stdout.trim().is_empty() { "null" } else { stdout.trim() };
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(json) {
            let start: String = output.masked(json).chars().take(200).collect();
            return Err(failure("invalid_answer", format!("its standard output is not JSON ({error}): {start}"), None));
        }
        return Ok(json.to_owned());
    }
    let words = output.stderr_tail();
    let said = match words.trim() {
        "" => String::new(),
        words => format!(": {words}"),
    };
    let details = serde_json::from_slice(&stdout).ok();
    let message = match ended {
        Ended::Status(status) => format!("it exited with status {status}{said}"),
        Ended::Success | Ended::Failure => format!("it ended with a failure{said}"),
    };
    Err(failure("exit_status", message, details))
}

fn failure(code: &str, message: String, details: Option<serde_json::Value>) -> Box<Failure> {
    Box::new(Failure { code: code.to_owned(), message, details, status_code: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_claimed_only_if_it_is_known() {
        assert_eq!(Ended::with_code(0), Ended::Success);
        assert_eq!(Ended::with_code(1), Ended::Failure, "a failure without a number looks like this too");
        assert_eq!(Ended::with_code(33), Ended::Status(33));
    }

    #[test]
    fn function_name_is_shown_as_it_was_written_and_not_without_end() {
        assert_eq!(demangled("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
        assert_eq!(demangled("a\u{1b}[31mb\n"), "a[31mb");
        assert_eq!(demangled(&"ä".repeat(1_000_000)).chars().count(), FRAME_CHARS_MAX);
    }

    #[test]
    fn panic_message_and_place_are_read_from_standard_error() {
        let printed =
            "warming up\n\nthread '<unnamed>' (1) panicked at src/lib.rs:9:5:\nno such thing: 7\nnote: run with …\n";
        assert_eq!(panic_in(printed).as_deref(), Some("panicked at src/lib.rs:9:5: no such thing: 7"));
        assert_eq!(panic_in("thread 'main' panicked at a.rs:1:2:\n\n").as_deref(), Some("panicked at a.rs:1:2"));
        assert_eq!(panic_in("all is well"), None);
    }

    #[test]
    fn message_of_several_lines_is_kept_whole() {
        let printed = "thread 'x' panicked at a.rs:1:2:\nleft: 1\nright: 2\nnote: run with";
        assert_eq!(panic_in(printed).as_deref(), Some("panicked at a.rs:1:2: left: 1\nright: 2"));
    }
}
