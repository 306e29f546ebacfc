//! The host that a client named.
//!
//! Pure: no I/O, no clock.

use std::fmt;

/// A host name: lower case, without port, without final dot; letters, digits, `-`, `_`, `.`, or an
/// IPv6 literal in brackets.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HostName(String);

impl HostName {
    /// Reads a name without port; `None` where it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let fits = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !name.is_empty() && name.split('.').all(is_label),
        };
        (fits && name.len() <= 253).then(|| Self(name.to_ascii_lowercase()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `localhost` or below it (RFC 6761 §6.3).
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        self.0 == "localhost" || self.0.ends_with(".localhost")
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(label: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
}

/// A host name and the port, where the client named one (RFC 9110 §7.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    /// The name.
    pub name: HostName,
    /// The port.
    pub port: Option<u16>,
}

impl Host {
    /// Reads `name` or `name:port`; `None` where it could be read in two ways, such as two hosts
    /// that Envoy joined with a comma.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(parse_port(port)?)),
            _ => (text, None),
        };
        HostName::parse(name).map(|name| Self { name, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// Digits alone: `u16::from_str` would take a sign.
fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_host_in_one_way_or_not_at_all() {
        let cases = [
            ("api.example.com", Some("api.example.com")),
            ("API.Example.COM.", Some("api.example.com")),
            ("api.example.com:8443", Some("api.example.com:8443")),
            ("api.example.com.:80", Some("api.example.com:80")),
            ("a_b.example.com", Some("a_b.example.com")),
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("[::1]", Some("[::1]")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("a.example.com,b.example.com", None),
            ("user@example.com", None),
            ("a/b", None),
            ("a b", None),
            ("example.com:", None),
            ("example.com:+80", None),
            ("example.com:65616", None),
            ("example.com:80:80", None),
            ("ex\u{e4}mple.com", None),
            ("%65xample.com", None),
            ("[::1", None),
        ];
        for (text, want) in cases {
            let got = Host::parse(text).map(|host| host.to_string());
            assert_eq!(got.as_deref(), want, "{text:?}");
        }
    }
}
