//! The log of plugins: the lines that they write, and the [`LogSink`] of the application that receives them. The
//! default sink, [`TracingSink`], makes events of the `tracing` crate of them.

pub use crate::service::log::{LogLevel, LogRecord, LogSink, TracingSink};
