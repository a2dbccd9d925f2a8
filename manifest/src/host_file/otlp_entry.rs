//! The part `server.otlp` of the host's file: a collector that receives traces, metrics and log lines over OTLP.
//!
//! Headers may hold a key of the collector, so problems never quote their values and `Debug` never shows them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::field::{Table, field};
use crate::limits::{LINE_CHARS_MAX, PATH_CHARS_MAX};
use crate::part::resources::read_seconds;
use crate::problem::{Report, code, quoted};
use crate::read::Node;
use crate::shape;

/// The most headers of a request to the collector.
const HEADERS_MAX: usize = 32;
/// The longest time between two exports of metrics, in seconds.
const INTERVAL_SECONDS_MAX: u64 = 86_400;

/// A collector that receives telemetry as OTLP over HTTP, and what is sent to it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtlpEntry {
    /// The URL of the collector, to which `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended.
    pub endpoint: String,
    /// The PEM file of the authorities that may have issued the collector's certificate, if `endpoint` is `https`.
    /// Default: the public authorities.
    pub ca: Option<PathBuf>,
    /// Headers of each request, such as a key of the collector.
    pub headers: BTreeMap<String, String>,
    /// The name of this host among the services of the collector. Default: `plugbay`.
    pub service_name: String,
    /// Whether traces are sent. Default: true.
    pub traces: bool,
    /// Whether metrics are sent. Default: true.
    pub metrics: bool,
    /// Whether log lines are sent. Default: true.
    pub logs: bool,
    /// How many of 100 traces that begin here are sent. A trace that a caller began follows the caller's decision.
    /// Default: 100.
    pub sample_percent: u8,
    /// The time between two exports of metrics. Default: 60 s.
    pub interval: Duration,
}

const OTLP: Table = &[
    field("endpoint", "The URL of the collector, as in http://127.0.0.1:4318.", || shape::line(LINE_CHARS_MAX)),
    field("ca", "The PEM file of the authorities for https. Default: the public authorities.", || {
        shape::line(PATH_CHARS_MAX)
    }),
    field("headers", "Headers of each request, such as a key of the collector.", || {
        shape::map(shape::line(LINE_CHARS_MAX), HEADERS_MAX)
    }),
    field("service_name", "The name of this host in the collector. Default: plugbay.", || shape::line(LINE_CHARS_MAX)),
    field("traces", "Whether traces are sent. Default: true.", shape::boolean),
    field("metrics", "Whether metrics are sent. Default: true.", shape::boolean),
    field("logs", "Whether log lines are sent. Default: true.", shape::boolean),
    field("sample_percent", "How many of 100 traces are sent. Default: 100.", || shape::count(0, 100)),
    field(
        "interval_seconds",
        "The time between two exports of metrics. Default: 60.",
        || json!({ "type": "number", "exclusiveMinimum": 0, "maximum": INTERVAL_SECONDS_MAX }),
    ),
];

pub(super) fn otlp_shape() -> Value {
    shape::object(OTLP, &["endpoint"])
}

pub(super) fn read(node: &Node<'_>, report: &mut Report) -> Option<OtlpEntry> {
    let object = node.object(OTLP, report)?;
    let endpoint = object.need("endpoint", report).and_then(|node| read_endpoint(&node, report));
    let ca = object.get("ca").and_then(|node: Node<'_>| node.line(PATH_CHARS_MAX, report)).map(PathBuf::from);
    let headers = object.get("headers").map(|node| read_headers(&node, report)).unwrap_or_default();
    let service_name = object.get("service_name").and_then(|node| node.line(LINE_CHARS_MAX, report));
    let mut is_sent = |name: &str| object.get(name).and_then(|node: Node<'_>| node.boolean(report)).unwrap_or(true);
    let (traces, metrics, logs) = (is_sent("traces"), is_sent("metrics"), is_sent("logs"));
    let percent = object.get("sample_percent").and_then(|node| node.count(0..=100, report));
    let interval = object.get("interval_seconds").and_then(|node| read_seconds(&node, INTERVAL_SECONDS_MAX, report));
    Some(OtlpEntry {
        endpoint: endpoint?,
        ca,
        headers,
        service_name: service_name.unwrap_or_else(|| "plugbay".to_owned()),
        traces,
        metrics,
        logs,
        sample_percent: percent.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(100),
        interval: interval.unwrap_or(Duration::from_secs(60)),
    })
}

fn read_endpoint(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.line(LINE_CHARS_MAX, report)?;
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    let problem = match host {
        None => format!("{} is not a URL: write http://HOST:PORT or https://HOST", quoted(&text)),
        Some("") => "names no host: write http://HOST:PORT or https://HOST".to_owned(),
        Some(host) if host.contains('@') => "contains a user or a password: use `headers` for credentials".to_owned(),
        Some(_) if text.contains(['?', '#']) || text.contains(char::is_whitespace) => {
            "contains a query or white space: write http://HOST:PORT or https://HOST".to_owned()
        }
        Some(_) => return Some(text.trim_end_matches('/').to_owned()),
    };
    node.problem(report, code::INVALID_VALUE, problem);
    None
}

fn read_headers(node: &Node<'_>, report: &mut Report) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, value) in node.entries(HEADERS_MAX, report) {
        let is_name = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
        if !is_name {
            value.problem(report, code::INVALID_NAME, "a header's name has letters, digits, `-` and `_`");
            continue;
        }
        if let Some(text) = value.line(LINE_CHARS_MAX, report) {
            headers.insert(name.to_ascii_lowercase(), text);
        }
    }
    headers
}

/// Shows the names of headers, never their values.
impl fmt::Debug for OtlpEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpEntry")
            .field("endpoint", &self.endpoint)
            .field("ca", &self.ca)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("service_name", &self.service_name)
            .field("traces", &self.traces)
            .field("metrics", &self.metrics)
            .field("logs", &self.logs)
            .field("sample_percent", &self.sample_percent)
            .field("interval", &self.interval)
            .finish()
    }
}
