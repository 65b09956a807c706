//! Names of machines, as far as security depends on them.

/// Whether a URL's host is this machine: RFC 6761 section 6.3 and the loopback ranges.
pub fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
