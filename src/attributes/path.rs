//! The request path.
//!
//! Pure: no I/O, no clock.

use percent_encoding::percent_decode_str;

/// Longest path and query that is judged; Envoy's own default for all headers is 60 KiB.
const MAX_BYTES: usize = 8192;

/// A path that every server splits into the same segments, and the query behind it.
///
/// Envoy forwards the same bytes that it sends to us, so what is judged is what is served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestPath {
    raw: String,
    path_len: usize,
    segments: Vec<String>,
}

impl RequestPath {
    /// Reads path and query as on the request line; `None` where two servers could read the path
    /// in two ways: dot segments, empty segments, encoded slashes, `;` parameters, double encoding,
    /// what does not decode to UTF-8, control characters, a fragment.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let path = raw.split_once('?').map_or(raw, |(path, _query)| path);
        let printable = |byte: u8| matches!(byte, 0x21..=0x7e);
        let control = |byte: u8| matches!(byte, 0..=0x20 | 0x7f);
        if raw.len() > MAX_BYTES
            || !path.bytes().all(printable)
            || raw.bytes().any(control)
            || raw.contains('#')
        {
            return None;
        }
        let inside = path.strip_prefix('/')?;
        // One final slash names the same thing as none.
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let segments = if inside.is_empty() && path == "/" {
            Vec::new()
        } else {
            inside.split('/').map(decode_segment).collect::<Option<_>>()?
        };
        Some(Self { raw: raw.to_owned(), path_len: path.len(), segments })
    }

    /// Path and query, as on the request line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// The path alone, as on the request line.
    #[must_use]
    pub fn path(&self) -> &str {
        self.raw.get(..self.path_len).unwrap_or_default()
    }

    /// What stands behind the `?`, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.raw.get(self.path_len..).and_then(|rest| rest.strip_prefix('?'))
    }

    /// The segments, percent-decoded once. `/` has none; a final slash adds none.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// What is left of the segments below `base`; `None` where they do not begin with it.
    #[must_use]
    pub fn below(&self, base: &[String]) -> Option<&[String]> {
        self.segments.strip_prefix(base)
    }
}

/// Decodes a segment, or says that it could be read in two ways.
fn decode_segment(segment: &str) -> Option<String> {
    let bytes = segment.as_bytes();
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let whole = |at: usize| {
        let digits = bytes.get(at.saturating_add(1)..at.saturating_add(3));
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.into_iter().all(|(at, _)| whole(at)) {
        return None;
    }
    let decoded = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
    let confusing =
        |character: char| matches!(character, '/' | '\\' | ';') || character.is_control();
    let twice = percent_decode_str(&decoded).any_changed();
    let dots = decoded == "." || decoded == "..";
    (!decoded.is_empty() && !dots && !twice && !decoded.chars().any(confusing)).then_some(decoded)
}

/// Whether decoding would change anything.
trait AnyChanged {
    fn any_changed(self) -> bool;
}

impl AnyChanged for percent_encoding::PercentDecode<'_> {
    fn any_changed(self) -> bool {
        matches!(std::borrow::Cow::from(self), std::borrow::Cow::Owned(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_two_servers_could_read_in_two_ways() {
        let cases = [
            "",
            "*",
            "api/pets",
            "//",
            "//admin",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/../b",
            "/a/.",
            "/a/%2e%2e/b",
            "/a/.%2E/b",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a;x=1",
            "/a;x/b",
            "/a/..;/b",
            "/a%3bx",
            "/a%00",
            "/a%00.png",
            "/a%0a",
            "/a%7f",
            "/a%zz",
            "/a%",
            "/a%2",
            "/%c0%ae",
            "/%ff",
            "/%252e%252e",
            "/%25%32%65",
            "/a b",
            "/a\tb",
            "/\u{e4}",
            "/a#b",
            "/a?b#c",
            "/a?b\u{0}",
            "https://h/a",
        ];
        for raw in cases {
            assert_eq!(RequestPath::parse(raw), None, "{raw:?}");
        }
        assert_eq!(RequestPath::parse(&format!("/{}", "a".repeat(MAX_BYTES))), None);
    }

    #[test]
    fn reads_segments_path_and_query() {
        let cases: [(&str, &str, &[&str], Option<&str>); 8] = [
            ("/", "/", &[], None),
            ("/?", "/", &[], Some("")),
            ("/api/pets", "/api/pets", &["api", "pets"], None),
            ("/api/pets/", "/api/pets/", &["api", "pets"], None),
            ("/api/%70ets?a=1&b=/../x", "/api/%70ets", &["api", "pets"], Some("a=1&b=/../x")),
            ("/a%20b/100%25", "/a%20b/100%25", &["a b", "100%"], None),
            ("/a%3fb%23", "/a%3fb%23", &["a?b#"], None),
            ("/%C3%A4", "/%C3%A4", &["\u{e4}"], None),
        ];
        for (raw, path, segments, query) in cases {
            let got = RequestPath::parse(raw).expect(raw);
            assert_eq!((got.path(), got.query()), (path, query), "{raw}");
            assert_eq!(got.segments(), segments, "{raw}");
        }
    }

    #[test]
    fn is_below_whole_segments_only() {
        let base = ["api".to_owned()];
        let below =
            |raw: &str| RequestPath::parse(raw).and_then(|p| p.below(&base).map(<[_]>::len));
        assert_eq!(below("/api/pets"), Some(1));
        assert_eq!(below("/api"), Some(0));
        assert_eq!(below("/apis/pets"), None);
        assert_eq!(below("/API/pets"), None);
        assert_eq!(below("/"), None);
    }

    proptest! {
        #[test]
        fn never_panics_and_never_leaves_its_base(raw in "/[a-c./%;\\\\25eEfF]{0,24}") {
            if let Some(path) = RequestPath::parse(&raw) {
                for segment in path.segments() {
                    prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
                    prop_assert!(!segment.contains(['/', '\\', ';']));
                }
            }
        }
    }
}
