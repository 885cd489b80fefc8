//! The host of a parsed URL: is it a name DNS can hold (P5, P6), an address (P24), a local name?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::outcome::{UrlFlags, UrlReason};

const MAX_LABEL_BYTES: usize = 63;
const MAX_HOST_BYTES: usize = 253;

/// A host that may stand in a normalised URL.
pub(super) struct Host<'h> {
    /// The bytes to write: lower-case ASCII, no trailing dot.
    pub bytes: &'h [u8],
    /// `IP`, `PRIVATE_IP`, `LOCAL`, `PUNYCODE`.
    pub flags: UrlFlags,
}

/// Check a host as the WHATWG parser serialises it.
///
/// # Errors
/// [`UrlReason::Host`] if DNS cannot hold it.
pub(super) fn check_host(host: &[u8]) -> Result<Host<'_>, UrlReason> {
    if let Some(address) = parse_address(host) {
        return Ok(Host { bytes: host, flags: address_flags(address) });
    }
    let name = host.strip_suffix(b".").unwrap_or(host);
    if name.len() > MAX_HOST_BYTES {
        return Err(UrlReason::Host);
    }
    let mut flags = UrlFlags::empty();
    let mut rest = name;
    loop {
        let length = rest.iter().position(|&byte| !is_name_byte(byte)).unwrap_or(rest.len());
        if length == 0 || length > MAX_LABEL_BYTES {
            return Err(UrlReason::Host);
        }
        if rest.starts_with(b"xn--") {
            flags |= UrlFlags::PUNYCODE;
        }
        match rest.get(length) {
            None => break,
            Some(b'.') => rest = rest.get(length + 1..).unwrap_or_default(),
            Some(_) => return Err(UrlReason::Host),
        }
    }
    if is_local(name, rest) {
        flags |= UrlFlags::LOCAL;
    }
    Ok(Host { bytes: name, flags })
}

/// A byte of a label, after IDNA.
pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
}

/// Names that mean "this machine" or "this network" wherever they are read: RFC 6761, 6762, 8375 and
/// ICANN's `.internal`.
pub(super) fn is_local(name: &[u8], last_label: &[u8]) -> bool {
    match last_label {
        b"localhost" | b"localdomain" | b"local" | b"internal" => true,
        b"arpa" => name == b"home.arpa" || name.ends_with(b".home.arpa"),
        _ => false,
    }
}

/// The address a serialised host is. After the WHATWG parser a host ends in a digit label only if it is
/// a dotted quad, so names are told apart by their last byte.
fn parse_address(host: &[u8]) -> Option<IpAddr> {
    if !host.last().is_some_and(|&last| last.is_ascii_digit() || last == b']') {
        return None;
    }
    let text = std::str::from_utf8(host).ok()?;
    if let Some(inner) = text.strip_prefix('[') {
        return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

fn address_flags(address: IpAddr) -> UrlFlags {
    let canonical = address.to_canonical();
    let mut flags = UrlFlags::IP;
    if canonical.is_loopback() {
        flags |= UrlFlags::LOCAL;
    }
    let is_private = match canonical {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    };
    if is_private {
        flags |= UrlFlags::PRIVATE_IP;
    }
    flags
}

/// RFC 6890: this network, private, shared (RFC 6598), loopback, link-local, broadcast.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 0
        || (first == 100 && second & 0xC0 == 64)
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(host: &str) -> UrlFlags {
        check_host(host.as_bytes()).map(|host| host.flags).unwrap()
    }

    #[test]
    fn hosts_that_dns_cannot_hold_are_refused() {
        let long_label = "a".repeat(64);
        let long_host = ["a".repeat(63).as_str(); 4].join(".");
        for host in ["", ".", "a..b", ".a", "a..", "h!x", "A.com", "a b", &long_label, &long_host] {
            assert_eq!(check_host(host.as_bytes()).err(), Some(UrlReason::Host), "{host}");
        }
        let longest = format!("{}.{}", ["a".repeat(63).as_str(); 3].join("."), "a".repeat(61));
        assert_eq!(longest.len(), 253);
        assert!(check_host(longest.as_bytes()).is_ok());
        assert!(check_host(b"_dmarc.x-.example").is_ok());
    }

    #[test]
    fn one_trailing_dot_is_dropped() {
        assert_eq!(check_host(b"example.com.").map(|host| host.bytes).unwrap(), b"example.com");
    }

    #[test]
    fn addresses_and_local_names_are_told() {
        let private = UrlFlags::IP | UrlFlags::PRIVATE_IP;
        for host in ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.0.0.0"] {
            assert_eq!(flags(host), private, "{host}");
        }
        for host in ["[fe80::1]", "[fd00::1]", "[::]", "[::ffff:a00:1]"] {
            assert_eq!(flags(host), private, "{host}");
        }
        for host in ["127.0.0.1", "[::1]", "[::ffff:7f00:1]"] {
            assert_eq!(flags(host), private | UrlFlags::LOCAL, "{host}");
        }
        for host in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2001:db8::1]"] {
            assert_eq!(flags(host), UrlFlags::IP, "{host}");
        }
        for host in ["localhost", "a.localhost", "nas.local", "x.internal", "r.home.arpa", "home.arpa"] {
            assert_eq!(flags(host), UrlFlags::LOCAL, "{host}");
        }
        for host in ["notlocal", "xhome.arpa", "arpa", "local.example", "mylocalhost", "a1"] {
            assert_eq!(flags(host), UrlFlags::empty(), "{host}");
        }
        assert_eq!(flags("xn--bcher-kva.example"), UrlFlags::PUNYCODE);
    }
}
