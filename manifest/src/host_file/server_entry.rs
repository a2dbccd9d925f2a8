//! The part `server` of the host's file: the address of `plugbay serve`, who may reach it, the limits of its clients,
//! its certificate, and where its telemetry goes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::otlp_entry::{self, OtlpEntry};
use crate::field::{Table, field};
use crate::limits::{HOST_NAMES_MAX, LINE_CHARS_MAX, PATH_CHARS_MAX};
use crate::name;
use crate::part::resources::read_seconds;
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::shape;

/// The largest body of a request that can be allowed, in units of 2^20 bytes.
const BODY_MB_MAX: u64 = 1_024;
/// The largest head of a request that can be allowed, in units of 2^10 bytes.
const HEADER_KB_MAX: u64 = 1_024;
/// The most connections and requests that can be allowed.
const CLIENTS_MAX: u64 = 1_000_000;
/// The most scopes of callers without a token.
const SCOPES_MAX: usize = 100;
/// The kinds of access, as scopes of tokens name them.
const SCOPE_KINDS: [&str; 3] = ["read", "call", "manage"];
/// The levels of log lines.
const LOG_LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "off"];
/// The longest time that can be allowed, in seconds.
const SECONDS_MAX: u64 = 86_400;

/// The operator's settings of the server. Omitted ones have the server's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerEntry {
    /// The address to listen on.
    pub address: Option<SocketAddr>,
    /// The scopes of callers without a token, as in `call:greeter`. `None` has the server's default for its address.
    pub anonymous: Option<Vec<String>>,
    /// Names of the server in addition to those of the loopback, in lower case and without a port.
    pub hosts: Vec<String>,
    /// The certificate with which the server speaks TLS. `None` speaks plain HTTP.
    pub tls: Option<TlsEntry>,
    /// The collector of telemetry. `None` sends none.
    pub otlp: Option<OtlpEntry>,
    /// The lowest level of log lines that are shown, unless the command line names one.
    pub log_level: Option<&'static str>,
    /// Whether errors have details that may say more than callers should know.
    pub development: Option<bool>,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: Option<u64>,
    /// The largest head of a request, in bytes.
    pub max_header_bytes: Option<u64>,
    /// The most connections at once.
    pub max_connections: Option<u64>,
    /// The most requests that are answered at once.
    pub max_requests: Option<u64>,
    /// The time that a client has to send the head of a request.
    pub header_timeout: Option<Duration>,
    /// The time that a client has to send the body of a request.
    pub body_timeout: Option<Duration>,
    /// The time for which a client may read nothing of an answer.
    pub write_timeout: Option<Duration>,
    /// The time from the head of a request to that of its answer.
    pub request_timeout: Option<Duration>,
    /// The time that running requests have to end once the server is shut down.
    pub shutdown_timeout: Option<Duration>,
}

/// A certificate and its key, in files in the PEM format, relative to the host's file unless they are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsEntry {
    /// The file of the certificate, followed by those that lead to its root.
    pub certificate: PathBuf,
    /// The file of its private key.
    pub key: PathBuf,
}

const TLS: Table = &[
    field("certificate", "The PEM file of the certificate and its chain.", || shape::line(PATH_CHARS_MAX)),
    field("key", "The PEM file of the certificate's private key.", || shape::line(PATH_CHARS_MAX)),
];

const SERVER: Table = &[
    field("address", "The IP address and port to listen on. Default: 127.0.0.1:7070.", || shape::line(LINE_CHARS_MAX)),
    field(
        "anonymous",
        "The scopes of callers without a token. Default: read and call on a loopback address, none on another.",
        || shape::list(shape::line(LINE_CHARS_MAX), SCOPES_MAX),
    ),
    field("hosts", "Names of the server beside those of the loopback, as in plugins.example.", || {
        shape::list(shape::line(LINE_CHARS_MAX), HOST_NAMES_MAX)
    }),
    field("tls", "The certificate with which the server speaks TLS.", || shape::object(TLS, &["certificate", "key"])),
    field("otlp", "The collector that receives traces, metrics and log lines.", otlp_entry::otlp_shape),
    field("log_level", "The lowest level of log lines, unless the command line names one. Default: info.", || {
        shape::word(&LOG_LEVELS)
    }),
    field("development", "Whether errors have details for developers. Default: false.", shape::boolean),
    field("max_body_mb", "The largest body of a request in units of 2^20 bytes. Default: 4.", || {
        shape::count(1, BODY_MB_MAX)
    }),
    field("max_header_kb", "The largest head of a request in units of 2^10 bytes. Default: 32.", || {
        shape::count(8, HEADER_KB_MAX)
    }),
    field("max_connections", "The most connections at once. Default: 1024.", || shape::count(1, CLIENTS_MAX)),
    field("max_requests", "The most requests that are answered at once. Default: 512.", || {
        shape::count(1, CLIENTS_MAX)
    }),
    field("header_timeout_seconds", "The time to send the head of a request. Default: 10.", seconds_shape),
    field("body_timeout_seconds", "The time to send the body of a request. Default: 30.", seconds_shape),
    field("write_timeout_seconds", "The time for which a client may read nothing. Default: 30.", seconds_shape),
    field("request_timeout_seconds", "The time until a request is answered. Default: 60.", seconds_shape),
    field("shutdown_timeout_seconds", "The time that requests have to end at a shutdown. Default: 30.", seconds_shape),
];

fn seconds_shape() -> Value {
    json!({ "type": "number", "exclusiveMinimum": 0, "maximum": SECONDS_MAX })
}

pub(super) fn server_shape() -> Value {
    shape::object(SERVER, &[])
}

pub(super) fn read(node: &Node<'_>, report: &mut Report) -> Option<ServerEntry> {
    let object = node.object(SERVER, report)?;
    Some(ServerEntry {
        address: object.get("address").and_then(|node| read_address(&node, report)),
        anonymous: object.get("anonymous").map(|node| read_scopes(&node, report)),
        hosts: object.get("hosts").map(|node| read_hosts(&node, report)).unwrap_or_default(),
        tls: object.get("tls").and_then(|node| read_tls(&node, report)),
        otlp: object.get("otlp").and_then(|node| otlp_entry::read(&node, report)),
        log_level: object.get("log_level").and_then(|node| node.word(&LOG_LEVELS, report)),
        development: object.get("development").and_then(|node| node.boolean(report)),
        max_body_bytes: count(&object, "max_body_mb", 1, BODY_MB_MAX, report).map(|mb| mb << 20),
        max_header_bytes: count(&object, "max_header_kb", 8, HEADER_KB_MAX, report).map(|kb| kb << 10),
        max_connections: count(&object, "max_connections", 1, CLIENTS_MAX, report),
        max_requests: count(&object, "max_requests", 1, CLIENTS_MAX, report),
        header_timeout: time(&object, "header_timeout_seconds", report),
        body_timeout: time(&object, "body_timeout_seconds", report),
        write_timeout: time(&object, "write_timeout_seconds", report),
        request_timeout: time(&object, "request_timeout_seconds", report),
        shutdown_timeout: time(&object, "shutdown_timeout_seconds", report),
    })
}

fn read_address(node: &Node<'_>, report: &mut Report) -> Option<SocketAddr> {
    let text = node.line(LINE_CHARS_MAX, report)?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("{} is not an IP address with a port, such as 127.0.0.1:7070", quoted(&text));
        node.problem(report, code::INVALID_VALUE, message);
    }
    address
}

/// Reads scopes. Their texts are those of tokens; what one of them covers is the server's to know.
fn read_scopes(node: &Node<'_>, report: &mut Report) -> Vec<String> {
    let items = node.items(SCOPES_MAX, report);
    let read = |item: &Node<'_>| {
        let text = item.line(LINE_CHARS_MAX, report)?;
        let (kind, plugin) = text.split_once(':').map_or((&*text, None), |(kind, plugin)| (kind, Some(plugin)));
        if !SCOPE_KINDS.contains(&kind) || plugin.is_some_and(|plugin| name::plugin(plugin).is_err()) {
            let rule = "write read, call or manage, for one plugin with its name as in call:greeter";
            item.problem(report, code::INVALID_VALUE, format!("{} is not a scope: {rule}", quoted(&text)));
            return None;
        }
        Some(text)
    };
    items.iter().filter_map(read).collect()
}

/// Reads names of hosts, in lower case.
fn read_hosts(node: &Node<'_>, report: &mut Report) -> Vec<String> {
    let items = node.items(HOST_NAMES_MAX, report);
    let read = |item: &Node<'_>| {
        let text = item.line(LINE_CHARS_MAX, report)?;
        let is_address = text.starts_with('[') && text.ends_with(']');
        let is_name = text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'));
        if !is_name && !is_address {
            let rule = "write a name or an address without scheme, port and path, as in plugins.example";
            item.problem(report, code::INVALID_VALUE, format!("{} is not the name of a host: {rule}", quoted(&text)));
            return None;
        }
        Some(text.trim_end_matches('.').to_ascii_lowercase())
    };
    items.iter().filter_map(read).collect()
}

fn read_tls(node: &Node<'_>, report: &mut Report) -> Option<TlsEntry> {
    let object = node.object(TLS, report)?;
    let mut file = |name| object.need(name, report).and_then(|node: Node<'_>| node.line(PATH_CHARS_MAX, report));
    let (certificate, key) = (file("certificate"), file("key"));
    Some(TlsEntry { certificate: certificate?.into(), key: key?.into() })
}

fn count(object: &Object<'_>, name: &str, least: u64, most: u64, report: &mut Report) -> Option<u64> {
    object.get(name)?.count(least..=most, report)
}

fn time(object: &Object<'_>, name: &str, report: &mut Report) -> Option<Duration> {
    read_seconds(&object.get(name)?, SECONDS_MAX, report)
}
