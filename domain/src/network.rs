//! Networks of clients: what counts as one place when failures and calls are counted.

use std::net::{IpAddr, Ipv6Addr};

fn parse(address: &str) -> Option<IpAddr> {
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn prefix_64(address: Ipv6Addr) -> String {
    let [a, b, c, d, ..] = address.segments();
    format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
}

/// Whom a budget per address counts: an IPv4 address, or the /64 of an IPv6 one, since a single customer gets that many.
/// What is no address stays as it is.
pub fn budget_holder(address: &str) -> String {
    match parse(address) {
        Some(IpAddr::V6(address)) => prefix_64(address),
        Some(IpAddr::V4(address)) => address.to_string(),
        None => address.to_owned(),
    }
}

/// The neighbourhood of an address, in which the same person is likely to come back: /24 or /64.
pub fn neighbourhood(address: &str) -> Option<String> {
    Some(match parse(address)? {
        IpAddr::V6(address) => prefix_64(address),
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_by_what_one_customer_gets() {
        assert_eq!(budget_holder("203.0.113.9"), "203.0.113.9");
        assert_eq!(budget_holder("2001:db8:1:2:aaaa::9"), budget_holder("2001:db8:1:2:bbbb::1"));
        assert_ne!(budget_holder("2001:db8:1:2::9"), budget_holder("2001:db8:1:3::9"));
        assert_eq!(budget_holder("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(budget_holder("unknown"), "unknown");
        assert_eq!(neighbourhood("203.0.113.9").as_deref(), Some("203.0.113.0/24"));
        assert_eq!(neighbourhood("2001:db8:1:2:aaaa::9").as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(neighbourhood("unknown"), None);
    }
}
