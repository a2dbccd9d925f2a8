//! The names under which the server may be addressed.
//!
//! A web page can make a browser send requests to this machine under a name of its own whose address it changes
//! afterwards (DNS rebinding). The page's name is then in `Host`, so a server on a loopback address answers only
//! requests that name the loopback.

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

/// The names under which requests may address the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HostNames {
    /// Any name: for addresses at which every request needs a token, which a browser does not have.
    Any,
    /// `localhost`, names below it, and the addresses of the loopback.
    #[default]
    Loopback,
    /// Those of the loopback, and these, in lower case and without a port.
    Named(Vec<String>),
}

impl HostNames {
    /// Whether a request names the server as it may be named. A request without a name does not.
    pub(crate) fn allow(&self, request: &Parts) -> bool {
        let named = host(request);
        match self {
            HostNames::Any => named.is_some(),
            HostNames::Loopback => named.is_some_and(|name| is_loopback(&name)),
            HostNames::Named(names) => named.is_some_and(|name| is_loopback(&name) || names.contains(&name)),
        }
    }
}

/// The name in `Host`, or in the URL as HTTP/2 has it, in lower case and without its port. None if there are several
/// that differ, or a user is named.
pub(crate) fn host(request: &Parts) -> Option<String> {
    let mut headers = request.headers.get_all(HOST).iter();
    let header = match (headers.next(), headers.next()) {
        (Some(header), None) => Some(name(&header.to_str().ok()?.parse().ok()?)?),
        (None, None) => None,
        _ => return None,
    };
    let url = match request.uri.authority() {
        Some(authority) => Some(name(authority)?),
        None => None,
    };
    match (header, url) {
        (Some(header), Some(url)) if header != url => None,
        (header, url) => header.or(url),
    }
}

/// The port in `Host` or the URL.
pub(super) fn port(request: &Parts) -> Option<u16> {
    let header = request.headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    header.as_ref().or(request.uri.authority()).and_then(Authority::port_u16)
}

/// The name of an authority; `None` if it names a user too, which no client sends (RFC 9110, 4.2.4).
fn name(authority: &Authority) -> Option<String> {
    let has_user = authority.as_str().contains('@');
    (!has_user).then(|| authority.host().trim_end_matches('.').to_ascii_lowercase())
}

fn is_loopback(name: &str) -> bool {
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(names: &HostNames, host: &str) -> bool {
        let request = http::Request::get("/").header(HOST, host).body(()).expect("a request");
        names.allow(&request.into_parts().0)
    }

    #[test]
    fn loopback_is_allowed_in_each_of_its_spellings() {
        for host in
            ["localhost", "LOCALHOST:7070", "127.0.0.1:1", "[::1]:7070", "127.0.0.9", "a.localhost", "localhost."]
        {
            assert!(allows(&HostNames::Loopback, host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "[::2]",
            "",
            "x@y z",
            "evil@localhost",
        ] {
            assert!(!allows(&HostNames::Loopback, host), "{host}");
        }
    }

    #[test]
    fn named_hosts_are_allowed_beside_the_loopback() {
        let names = HostNames::Named(vec!["plugins.example".to_owned()]);
        assert!(allows(&names, "Plugins.Example:443") && allows(&names, "localhost"));
        assert!(!allows(&names, "other.example") && allows(&HostNames::Any, "other.example"));
    }

    #[test]
    fn two_names_are_none() {
        let request = http::Request::get("http://localhost/").header(HOST, "evil.example").body(()).expect("a request");
        assert_eq!(host(&request.into_parts().0), None);
        let request = http::Request::get("/").header(HOST, "localhost").header(HOST, "a").body(()).expect("a request");
        assert!(!HostNames::Any.allow(&request.into_parts().0));
    }
}
