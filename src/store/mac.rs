//! What a text that a client sends is remembered by.

use super::fingerprint::Named;
use crate::random::{self, NoRandomness};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A text's MAC under a secret that this process alone has: two texts have one by chance alone, at 2^-120.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mac([u64; 2]);

impl Mac {
    /// Half of it, as good as random whatever clients send.
    pub(super) const fn bits(self) -> u64 {
        let [bits, _] = self.0;
        bits
    }
}

impl Hash for Mac {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.bits());
    }
}

/// Takes half of a MAC for its hash.
pub(super) type MacHasher = BuildHasherDefault<Named>;

/// The secret of MACs.
pub(super) struct MacKey(LessSafeKey);

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(secret)")
    }
}

impl MacKey {
    pub(super) fn new() -> Result<Self, NoRandomness> {
        let secret = random::bytes::<32>()?;
        let key =
            UnboundKey::new(&AES_256_GCM_SIV, &secret).map_err(|_unspecified| NoRandomness)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// The MAC of `text`: the tag of AES-GCM-SIV over nothing but associated data is its POLYVAL,
    /// encrypted, and so a pseudo-random function of the text even under one nonce (RFC 8452 §9). Nobody
    /// outside sees it, or can aim at it.
    ///
    /// `None` only where the cipher refuses the length.
    #[inline]
    pub(super) fn of(&self, text: &str) -> Option<Mac> {
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let aad = Aad::from(text.as_bytes());
        let tag = self.0.seal_in_place_separate_tag(nonce, aad, &mut []).ok()?;
        let (high, low) = tag.as_ref().split_first_chunk()?;
        Some(Mac([u64::from_ne_bytes(*high), u64::from_ne_bytes(*low.first_chunk()?)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_of_every_byte_of_the_text_and_of_the_key() {
        let (key, other) = (MacKey::new().expect("randomness"), MacKey::new().expect("randomness"));
        let text = "sealed".repeat(50);
        let mac = key.of(&text);
        assert!(mac.is_some() && mac == key.of(&text) && mac != other.of(&text));
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed.replace_range(at..=at, "-");
            assert_ne!(key.of(&changed), mac, "{at}");
            changed.truncate(at);
            assert_ne!(key.of(&changed), mac, "{at}");
        }
    }
}
