//! Where a browser goes after a login.
//!
//! Pure: no I/O, no clock.

use percent_encoding::percent_decode;
use std::borrow::Cow;
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

    /// The same for a `text` that is a path of this host: begun with a slash, it leads to no other
    /// origin, so neither is needed.
    #[must_use]
    pub fn path(text: &str, endpoints: &[&str]) -> Self {
        // Without a second slash, a backslash, or what a URL parser skips, the first slash begins a path
        // (URL Standard §4.4, relative slash state).
        let taken = text.starts_with('/') && fits(text) && is_plain(path_of(text), endpoints);
        if taken { Self(text.to_owned()) } else { Self::start() }
    }

    fn accept(
        text: &str,
        here: &Url,
        trusted: &[TrustedOrigin],
        endpoints: &[&str],
    ) -> Option<Self> {
        if !fits(text) {
            return None;
        }
        let (origin, base, relative) = if text.starts_with('/') {
            (String::new(), here.clone(), text.to_owned())
        } else {
            split_origin(text, trusted)?
        };
        if !is_plain(path_of(&relative), endpoints) {
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

/// Whether it is short enough, and visible ASCII without backslash.
fn fits(text: &str) -> bool {
    text.len() <= MAX_BYTES && are_clear(text.as_bytes())
}

/// Whether all of them are. Looks at every one, whatever it finds: so it looks at many at once.
fn are_clear(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |found, byte| found | u8::from(!is_clear(*byte))) == 0
}

const fn is_clear(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && byte != b'\\'
}

/// What stands before a query or fragment.
fn path_of(relative: &str) -> &str {
    let end = memchr::memchr2(b'?', b'#', relative.as_bytes());
    end.and_then(|end| relative.get(..end)).unwrap_or(relative)
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
    let mut bytes = Cow::Borrowed(path.as_bytes());
    for _round in 0..=DECODING_ROUNDS {
        if !is_plain_now(&bytes, endpoints) {
            return false;
        }
        if memchr::memchr(b'%', &bytes).is_none() {
            // Decoded again and again, it stays as it is.
            return true;
        }
        bytes = Cow::Owned(percent_decode(&bytes).collect());
    }
    true
}

/// The same for a reader who decodes nothing more.
fn is_plain_now(path: &[u8], endpoints: &[&str]) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else { return false };
    let mut last_is_empty = false;
    for segment in rest.split(|byte| *byte == b'/') {
        // One more behind an empty one: two slashes beside each other.
        if last_is_empty || matches!(segment, b"." | b"..") {
            return false;
        }
        last_is_empty = segment.is_empty();
    }
    are_clear(path) && !endpoints.iter().any(|endpoint| is_at_or_below(path, endpoint.as_bytes()))
}

fn is_at_or_below(path: &[u8], endpoint: &[u8]) -> bool {
    path.strip_prefix(endpoint).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
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

    /// The same with no endpoints of ours.
    fn parse_free(text: &str) -> String {
        let here = Url::parse("https://portal.example").expect("a URL");
        ReturnTo::parse(text, &here, &[], &[]).as_str().to_owned()
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

    /// [`is_plain`] as it says: the whole text, in every round.
    fn is_plain_plainly(path: &str, endpoints: &[&str]) -> bool {
        let mut bytes = path.as_bytes().to_vec();
        for _round in 0..=DECODING_ROUNDS {
            let confusing = |byte: &u8| !matches!(byte, 0x21..=0x7e) || *byte == b'\\';
            if bytes.iter().any(confusing) {
                return false;
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let dots = |segment: &str| segment == "." || segment == "..";
            if !text.starts_with('/') || text.contains("//") || text.split('/').any(dots) {
                return false;
            }
            let below = |endpoint: &&str| {
                let rest = text.strip_prefix(*endpoint);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if endpoints.iter().any(below) {
                return false;
            }
            bytes = percent_decode(text.as_bytes()).collect();
        }
        true
    }

    /// Texts of what matters in them.
    fn path_like() -> impl Strategy<Value = String> {
        let parts = vec![
            "/", "/", "/", ".", "..", "%2e", "%2F", "%25", "25", "%5c", "\\", "%", "a", "pets",
            ".auth", "callback", "?", "#", ":", "@", "\t", "\n", " ", "\u{e9}", "%00", "%ff",
            "x=1", "//evil", "%252f", "&",
        ];
        let parts = prop::collection::vec(prop::sample::select(parts), 0..9);
        parts.prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn takes_of_a_path_what_a_url_parser_takes(rest in path_like()) {
            let text = format!("/{rest}");
            let path = ReturnTo::path(&text, &["/.auth", "/callback"]);
            prop_assert_eq!(path.as_str(), parse(&text));
            prop_assert_eq!(ReturnTo::path(&rest, &[]).as_str() == rest, rest.starts_with('/') && parse_free(&rest) == rest);
        }

        #[test]
        fn is_plain_where_every_round_over_the_whole_says_so(path in path_like()) {
            for endpoints in [&[][..], &["/.auth", "/callback"], &[""], &["/"]] {
                prop_assert_eq!(is_plain(&path, endpoints), is_plain_plainly(&path, endpoints));
            }
        }

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
