//! Where a browser goes after a login.
//!
//! Pure: no I/O, no clock.

use percent_encoding::percent_decode;
use url::{Origin, Url};

const MAX_BYTES: usize = 2048;
/// Decoding more often than any server does.
const DECODING_ROUNDS: usize = 3;

/// An origin that a browser may be sent to: this host, its Portal, that Portal's Environments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustedOrigin(Origin);

impl TrustedOrigin {
    /// The origin of `url`.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        Self(url.origin())
    }

    /// Whether `header` is this origin, as browsers write it (RFC 6454 §7).
    #[must_use]
    pub fn is(&self, header: &str) -> bool {
        self.0.is_tuple() && self.0.ascii_serialization() == header
    }
}

/// A path of this host, or a URL of a trusted origin: nothing that leads anywhere else, however a
/// browser, proxy or server reads it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The start page of the host.
    #[must_use]
    pub fn start() -> Self {
        Self("/".to_owned())
    }

    /// Takes `text` if it leads to `here` or to one of `trusted`, and to none of our own endpoints
    /// (paths equal to or below one of `endpoints`); [`ReturnTo::start`] otherwise.
    #[must_use]
    pub fn parse(text: &str, here: &Url, trusted: &[TrustedOrigin], endpoints: &[&str]) -> Self {
        Self::accept(text, here, trusted, endpoints).unwrap_or_else(Self::start)
    }

    fn accept(
        text: &str,
        here: &Url,
        trusted: &[TrustedOrigin],
        endpoints: &[&str],
    ) -> Option<Self> {
        let visible = text.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
        if text.len() > MAX_BYTES || !visible || text.contains('\\') {
            return None;
        }
        let (origin, base, relative) = if text.starts_with('/') {
            (String::new(), here.clone(), text.to_owned())
        } else {
            split_origin(text, trusted)?
        };
        let path = relative.split(['?', '#']).next().unwrap_or_default();
        if !is_plain(path, endpoints) {
            return None;
        }
        // Last of all, what the browser's own parser makes of it.
        if base.join(&relative).ok()?.origin() != base.origin() {
            return None;
        }
        Some(Self(format!("{origin}{relative}")))
    }

    /// What goes into a `Location`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The trusted origin that `text` begins with, and the rest, which begins with a slash. The origin is
/// written by us, not as it came, so that there is one way to read it.
fn split_origin(text: &str, trusted: &[TrustedOrigin]) -> Option<(String, Url, String)> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    // A host and perhaps a port: no user, nothing that is encoded.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if authority.is_empty() || !authority.bytes().all(plain) {
        return None;
    }
    let origin = Url::parse(text).ok()?.origin();
    let TrustedOrigin(origin) = trusted.iter().find(|TrustedOrigin(own)| *own == origin)?;
    let origin = origin.ascii_serialization();
    let base = Url::parse(&origin).ok()?;
    if !scheme.eq_ignore_ascii_case(base.scheme()) {
        return None;
    }
    let slash = if rest.starts_with('/') { "" } else { "/" };
    Some((origin, base, format!("{slash}{rest}")))
}

/// Whether no reader can see a second host, a dot segment, a control character or one of `endpoints`
/// in `path`.
fn is_plain(path: &str, endpoints: &[&str]) -> bool {
    let mut bytes = path.as_bytes().to_vec();
    for _round in 0..=DECODING_ROUNDS {
        let confusing = |byte: &u8| !matches!(byte, 0x21..=0x7e) || *byte == b'\\';
        if bytes.iter().any(confusing) {
            return false;
        }
        let text = String::from_utf8_lossy(&bytes);
        let dots = |segment: &str| segment == "." || segment == "..";
        if !text.starts_with('/') || text.contains("//") || text.split('/').any(dots) {
            return false;
        }
        if endpoints.iter().any(|endpoint| is_at_or_below(&text, endpoint)) {
            return false;
        }
        let decoded = percent_decode(text.as_bytes()).collect();
        bytes = decoded;
    }
    true
}

fn is_at_or_below(path: &str, endpoint: &str) -> bool {
    path.strip_prefix(endpoint).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> String {
        let here = Url::parse("https://portal.example").expect("a URL");
        let api = Url::parse("https://api.example:8443").expect("a URL");
        let trusted = [TrustedOrigin::of(&here), TrustedOrigin::of(&api)];
        ReturnTo::parse(text, &here, &trusted, &["/.auth", "/callback"]).as_str().to_owned()
    }

    #[test]
    fn keeps_what_stays_here() {
        let kept = [
            "/",
            "/pets",
            "/ok?next=//evil",
            "/a/b#f",
            "/authors",
            "/callbacks",
            "https://portal.example/",
            "https://api.example:8443/pets?limit=1",
        ];
        for text in kept {
            assert_eq!(parse(text), text, "{text}");
        }
    }

    #[test]
    fn writes_the_origin_itself() {
        let written = [
            ("https://portal.example", "https://portal.example/"),
            ("https://portal.example?a#b", "https://portal.example/?a#b"),
            ("HTTPS://Portal.EXAMPLE:443/a", "https://portal.example/a"),
            ("https://API.example:8443/a", "https://api.example:8443/a"),
        ];
        for (text, want) in written {
            assert_eq!(parse(text), want, "{text}");
        }
    }

    #[test]
    fn replaces_what_could_lead_away() {
        let replaced = [
            "",
            "pets",
            "//evil",
            "///evil",
            "////evil",
            "/\\evil",
            "\\evil",
            "/\t/evil",
            "/%09/evil",
            "/\n/evil",
            " /evil",
            "/\u{b}/evil",
            "javascript:alert(1)",
            "JaVaScRiPt:x",
            "data:x",
            "https:evil",
            "https:/evil",
            "http:///evil",
            "//evil:443",
            "//[::1]",
            "https://portal.example@evil/",
            "https://portal.example.evil/",
            "https://evil/app",
            "https://portal.example:8443/",
            "http://portal.example/",
            "https://api.example/",
            "https://portal.example./",
            "https:///portal.example/",
            "https:portal.example/",
            "https:/portal.example/",
            "https://portal.exa%6dple/",
            "https://portal.example:8443:443/",
            "blob:https://portal.example/a",
            "x:https://portal.example/a",
            "/..//evil",
            "/a/../..//evil",
            "/.//evil",
            "/..%2f%2fevil",
            "/%2f%2fevil",
            "/%252f%252fevil",
            "/a/%2e%2e/b",
            "/\u{e9}",
            "/a%ff",
            "/a%20b",
            "/caf%C3%A9",
            "/%EF%BC%8Fevil",
            "/.auth/logout",
            "/.auth",
            "/.%61uth/logout",
            "/%2eauth/logout",
            "/%252e%2561uth/logout",
            "/callback?code=x",
            "/%63allback?code=x",
            "/.%61uth",
            "/%252eauth/login",
            "/.auth%2flogout",
            "https://portal.example//evil",
            "https://portal.example/%2eauth/logout",
            "https://portal.example/.auth/logout",
            "https://user@portal.example/",
        ];
        for text in replaced {
            assert_eq!(parse(text), "/", "{text:?}");
        }
        assert_eq!(parse(&format!("/{}", "a".repeat(MAX_BYTES))), "/");
    }

    proptest! {
        #[test]
        fn never_leaves_the_trusted_origins(text in "[a-zA-Z/\\\\.:@?#%0-9 \t\n]{0,40}") {
            let here = Url::parse("https://portal.example").expect("a URL");
            let kept = parse(&text);
            // It is judged again at the end of the login.
            prop_assert_eq!(&parse(&kept), &kept);
            let target = here.join(&kept).expect("resolves");
            prop_assert!(matches!(target.host_str(), Some("portal.example" | "api.example")));
        }
    }
}
