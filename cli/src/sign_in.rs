//! Links with which a person signs in to the dashboard of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address of a server if neither `--address` nor the host's file has one.
pub(crate) const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7070);

/// The URL at which people reach a server: on an address of the network under the first name of `server.hosts`, if it
/// has one.
pub(crate) fn base_url(address: SocketAddr, hosts: &[String], is_tls: bool) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    match hosts.first().filter(|_| !address.ip().is_loopback()) {
        Some(name) => format!("{scheme}://{name}:{}", address.port()),
        None if address.ip().is_unspecified() => format!("{scheme}://localhost:{}", address.port()),
        None => format!("{scheme}://{address}"),
    }
}

/// The link for a code. The code is in the fragment, which browsers do not send, so that no log has it.
pub(crate) fn link(base: &str, code: &str) -> String {
    format!("{}/-/sign-in#code={code}", base.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_a_name_that_a_browser_reaches() {
        let check = |address: &str, hosts: &[&str], is_tls, expected| {
            let hosts: Vec<String> = hosts.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(base_url(address.parse().expect("an address"), &hosts, is_tls), expected);
        };
        check("127.0.0.1:7070", &["plugins.example"], false, "http://127.0.0.1:7070");
        check("[::]:7443", &[], true, "https://localhost:7443");
        check("0.0.0.0:7443", &["plugins.example"], true, "https://plugins.example:7443");
    }

    #[test]
    fn code_is_in_the_fragment() {
        assert_eq!(link("http://a/", "pbc_x"), "http://a/-/sign-in#code=pbc_x");
    }
}
