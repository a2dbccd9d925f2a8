//! The target of a request, in one canonical spelling for grants, lookups and connections.
//!
//! A host can be written in many ways: `EXAMPLE.org.`, `bücher.example`, `0177.0.0.1`, `2130706433`,
//! `[::ffff:127.0.0.1]`. They are parsed as browsers do (the URL standard), so that a permission for one spelling
//! covers all of them, and an address cannot be disguised as a number.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use http::uri::{Authority, Scheme};
use url::Host;

/// The prefix of the resources of this service.
const KIND: &str = "http.";
/// Maximum length of a name in DNS.
const NAME_BYTES_MAX: usize = 253;

/// A host with its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

impl Target {
    /// Parses scheme and authority. `None` if they do not name a valid host.
    pub(crate) fn read(uri: &http::Uri) -> Option<Self> {
        let tls = *uri.scheme()? == Scheme::HTTPS;
        let (host, port) = split(uri.authority()?)?;
        let host = match Host::parse(host).ok()? {
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                if name.is_empty() || name.len() > NAME_BYTES_MAX {
                    return None;
                }
                Host::Domain(name.to_owned())
            }
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => embedded(address),
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|&port| port != 0)?,
            None => default_port(tls),
        };
        Some(Target { host, port, tls })
    }

    /// Returns the resource to be granted: `http.api.example.org`, with the port if it is not the scheme's default.
    pub(crate) fn resource(&self) -> String {
        format!("{KIND}{self}")
    }

    /// Returns the resource for one of the host's addresses.
    pub(crate) fn resource_at(&self, address: IpAddr) -> String {
        let host = match address {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        };
        Target { host, ..*self }.resource()
    }

    /// Returns whether the name denotes this machine by definition.
    pub(crate) fn is_localhost(&self) -> bool {
        matches!(&self.host, Host::Domain(name) if name == "localhost" || name.ends_with(".localhost"))
    }
}

/// Shows `host`, or `host:port` if the port is not the scheme's default. This is the `Host` header, and the part of a
/// grant after `http.`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == default_port(self.tls) {
            write!(f, "{}", self.host)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Splits host and port. A user name or a password before the host is refused: credentials belong in a header.
fn split(authority: &Authority) -> Option<(&str, Option<&str>)> {
    let text = authority.as_str();
    let rest = text.strip_prefix(authority.host()).filter(|_| !text.contains('@'))?;
    match rest.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some((authority.host(), Some(port))),
        None if rest.is_empty() => Some((text, None)),
        _ => None,
    }
}

/// Converts an IPv4 address that is written as an IPv6 one to IPv4.
fn embedded(address: Ipv6Addr) -> Host {
    match address.to_ipv4_mapped() {
        Some(address) => Host::Ipv4(address),
        None => Host::Ipv6(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scheme: &str, authority: &str, expected: Option<&str>) {
        let uri = http::Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
        let resource = uri.ok().and_then(|uri| Target::read(&uri)).map(|target| target.resource());
        assert_eq!(resource.as_deref(), expected, "{scheme}://{authority}");
    }

    #[test]
    fn port_is_named_where_it_is_not_the_schemes_own() {
        check("https", "api.example.org", Some("http.api.example.org"));
        check("https", "api.example.org:443", Some("http.api.example.org"));
        check("http", "api.example.org:80", Some("http.api.example.org"));
        check("http", "api.example.org:443", Some("http.api.example.org:443"));
        check("https", "api.example.org:8443", Some("http.api.example.org:8443"));
        check("http", "[2606:4700::1111]:8080", Some("http.[2606:4700::1111]:8080"));
    }

    #[test]
    fn localhost_is_itself_and_what_is_below_it() {
        let check = |authority: &str, expected: bool| {
            let uri = http::Uri::builder().scheme("http").authority(authority).path_and_query("/").build();
            let target = uri.ok().and_then(|uri| Target::read(&uri)).expect("a host");
            assert_eq!(target.is_localhost(), expected, "{authority}");
        };
        check("localhost:8080", true);
        check("LocalHost.", true);
        check("api.localhost", true);
        check("localhost.example.org", false);
        check("mylocalhost", false);
        check("example.org", false);
        check("127.0.0.1", false);
    }

    #[test]
    fn every_spelling_of_a_name_is_one_resource() {
        check("https", "API.Example.ORG", Some("http.api.example.org"));
        check("https", "api.example.org.", Some("http.api.example.org"));
        check("https", "xn--bcher-kva.example", Some("http.xn--bcher-kva.example"));
    }

    #[test]
    fn every_spelling_of_an_address_is_one_resource() {
        for spelling in [
            "127.0.0.1",
            "127.0.0.1.",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:127.0.0.1]",
        ] {
            check("http", spelling, Some("http.127.0.0.1"));
        }
        check("http", "[0:0:0:0:0:0:0:1]", Some("http.[::1]"));
    }

    #[test]
    fn what_names_no_host_and_port_is_refused() {
        for wrong in [
            "user@example.org",
            "user:secret@example.org",
            "example.org:0",
            "example.org:",
            "example.org:99999",
            "example.org:+80",
            "127.0.0.1.5",
            "4294967296",
            "0x100000000",
            "256.0.0.1",
            "127.0.0.09",
            "[::1",
            "[fe80::1%25eth0]",
            ".",
            "a b",
            &"a.".repeat(200),
        ] {
            check("http", wrong, None);
        }
    }
}
