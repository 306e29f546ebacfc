//! API keys: how they are written, and the digest that stands for one.
//!
//! A minted key is a prefix, 256 random bits and a checksum, as in
//! `portcullis_0Fh…`: whoever searches texts for secrets finds it by its prefix, and one that was mistyped
//! or made up is refused by its checksum, before anybody looks it up. Keys of others have no such form,
//! and are taken as they are.
//!
//! What is kept of a key is its SHA-256. That is enough where a key is random: nobody can try 2^256 of
//! them, so that a slow hash, which makes each of few tries dear, would only make every check dear. A key
//! of others may be short, and then its digest is no better a secret than the key.
//!
//! Pure: no I/O, no clock; randomness comes in as a value.

mod document;

pub use document::{DIGEST, LABELS, NewKey, PLAIN, SECRET_TYPE};

use crate::secret::{Secret, equal};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt;
use std::hash::{Hash, Hasher};

/// Begins every minted key, and no key of others that is taken.
pub const PREFIX: &str = "portcullis_";
/// The header that carries a key, unless the settings name another (Gloo Portal).
pub const HEADER: &str = "api-key";
/// Longest key.
pub const MAX_BYTES: usize = 1024;
/// Characters of 256 bits, and of a checksum.
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;
/// What keys are written in: a double click takes all of it.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of a key. Comparing two takes the same time whatever they are.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

/// Why a text cannot be a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MalformedKey {
    /// Nothing at all.
    #[error("an empty key")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("a key of more than {MAX_BYTES} characters")]
    TooLong,
    /// White space, a comma, which stands between two fields, or anything beyond visible ASCII.
    #[error("a key with characters that no key has")]
    Characters,
    /// It begins as a minted one, and none was minted like it.
    #[error("a key whose checksum does not fit: mistyped, or cut short")]
    Checksum,
}

impl KeyDigest {
    /// The digest of a key, as it is sent.
    ///
    /// # Errors
    ///
    /// [`MalformedKey`]: nothing is hashed then.
    pub fn of(key: &str) -> Result<Self, MalformedKey> {
        if key.is_empty() {
            return Err(MalformedKey::Empty);
        }
        if key.len() > MAX_BYTES {
            return Err(MalformedKey::TooLong);
        }
        let is_other = |byte: u8| !byte.is_ascii_graphic() | (byte == b',');
        if key.bytes().fold(false, |found, byte| found | is_other(byte)) {
            return Err(MalformedKey::Characters);
        }
        if key.starts_with(PREFIX) && !is_minted(key) {
            return Err(MalformedKey::Checksum);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        Ok(Self(bytes))
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            *byte = u8::try_from((high? << 4) | low?).ok()?;
        }
        Some(Self(bytes))
    }

    /// As [`Self::parse`] reads it.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for KeyDigest {
    /// Shows nothing: the digest of a key that is not random is as good as the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl Eq for KeyDigest {}

impl Hash for KeyDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// The key that these random bits make.
#[must_use]
pub fn mint(random: &Secret<[u8; 32]>) -> Secret<String> {
    let mut number = *random.expose();
    let mut digits = [0; RANDOM];
    for digit in digits.iter_mut().rev() {
        *digit = take_digit(&mut number);
    }
    let body = format!("{PREFIX}{}", String::from_utf8_lossy(&digits));
    let checksum = checksum(body.as_bytes());
    Secret::new(format!("{body}{}", String::from_utf8_lossy(&checksum)))
}

/// Whether a text that begins with [`PREFIX`] has the form of a minted key.
fn is_minted(key: &str) -> bool {
    let length = PREFIX.len() + RANDOM + CHECKSUM;
    let Some((body, checked)) = key.as_bytes().split_last_chunk::<CHECKSUM>() else { return false };
    key.len() == length && *checked == checksum(body)
}

/// The last digit of a number in base 62, which is divided by that.
fn take_digit(number: &mut [u8; 32]) -> u8 {
    let mut rest = 0_u16;
    for byte in number {
        let dividend = (rest << 8) | u16::from(*byte);
        // Both are less than 256, as the rest is less than 62.
        *byte = u8::try_from(dividend / 62).unwrap_or_default();
        rest = dividend % 62;
    }
    DIGITS.get(usize::from(rest)).copied().unwrap_or_default()
}

/// CRC-32 (ISO 3309, as in zlib) in base 62.
fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let mut crc = u32::MAX;
    for byte in body {
        crc ^= u32::from(*byte);
        for _bit in 0..8 {
            let reduce = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            crc = (crc >> 1) ^ reduce;
        }
    }
    let mut rest = !crc;
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        let last = usize::try_from(rest % 62).unwrap_or_default();
        *digit = DIGITS.get(last).copied().unwrap_or_default();
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn minted(random: [u8; 32]) -> String {
        mint(&Secret::new(random)).expose().clone()
    }

    #[test]
    fn n11_a_minted_key_holds_256_bits_and_a_checksum() {
        let zero = minted([0; 32]);
        let most = minted([u8::MAX; 32]);
        for key in [&zero, &most] {
            assert_eq!(key.len(), 60, "{key}");
            assert!(KeyDigest::of(key).is_ok(), "{key}");
        }
        assert!(zero.starts_with("portcullis_0000000000"), "{zero}");
        // 2^256 - 1 by another program, with the CRC-32 of its zlib.
        assert_eq!(most, "portcullis_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13EOaJV");
        let all: HashSet<String> = (0..=255)
            .map(|bit: u8| {
                let mut random = [0; 32];
                random[usize::from(bit / 8)] = 1 << (bit % 8);
                minted(random)
            })
            .collect();
        assert_eq!(all.len(), 256, "a bit is lost");
    }

    #[test]
    fn the_checksum_is_zlib_s() {
        // The check value of CRC-32, 0xcbf43926, in base 62.
        assert_eq!(checksum(b"123456789"), *b"3jZRME");
    }

    #[test]
    fn a_text_that_is_no_key_is_not_hashed() {
        let key = minted([7; 32]);
        let cases = [
            ("", MalformedKey::Empty),
            (" ", MalformedKey::Characters),
            ("a b", MalformedKey::Characters),
            ("a,b", MalformedKey::Characters),
            ("a\0", MalformedKey::Characters),
            ("k\u{e9}y", MalformedKey::Characters),
            (PREFIX, MalformedKey::Checksum),
            (key.trim_end_matches(|c: char| c != '_'), MalformedKey::Checksum),
            (key.split_at(59).0, MalformedKey::Checksum),
            (&format!("{key}0"), MalformedKey::Checksum),
            (&"k".repeat(MAX_BYTES + 1), MalformedKey::TooLong),
        ];
        for (text, want) in cases {
            assert_eq!(KeyDigest::of(text).err(), Some(want), "{text}");
        }
        for foreign in ["k", "PORTCULLIS_x", "a.b", &"k".repeat(MAX_BYTES)] {
            assert!(KeyDigest::of(foreign).is_ok(), "{foreign}");
        }
    }

    #[test]
    fn the_digest_is_sha_256_in_hexadecimal() {
        let abc = KeyDigest::of("abc").expect("a key");
        // FIPS 180-2, B.1.
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(abc.to_hex(), hex);
        assert_eq!(KeyDigest::parse(hex), Some(abc));
        assert_eq!(KeyDigest::parse(&hex.to_uppercase()), Some(abc));
        for other in ["", "ba", hex.split_at(1).1, &format!("{hex}0"), &hex.replace('b', "g")] {
            assert_eq!(KeyDigest::parse(other), None, "{other}");
        }
        assert!(!format!("{abc:?}").contains("ba78"));
    }

    proptest! {
        #[test]
        fn a_slip_in_a_minted_key_is_found(random: [u8; 32], at in 11_usize..60, other in "[0-9A-Za-z]") {
            let key = minted(random);
            prop_assert!(KeyDigest::of(&key).is_ok());
            let mut slipped = key.clone();
            slipped.replace_range(at..=at, &other);
            if slipped != key {
                prop_assert_eq!(KeyDigest::of(&slipped).err(), Some(MalformedKey::Checksum));
            }
        }
    }
}
