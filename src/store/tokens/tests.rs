use super::*;
use crate::store::{Revocations, Subject};
use crate::token::fixtures::ec;
use crate::token::{Algorithm, Issuer};
use serde_json::json;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const NOW: UnixTime = UnixTime(1_700_000_000);

fn keys() -> Arc<KeySet> {
    let keys = json!({ "keys": [ec("k", Algorithm::Es256).jwk()] }).to_string();
    Arc::new(KeySet::parse(keys.as_bytes()).expect("keys").0)
}

fn key(cache: &TokenCache, token: &str) -> TokenKey {
    cache.key(Some(EnvironmentId(0)), None, token).expect("a key")
}

#[test]
fn p06_a_flood_neither_fills_the_memory_nor_drives_out_what_is_asked_for() {
    const CAPACITY: u64 = 100;
    let keys = keys();
    let cache = TokenCache::new(CAPACITY).expect("randomness");
    let good = key(&cache, "good");
    cache.remember(good, &keys, NOW, None);
    let asked_for = || cache.signature(good, &keys, NOW).is_some();
    assert!((0..20).all(|_| asked_for()));
    // Asked for twice as rarely as it takes to fill the cache: what counts is how often, not when.
    for number in 0..10_000 {
        cache.remember(key(&cache, &format!("bad {number}")), &keys, NOW, None);
        let asked = number % (2 * CAPACITY) == 0;
        assert!(!asked || asked_for(), "driven out after {number}");
        assert!(cache.len() as u64 <= CAPACITY, "{}", cache.len());
    }
}

#[test]
fn p06_what_does_not_hold_takes_no_place_of_what_does() {
    let keys = keys();
    let cache = TokenCache::new(2).expect("randomness");
    let good = key(&cache, "good");
    cache.remember(good, &keys, NOW, None);
    for number in 0..20_000 {
        let bad = key(&cache, &format!("bad {number}"));
        cache.refuse(bad, &keys, TokenError::BadSignature, NOW);
        let known = cache.signature(bad, &keys, NOW);
        assert_eq!(known, Some(Signature::Refused(TokenError::BadSignature)));
    }
    assert_eq!(cache.signature(good, &keys, NOW), Some(Signature::Holds(NOW)));
    assert!(cache.0.refused.len() as u64 <= REFUSED);
}

#[test]
fn a_verdict_is_of_these_keys_and_of_this_time() {
    let (ours, others) = (keys(), keys());
    let cache = TokenCache::new(10).expect("randomness");
    let (good, bad) = (key(&cache, "good"), key(&cache, "bad"));
    cache.remember(good, &ours, NOW, None);
    cache.refuse(bad, &ours, TokenError::BadSignature, NOW);
    let known = |key, keys, after: u64| cache.signature(key, keys, UnixTime(NOW.0 + after));
    assert!(known(good, &ours, 299).is_some());
    assert_eq!(known(good, &ours, 300), None);
    assert_eq!(known(good, &others, 0), None);
    assert!(known(bad, &ours, 29).is_some());
    assert_eq!(known(bad, &ours, 30), None);
    assert_eq!(known(bad, &others, 0), None);
    // A clock that was set back.
    for key in [good, bad] {
        assert_eq!(cache.signature(key, &ours, UnixTime(NOW.0 - 1)), None);
    }
}

#[test]
fn a_signature_is_known_for_whatever_its_token_is_judged() {
    let keys = keys();
    let cache = TokenCache::new(10).expect("randomness");
    let of = |environment, portal| cache.key(Some(environment), portal, "token").expect("a key");
    let dev = of(EnvironmentId(0), None);
    let prod = of(EnvironmentId(1), Some(PortalId(0)));
    assert_ne!(dev, prod);
    cache.remember(dev, &keys, NOW, None);
    assert_eq!(cache.signature(prod, &keys, NOW), Some(Signature::Holds(NOW)));
    assert!(cache.known(prod).is_none(), "judged for dev alone");
    cache.remember(prod, &keys, NOW, None);
    assert!(cache.known(dev).is_some() && cache.known(prod).is_some());
    assert_eq!(cache.len(), 2);
}

/// What a token came to under the policy of `epoch`.
fn judged(epoch: u64) -> Judged {
    let issuer = Issuer::parse("https://a.example", false).expect("an issuer");
    Judged {
        epoch,
        source: Arc::new(IssuerSource { issuer, jwks_url: None }),
        identity: Arc::default(),
        holds_from: NOW,
        expires_at: NOW,
        marks: Revocations::new(Duration::ZERO).marks(Subject {
            session: None,
            issuer: "https://a.example",
            provider_session: None,
            subject: "anna",
            began_ms: 0,
        }),
        groups_maybe_truncated: false,
    }
}

#[test]
fn under_another_policy_an_id_is_another_s_and_a_verdict_counts_no_more() {
    let keys = keys();
    let cache = TokenCache::new(10).expect("randomness");
    let of = |environment| cache.key(Some(EnvironmentId(environment)), None, "token");
    let (first, second) = (of(0).expect("a key"), of(1).expect("a key"));
    cache.remember(first, &keys, NOW, Some(judged(1)));
    cache.remember(second, &keys, NOW, Some(judged(1)));
    assert!(cache.judged(first, 1, NOW).is_some() && cache.judged(second, 1, NOW).is_some());
    assert_eq!(cache.len(), 2);
    for key in [first, second] {
        assert!(cache.judged(key, 2, NOW).is_none(), "the first id may be another's now");
        assert_eq!(cache.signature(key, &keys, NOW), Some(Signature::Holds(NOW)));
    }
    // The new verdict takes the first place, whatever stands there of an older policy.
    let third = of(2).expect("a key");
    cache.remember(third, &keys, NOW, Some(judged(2)));
    assert!(cache.judged(third, 2, NOW).is_some() && cache.judged(first, 1, NOW).is_none());
    assert_eq!(cache.len(), 2);
}

#[test]
fn p05_a_token_that_many_threads_have_is_verified_once() {
    const THREADS: usize = 8;
    let (cache, keys) = (TokenCache::new(1000).expect("randomness"), keys());
    let verified = AtomicUsize::new(0);
    let together = Barrier::new(THREADS);
    let check = |token: &str| {
        let key = key(&cache, token);
        if cache.signature(key, &keys, NOW).is_some() {
            return;
        }
        let _turn = cache.turn(key);
        if cache.signature(key, &keys, NOW).is_none() {
            verified.fetch_add(1, Ordering::SeqCst);
            // Others get a chance to do the same meanwhile.
            (0..100).for_each(|_| std::thread::yield_now());
            cache.remember(key, &keys, NOW, None);
        }
    };
    std::thread::scope(|scope| {
        for _thread in 0..THREADS {
            scope.spawn(|| {
                for number in 0..50 {
                    together.wait();
                    check(&format!("token {number}"));
                }
            });
        }
    });
    assert_eq!(verified.load(Ordering::SeqCst), 50);
}
