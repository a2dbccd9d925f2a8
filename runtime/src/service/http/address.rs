//! Rules that name addresses. The crate `plugbay-address` says which addresses are special: those are refused unless
//! the operator names them, by a rule for the address itself and not one that merely covers it.

pub(crate) use plugbay_address::special;

/// Returns whether a rule's resource names addresses rather than merely covering them: it has no wildcard, or at least
/// one whole number of an address before it, such as `http.10.*` or `http.[fd00:*`.
pub(crate) fn is_named(resource: &str) -> bool {
    let Some(host) = resource.strip_prefix("http.") else { return false };
    let Some((literal, _)) = host.split_once(['*', '?']) else { return true };
    let (numbers, end) = literal.strip_prefix('[').map_or((literal, '.'), |numbers| (numbers, ':'));
    let first = numbers.split_once(end).map_or("", |(first, _)| first);
    let radix = if end == '.' { 10 } else { 16 };
    u32::from_str_radix(first, radix).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_that_says_a_whole_number_names_addresses() {
        for named in ["http.127.0.0.1:8080", "http.10.*", "http.192.168.*:80", "http.[fd00:*", "http.[::1]"] {
            assert!(is_named(named), "{named}");
        }
        for covers in ["*", "http.*", "http.1*", "http.?27.0.0.1", "http.*.0.0.1", "http.[*", "http.[::*", "net.10.*"] {
            assert!(!is_named(covers), "{covers}");
        }
    }
}
