//! A sealed text over several cookies.
//!
//! Pure: no I/O, no clock.

use crate::cookie::{CookieNames, Cookies, SetCookie};
use std::borrow::Cow;
use std::time::Duration;

/// Bytes of one value: with name and count below the 4096 that browsers keep.
const CHUNK_BYTES: usize = 3800;
/// Bytes of all names and values of one session.
const MAX_BYTES: usize = 8192;
/// Suffix of the first cookie; `s-1`, `s-2` follow.
const FIRST: &str = "s";

/// What the cookies of a request say of a session.
///
/// The first cookie is `<count>.<text>`, the others hold the rest in order. Every one has to be
/// there and none besides: a part is never taken for the whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Chunks<'c> {
    /// No cookie of a session.
    Absent,
    /// Some, which are no whole.
    Broken,
    /// A sealed text.
    Whole(Cow<'c, str>),
}

/// The session does not fit into cookies.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the session needs {bytes} bytes of cookies, at most {MAX_BYTES} fit")]
pub struct TooLarge {
    /// Bytes that it needs.
    pub bytes: usize,
}

impl<'c> Chunks<'c> {
    /// Puts the parts together; one alone is the whole as it stands.
    #[must_use]
    pub fn read(cookies: &'c Cookies<'_>, names: &CookieNames) -> Self {
        if suffixes(cookies, names).next().is_none() {
            return Self::Absent;
        }
        join(cookies, names).map_or(Self::Broken, Self::Whole)
    }

    /// Writes `text` into as many cookies as it needs, and clears those of `before` that it does
    /// not need.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn write(
        text: &str,
        names: &CookieNames,
        before: &Cookies<'_>,
        max_age: Duration,
    ) -> Result<Vec<SetCookie>, TooLarge> {
        let bytes = text.as_bytes().chunks(CHUNK_BYTES);
        let parts: Vec<&str> = bytes.filter_map(|part| std::str::from_utf8(part).ok()).collect();
        let count = parts.len();
        let mut written: Vec<SetCookie> = Vec::with_capacity(count);
        for (index, part) in parts.into_iter().enumerate() {
            written.push(if index == 0 {
                names.set(FIRST, &format!("{count}.{part}"), max_age)
            } else {
                names.set(&format!("{FIRST}-{index}"), part, max_age)
            });
        }
        let bytes = written.iter().map(SetCookie::weight).sum();
        if bytes > MAX_BYTES {
            return Err(TooLarge { bytes });
        }
        let needed = |suffix: &str| part_number(suffix).is_some_and(|number| number < count);
        let stray = suffixes(before, names).filter(|suffix| !needed(suffix));
        written.extend(stray.map(|suffix| names.clear(suffix)));
        Ok(written)
    }
}

/// Clears every cookie of a session that the request has.
#[must_use]
pub fn stray_chunks(cookies: &Cookies<'_>, names: &CookieNames) -> Vec<SetCookie> {
    let mut present: Vec<&str> = suffixes(cookies, names).collect();
    present.sort_unstable();
    present.dedup();
    present.into_iter().map(|suffix| names.clear(suffix)).collect()
}

fn suffixes<'c>(cookies: &'c Cookies<'_>, names: &CookieNames) -> impl Iterator<Item = &'c str> {
    let own = |name: &'c str| names.suffix(name).filter(|suffix| part_number(suffix).is_some());
    cookies.names().filter_map(own)
}

/// 0 of `s`, 1 of `s-1`; numbers have one way to be written.
fn part_number(suffix: &str) -> Option<usize> {
    let rest = suffix.strip_prefix(FIRST)?;
    if rest.is_empty() {
        return Some(0);
    }
    match rest.as_bytes() {
        [b'-', digit @ b'1'..=b'9'] => Some(usize::from(digit.saturating_sub(b'0'))),
        _ => None,
    }
}

/// The count of parts, as it stands before the first one: one digit, as in their names.
fn count_of(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [digit @ b'1'..=b'9'] => Some(usize::from(digit.saturating_sub(b'0'))),
        _ => None,
    }
}

fn join<'c>(cookies: &'c Cookies<'_>, names: &CookieNames) -> Option<Cow<'c, str>> {
    let (count, start) = cookies.own(names, FIRST)?.split_once('.')?;
    let count = count_of(count)?;
    let is_part = |suffix: &str| part_number(suffix).is_some_and(|number| number < count);
    if !suffixes(cookies, names).all(is_part) {
        return None;
    }
    if count == 1 {
        return Some(Cow::Borrowed(start));
    }
    let mut text = start.to_owned();
    for index in 1..count {
        text.push_str(cookies.own(names, &format!("{FIRST}-{index}"))?);
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Headers;
    use crate::cookie::CookiePrefix;

    fn names() -> CookieNames {
        CookieNames::new("portcullis", true)
    }

    fn request(pairs: &[(String, String)]) -> Headers<'static> {
        let line: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = Headers::default();
        headers.add("cookie", line.join("; "));
        headers
    }

    fn prefix() -> CookiePrefix {
        CookiePrefix::new("portcullis")
    }

    fn read(pairs: &[(String, String)]) -> Chunks<'static> {
        match Chunks::read(&Cookies::read(&request(pairs), &prefix()), &names()) {
            Chunks::Absent => Chunks::Absent,
            Chunks::Broken => Chunks::Broken,
            Chunks::Whole(text) => Chunks::Whole(text.into_owned().into()),
        }
    }

    fn written(text: &str) -> Vec<(String, String)> {
        let hour = Duration::from_secs(3600);
        let cookies = Chunks::write(text, &names(), &Cookies::default(), hour).expect("fits");
        let pair = |cookie: &SetCookie| {
            let pair = cookie.as_str().split_once(';').map(|(pair, _)| pair.to_owned());
            pair.and_then(|pair| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())))
        };
        cookies.iter().filter_map(pair).collect()
    }

    #[test]
    fn reads_back_what_it_wrote() {
        for length in [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES] {
            let text = "x".repeat(length);
            let pairs = written(&text);
            assert!(pairs.iter().all(|(name, value)| name.len() + value.len() < 4096), "{length}");
            assert_eq!(read(&pairs), Chunks::Whole(text.into()), "{length}");
        }
    }

    #[test]
    fn takes_no_part_for_the_whole() {
        let two = written(&"x".repeat(CHUNK_BYTES + 10));
        let one = written("x");
        let extra = ("__Host-portcullis-s-2".to_owned(), "y".to_owned());
        let first_only = &two[..1];
        let second_only = &two[1..];
        let with_extra = [two.clone(), vec![extra.clone()]].concat();
        let stray = [one, vec![two[1].clone()]].concat();
        let swapped = [(two[0].0.clone(), two[1].1.clone()), (two[1].0.clone(), two[0].1.clone())];
        let broken: [&[(String, String)]; 6] =
            [first_only, second_only, &with_extra, &stray, &swapped, std::slice::from_ref(&extra)];
        for pairs in broken {
            assert_eq!(read(pairs), Chunks::Broken, "{pairs:?}");
        }
        assert_eq!(read(&[]), Chunks::Absent);
    }

    #[test]
    fn refuses_what_does_not_fit_and_clears_what_it_does_not_need() {
        let hour = Duration::from_secs(3600);
        let text = "x".repeat(MAX_BYTES);
        let got = Chunks::write(&text, &names(), &Cookies::default(), hour);
        assert!(matches!(got, Err(TooLarge { bytes }) if bytes > MAX_BYTES));
        let prefix = prefix();
        let before = request(&written(&"x".repeat(CHUNK_BYTES + 1)));
        let before = Cookies::read(&before, &prefix);
        let after = Chunks::write("y", &names(), &before, hour).expect("fits");
        assert_eq!(format!("{after:?}"), "[__Host-portcullis-s, __Host-portcullis-s-1]");
        assert!(after[1].as_str().contains("Max-Age=0"));
    }
}
