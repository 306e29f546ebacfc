//! Bearer tokens whose signatures were verified.

use crate::random::{self, NoRandomness};
use crate::token::{Claims, KeySet};
use aws_lc_rs::hmac;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How long a signature is not looked at again.
const TIME_TO_LIVE: Duration = Duration::from_secs(300);

/// Names a token and what it was verified against, without holding it.
pub type TokenKey = [u8; 32];

/// A token whose signature was verified. Only that: claims are judged, and policy is asked, on every
/// check.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    /// What it says.
    pub claims: Arc<Claims>,
    /// The keys that verified it: once others are in force, it counts as not verified.
    pub keys: Arc<KeySet>,
}

/// Remembers verified tokens, at most a given number of them.
#[derive(Clone, Debug)]
pub struct TokenCache {
    secret: Arc<hmac::Key>,
    tokens: Cache<TokenKey, VerifiedToken>,
}

impl TokenCache {
    /// A cache of at most `capacity` tokens.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn new(capacity: u64) -> Result<Self, NoRandomness> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()?);
        let tokens = Cache::builder().max_capacity(capacity).time_to_live(TIME_TO_LIVE).build();
        Ok(Self { secret: Arc::new(secret), tokens })
    }

    /// The key of a token: a MAC over the whole of it, its issuer and where that one's keys are from
    /// (empty: its metadata say). Each part has its length before it, so that no two sets of parts give the same bytes.
    #[must_use]
    pub fn key(&self, issuer: &str, keys_from: &str, token: &str) -> TokenKey {
        let mut context = hmac::Context::with_key(&self.secret);
        for part in [issuer, keys_from, token] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// The token, if `keys` are still those that verified it.
    #[must_use]
    pub fn get(&self, key: &TokenKey, keys: &Arc<KeySet>) -> Option<Arc<Claims>> {
        let verified = self.tokens.get(key)?;
        Arc::ptr_eq(&verified.keys, keys).then_some(verified.claims)
    }

    /// Remembers a token.
    pub fn insert(&self, key: TokenKey, verified: VerifiedToken) {
        self.tokens.insert(key, verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::fixtures::{ec, issuer};
    use crate::token::{Algorithm, Jws, verify};
    use serde_json::json;

    #[test]
    fn p06_a_flood_neither_fills_the_memory_nor_drives_out_what_is_asked_for() {
        const CAPACITY: u64 = 100;
        let signer = ec("k", Algorithm::Es256);
        let keys = json!({ "keys": [signer.jwk()] }).to_string();
        let keys = Arc::new(KeySet::parse(keys.as_bytes()).expect("keys").0);
        let token = signer.token(&json!({"iss": issuer().as_str(), "aud": "a"}));
        let jws = Jws::parse(&token, 8192).expect("a token");
        let claims = Arc::new(verify(&jws, &keys).expect("verified"));
        let cache = TokenCache::new(CAPACITY).expect("randomness");
        let verified = || VerifiedToken { claims: Arc::clone(&claims), keys: Arc::clone(&keys) };
        let good = cache.key("issuer", "", &token);
        cache.insert(good, verified());
        let asked_for = || cache.get(&good, &keys).is_some();
        assert!((0..20).all(|_| asked_for()));
        // Asked for twice as rarely as it takes to fill the cache: what counts is how often, not when.
        for number in 0..10_000 {
            cache.insert(cache.key("issuer", "", &format!("bad {number}")), verified());
            let asked = number % (2 * CAPACITY) == 0;
            assert!(!asked || asked_for(), "driven out after {number}");
        }
        cache.tokens.run_pending_tasks();
        assert!(cache.tokens.entry_count() <= CAPACITY, "{}", cache.tokens.entry_count());
    }
}
