//! The settings of a server: its limits, each with its reason.

use std::time::Duration;

use plugbay::manifest::{ServerEntry, ToolPattern};

/// The settings of a server. `Default` is safe for clients that are not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerSettings {
    /// Whether errors have the details that plugins and the runtime give, which may say more of a plugin's inside than
    /// its callers should know. Default: false.
    pub development: bool,
    /// The actions that are tools for assistants ([`mcp`](crate::mcp)). Default: none.
    pub exposed: Vec<ToolPattern>,
    /// The largest body of a request, in bytes. Bodies are held in memory while their request runs. A plugin's own
    /// limit of payloads applies as well. Default: 4 MiB.
    pub body_bytes_max: usize,
    /// The largest head of a request, its request line and headers together, in bytes; at least 8 KiB. Default: 32 KiB.
    pub header_bytes_max: usize,
    /// The most headers of a request. Default: 100.
    pub headers_max: usize,
    /// The longest URL of a request, in bytes. Default: 8 KiB.
    pub url_bytes_max: usize,
    /// The time that a client has to send the head of a request. It is also the time after which a connection without
    /// requests is closed. Default: 10 s.
    pub header_timeout: Duration,
    /// The time that a client has to send the body of a request. Default: 30 s.
    pub body_timeout: Duration,
    /// The time for which a client may read nothing of an answer that is sent. Default: 30 s.
    pub write_timeout: Duration,
    /// The time from the head of a request to that of its answer. Default: 60 s.
    pub request_timeout: Duration,
    /// The most connections at once. Another one takes the place of the one that has been without a request for the
    /// longest time; if all have one, it is answered with 503 and closed. Default: 1,024.
    pub connections_max: usize,
    /// The most requests that are answered at once. Another one is answered with 503. Default: 512.
    pub requests_max: usize,
    /// The time that running requests have to end once the server is shut down. Default: 30 s.
    pub shutdown_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        ServerSettings {
            development: false,
            exposed: Vec::new(),
            body_bytes_max: 4 << 20,
            header_bytes_max: 32 << 10,
            headers_max: 100,
            url_bytes_max: 8 << 10,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            connections_max: 1_024,
            requests_max: 512,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// The settings of the host's file, with the defaults for those that it omits.
impl From<&ServerEntry> for ServerSettings {
    fn from(entry: &ServerEntry) -> Self {
        let size = |size: Option<u64>, default| size.and_then(|size| usize::try_from(size).ok()).unwrap_or(default);
        let default = ServerSettings::default();
        ServerSettings {
            development: entry.development.unwrap_or(default.development),
            exposed: default.exposed,
            body_bytes_max: size(entry.max_body_bytes, default.body_bytes_max),
            header_bytes_max: size(entry.max_header_bytes, default.header_bytes_max),
            headers_max: default.headers_max,
            url_bytes_max: default.url_bytes_max,
            header_timeout: entry.header_timeout.unwrap_or(default.header_timeout),
            body_timeout: entry.body_timeout.unwrap_or(default.body_timeout),
            write_timeout: entry.write_timeout.unwrap_or(default.write_timeout),
            request_timeout: entry.request_timeout.unwrap_or(default.request_timeout),
            connections_max: size(entry.max_connections, default.connections_max),
            requests_max: size(entry.max_requests, default.requests_max),
            shutdown_timeout: entry.shutdown_timeout.unwrap_or(default.shutdown_timeout),
        }
    }
}
