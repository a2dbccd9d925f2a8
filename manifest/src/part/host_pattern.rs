//! Hosts and addresses in the rules of `http.` and `net.` resources.
//!
//! The hosts that a plugin accesses are compared in one spelling: names in lower case and ASCII, without a trailing
//! dot; addresses in their usual printed form. A rule in another spelling would match nothing, and a denying rule would
//! deny nothing. Such rules are refused with the spelling that matches.

use std::net::{Ipv4Addr, Ipv6Addr};

const WILDCARDS: [char; 3] = ['*', '?', '\\'];

/// Checks that `member`, the text after `http.` or `net.`, can match an access.
///
/// # Errors
/// The problem and what to write instead.
pub(super) fn check_host(member: &str) -> Result<(), String> {
    if !member.is_ascii() {
        let message =
            "is not ASCII, and names of hosts are compared in their ASCII form: write the name that begins with";
        return Err(format!("{message} `xn--`"));
    }
    if member.contains(|c: char| c.is_ascii_uppercase()) {
        let lower = member.to_ascii_lowercase();
        return Err(format!("has capital letters, and hosts are compared in lower case: write `{lower}`"));
    }
    if let Some(bracketed) = member.strip_prefix('[') {
        let (address, is_closed) = bracketed.split_once(']').map_or((bracketed, false), |(address, _)| (address, true));
        if !is_closed && !address.contains(WILDCARDS) {
            return Err("has no `]` behind its IPv6 address".to_owned());
        }
        return if address.contains(WILDCARDS) { Ok(()) } else { check_ipv6(address) };
    }
    if let Ok(address) = member.parse::<Ipv6Addr>() {
        return Err(format!("is an IPv6 address without brackets: write `[{address}]`"));
    }
    let (host, port) = member.split_once(':').map_or((member, None), |(host, port)| (host, Some(port)));
    if let Some(name) = host.strip_suffix('.') {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        return Err(format!("ends the host with a dot, without which hosts are compared: write `{name}{port}`"));
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number =
        last.starts_with(|c: char| c.is_ascii_digit()) && last.chars().all(|c| c.is_ascii_hexdigit() || c == 'x');
    let is_address = is_number && (last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()));
    if is_address && !host.contains(WILDCARDS) && host.parse::<Ipv4Addr>().is_err() {
        return Err("is not an IPv4 address: write its four decimal numbers, such as `10.0.0.1`".to_owned());
    }
    Ok(())
}

fn check_ipv6(written: &str) -> Result<(), String> {
    let Ok(address) = written.parse::<Ipv6Addr>() else {
        return Err("has no IPv6 address between its brackets: write one, such as `[::1]`".to_owned());
    };
    if let Some(address) = address.to_ipv4_mapped() {
        return Err(format!("is an IPv4 address that is written as an IPv6 one: write `{address}`"));
    }
    match address.to_string() {
        usual if usual == written => Ok(()),
        usual => Err(format!("is compared in its shortest spelling: write `[{usual}]`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_in_the_compared_spelling_is_accepted() {
        for good in [
            "*",
            "*.example.org",
            "example.org:8080",
            "xn--bcher-kva.example",
            "10.*",
            "10.0.0.1:80",
            "192.168.*:80",
            "[::1]",
            "[::1]:443",
            "[::1]:*",
            "[fd00:*",
            "[2606:4700::1111]:8080",
            "?27.0.0.1",
            "1password.example",
            "a.*.b",
        ] {
            assert_eq!(check_host(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn host_in_another_spelling_is_refused_with_the_right_one() {
        for (bad, right) in [
            ("Example.org", "`example.org`"),
            ("*.EXAMPLE.org:8080", "`*.example.org:8080`"),
            ("bücher.example", "`xn--`"),
            ("example.org.", "`example.org`"),
            ("example.org.:8080", "`example.org:8080`"),
            ("[0:0:0:0:0:0:0:1]", "`[::1]`"),
            ("[FD00::1]:80", "`[fd00::1]:80`"),
            ("[fd00:0::1]:*", "`[fd00::1]`"),
            ("[::ffff:127.0.0.1]", "`127.0.0.1`"),
            ("[::1", "no `]`"),
            ("::1", "`[::1]`"),
            ("127.1", "four decimal"),
            ("0177.0.0.1", "four decimal"),
            ("2130706433", "four decimal"),
            ("0x7f.0.0.0x1", "four decimal"),
        ] {
            let message = check_host(bad).expect_err(bad);
            assert!(message.contains(right), "{bad}: {message}");
        }
    }
}
