//! Where a request came from.
//!
//! Pure: no I/O, no clock.

use super::{Headers, split_at_commas};
use prost::Message;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The gateway's peer, as the message has it (`AttributeContext.source`): read only where somebody asks.
///
/// The gateway writes it, and does not look at `x-forwarded-for`: behind a load balancer it is that.
#[derive(Clone, Copy, Default)]
pub struct Source<'m>(&'m [u8]);

/// `AttributeContext.Peer`, as far as it counts.
#[derive(Clone, PartialEq, Message)]
struct Peer {
    #[prost(message, tag = "1")]
    address: Option<Address>,
}

/// `envoy.config.core.v3.Address`
#[derive(Clone, PartialEq, Message)]
struct Address {
    #[prost(message, tag = "1")]
    socket_address: Option<SocketAddress>,
}

/// `envoy.config.core.v3.SocketAddress`
#[derive(Clone, PartialEq, Message)]
struct SocketAddress {
    #[prost(string, tag = "2")]
    address: String,
}

impl<'m> Source<'m> {
    /// The bytes of the message's `source`.
    #[must_use]
    pub const fn new(peer: &'m [u8]) -> Self {
        Self(peer)
    }

    /// The network that a client is told apart by: an IPv4 address, or the first half of an IPv6 one, the
    /// other half of which a client chooses. `None`: it is not known.
    ///
    /// `forwarded_for` says which address of that header is the client's, counted from its end, where
    /// proxies that are trusted have written them. 0: none of it is believed. Where the header has no such
    /// address the gateway's peer counts.
    #[must_use]
    pub fn network(self, headers: &Headers<'_>, forwarded_for: usize) -> Option<IpAddr> {
        let forwarded = match forwarded_for {
            0 => None,
            place => forwarded(headers, place),
        };
        forwarded.or_else(|| self.peer()).map(network)
    }

    fn peer(self) -> Option<IpAddr> {
        let peer = Peer::decode(self.0).ok()?;
        peer.address?.socket_address?.address.parse().ok()
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.peer())
    }
}

fn forwarded(headers: &Headers<'_>, place: usize) -> Option<IpAddr> {
    let fields: Vec<&str> = headers.all("x-forwarded-for").flat_map(split_at_commas).collect();
    let index = fields.len().checked_sub(place)?;
    fields.get(index)?.trim().parse().ok()
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Vec<u8> {
        let socket_address = Some(SocketAddress { address: address.to_owned() });
        Peer { address: Some(Address { socket_address }) }.encode_to_vec()
    }

    #[test]
    fn clients_are_told_apart_by_their_network() {
        let mut headers = Headers::default();
        headers.add("x-forwarded-for", "9.9.9.9, 203.0.113.7 ,10.0.0.2");
        headers.add("x-forwarded-for", "10.0.0.1");
        let cases = [
            ("192.0.2.1", 0, Some("192.0.2.1")),
            ("::ffff:192.0.2.1", 0, Some("192.0.2.1")),
            ("2001:db8:1:2:3:4:5:6", 0, Some("2001:db8:1:2::")),
            ("", 0, None),
            ("/run/envoy.sock", 0, None),
            ("192.0.2.1", 1, Some("10.0.0.1")),
            ("192.0.2.1", 3, Some("203.0.113.7")),
            ("192.0.2.1", 4, Some("9.9.9.9")),
            ("192.0.2.1", 5, Some("192.0.2.1")),
            ("", 5, None),
        ];
        for (address, place, want) in cases {
            let bytes = peer(address);
            let network = Source::new(&bytes).network(&headers, place);
            assert_eq!(
                network.map(|network| network.to_string()).as_deref(),
                want,
                "{address} {place}"
            );
        }
        headers.add("x-forwarded-for", "unknown");
        let bytes = peer("192.0.2.1");
        let network = Source::new(&bytes).network(&headers, 1);
        assert_eq!(network.map(|network| network.to_string()).as_deref(), Some("192.0.2.1"));
        for odd in [&b""[..], b"\x0a", b"\xff\xff", b"\x0a\x02\x0a\x00"] {
            assert_eq!(Source::new(odd).network(&headers, 0), None, "{odd:?}");
        }
    }
}
