//! Names of header fields that are ours, or nobody's: also as servers fold them.
//!
//! Pure: no I/O, no clock.

/// Names and beginnings of names, folded.
#[derive(Debug, Default)]
pub(super) struct Protected {
    names: Vec<String>,
    prefixes: Vec<String>,
    /// Lengths of the names: bit by bit, the last one for all that are as long or longer.
    lengths: u64,
    /// Bytes that one of them can begin with, before it is folded.
    first: Bytes,
    /// Third bytes of the names, and of the prefixes: most fields begin with `x-`.
    third_of_names: Bytes,
    third_of_prefixes: Bytes,
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
        // The bytes that one of them can have there; one that is shorter can have any. What is not ASCII
        // is looked at as a whole.
        let at = |place: usize, texts: &[&String]| {
            let can = |byte: u8| {
                let is = |text: &&String| text.as_bytes().get(place).is_none_or(|own| *own == byte);
                texts.iter().any(is)
            };
            Bytes::of(|byte| !byte.is_ascii() || can(fold(byte)))
        };
        let (of_names, of_prefixes): (Vec<_>, Vec<_>) =
            (names.iter().collect(), prefixes.iter().collect());
        let first = at(0, &[of_names.clone(), of_prefixes.clone()].concat());
        let (third_of_names, third_of_prefixes) = (at(2, &of_names), at(2, &of_prefixes));
        let lengths = names.iter().fold(0, |lengths, name| lengths | length_bit(name));
        Self { names, prefixes, lengths, first, third_of_names, third_of_prefixes }
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
        let third = bytes.get(2).copied();
        let may_be_a_name = self.lengths & length_bit(name) != 0
            && third.is_none_or(|third| self.third_of_names.has(third));
        let may_have_a_prefix = third.is_none_or(|third| self.third_of_prefixes.has(third));
        // Beyond ASCII a name has other lengths and places than what it is folded to.
        if !may_be_a_name && !may_have_a_prefix && name.is_ascii() {
            return false;
        }
        self.holds_indeed(name)
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

fn same((one, other): (u8, u8)) -> bool {
    one == other
}

fn length_bit(name: &str) -> u64 {
    1 << name.len().min(63)
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

    const NAMES: [&str; 4] =
        ["x-user-id", "x-user-email", "from", "x-envoy-auth-failure-mode-allowed"];
    const PREFIXES: [&str; 2] = ["x-jwt-", "x-portcullis-"];

    proptest! {
        #[test]
        fn finds_what_folding_the_whole_name_finds(
            name in "[Xx][-_. é][a-z]{0,4}|(x[-_.é!]user[-_.é!]id|x[-_]jwt[-_.][a-z]{0,3}|from|X.Portcullis.[a-z]{0,2}|x_user_email|x-envoy_auth.failure-mode-allowed)|\\PC{0,6}"
        ) {
            let protected = Protected::new(NAMES.into_iter(), PREFIXES.into_iter());
            let whole = folded(&name);
            let want = NAMES.contains(&whole.as_str())
                || PREFIXES.iter().any(|prefix| whole.starts_with(prefix));
            prop_assert_eq!(protected.holds(&name), want, "{:?}", name);
        }
    }
}
