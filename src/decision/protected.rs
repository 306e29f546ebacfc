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
    /// Bytes that one of them can begin with, before it is folded: a bit each.
    first: [u64; 4],
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
        let all = names.iter().chain(&prefixes);
        let mut begins: Vec<u8> = all.filter_map(|name| name.bytes().next()).collect();
        begins.dedup();
        let any = prefixes.iter().any(String::is_empty);
        // What begins with a character of several bytes is looked at as a whole.
        let may = |byte: u8| any || !byte.is_ascii() || begins.contains(&fold(byte));
        let mut first = [0; 4];
        for byte in (0..=u8::MAX).filter(|byte| may(*byte)) {
            let (word, bit) = bit_of(byte);
            if let Some(word) = first.get_mut(word) {
                *word |= bit;
            }
        }
        let lengths = names.iter().fold(0, |lengths, name| lengths | length_bit(name));
        Self { names, prefixes, lengths, first }
    }

    /// Whether a name is one of them, or looks like one to a server that folds names.
    ///
    /// Every name of every request is asked about, and nearly none is: the common answer is found by
    /// its first letter, or by its length.
    pub(super) fn holds(&self, name: &str) -> bool {
        let Some((word, bit)) = name.bytes().next().map(bit_of) else { return false };
        if self.first.get(word).is_none_or(|word| word & bit == 0) {
            return false;
        }
        if !name.is_ascii() {
            let name = folded(name);
            return self.names.contains(&name)
                || self.prefixes.iter().any(|prefix| name.starts_with(prefix));
        }
        let begins = |prefix: &String| {
            prefix.len() <= name.len() && name.bytes().map(fold).zip(prefix.bytes()).all(same)
        };
        self.prefixes.iter().any(begins)
            || self.lengths & length_bit(name) != 0
                && self.names.iter().any(|own| own.len() == name.len() && begins(own))
    }
}

fn same((one, other): (u8, u8)) -> bool {
    one == other
}

/// The place of a byte's bit among 256.
const fn bit_of(byte: u8) -> (usize, u64) {
    ((byte >> 6) as usize, 1 << (byte & 63))
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
