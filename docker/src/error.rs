//! The reasons for which an engine is not followed.

use std::path::PathBuf;
use std::time::Duration;

/// An engine cannot be followed, or no longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerError {
    /// A file for TLS cannot be used.
    #[error("Docker engine `{engine}`: {} {reason}", path.display())]
    TlsFile {
        /// The name of the engine.
        engine: String,
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
    /// TLS cannot be set up with these files.
    #[error("Docker engine `{engine}`: TLS cannot be set up: {reason}")]
    Tls {
        /// The name of the engine.
        engine: String,
        /// The problem.
        reason: String,
    },
    /// No connection can be made.
    #[error("it cannot be reached: {reason}")]
    Connect {
        /// The problem, and what to do about it if that is known.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection broke: {reason}")]
    Broken {
        /// The problem.
        reason: String,
    },
    /// The engine does not answer in time.
    #[error("it does not answer within {} s", after.as_secs_f64())]
    Timeout {
        /// The time that it had.
        after: Duration,
    },
    /// The engine answers with an error.
    #[error("it answers {path} with the status {status}: {message}")]
    Status {
        /// The path of the request.
        path: String,
        /// The status.
        status: u16,
        /// The engine's message, shortened.
        message: String,
    },
    /// An answer is longer than the follower reads.
    #[error("its answer to {path} is longer than {bytes_max} bytes")]
    TooLarge {
        /// The path of the request.
        path: String,
        /// The limit.
        bytes_max: usize,
    },
    /// An answer is not one of Docker's API.
    #[error("its answer to {path} is not one of Docker's API: {reason}")]
    Answer {
        /// The path of the request.
        path: String,
        /// The problem.
        reason: String,
    },
    /// There is no version of the API that both sides know.
    #[error("it knows the versions {least} to {most} of the API, and this host those from {own_least} to {own_most}")]
    Version {
        /// The oldest version of the engine.
        least: String,
        /// The newest version of the engine.
        most: String,
        /// The oldest version of the host.
        own_least: &'static str,
        /// The newest version of the host.
        own_most: &'static str,
    },
    /// The engine, or a proxy before it, ended the stream of events.
    #[error("the stream of events ended")]
    Ended,
}
