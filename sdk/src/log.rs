//! The plugin's log: `log::info!("order placed", id = order.id, total = %sum)`.
//!
//! A line is a message, formatted as by `format!`, and fields: `name = value` for anything that serde can serialise,
//! `name = %value` for its `Display`, `name = ?value` for its `Debug`. A `target: "…"` in front names the part of the
//! plugin that logs. A line is formatted only if the host records its level.
//!
//! What a plugin prints to stdout and stderr reaches the host's log too. With the cargo features `log` and `tracing`,
//! so do the lines of those crates, with their fields. A plugin that depends on the `log` crate itself has two modules
//! of that name: it says which one it means by `use plugbay_sdk::log;`, and reaches the other as `::log`.

use std::cell::Cell;
use std::fmt;

use serde::Serialize;

use crate::host;

#[cfg(feature = "log")]
mod from_log;
#[cfg(feature = "tracing")]
mod from_tracing;

/// The severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Single steps.
    Trace,
    /// Details for debugging.
    Debug,
    /// Normal operation.
    Info,
    /// A problem that the plugin can handle.
    Warn,
    /// A failure.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Trace => "TRACE",
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        })
    }
}

thread_local! {
    /// The host's threshold, read once for each call because the operator may change it between calls.
    static THRESHOLD: Cell<Option<Level>> = const { Cell::new(None) };
}

/// Whether the host records lines of this level.
pub fn enabled(level: Level) -> bool {
    let threshold = THRESHOLD.get().unwrap_or_else(|| {
        let threshold = host::log_threshold();
        THRESHOLD.set(Some(threshold));
        threshold
    });
    level >= threshold
}

/// Writes a line, regardless of the threshold. The macros of this module check it first.
pub fn write(level: Level, target: &str, message: &str, fields: &[(String, String)]) {
    host::log_write(level, target, message, fields);
}

/// Called when a call begins: the threshold is read again.
pub(crate) fn begin_call() {
    THRESHOLD.set(None);
    #[cfg(not(target_family = "wasm"))]
    RUNS_PLUGIN.set(true);
}

#[cfg(not(target_family = "wasm"))]
thread_local! {
    /// Whether a plugin has run on this thread. A native test process has other threads, such as those of a host that
    /// the test starts, and their lines are not the plugin's.
    static RUNS_PLUGIN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether a line of another crate is forwarded to the host's log.
#[cfg(any(feature = "log", feature = "tracing"))]
fn forwards(level: Level) -> bool {
    #[cfg(not(target_family = "wasm"))]
    if !RUNS_PLUGIN.get() {
        return false;
    }
    enabled(level)
}

/// Called once, when the plugin's state is created: installs the loggers for the lines of other crates.
pub(crate) fn begin_life() {
    #[cfg(feature = "log")]
    from_log::install();
    #[cfg(feature = "tracing")]
    from_tracing::install();
}

/// A field's value as JSON. Because logging never fails, a value that cannot be serialized is replaced by the error.
#[doc(hidden)]
pub fn field(name: &str, value: impl Serialize) -> (String, String) {
    let json = serde_json::to_string(&value);
    (name.to_owned(), json.unwrap_or_else(|reason| quoted(&reason)))
}

/// A field's value as a JSON string of its text.
#[doc(hidden)]
pub fn text_field(name: &str, value: impl fmt::Display) -> (String, String) {
    (name.to_owned(), quoted(&value))
}

fn quoted(text: &dyn fmt::Display) -> String {
    serde_json::Value::String(text.to_string()).to_string()
}

/// Writes a line of a level: `log::log!(Level::Info, "message", field = value)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:expr, target: $target:expr, $($line:tt)+) => {
        if $crate::log::enabled($level) {
            $crate::__log_line!($level, $target, $($line)+)
        }
    };
    ($level:expr, $($line:tt)+) => {
        if $crate::log::enabled($level) {
            $crate::__log_line!($level, "", $($line)+)
        }
    };
}

/// Separates the tokens after the message into format arguments and fields.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_line {
    ($level:expr, $target:expr, $message:literal $(,)?) => {
        $crate::__log_line!(@ $level, $target, $message, [] [])
    };
    ($level:expr, $target:expr, $message:literal, $($rest:tt)+) => {
        $crate::__log_line!(@ $level, $target, $message, [] [] $($rest)+)
    };
    (@ $level:expr, $target:expr, $message:literal, [$($argument:expr,)*] [$($field:expr,)*]) => {
        $crate::log::write($level, $target, &::std::format!($message, $($argument),*), &[$($field),*])
    };
    (@ $level:expr, $target:expr, $message:literal, [$($argument:expr,)*] [$($field:expr,)*]
        $name:ident = %$value:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__log_line!(@ $level, $target, $message, [$($argument,)*]
            [$($field,)* $crate::log::text_field(::core::stringify!($name), &$value),] $($($rest)*)?)
    };
    (@ $level:expr, $target:expr, $message:literal, [$($argument:expr,)*] [$($field:expr,)*]
        $name:ident = ?$value:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__log_line!(@ $level, $target, $message, [$($argument,)*]
            [$($field,)* $crate::log::text_field(::core::stringify!($name), ::core::format_args!("{:?}", $value)),]
            $($($rest)*)?)
    };
    (@ $level:expr, $target:expr, $message:literal, [$($argument:expr,)*] [$($field:expr,)*]
        $name:ident = $value:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__log_line!(@ $level, $target, $message, [$($argument,)*]
            [$($field,)* $crate::log::field(::core::stringify!($name), &$value),] $($($rest)*)?)
    };
    (@ $level:expr, $target:expr, $message:literal, [$($argument:expr,)*] [$($field:expr,)*]
        $next:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__log_line!(@ $level, $target, $message, [$($argument,)* $next,] [$($field,)*] $($($rest)*)?)
    };
}

macro_rules! levels {
    ($($(#[$doc:meta])* $hidden:ident as $name:ident: $level:ident;)*) => {
        levels! { @ ($) $($(#[$doc])* $hidden as $name: $level;)* }
    };
    (@ ($dollar:tt) $($(#[$doc:meta])* $hidden:ident as $name:ident: $level:ident;)*) => {$(
        $(#[$doc])*
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $hidden {
            ($dollar($dollar line:tt)+) => {
                $dollar crate::__log!($dollar crate::log::Level::$level, $dollar($dollar line)+)
            };
        }
        #[doc(inline)]
        pub use $hidden as $name;
    )*};
}

levels! {
    /// Logs a line of level trace.
    __log_trace as trace: Trace;
    /// Logs a line of level debug.
    __log_debug as debug: Debug;
    /// Logs a line of level info.
    __log_info as info: Info;
    /// Logs a line of level warn.
    __log_warn as warn: Warn;
    /// Logs a line of level error.
    __log_error as error: Error;
}
#[doc(inline)]
pub use __log as log;

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use crate::log;
    use crate::native::take_log;

    #[test]
    fn line_with_arguments_and_fields_has_both() {
        let (id, names) = (7, vec!["a", "b"]);
        log::info!("order {id} of {}", names.len(), id = id, names = names, why = %"new", debug = ?Some(1));
        assert_eq!(take_log(), [r#"INFO order 7 of 2 id=7 names=["a","b"] why="new" debug="Some(1)""#]);
    }

    #[test]
    fn line_with_target_and_trailing_comma_is_written() {
        log::log!(log::Level::Warn, target: "cache", "full",);
        log::error!("broken", code = 3,);
        assert_eq!(take_log(), ["WARN [cache] full", "ERROR broken code=3"]);
    }

    #[test]
    fn levels_are_ordered_by_severity() {
        assert!(log::Level::Error > log::Level::Warn && log::Level::Debug > log::Level::Trace);
    }
}
