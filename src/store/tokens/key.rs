//! What a token is remembered by.

use crate::random::{self, NoRandomness};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

/// Names a token, and what it was judged for, without holding it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TokenKey {
    /// The token's MAC.
    mac: [u64; 2],
    /// What it is judged for; [`FIRST`]: whatever that was first.
    profile: u64,
}

/// No profile: where a token is kept for the first profile that it was judged for.
const FIRST: u64 = 0;

impl TokenKey {
    /// The place of the token's first profile.
    pub(super) const fn first(self) -> Self {
        Self { profile: FIRST, ..self }
    }

    /// What the token is judged for.
    pub(super) const fn profile(self) -> u64 {
        self.profile
    }

    /// A number that tokens share with few others.
    pub(super) fn lot(self, lots: usize) -> usize {
        let [bits, _] = self.mac;
        usize::try_from(bits >> 40).unwrap_or_default().checked_rem(lots).unwrap_or_default()
    }
}

impl Hash for TokenKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The MAC is as good as random, whatever clients send.
        let [bits, _] = self.mac;
        state.write_u64(bits ^ self.profile);
    }
}

/// Makes keys, under secrets that this process alone has.
pub(super) struct TokenKeys {
    mac: LessSafeKey,
    profiles: RandomState,
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKeys(secret)")
    }
}

impl TokenKeys {
    pub(super) fn new() -> Result<Self, NoRandomness> {
        let secret = random::bytes::<32>()?;
        let key =
            UnboundKey::new(&AES_256_GCM_SIV, &secret).map_err(|_unspecified| NoRandomness)?;
        Ok(Self { mac: LessSafeKey::new(key), profiles: RandomState::new() })
    }

    /// The key of `token` where it is judged for `site` and `portal`.
    ///
    /// Of the token a MAC of 128 bits: the tag of AES-GCM-SIV over nothing but associated data is its
    /// POLYVAL, encrypted, and so a pseudo-random function of the token even under one nonce
    /// (RFC 8452 §9). Nobody outside sees it, or can aim at it: two tokens have one key by chance
    /// alone, at 2^-120. Of site and portal a keyed hash of 64 bits: these are names of the policy,
    /// not texts that a client makes up.
    pub(super) fn of(&self, site: &str, portal: &str, token: &str) -> Option<TokenKey> {
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let aad = Aad::from(token.as_bytes());
        let tag = self.mac.seal_in_place_separate_tag(nonce, aad, &mut []).ok()?;
        let (high, low) = tag.as_ref().split_first_chunk()?;
        let mac = [u64::from_ne_bytes(*high), u64::from_ne_bytes(*low.first_chunk()?)];
        // `str` hashes with an end, so that no two pairs give the same bytes.
        let profile = self.profiles.hash_one((site, portal));
        Some(TokenKey { mac, profile: profile.max(FIRST.saturating_add(1)) })
    }
}
