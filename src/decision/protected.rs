//! Names of header fields that are ours, or nobody's: also as servers fold them.
//!
//! Pure: no I/O, no clock.

/// Lengths of names that are told apart; the last one stands for all that are longer, too.
const LENGTHS: usize = 64;

/// Names and beginnings of names, folded.
#[derive(Debug)]
pub(super) struct Protected {
    names: Vec<String>,
    prefixes: Vec<String>,
    /// Bytes that one of them can begin with, before it is folded.
    first: Bytes,
    /// By the length of a name, what its third byte can be, before it is folded: most fields begin with
    /// `x-`. Six bits of the byte have to do.
    thirds: [u64; LENGTHS],
}

impl Default for Protected {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            prefixes: Vec::new(),
            first: Bytes::default(),
            thirds: [0; LENGTHS],
        }
    }
}

/// A set of bytes, a bit each.
#[derive(Clone, Copy, Debug, Default)]
struct Bytes([u64; 4]);

impl Bytes {
    fn of(holds: impl Fn(u8) -> bool) -> Self {
        let mut bits = [0; 4];
        for byte in (0..=u8::MAX).filter(|byte| holds(*byte)) {
            if let Some(word) = bits.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        Self(bits)
    }

    #[inline]
    fn has(self, byte: u8) -> bool {
        let Self(bits) = self;
        bits.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }
}

impl Protected {
    pub(super) fn new<'n>(
        names: impl Iterator<Item = &'n str>,
        prefixes: impl Iterator<Item = &'n str>,
    ) -> Self {
        let sorted = |mut names: Vec<String>| {
            names.sort_unstable();
            names.dedup();
            names
        };
        let names = sorted(names.map(folded).collect());
        let prefixes = sorted(prefixes.map(folded).collect());
        // The bytes that one of them can have there; one that is shorter can have any.
        let can = |text: &str, place: usize, byte: u8| {
            text.as_bytes().get(place).is_none_or(|own| *own == fold(byte))
        };
        let all = names.iter().chain(&prefixes);
        // What is not ASCII is looked at as a whole.
        let first =
            Bytes::of(|byte| !byte.is_ascii() || all.clone().any(|text| can(text, 0, byte)));
        let third = |text: &str| {
            let bytes = (0..=0x7f).filter(|byte| can(text, 2, *byte));
            bytes.fold(0, |bits, byte| bits | third_bit(byte))
        };
        let mut thirds = [0; LENGTHS];
        for (length, thirds) in thirds.iter_mut().enumerate() {
            let same = names.iter().filter(|name| length_of(name) == length);
            let begins = prefixes.iter().filter(|prefix| length_of(prefix) <= length);
            *thirds = same.chain(begins).fold(0, |bits, text| bits | third(text));
        }
        Self { names, prefixes, first, thirds }
    }

    /// Whether a name is one of them, or looks like one to a server that folds names.
    ///
    /// Every name of every request is asked about, and nearly none is: the common answer is found by
    /// its first and third letter, and by its length.
    #[inline]
    pub(super) fn holds(&self, name: &str) -> bool {
        let bytes = name.as_bytes();
        if !bytes.first().is_some_and(|first| self.first.has(*first)) {
            return false;
        }
        let third = third_bit(bytes.get(2).copied().unwrap_or_default());
        let may_be = self.thirds.get(length_of(name)).is_none_or(|thirds| thirds & third != 0);
        // Beyond ASCII a name has other lengths and places than what it is folded to.
        (may_be || is_beyond_ascii(bytes)) && self.holds_indeed(name)
    }

    #[inline(never)]
    fn holds_indeed(&self, name: &str) -> bool {
        if !name.is_ascii() {
            let name = folded(name);
            return self.names.contains(&name)
                || self.prefixes.iter().any(|prefix| name.starts_with(prefix));
        }
        let begins = |prefix: &String| {
            prefix.len() <= name.len() && name.bytes().map(fold).zip(prefix.bytes()).all(same)
        };
        self.prefixes.iter().any(begins)
            || self.names.iter().any(|own| own.len() == name.len() && begins(own))
    }
}

/// Whether a byte is beyond ASCII. Looks at eight at once, at the last ones twice.
#[inline]
fn is_beyond_ascii(name: &[u8]) -> bool {
    const TOP: u64 = 0x8080_8080_8080_8080;
    let Some(last) = name.last_chunk() else { return !name.is_ascii() };
    let words = name.as_chunks().0.iter();
    words.fold(u64::from_le_bytes(*last), |all, word| all | u64::from_le_bytes(*word)) & TOP != 0
}

fn same((one, other): (u8, u8)) -> bool {
    one == other
}

fn length_of(name: &str) -> usize {
    name.len().min(LENGTHS - 1)
}

const fn third_bit(byte: u8) -> u64 {
    1 << (byte & 63)
}

/// A name as servers fold it that make variables of fields: CGI turns `-` into `_` (RFC 3875 §4.1.18),
/// PHP `.` as well, others whatever is neither letter nor digit.
fn folded(name: &str) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(fold).collect()
}

/// The same for a byte of a name in ASCII.
const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 6] = [
        "x-user-id",
        "x-user-email",
        "from",
        "x-envoy-auth-failure-mode-allowed",
        "te",
        "x-a-name-that-is-longer-than-any-whose-length-is-told-apart-here-1",
    ];
    const PREFIXES: [&str; 3] = ["x-jwt-", "x-portcullis-", "y-"];

    #[test]
    fn finds_what_is_beyond_ascii_at_every_place() {
        for length in 0..40 {
            let mut name = vec![b'x'; length];
            assert!(!is_beyond_ascii(&name), "{length}");
            for at in 0..length {
                name[at] = 0x80;
                assert!(is_beyond_ascii(&name), "{at} of {length}");
                name[at] = 0x7f;
            }
        }
    }

    proptest! {
        #[test]
        fn finds_what_folding_the_whole_name_finds(
            name in "[Xx][-_. é][a-z]{0,4}|[XxYy][-_.][-a-z_]{0,70}|[Tt][Ee]|x.a-name-that-is-longer-than-any-whose-length-is-told-apart.here-[0-9]|(x[-_.é!]user[-_.é!]id|x[-_]jwt[-_.][a-z]{0,3}|from|X.Portcullis.[a-z]{0,2}|x_user_email|x-envoy_auth.failure-mode-allowed)|\\PC{0,6}"
        ) {
            let protected = Protected::new(NAMES.into_iter(), PREFIXES.into_iter());
            let whole = folded(&name);
            let want = NAMES.contains(&whole.as_str())
                || PREFIXES.iter().any(|prefix| whole.starts_with(prefix));
            prop_assert_eq!(protected.holds(&name), want, "{:?}", name);
        }
    }
}
