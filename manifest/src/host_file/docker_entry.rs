//! The part `docker` of the host's file: engines whose events are published.
//!
//! A client of an engine can do anything on its machine, so an engine on another machine is reached over TLS only.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::field::{Table, field};
use crate::limits::{DOCKER_HOSTS_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, PATH_CHARS_MAX};
use crate::part::resources::read_seconds;
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::shape;

/// The usual ports of an engine, without and with TLS.
const PORTS: [u16; 2] = [2375, 2376];
/// The longest time between two measurements, in seconds.
const INTERVAL_SECONDS_MAX: u64 = 86_400;
const FORMS: &str = "write unix:///var/run/docker.sock or tcp://HOST:PORT";

/// A Docker engine, or one that answers Docker's API, such as Podman.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerEntry {
    /// The name of the engine in events and in answers of the server.
    pub name: String,
    /// The address of the engine.
    pub url: DockerUrl,
    /// The files for TLS. `None` speaks plain HTTP, which is allowed on this machine only.
    pub tls: Option<DockerTlsEntry>,
    /// The time between two measurements of containers, while a plugin or a stream receives them. Default: 10 s.
    pub metrics_interval: Duration,
}

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerUrl {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A TCP port.
    Tcp {
        /// A name or an IP address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// Files in the PEM format, relative to the host's file unless they are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerTlsEntry {
    /// The certificates of the authorities that the engine's certificate may come from. `None` trusts the public ones.
    pub ca: Option<PathBuf>,
    /// The certificate of this client and its private key. `None` sends no certificate.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl DockerEntry {
    /// An engine without TLS.
    pub fn new(name: impl Into<String>, url: DockerUrl) -> Self {
        DockerEntry { name: name.into(), url, tls: None, metrics_interval: Duration::from_secs(10) }
    }
}

impl fmt::Display for DockerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DockerUrl::Unix(path) => write!(f, "unix://{}", path.display()),
            DockerUrl::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            DockerUrl::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

const DOCKER: Table = &[
    field("name", "The name of the engine in events.", || shape::name("^[A-Za-z0-9._-]+$", NAME_CHARS_MAX)),
    field("url", "The engine: unix:///var/run/docker.sock, or tcp://HOST:PORT.", || shape::line(LINE_CHARS_MAX)),
    field("tls", "The files for TLS, which an engine on another machine needs.", || shape::object(TLS, &[])),
    field(
        "metrics_interval_seconds",
        "The time between two measurements of containers. Default: 10.",
        || json!({ "type": "number", "exclusiveMinimum": 0, "maximum": INTERVAL_SECONDS_MAX }),
    ),
];
const TLS: Table = &[
    field("ca", "The PEM file of the authorities of the engine's certificate. Default: the public ones.", || {
        shape::line(PATH_CHARS_MAX)
    }),
    field("cert", "The PEM file of the certificate of this client.", || shape::line(PATH_CHARS_MAX)),
    field("key", "The PEM file of the private key of `cert`.", || shape::line(PATH_CHARS_MAX)),
];

pub(super) fn docker_shape() -> Value {
    shape::list(shape::object(DOCKER, &["name", "url"]), DOCKER_HOSTS_MAX)
}

pub(super) fn read(node: &Node<'_>, report: &mut Report) -> Vec<DockerEntry> {
    let items = node.items(DOCKER_HOSTS_MAX, report);
    let mut entries: Vec<DockerEntry> = Vec::new();
    for item in items {
        let Some(entry) = read_entry(&item, report) else { continue };
        if entries.iter().any(|other| other.name == entry.name) {
            let message = format!("there are two engines with the name {}", quoted(&entry.name));
            item.problem(report, code::DUPLICATE, message);
        }
        entries.push(entry);
    }
    entries
}

fn read_entry(node: &Node<'_>, report: &mut Report) -> Option<DockerEntry> {
    let object = node.object(DOCKER, report)?;
    let name = object.need("name", report).and_then(|node: Node<'_>| read_name(&node, report));
    let tls = object.get("tls").and_then(|node| read_tls(&node, report));
    let interval =
        object.get("metrics_interval_seconds").and_then(|node| read_seconds(&node, INTERVAL_SECONDS_MAX, report));
    let url = object.need("url", report).and_then(|node: Node<'_>| {
        let url = read_url(&node, object.get("tls").is_some(), report)?;
        check_tls(&node, &url, &object, report);
        Some(url)
    });
    let mut entry = DockerEntry::new(name?, url?);
    entry.tls = tls;
    entry.metrics_interval = interval.unwrap_or(entry.metrics_interval);
    Some(entry)
}

fn read_name(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let name = node.line(NAME_CHARS_MAX, report)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        let rule = "use letters, digits, `.`, `_` and `-`";
        node.problem(report, code::INVALID_NAME, format!("{} is not the name of an engine: {rule}", quoted(&name)));
        return None;
    }
    Some(name)
}

fn read_url(node: &Node<'_>, has_tls: bool, report: &mut Report) -> Option<DockerUrl> {
    let text = node.line(LINE_CHARS_MAX, report)?;
    let parsed = match text.split_once("://") {
        Some(("unix", path)) if path.starts_with('/') => Ok(DockerUrl::Unix(path.into())),
        Some(("unix", _)) => Err(format!("unix:// needs an absolute path: {FORMS}")),
        Some(("tcp", address)) => parse_address(address, PORTS[usize::from(has_tls)]),
        Some(("ssh", _)) => Err(format!("ssh:// is not supported: forward the socket with `ssh -L` and {FORMS}")),
        _ => Err(format!("{} is not the URL of an engine: {FORMS}", quoted(&text))),
    };
    parsed.map_err(|message| node.problem(report, code::INVALID_VALUE, message)).ok()
}

/// Parses `HOST` or `HOST:PORT`. An IPv6 address has brackets.
fn parse_address(text: &str, default_port: u16) -> Result<DockerUrl, String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_name = host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'));
    if host.is_empty() || !(is_name || host.parse::<IpAddr>().is_ok()) {
        return Err(format!("the URL has no host, or more than a host and a port: {FORMS}"));
    }
    let port = port.map_or(Some(default_port), |port| port.parse().ok().filter(|port| *port != 0));
    let port = port.ok_or_else(|| format!("the port is a number from 1 to 65535: {FORMS}"))?;
    Ok(DockerUrl::Tcp { host: host.to_ascii_lowercase(), port })
}

fn check_tls(node: &Node<'_>, url: &DockerUrl, object: &Object<'_>, report: &mut Report) {
    match (url, object.get("tls")) {
        (DockerUrl::Unix(_), Some(tls)) => {
            tls.problem(report, code::CONFLICT, "a unix socket has no TLS: remove `tls`, or write a tcp:// URL");
        }
        (DockerUrl::Tcp { host, .. }, None) if !is_loopback(host) => {
            let message = "an engine on another machine is reached over TLS only, because its API is not protected \
                           otherwise: add `tls: { ca, cert, key }`";
            node.problem(report, code::MISSING_FIELD, message);
        }
        _ => {}
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read_tls(node: &Node<'_>, report: &mut Report) -> Option<DockerTlsEntry> {
    let object = node.object(TLS, report)?;
    let mut file = |name| object.get(name).and_then(|node| node.line(PATH_CHARS_MAX, report)).map(PathBuf::from);
    let (ca, cert, key) = (file("ca"), file("cert"), file("key"));
    let client = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => {
            node.problem(report, code::MISSING_FIELD, "`cert` and `key` belong together: write both or neither");
            None
        }
    };
    Some(DockerTlsEntry { ca, client })
}
