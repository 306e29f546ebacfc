//! The `Cookie` and `Set-Cookie` fields (RFC 6265).
//!
//! Pure: no I/O, no clock.

use crate::attributes::{Few, Headers, split_at_commas};
use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};
use std::sync::Arc;
use std::time::Duration;

/// Names of our cookies on one host; clones share them.
///
/// With `secure`, names begin with `__Host-`: a browser then takes them from this host alone, over
/// a trustworthy connection, for all paths (RFC 6265bis §4.1.3.2). Names compare byte for byte.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieNames {
    start: Arc<str>,
    secure: bool,
}

impl CookieNames {
    /// Names that begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str, secure: bool) -> Self {
        let start = if secure { format!("__Host-{prefix}-") } else { format!("{prefix}-") };
        Self { start: start.into(), secure }
    }

    /// The name that ends in `suffix`.
    #[must_use]
    pub fn name(&self, suffix: &str) -> String {
        [&*self.start, suffix].concat()
    }

    /// The suffix of a name of ours.
    #[must_use]
    pub fn suffix<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(&*self.start)
    }

    /// Gives the browser `value` until it has been kept for `max_age`.
    #[must_use]
    pub fn set(&self, suffix: &str, value: &str, max_age: Duration) -> SetCookie {
        self.write(suffix, value, max_age.as_secs())
    }

    /// Makes the browser forget. The attributes are the same as in [`Self::set`]: without `Secure`
    /// a browser ignores a `__Host-` cookie, and the old one would stay.
    #[must_use]
    pub fn clear(&self, suffix: &str) -> SetCookie {
        self.write(suffix, "", 0)
    }

    fn write(&self, suffix: &str, value: &str, max_age: u64) -> SetCookie {
        let max_age = max_age.to_string();
        let secure = if self.secure { "; Secure" } else { "" };
        // Piece by piece: that takes a fifth of what formatting does.
        let pieces = [
            &*self.start,
            suffix,
            "=",
            value,
            "; Path=/; Max-Age=",
            &max_age,
            "; HttpOnly; SameSite=Lax",
            secure,
        ];
        SetCookie(pieces.concat())
    }
}

/// A `Set-Cookie` field value: `__Host-`, `Secure` where the host allows, `HttpOnly`, `SameSite=Lax`,
/// `Path=/`, never a `Domain`.
#[derive(Clone, Eq, PartialEq)]
pub struct SetCookie(String);

impl SetCookie {
    /// The field value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Bytes of name and value, which browsers limit to 4096 (RFC 6265bis §5.6).
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.split_once(';').map_or(0, |(pair, _attributes)| pair.len())
    }
}

impl std::fmt::Debug for SetCookie {
    /// Shows the name, never the value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.split_once('=').map_or("", |(name, _value)| name))
    }
}

/// How the names of our cookies begin, with or without `__Host-`, made ready to be looked for.
#[derive(Clone, Debug)]
pub struct CookiePrefix(Finder<'static>);

impl CookiePrefix {
    /// Names that begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self(Finder::new(prefix).into_owned())
    }

    /// Whether a name of a cookie is ours.
    fn is_of(&self, name: &str) -> bool {
        // Browsers match them in any letter case (RFC 6265bis §5.5), so removal does as well.
        let bare = BROWSER_PREFIXES.iter().find_map(|known| {
            let (start, rest) = name.split_at_checked(known.len())?;
            start.eq_ignore_ascii_case(known).then_some(rest)
        });
        let bare = bare.unwrap_or(name).as_bytes();
        let rest = bare.strip_prefix(self.0.needle());
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'-')))
    }
}

/// The cookies of a request.
#[derive(Clone, Default)]
pub struct Cookies<'c> {
    ours: Few<(&'c str, &'c str), 4>,
    /// Where anything of ours stands, believed or not.
    places: Few<Place, 4>,
    /// Bytes of everything else.
    others: usize,
    read: Option<(&'c Headers<'c>, &'c CookiePrefix)>,
}

/// A pair in which something of ours stands.
#[derive(Clone, Copy)]
struct Place {
    /// Number of its line.
    line: usize,
    /// Where it begins in its line.
    start: usize,
    /// Where the semicolon behind it stands, or the line ends.
    end: usize,
    /// Whether something else stands there as well.
    is_mixed: bool,
}

impl std::fmt::Debug for Cookies<'_> {
    /// Shows names, never values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ours.iter().map(|(name, _value)| name)).finish()
    }
}

impl<'c> Cookies<'c> {
    /// Reads every `Cookie` field. Ours are those whose name begins with `prefix`, with or without
    /// `__Host-`: all of them are kept from the upstream, whatever they are.
    ///
    /// Envoy joins the `Cookie` lines of an HTTP/1.1 client with commas (Envoy 1.19.1), so one of
    /// ours may stand behind a comma. A browser sends one line, and a sibling host could plant such
    /// a comma in a cookie of its own; in what a browser sends, a name behind a comma is removed but
    /// never believed.
    #[must_use]
    pub fn read(headers: &'c Headers<'c>, prefix: &'c CookiePrefix) -> Self {
        let mut cookies = Self { read: Some((headers, prefix)), ..Self::default() };
        let mut believe_joined = None;
        for (line, text) in headers.all("cookie").enumerate() {
            cookies.others = cookies.others.saturating_add(text.len());
            for (start, end) in pairs_with(text, prefix) {
                let believe = *believe_joined.get_or_insert_with(|| !is_from_a_browser(headers));
                let pair = trim(text.get(start..end).unwrap_or_default());
                let (ours, is_mixed) = cookies.take(pair, prefix, believe);
                if ours {
                    cookies.places.push(Place { line, start, end, is_mixed });
                    cookies.others = cookies.others.saturating_sub(end.saturating_sub(start));
                }
            }
        }
        cookies
    }

    /// Takes what is ours of one pair, which may hold further ones behind commas. Returns whether there is
    /// any of ours, believed or not, and whether there is anything else.
    fn take(&mut self, pair: &'c str, prefix: &CookiePrefix, believe_joined: bool) -> (bool, bool) {
        let (mut ours, mut others) = (false, false);
        for (place, piece) in pieces(pair).enumerate() {
            if !piece.is_ours(prefix) {
                others = true;
                continue;
            }
            ours = true;
            if place == 0 || believe_joined {
                self.ours.push((piece.name, trim(piece.value)));
            }
        }
        (ours, others)
    }

    /// The value of a cookie of ours; `None` where it is absent or stands there twice with
    /// different values.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'c str> {
        self.only(|own| own == name)
    }

    /// The same for the one of `names` that ends in `suffix`.
    #[must_use]
    pub fn own(&self, names: &CookieNames, suffix: &str) -> Option<&'c str> {
        self.only(|own| names.suffix(own) == Some(suffix))
    }

    fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Option<&'c str> {
        let mut values =
            self.ours.iter().filter(|(own, _)| is_wanted(own)).map(|(_, value)| *value);
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    }

    /// Names of ours, as often as they came.
    pub fn names(&self) -> impl Iterator<Item = &'c str> {
        self.ours.iter().map(|(name, _value)| *name)
    }

    /// Whether there is any of ours, believed or not.
    #[must_use]
    pub fn concern_us(&self) -> bool {
        !self.places.is_empty()
    }

    /// What is left for the upstream: everything but ours. `None`: nothing is left.
    #[must_use]
    pub fn for_upstream(&self) -> Option<String> {
        let (headers, prefix) = self.read?;
        // As many as there are where they are written as browsers do.
        let mut left = String::with_capacity(self.others);
        let mut places = self.places.iter().peekable();
        for (line, text) in headers.all("cookie").enumerate() {
            let mut from = 0;
            while let Some(place) = places.next_if(|place| place.line == line) {
                let end = place.start.saturating_sub(1);
                keep_all(text.get(from..end).unwrap_or_default(), &mut left);
                if place.is_mixed {
                    keep_others(text.get(place.start..place.end)?, prefix, &mut left);
                }
                from = place.end.saturating_add(1);
            }
            keep_all(text.get(from..).unwrap_or_default(), &mut left);
        }
        (!left.is_empty()).then_some(left)
    }
}

/// What stands between two pairs.
const SEPARATOR: &str = "; ";

/// Appends every pair of a part of a line.
fn keep_all(part: &str, left: &mut String) {
    let part = trim(part);
    if is_plain(part.as_bytes()) {
        keep(part, left);
        return;
    }
    let mut from = 0;
    for end in memchr_iter(b';', part.as_bytes()).chain(std::iter::once(part.len())) {
        keep(trim(part.get(from..end).unwrap_or_default()), left);
        from = end.saturating_add(1);
    }
}

/// Whether pairs are written as browsers do: none of them empty, [`SEPARATOR`] between them and no more white
/// space. Looks at each byte and its neighbours, without a branch, so that many of them are looked at at once.
fn is_plain(pairs: &[u8]) -> bool {
    let [first, .., last] = pairs else { return false };
    let is_blank = |byte: u8| (byte == b' ') | (byte == b'\t');
    let before_and_here = pairs.iter().zip(pairs.iter().skip(1));
    let around = before_and_here.zip(pairs.iter().skip(2));
    let odd = around.fold(false, |odd, ((before, here), behind)| {
        let ends = (*here == b';') & (is_blank(*before) | (*before == b';') | (*behind != b' '));
        let begins = (*before == b';') & (is_blank(*behind) | (*behind == b';'));
        odd | ends | begins
    });
    !odd && *first != b';' && *last != b';'
}

/// Appends a pair without what is ours of it.
fn keep_others(pair: &str, prefix: &CookiePrefix, left: &mut String) {
    let mut rest = String::new();
    let others = pieces(trim(pair)).filter(|piece| !piece.is_ours(prefix));
    for (place, piece) in others.enumerate() {
        rest.push_str(if place == 0 { "" } else { "," });
        rest.push_str(piece.text);
    }
    keep(trim(&rest), left);
}

fn keep(pair: &str, left: &mut String) {
    if !pair.is_empty() {
        left.push_str(if left.is_empty() { "" } else { SEPARATOR });
        left.push_str(pair);
    }
}

/// Where the pairs of a line begin and end in which the prefix stands, wherever: all others are nobody's of
/// ours.
fn pairs_with<'l>(line: &'l str, prefix: &'l CookiePrefix) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = line.as_bytes().get(from..)?;
        let found = prefix.0.find(rest)?;
        // Where the search began, a pair begins.
        let before = memrchr(b';', rest.get(..found)?);
        let start = before.map_or(from, |at| from.saturating_add(at).saturating_add(1));
        let length = memchr(b';', rest.get(found..)?);
        let found = from.saturating_add(found);
        let end = length.map_or(line.len(), |length| found.saturating_add(length));
        from = end.saturating_add(1);
        Some((start, end))
    })
}

/// What stands between the commas of a pair.
struct Piece<'l> {
    text: &'l str,
    name: &'l str,
    value: &'l str,
}

impl Piece<'_> {
    /// Some servers trim names, of whatever they take for white space; none that a browser sends needs
    /// it, so it is not believed.
    fn is_ours(&self, prefix: &CookiePrefix) -> bool {
        prefix.is_of(self.name.trim())
    }
}

fn pieces(pair: &str) -> impl Iterator<Item = Piece<'_>> {
    split_at_commas(pair).map(|text| {
        let whole = trim(text);
        let (name, value) = whole.split_once('=').unwrap_or((whole, ""));
        Piece { text, name, value }
    })
}

/// Whether a browser says so: by Fetch Metadata, which come over https alone and not from old ones,
/// or by the name that all of them give themselves.
fn is_from_a_browser(headers: &Headers<'_>) -> bool {
    headers.has("sec-fetch-site")
        || headers.all("user-agent").any(|agent| agent.starts_with("Mozilla/"))
}

/// Without the white space that may stand around a pair (RFC 9110 §5.6.3). No other: to a browser the
/// rest is part of the name, and a name that it takes for another may come from a sibling host.
fn trim(text: &str) -> &str {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let bytes = text.as_bytes();
    if is_blank(bytes.first()) || is_blank(bytes.last()) {
        text.trim_matches([' ', '\t'])
    } else {
        text
    }
}

/// Beginnings of names that browsers know; the longer ones first.
const BROWSER_PREFIXES: [&str; 4] = ["__Host-Http-", "__Host-", "__Http-", "__Secure-"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static PREFIX: LazyLock<CookiePrefix> = LazyLock::new(|| CookiePrefix::new("portcullis"));

    fn prefix() -> &'static CookiePrefix {
        &PREFIX
    }

    fn request<'l>(lines: &[&'l str], browser: bool) -> Headers<'l> {
        let mut headers = Headers::default();
        for line in lines {
            headers.add("Cookie", *line);
        }
        if browser {
            headers.add("sec-fetch-site", "none");
        }
        headers
    }

    #[test]
    fn finds_ours_and_leaves_the_others_whole() {
        struct Case {
            lines: &'static [&'static str],
            ours: Option<&'static str>,
            upstream: Option<&'static str>,
        }
        let cases = [
            Case { lines: &[], ours: None, upstream: None },
            Case { lines: &["a=1; b=2,3"], ours: None, upstream: Some("a=1; b=2,3") },
            Case { lines: &["__Host-portcullis-s=x"], ours: Some("x"), upstream: None },
            Case {
                lines: &["a=1; __Host-portcullis-s=x; b"],
                ours: Some("x"),
                upstream: Some("a=1; b"),
            },
            Case {
                lines: &["a=1,__Host-portcullis-s=x,b=2; c=3"],
                ours: Some("x"),
                upstream: Some("a=1,b=2; c=3"),
            },
            Case {
                lines: &["a=1", "__Host-portcullis-s=x"],
                ours: Some("x"),
                upstream: Some("a=1"),
            },
            Case {
                lines: &["__Host-portcullis-s=x; __Host-portcullis-s=x"],
                ours: Some("x"),
                upstream: None,
            },
            Case {
                lines: &["__Host-portcullis-s=x; __Host-portcullis-s=y"],
                ours: None,
                upstream: None,
            },
            // Byte for byte: another case, no prefix and a longer name are not the session.
            Case { lines: &["__host-portcullis-s=x"], ours: None, upstream: None },
            Case { lines: &["portcullis-s=x"], ours: None, upstream: None },
            Case { lines: &["__Host-portcullis-s =x"], ours: None, upstream: None },
            Case { lines: &["portcullis\t=x; a=1"], ours: None, upstream: Some("a=1") },
            Case { lines: &["portcullisx=1"], ours: None, upstream: Some("portcullisx=1") },
            Case { lines: &["__Host-portcullis-s2=x"], ours: None, upstream: None },
            Case { lines: &["__Secure-portcullis-s=x"], ours: None, upstream: None },
            Case { lines: &["__hOsT-hTTp-portcullis-s=x"], ours: None, upstream: None },
            Case { lines: &["__Host-portcullis-s =x"], ours: None, upstream: None },
            Case {
                lines: &["=__Host-portcullis-s=x"],
                ours: None,
                upstream: Some("=__Host-portcullis-s=x"),
            },
            Case {
                lines: &[" \t__Host-portcullis-s=x \t;a=1"],
                ours: Some("x"),
                upstream: Some("a=1"),
            },
            // White space that is none to a browser: there it is part of a name that any sibling host
            // may set; but a server behind us might trim it.
            Case { lines: &["\u{a0}__Host-portcullis-s=x"], ours: None, upstream: None },
            Case { lines: &["\u{2003}__Host-portcullis-s=x"], ours: None, upstream: None },
            Case { lines: &["\u{b}__Host-portcullis-s=x"], ours: None, upstream: None },
        ];
        for Case { lines, ours, upstream } in cases {
            let headers = request(lines, false);
            let cookies = Cookies::read(&headers, prefix());
            assert_eq!(cookies.get("__Host-portcullis-s"), ours, "{lines:?}");
            assert_eq!(cookies.for_upstream().as_deref(), upstream, "{lines:?}");
        }
    }

    #[test]
    fn does_not_believe_a_name_behind_a_comma_of_a_browser() {
        let headers = request(&["tossed=1,__Host-portcullis-s=evil"], true);
        let cookies = Cookies::read(&headers, prefix());
        assert_eq!(cookies.get("__Host-portcullis-s"), None);
        assert_eq!(cookies.for_upstream().as_deref(), Some("tossed=1"));
        let mut headers = Headers::default();
        headers.add("cookie", "tossed=1,__Host-portcullis-s=evil");
        headers.add("user-agent", "Mozilla/5.0 (Macintosh) Version/15.6 Safari/605.1.15");
        assert_eq!(Cookies::read(&headers, prefix()).get("__Host-portcullis-s"), None);
    }

    #[test]
    fn clears_with_the_attributes_that_it_sets_with() {
        let names = CookieNames::new("portcullis", true);
        let attributes = |cookie: &SetCookie| {
            let rest = cookie.as_str().split_once("; ").map(|(_, rest)| rest.to_owned());
            rest.map(|rest| rest.replace("Max-Age=60", "Max-Age=0"))
        };
        let set = names.set("s", "x", Duration::from_secs(60));
        assert_eq!(
            set.as_str(),
            "__Host-portcullis-s=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(attributes(&set), attributes(&names.clear("s")));
        assert_eq!(set.weight(), "__Host-portcullis-s=x".len());
        assert_eq!(format!("{set:?}"), "__Host-portcullis-s");
    }

    /// As it says: the name, or what is left of it behind what browsers know.
    fn is_plainly_ours(name: &str) -> bool {
        let name = name.trim();
        let known = ["__host-http-", "__host-", "__http-", "__secure-"];
        let known = known.iter().find(|known| name.to_ascii_lowercase().starts_with(**known));
        let bare = known.and_then(|known| name.get(known.len()..)).unwrap_or(name);
        bare == "portcullis" || bare.starts_with("portcullis-")
    }

    /// As it says: every piece of every pair is looked at. What is believed, and whether there is any of ours.
    fn read_plainly(headers: &Headers<'_>, browser: bool) -> (Vec<(String, String)>, bool) {
        let (mut believed, mut any) = (Vec::new(), false);
        for pair in headers.all("cookie").flat_map(|line| line.split(';')) {
            for (place, piece) in pair.trim_matches([' ', '\t']).split(',').enumerate() {
                let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
                let name = name.trim_start_matches([' ', '\t']);
                let name = if piece.contains('=') { name } else { trim(name) };
                if is_plainly_ours(name) {
                    any = true;
                    if place == 0 || !browser {
                        believed.push((name.to_owned(), trim(value).to_owned()));
                    }
                }
            }
        }
        (believed, any)
    }

    /// As it says: every pair, and every piece of it, is looked at.
    fn for_upstream_plainly(headers: &Headers<'_>) -> Option<String> {
        let mut left = String::new();
        let plain_trim = |text: &str| text.trim_matches([' ', '\t']).to_owned();
        for pair in headers.all("cookie").flat_map(|line| line.split(';')) {
            let pair = plain_trim(pair);
            let others = pieces(&pair).filter(|piece| !is_plainly_ours(piece.name));
            let rest = others.map(|piece| piece.text).collect::<Vec<_>>().join(",");
            let rest = plain_trim(&rest);
            if !rest.is_empty() {
                left.push_str(if left.is_empty() { "" } else { "; " });
                left.push_str(&rest);
            }
        }
        (!left.is_empty()).then_some(left)
    }

    #[test]
    fn leaves_what_is_not_ours_of_lines_as_long_as_a_gateway_takes() {
        let ours = ["__Host-portcullis-s=x; ", "a=1,portcullis-b; ", "__Host-portcullis-u=y;"];
        let others = ["a=1; ", "portcullisx=1;", "=; ", "p;", "; ;", "portculli; "];
        for pairs in [[&ours[..], &others[..]].concat(), ours.to_vec(), others.to_vec()] {
            let line: String = pairs.iter().cycle().take(60 * 1024 / 12).copied().collect();
            let headers = request(&[&line, "", &line], true);
            let cookies = Cookies::read(&headers, prefix());
            assert_eq!(cookies.for_upstream(), for_upstream_plainly(&headers));
            assert_eq!(cookies.names().count(), read_plainly(&headers, true).0.len());
        }
    }

    #[test]
    fn pairs_are_plain_that_stay_as_they_are() {
        let mut texts = vec![String::new()];
        for length in 1..8 {
            let longer = |text: &String| ["a", ";", " ", "\t"].map(|next| format!("{text}{next}"));
            texts = texts.iter().flat_map(longer).collect();
            for text in texts.iter().filter(|text| trim(text).len() == length) {
                let mut kept = String::new();
                text.split(';').for_each(|pair| keep(trim(pair), &mut kept));
                // One byte alone is looked at in the other way.
                assert_eq!(is_plain(text.as_bytes()), kept == *text && length > 1, "{text:?}");
            }
        }
    }

    #[test]
    fn asks_for_as_much_room_as_there_is_left() {
        let line =
            "a=1; b=2; __Host-portcullis-s=xxxxxxxxxxxxxxxxxxxx; c=3; __Host-portcullis-u=y; d=4";
        let headers = request(&[line], true);
        let left = Cookies::read(&headers, prefix()).for_upstream().expect("others");
        assert_eq!(left, "a=1; b=2; c=3; d=4");
        assert!(left.capacity() <= left.len() + 2 * SEPARATOR.len(), "{}", left.capacity());
    }

    proptest! {
        #[test]
        fn leaves_for_the_upstream_what_looking_at_every_pair_leaves(
            lines in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![
                "__Host-portcullis-s=x", "portcullis-a", "__hOST-portcullis", "portcullis", "a=1", "=", ",", ";", "; ",
                " ", "\t", "\u{a0}", "portcullisx=1", "\u{e9}=\u{e9}", "p", "-",
            ]), 0..14), 0..3),
            browser: bool,
        ) {
            let lines: Vec<String> = lines.iter().map(|parts| parts.concat()).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let headers = request(&lines, browser);
            let cookies = Cookies::read(&headers, prefix());
            prop_assert_eq!(cookies.for_upstream(), for_upstream_plainly(&headers));
            let (believed, any) = read_plainly(&headers, browser);
            let ours = cookies.ours.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            prop_assert_eq!(ours.collect::<Vec<_>>(), believed);
            prop_assert_eq!(cookies.concern_us(), any);
        }

        #[test]
        fn sets_what_formatting_makes(suffix in "[a-z0-9-]{0,9}", value in "[!-~]{0,40}", age: u64, secure: bool) {
            let names = CookieNames::new("portcullis", secure);
            let (host, end) = if secure { ("__Host-", "; Secure") } else { ("", "") };
            let want = format!("{host}portcullis-{suffix}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{end}");
            let set = names.set(&suffix, &value, Duration::from_secs(age));
            prop_assert_eq!(set.as_str(), want);
        }

        #[test]
        fn leaves_nothing_of_ours_and_everything_else(
            parts in prop::collection::vec(prop::sample::select(vec![
                "__Host-portcullis-s=x", "portcullis-a", "__hOST-portcullis", "a=1", "b=\"2 3\"", "=", ",", ";", "; ",
                " ", "\t", "\u{a0}", "portcullisx=1", "\u{e9}=\u{e9}",
            ]), 0..12),
            browser: bool,
        ) {
            let line = parts.concat();
            let headers = request(&[&line], browser);
            let cookies = Cookies::read(&headers, prefix());
            let upstream = cookies.for_upstream().unwrap_or_default();
            let again = request(&[&upstream], browser);
            let again = Cookies::read(&again, prefix());
            prop_assert!(!again.concern_us(), "{upstream:?} of {line:?}");
            if !cookies.concern_us() {
                let pairs = |line: &str| -> Vec<String> {
                    let pairs = line.split(';').map(trim).filter(|pair| !pair.is_empty());
                    pairs.map(str::to_owned).collect()
                };
                prop_assert_eq!(pairs(&upstream), pairs(&line));
            }
        }
    }
}
