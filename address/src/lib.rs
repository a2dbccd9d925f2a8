//! Distinguishes the public internet from special addresses: the host itself, its neighbours, the metadata services of
//! clouds.
//!
//! A plugin that may access `api.example.org` must not reach the machine that it runs on through a name that its owner
//! points there, and neither must the URL of a package. All addresses set aside in the registries of special addresses
//! (RFC 6890 and its successors) are special. Callers refuse them unless the operator names them.
//!
//! The tables are those of IANA: [IPv4 special-purpose
//! addresses](https://www.iana.org/assignments/iana-ipv4-special-registry), [IPv6 special-purpose
//! addresses](https://www.iana.org/assignments/iana-ipv6-special-registry) and [IPv6 address
//! space](https://www.iana.org/assignments/ipv6-address-space), and the metadata addresses of clouds, which no registry
//! has. The standard library's `is_global` is not stable. Crates of such ranges (`iprfc`) list what was set aside at
//! their last release and treat the rest as public. Here the reverse holds for IPv6: only the range that is assigned to
//! the internet is public.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns the kind of an address that is not public.
pub fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [0, ..] => "an unspecified address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "a shared (carrier) address",
        [127, ..] => "a loopback address",
        // The services that give a cloud machine its credentials.
        [169, 254, 169, 254] | [168, 63, 129, 16] => "a metadata address",
        [169, 254, ..] => "a link-local address",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "a documentation address",
        [192, 0, 0, _] => "a protocol address",
        [192, 88, 99, _] => "a 6to4 address",
        [198, 18..=19, ..] => "a benchmarking address",
        [224..=239, ..] => "a multicast address",
        [255, 255, 255, 255] => "a broadcast address",
        [240..=255, ..] => "a reserved address",
        _ => return None,
    })
}

/// Returns the kind of an IPv6 address that is not public. Only the assigned range (2000::/3) is public, with
/// exceptions.
fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(address) = address.to_ipv4_mapped() {
        return special_v4(address);
    }
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        [0, 0, 0, 0, 0, 0, ..] => "an IPv4-compatible address",
        [0x64, 0xff9b, ..] => "a NAT64 address",
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => "a metadata address",
        [0xfc00..=0xfdff, ..] => "a private address",
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xff00..=0xffff, ..] => "a multicast address",
        [0x2001, 0, ..] => "a Teredo address",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => "a documentation address",
        [0x2001, 2, 0, ..] => "a benchmarking address",
        [0x2001, 0..=0x1ff, ..] => "a protocol address",
        [0x2002, ..] => "a 6to4 address",
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved address",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<&str>) {
        let address: IpAddr = address.parse().expect("an address");
        assert_eq!(special(address), expected, "{address}");
    }

    #[test]
    fn addresses_that_are_set_aside_are_special() {
        for (address, kind) in [
            ("0.0.0.0", "an unspecified address"),
            ("0.1.2.3", "an unspecified address"),
            ("10.0.0.1", "a private address"),
            ("100.64.0.1", "a shared (carrier) address"),
            ("100.127.255.255", "a shared (carrier) address"),
            ("127.0.0.1", "a loopback address"),
            ("127.255.255.254", "a loopback address"),
            ("168.63.129.16", "a metadata address"),
            ("169.254.1.1", "a link-local address"),
            ("169.254.169.254", "a metadata address"),
            ("172.16.0.1", "a private address"),
            ("172.31.255.255", "a private address"),
            ("192.0.0.1", "a protocol address"),
            ("192.0.2.1", "a documentation address"),
            ("192.88.99.1", "a 6to4 address"),
            ("192.168.1.1", "a private address"),
            ("198.18.0.1", "a benchmarking address"),
            ("198.19.255.255", "a benchmarking address"),
            ("198.51.100.1", "a documentation address"),
            ("203.0.113.1", "a documentation address"),
            ("224.0.0.1", "a multicast address"),
            ("240.0.0.1", "a reserved address"),
            ("255.255.255.255", "a broadcast address"),
            ("::", "an unspecified address"),
            ("::1", "a loopback address"),
            ("::127.0.0.1", "an IPv4-compatible address"),
            ("::ffff:127.0.0.1", "a loopback address"),
            ("::ffff:10.0.0.1", "a private address"),
            ("64:ff9b::7f00:1", "a NAT64 address"),
            ("64:ff9b:1::1", "a NAT64 address"),
            ("100::1", "a reserved address"),
            ("2001::1", "a Teredo address"),
            ("2001:2::1", "a benchmarking address"),
            ("2001:10::1", "a protocol address"),
            ("2001:db8::1", "a documentation address"),
            ("2002:7f00:1::1", "a 6to4 address"),
            ("3fff::1", "a documentation address"),
            ("5f00::1", "a reserved address"),
            ("fc00::1", "a private address"),
            ("fd00:ec2::254", "a metadata address"),
            ("fe80::1", "a link-local address"),
            ("fec0::1", "a reserved address"),
            ("ff02::1", "a multicast address"),
        ] {
            check(address, Some(kind));
        }
    }

    #[test]
    fn neighbours_of_what_is_set_aside_are_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.1.1.1",
            "128.0.0.1",
            "169.253.1.1",
            "172.15.1.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "192.169.1.1",
            "198.17.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            check(address, None);
        }
    }
}
