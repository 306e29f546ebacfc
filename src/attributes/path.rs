//! The request path.
//!
//! Pure: no I/O, no clock.

use super::few::Few;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Longest path and query that is judged; Envoy's own default for all headers is 60 KiB.
const MAX_BYTES: usize = 8192;

/// Segments of a path, percent-decoded.
type Segments<'m> = Few<Cow<'m, str>, 10>;

/// A path that every server splits into the same segments, and the query behind it.
///
/// Envoy forwards the same bytes that it sends to us, so what is judged is what is served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestPath<'m> {
    raw: &'m str,
    path: &'m str,
    segments: Segments<'m>,
}

impl<'m> RequestPath<'m> {
    /// Reads path and query as on the request line; `None` where two servers could read the path
    /// in two ways: dot segments, empty segments, encoded slashes, `;` parameters, double encoding,
    /// what does not decode to UTF-8, control characters, a fragment, and what looks like any of
    /// these to a server that folds Unicode to ASCII.
    #[must_use]
    pub fn parse(raw: &'m str) -> Option<Self> {
        let (path, query) = match memchr::memchr(b'?', raw.as_bytes()) {
            Some(at) => raw.split_at_checked(at)?,
            None => (raw, ""),
        };
        let unfit = |byte: u8| u8::from(matches!(byte, 0..=0x20 | 0x7f | b'#'));
        // All of it, whatever is found: so many bytes are looked at together.
        if raw.len() > MAX_BYTES || query.bytes().fold(0, |found, byte| found | unfit(byte)) != 0 {
            return None;
        }
        let inside = path.strip_prefix('/')?;
        // One final slash names the same thing as none.
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let mut own = Self { raw, path, segments: Segments::default() };
        if !inside.is_empty() || path != "/" {
            own.split(inside)?;
        }
        Some(own)
    }

    /// Splits at slashes and decodes.
    fn split(&mut self, inside: &'m str) -> Option<()> {
        let (mut start, mut plain) = (0, true);
        for (at, byte) in inside.bytes().enumerate() {
            if byte == b'/' {
                self.segments.push(decode_segment(inside.get(start..at)?, plain)?);
                (start, plain) = (at.saturating_add(1), true);
            } else {
                plain &= is_plain(byte);
            }
        }
        self.segments.push(decode_segment(inside.get(start..)?, plain)?);
        Some(())
    }

    /// Path and query, as on the request line.
    #[must_use]
    pub const fn as_str(&self) -> &'m str {
        self.raw
    }

    /// The path alone, as on the request line.
    #[must_use]
    pub const fn path(&self) -> &'m str {
        self.path
    }

    /// Whether anything in it is percent-encoded.
    #[must_use]
    pub fn has_escapes(&self) -> bool {
        memchr::memchr(b'%', self.path.as_bytes()).is_some()
    }

    /// What stands behind the `?`, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&'m str> {
        self.raw.get(self.path.len()..).and_then(|rest| rest.strip_prefix('?'))
    }

    /// The segments, percent-decoded once. `/` has none; a final slash adds none.
    #[must_use]
    pub fn segments(&self) -> &[Cow<'m, str>] {
        &self.segments
    }

    /// The segments as a server reads them that decodes nothing. Where every escape of a segment is
    /// one without which it cannot be written, that spelling is its name and it stands here decoded.
    #[must_use]
    pub fn segments_as_written(&self) -> Vec<&str> {
        let written = self.path().split('/').skip(1);
        let decoded = self.segments.iter().map(|segment| &**segment);
        let name = |(written, decoded)| if has_idle_escape(written) { written } else { decoded };
        written.zip(decoded).map(name).collect()
    }

    /// The segments as a server reads them that decodes the path before it looks for its end: up to
    /// an escaped `?` or `#`. `None` where there is none.
    #[must_use]
    pub fn segments_to_escaped_end(&self) -> Option<Vec<&str>> {
        let mut segments: Vec<&str> = Vec::new();
        for segment in self.segments.iter() {
            let Some((before, _)) = segment.split_once(['?', '#']) else {
                segments.push(segment);
                continue;
            };
            segments.extend((!before.is_empty()).then_some(before));
            return Some(segments);
        }
        None
    }

    /// What is left of the segments below `base`; `None` where they do not begin with it.
    #[must_use]
    pub fn below<S: AsRef<str>>(&self, base: &[S]) -> Option<&[Cow<'m, str>]> {
        let (start, rest) = self.segments.split_at_checked(base.len())?;
        let own = start.iter().map(|segment| &**segment);
        own.eq(base.iter().map(S::as_ref)).then_some(rest)
    }
}

/// Whether a byte stands for itself in a segment, to every server.
#[inline]
fn is_plain(byte: u8) -> bool {
    /// Of all bytes: looking one up takes fewer steps than comparing it.
    const PLAIN: [bool; 256] = {
        let mut plain = [false; 256];
        let mut rest: &mut [bool] = &mut plain;
        let mut byte = 0_u8;
        while let Some((is_plain, behind)) = rest.split_first_mut() {
            let special = matches!(byte, b'#' | b'%' | b'/' | b';' | b'?' | b'\\');
            *is_plain = byte.is_ascii_graphic() && !special;
            byte = byte.wrapping_add(1);
            rest = behind;
        }
        plain
    };
    PLAIN.get(usize::from(byte)).is_some_and(|is_plain| *is_plain)
}

/// Decodes a segment, or says that it could be read in two ways.
#[inline]
fn decode_segment(segment: &str, is_plain: bool) -> Option<Cow<'_, str>> {
    // Not made of dots, and nothing in it that means anything.
    if is_plain && !segment.starts_with('.') && !segment.is_empty() {
        return Some(Cow::Borrowed(segment));
    }
    decode_special(segment)
}

/// The same for every segment.
fn decode_special(segment: &str) -> Option<Cow<'_, str>> {
    let printable = |byte: u8| matches!(byte, 0x21..=0x7e) && byte != b'#';
    let bytes = segment.as_bytes();
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let whole = |at: usize| {
        let digits = bytes.get(at.saturating_add(1)..at.saturating_add(3));
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !segment.bytes().all(printable) || !escapes.into_iter().all(|(at, _)| whole(at)) {
        return None;
    }
    let decoded = percent_decode_str(segment).decode_utf8().ok()?;
    let twice = percent_decode_str(&decoded).any_changed();
    // What is left of it where a server takes an escaped `?` or `#` for the end of the path.
    let start = decoded.split(['?', '#']).next().unwrap_or_default();
    let names = !names_nothing(&decoded) && (start.is_empty() || !names_nothing(start));
    (names && !twice && !decoded.chars().any(is_confusing)).then_some(decoded)
}

/// Whether a segment escapes what could stand there as it is.
fn has_idle_escape(segment: &str) -> bool {
    let escaped = |behind: &str| u8::from_str_radix(behind.get(..2)?, 16).ok();
    let is_needed = |byte: u8| !byte.is_ascii() || b" %?#".contains(&byte);
    segment.split('%').skip(1).any(|behind| !escaped(behind).is_some_and(is_needed))
}

/// Whether a segment is empty, or made of dots, at least for servers that trim it.
fn names_nothing(segment: &str) -> bool {
    let is_dot = |character: char| {
        matches!(character, '.' | '\u{2024}' | '\u{2025}' | '\u{2026}' | '\u{fe52}' | '\u{ff0e}')
    };
    segment.trim().chars().all(is_dot)
}

/// Whether some server ends a segment, a name or a line here: `/`, `\`, `;`, control characters,
/// and what NFKC or a best-fit mapping turns into one of them, or into `%`.
fn is_confusing(character: char) -> bool {
    let slash = matches!(character, '/' | '\u{2044}' | '\u{2215}' | '\u{ff0f}');
    let backslash = matches!(character, '\\' | '\u{2216}' | '\u{fe68}' | '\u{ff3c}');
    let semicolon = matches!(character, ';' | '\u{37e}' | '\u{fe54}' | '\u{ff1b}');
    let percent = matches!(character, '\u{fe6a}' | '\u{ff05}');
    let line = character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    slash || backslash || semicolon || percent || line
}

/// Whether decoding would change anything.
trait AnyChanged {
    fn any_changed(self) -> bool;
}

impl AnyChanged for percent_encoding::PercentDecode<'_> {
    fn any_changed(self) -> bool {
        matches!(Cow::from(self), Cow::Owned(_))
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
            "/a/...",
            "/a/..%3f",
            "/a/..%23/b",
            "/a/.%3Fb",
            "/a/%20../b",
            "/a/..%20/b",
            "/a/.%09./b",
            "/a/%20/b",
            "/a%c2%85b",
            "/a%e2%80%a8b",
            "/a/%ef%bc%8e%ef%bc%8e/b",
            "/a/%e2%80%a5/b",
            "/a%ef%bc%8fb",
            "/a%e2%88%95b",
            "/a%ef%bc%bcb",
            "/a%ef%bc%9bb",
            "/a%cd%beb",
            "/a%ef%bc%852eb",
        ];
        for raw in cases {
            assert_eq!(RequestPath::parse(raw), None, "{raw:?}");
        }
        assert_eq!(RequestPath::parse(&format!("/{}", "a".repeat(MAX_BYTES))), None);
    }

    #[test]
    fn reads_segments_path_and_query() {
        let cases: [(&str, &str, &[&str], Option<&str>); 10] = [
            ("/", "/", &[], None),
            ("/?", "/", &[], Some("")),
            ("/api/pets", "/api/pets", &["api", "pets"], None),
            ("/api/pets/", "/api/pets/", &["api", "pets"], None),
            ("/api/%70ets?a=1&b=/../x", "/api/%70ets", &["api", "pets"], Some("a=1&b=/../x")),
            ("/a%20b/100%25", "/a%20b/100%25", &["a b", "100%"], None),
            ("/a%3fb%23", "/a%3fb%23", &["a?b#"], None),
            ("/%C3%A4", "/%C3%A4", &["\u{e4}"], None),
            ("/.well-known/a..b", "/.well-known/a..b", &[".well-known", "a..b"], None),
            ("/a%20b%20/..a", "/a%20b%20/..a", &["a b ", "..a"], None),
        ];
        for (raw, path, segments, query) in cases {
            let got = RequestPath::parse(raw).expect(raw);
            assert_eq!((got.path(), got.query()), (path, query), "{raw}");
            assert_eq!(got.segments(), segments, "{raw}");
        }
    }

    #[test]
    fn l22_knows_where_an_escaped_query_or_fragment_would_end_the_path() {
        let cases: [(&str, Option<&[&str]>); 6] = [
            ("/a/b", None),
            ("/a/b?c%3fd#", None),
            ("/a/b%3fc/d", Some(&["a", "b"])),
            ("/a%23/b", Some(&["a"])),
            ("/a/%3Fb", Some(&["a"])),
            ("/%23", Some(&[])),
        ];
        for (raw, want) in cases {
            let path = RequestPath::parse(raw);
            let got = path.as_ref().and_then(RequestPath::segments_to_escaped_end);
            assert_eq!(got.as_deref(), want, "{raw}");
        }
    }

    #[test]
    fn l39_a_segment_is_named_by_the_one_spelling_that_it_needs() {
        let cases: [(&str, &[&str]); 8] = [
            ("/", &[]),
            ("/a/b/", &["a", "b"]),
            ("/%61/b", &["%61", "b"]),
            ("/a%20b/%C3%A4/%c3%a4", &["a b", "\u{e4}", "\u{e4}"]),
            ("/a%20%62", &["a%20%62"]),
            ("/100%25/%3f%23", &["100%", "?#"]),
            ("/%7b%22", &["%7b%22"]),
            ("/a?%61", &["a"]),
        ];
        for (raw, want) in cases {
            let path = RequestPath::parse(raw).expect(raw);
            assert_eq!(path.segments_as_written(), want, "{raw}");
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
