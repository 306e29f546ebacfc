//! The host that a client named.
//!
//! Pure: no I/O, no clock.

use super::short::Short;
use std::fmt;

/// A host name: lower case, without port, without final dot; letters, digits, `-`, `_`, `.`, or an
/// IPv6 literal in brackets. Only one that a client named may have letters outside ASCII.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HostName(Short<62>);

impl HostName {
    /// Reads a name without port; `None` where it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(text, |letter| letter.is_ascii_alphanumeric())
    }

    fn of(text: &str, is_letter: fn(char) -> bool) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let fits = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_usual(name) || name.split('.').all(|label| is_label(label, is_letter)),
        };
        (fits && name.len() <= 253).then(|| Self(Short::in_lower_case(name)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is `localhost` or below it (RFC 6761 §6.3).
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        self.as_str() == "localhost" || self.as_str().ends_with(".localhost")
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a name is made of labels that no one finds fault with; no other name needs to be looked at
/// character by character.
fn is_usual(name: &str) -> bool {
    let (mut found, mut beside, mut before) = (0, 0, DOT);
    for byte in name.bytes() {
        let kind = KINDS.get(usize::from(byte)).copied().unwrap_or(OTHER);
        found |= kind;
        // Two dots beside each other, or one at an end: a label is empty.
        beside |= kind & before;
        before = kind;
    }
    let has_other = found & OTHER != 0;
    let has_empty_label = (beside | before) & DOT != 0;
    // So no label is longer.
    name.len() <= 63 && !has_other && !has_empty_label
}

/// What is between labels.
const DOT: u8 = 1;
/// What is not in usual names.
const OTHER: u8 = 2;
/// The kind of each byte: a dot, another one, or, without a bit, one of a label.
const KINDS: [u8; 256] = {
    let mut kinds = [OTHER; 256];
    let mut rest: &mut [u8] = &mut kinds;
    let mut byte = 0_u8;
    while let Some((kind, behind)) = rest.split_first_mut() {
        *kind = match byte {
            b'.' => DOT,
            b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => 0,
            _ => OTHER,
        };
        byte = byte.wrapping_add(1);
        rest = behind;
    }
    kinds
};

fn is_label(label: &str, is_letter: fn(char) -> bool) -> bool {
    let fits = |character: char| is_letter(character) || matches!(character, '-' | '_');
    !label.is_empty() && label.len() <= 63 && label.chars().all(fits)
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
        let (name, port) = split(text)?;
        HostName::parse(name).map(|name| Self { name, port })
    }

    /// The same for what a client sent. A name with letters of other scripts reads in one way as
    /// well: as one that nobody here has, since the names of the policy are ASCII.
    #[must_use]
    pub fn of_request(text: &str) -> Option<Self> {
        let (name, port) = split(text)?;
        HostName::of(name, char::is_alphanumeric).map(|name| Self { name, port })
    }

    /// The text that [`fmt::Display`] writes, without the formatting, which costs four times as much.
    #[must_use]
    pub fn to_text(&self) -> String {
        let name = self.name.as_str();
        match self.port {
            Some(port) => [name, ":", &port.to_string()].concat(),
            None => name.to_owned(),
        }
    }

    /// Whether both can be the same: one name, and no two ports.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let one_port = self.port.is_none() || other.port.is_none() || self.port == other.port;
        self.name == other.name && one_port
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

/// Name and port.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    // It stands near the end, if it is there.
    let Some(at) = memchr::memrchr(b':', text.as_bytes()) else { return Some((text, None)) };
    let (name, port) = (text.get(..at)?, text.get(at.saturating_add(1)..)?);
    if port.ends_with(']') { Some((text, None)) } else { Some((name, Some(parse_port(port)?))) }
}

/// In its one spelling: `u16::from_str` would take a sign, and zeros in front.
fn parse_port(text: &str) -> Option<u16> {
    let spelled = text == "0" || (!text.is_empty() && !text.starts_with('0'));
    let add = |port: u16, byte: u8| {
        let digit = byte.wrapping_sub(b'0');
        port.checked_mul(10)?.checked_add(u16::from(digit)).filter(|_| digit < 10)
    };
    text.bytes().try_fold(0, add).filter(|_port| spelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_usual_name_is_one_whose_every_label_fits(
            name in prop_oneof!["[a-zA-Z0-9_.-]{0,70}", "[a-z.]{0,4}.[a-z.]{0,4}", "[ -~]{0,5}"],
        ) {
            let is_letter = |letter: char| letter.is_ascii_alphanumeric();
            let fits = name.split('.').all(|label| is_label(label, is_letter));
            prop_assert_eq!(is_usual(&name), fits && name.len() <= 63, "{}", name);
        }

        #[test]
        fn a_port_is_read_as_the_standard_library_reads_its_one_spelling(
            text in prop_oneof!["[0-9]{0,12}", "(6553[0-9]|[+-][0-9]{1,5})", ".{0,3}"],
            port: u16,
        ) {
            for text in [&text, &port.to_string()] {
                let want = text.parse::<u16>().ok().filter(|port| port.to_string() == **text);
                prop_assert_eq!(parse_port(text), want, "{}", text);
            }
        }
    }

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
            ("example.com:080", None),
            ("example.com:0", Some("example.com:0")),
            ("example.com:80:80", None),
            ("ex\u{e4}mple.com", None),
            ("%65xample.com", None),
            ("[::1", None),
            ("::1", None),
            ("[::1]x:80", None),
            ("[fe80::1%25eth0]", None),
        ];
        for (text, want) in cases {
            let got = Host::parse(text).map(|host| host.to_string());
            assert_eq!(got.as_deref(), want, "{text:?}");
            assert_eq!(Host::parse(text).map(|host| host.to_text()), got, "{text:?}");
        }
    }

    #[test]
    fn l08_a_name_of_another_script_is_a_client_s_and_never_the_policy_s() {
        let cases = [
            // Cyrillic а, full-width letters, the Kelvin sign: not the names that they look like.
            ("\u{430}pi.example.com", Some("\u{430}pi.example.com")),
            ("\u{ff41}pi.example.com", Some("\u{ff41}pi.example.com")),
            ("\u{212a}.example.com", Some("\u{212a}.example.com")),
            ("b\u{fc}cher.example:80", Some("b\u{fc}cher.example:80")),
            // What some server takes for a dot, a slash, or nothing.
            ("api\u{3002}example.com", None),
            ("api\u{ff0e}example.com", None),
            ("api.example.com\u{2044}x", None),
            ("api\u{ad}.example.com", None),
            ("api\u{200b}.example.com", None),
        ];
        for (text, want) in cases {
            let got = Host::of_request(text).map(|host| host.to_string());
            assert_eq!(got.as_deref(), want, "{text:?}");
            assert_eq!(Host::parse(text), None, "{text:?}");
        }
        let known = Host::of_request("API.example.com.:80");
        assert_eq!(known, Host::parse("api.example.com:80"));
    }
}
