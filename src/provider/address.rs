//! Which addresses may be connected to.
//!
//! Pure: no I/O, no clock. A provider's name is somebody else's word: without these rules it could
//! lead into our own network (RFC 8725 §3.10).

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Public addresses, and those that settings allow besides.
#[derive(Clone, Debug)]
pub(super) struct AddressRules {
    allowed: Vec<IpNet>,
}

impl AddressRules {
    pub(super) const fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether this address may be connected to. An IPv4 address in IPv6 clothes is judged as what
    /// it is written as.
    pub(super) fn allow(&self, address: IpAddr) -> bool {
        let public = match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        };
        public || self.allowed.iter().any(|net| net.contains(&address))
    }

    /// Whether the URL's host is a name (judged when it is resolved) or an address that is allowed.
    pub(super) fn allow_host(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => self.allow(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.allow(IpAddr::V6(address)),
            None => false,
        }
    }
}

/// Not in the IANA special-purpose registry (RFC 6890), not multicast, not reserved.
const fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            // A public address by the registry, behind which a cloud (Azure) has its own machines' agent.
            | [168, 63, 129, 16]
    )
}

/// Global unicast (`2000::/3`) without what is for documentation or carries another address, and
/// NAT64 (RFC 6052 §2.1) of public IPv4 addresses.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_allows_public_addresses_and_what_settings_say() {
        let none = AddressRules::new(Vec::new());
        let some = AddressRules::new(vec![
            "127.0.0.0/8".parse().expect("a net"),
            "fd00::/8".parse().expect("a net"),
        ]);
        let cases = [
            ("8.8.8.8", true, true),
            ("99.255.255.255", true, true),
            ("100.63.255.255", true, true),
            ("100.128.0.0", true, true),
            ("172.15.255.255", true, true),
            ("172.32.0.0", true, true),
            ("223.255.255.255", true, true),
            ("0.0.0.0", false, false),
            ("10.0.0.1", false, false),
            ("100.64.0.1", false, false),
            ("100.127.255.255", false, false),
            ("127.0.0.1", false, true),
            ("127.255.255.255", false, true),
            ("169.254.169.254", false, false),
            ("172.16.0.1", false, false),
            ("172.31.255.255", false, false),
            ("192.168.1.1", false, false),
            ("192.0.0.1", false, false),
            ("192.0.2.1", false, false),
            ("198.18.0.1", false, false),
            ("198.51.100.1", false, false),
            ("203.0.113.1", false, false),
            ("168.63.129.16", false, false),
            ("168.63.129.17", true, true),
            ("224.0.0.1", false, false),
            ("239.255.255.255", false, false),
            ("240.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("2606:4700::1111", true, true),
            ("2001:4860:4860::8888", true, true),
            ("::", false, false),
            ("::1", false, false),
            ("::ffff:8.8.8.8", false, false),
            ("::ffff:127.0.0.1", false, false),
            ("::127.0.0.1", false, false),
            ("64:ff9b::8.8.8.8", true, true),
            ("64:ff9b::10.0.0.1", false, false),
            ("64:ff9b:1::8.8.8.8", false, false),
            ("100::1", false, false),
            ("2001::1", false, false),
            ("2001:db8::1", false, false),
            ("2002:7f00:1::", false, false),
            ("3fff::1", false, false),
            ("fc00::1", false, false),
            ("fd00::1", false, true),
            ("fe80::1", false, false),
            // Other addresses in IPv6 clothes: mapped, NAT64 of what is private, 6to4, Teredo.
            ("::ffff:10.0.0.1", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("::ffff:0:127.0.0.1", false, false),
            ("64:ff9b::7f00:1", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("64:ff9b::6440:1", false, false),
            ("2002:a00:1::1", false, false),
            ("2002:a9fe:a9fe::1", false, false),
            ("2001:0:4136:e378::1", false, false),
            ("fe80::1:2:3:4", false, false),
            ("fdff:ffff::1", false, true),
            ("febf::1", false, false),
            ("4000::1", false, false),
            ("5f00::1", false, false),
            ("fec0::1", false, false),
            ("ff02::1", false, false),
        ];
        for (text, by_default, by_settings) in cases {
            let address = text.parse().expect(text);
            assert_eq!(none.allow(address), by_default, "{text}");
            assert_eq!(some.allow(address), by_settings, "{text}");
        }
    }

    #[test]
    fn f16_judges_addresses_in_urls_however_they_are_written() {
        let none = AddressRules::new(Vec::new());
        let cases = [
            ("https://example.okta.com/", true),
            ("https://8.8.8.8/", true),
            ("https://127.0.0.1/", false),
            ("https://127.1/", false),
            ("https://2130706433/", false),
            ("https://0x7f.0.0.1/", false),
            ("https://0177.0.0.1/", false),
            ("https://[::1]/", false),
            ("https://[::ffff:7f00:1]/", false),
            ("data:text/plain,a", false),
        ];
        for (text, want) in cases {
            assert_eq!(none.allow_host(&Url::parse(text).expect(text)), want, "{text}");
        }
    }
}
