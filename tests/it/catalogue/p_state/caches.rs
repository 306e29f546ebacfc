//! What is remembered of a token, and what never counts because of it.

use crate::bearer::{DEV, PROD};
use crate::policy::two_products;
use crate::support::{API, Ask, Gateway, NOW, Provider, Setup};
use portcullis::clock::Clock;
use portcullis::policy::{EnvironmentId, PortalId};
use portcullis::store::TokenCache;
use portcullis::time::UnixTime;
use portcullis::token::Issuer;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `text` without its last bytes.
fn without(bytes: usize, text: &str) -> &str {
    text.split_at(text.len() - bytes).0
}

fn pets(token: &str) -> Ask {
    Ask::get(&format!("{API}/pets")).bearer(token)
}

#[tokio::test]
async fn p01_a_token_that_was_good_for_one_product_is_judged_anew_for_another() {
    let gateway = Gateway::with(two_products()).await;
    let token = gateway.provider.id_token(&json!({}));
    for _time in 0..3 {
        gateway.ask(pets(&token)).await.granted();
        let bank = gateway.ask(Ask::get(&format!("{API}/bank")).bearer(&token)).await;
        bank.refused(403, "not_granted");
        let prod =
            gateway.ask(Ask::get("http://prod.petstore.localhost/pets").bearer(&token)).await;
        prod.refused(403, "not_granted");
        let nowhere = gateway.ask(Ask::get(&format!("{API}/elsewhere")).bearer(&token)).await;
        nowhere.refused(403, "no_route");
    }
    // And by the policy in force: no edit waits for a cache.
    let text = two_products().edit("groupNames: [PetstoreUsers]", "groupNames: [Nobody]");
    let text = text.resources(&gateway.provider.issuer);
    std::fs::write(gateway.folder.path().join("portal/all.yaml"), text).expect("written");
    gateway.load().await;
    gateway.ask(pets(&token)).await.refused(403, "not_granted");
}

#[tokio::test]
async fn p01_an_audience_of_one_environment_is_none_of_another_from_the_cache_either() {
    let setup = two_products()
        .edit(
            "publishedEnvironments: [{name: dev, namespace: default}]",
            "publishedEnvironments: [{name: dev, namespace: default}, {name: prod, namespace: default}]",
        )
        .edit("environments: {names: [dev]", "environments: {names: [dev, prod]")
        .setting("environments", "{dev.default: {audiences: ['api://dev']}}");
    let gateway = Gateway::with(setup).await;
    let token = gateway.provider.access_token("api://dev", &json!({}));
    for _time in 0..2 {
        gateway.ask(pets(&token)).await.granted();
        let prod =
            gateway.ask(Ask::get("http://prod.petstore.localhost/pets").bearer(&token)).await;
        prod.refused(401, "invalid_token");
    }
}

/// Two Environments whose plans name one issuer, and get its keys from two places.
fn two_key_sets(issuer: &str, dev: &str, prod: &str) -> Setup {
    let plan = |keys: &str| {
        format!(
            "
  parameters:
    usagePlans:
      gold:
        authPolicy:
          oauth:
            jwtValidation: {{issuer: '{issuer}', remoteJwks: {{url: '{keys}'}}}}"
        )
    };
    let own = "{audiences: ['api://plan'], portal: petstore-portal.default}";
    Setup::default()
        .edit(DEV, &format!("{DEV}{}", plan(dev)))
        .edit(
            "publishedEnvironments: [{name: dev, namespace: default}]",
            "publishedEnvironments: [{name: dev, namespace: default}, {name: prod, namespace: default}]",
        )
        .edit("environments: {names: [dev]", "environments: {names: [dev, prod]")
        .add(&PROD.replace("  parameters: {usagePlans: {gold: {}}}", plan(prod).trim_start_matches('\n')))
        .setting("environments", &format!("{{dev.default: {own}, prod.default: {own}}}"))
}

#[tokio::test]
async fn p02_one_token_is_verified_for_each_set_of_keys() {
    let clock = Clock::manual(UnixTime(NOW));
    let first = Provider::start(clock.clone()).await;
    let second = Provider::start(clock.clone()).await;
    let provider = Provider::start(clock.clone()).await;
    let (dev_keys, prod_keys) =
        (format!("{}/keys", first.issuer), format!("{}/keys", second.issuer));
    let setup = two_key_sets("https://plan.example", &dev_keys, &prod_keys);
    let gateway = Gateway::beside(provider.into(), clock, setup).await;
    assert!(gateway.problems.iter().all(|problem| !problem.is_error()), "{:?}", gateway.problems);
    let changes = json!({"iss": "https://plan.example"});
    let of = |provider: &Provider| provider.access_token("api://plan", &changes);
    let (of_first, of_second) = (of(&first), of(&second));
    let prod = |token: &str| Ask::get("http://prod.petstore.localhost/pets").bearer(token);
    // In both orders, with the token seen before and not.
    for _time in 0..2 {
        gateway.ask(pets(&of_first)).await.granted();
        gateway.ask(prod(&of_first)).await.refused(401, "invalid_token");
        gateway.ask(prod(&of_second)).await.granted();
        gateway.ask(pets(&of_second)).await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn p03_tokens_that_are_nearly_equal_share_nothing() {
    let gateway = Gateway::new().await;
    let jti = json!({"jti": "one"});
    let good = gateway.provider.id_token(&jti);
    let (signed, signature) = good.rsplit_once('.').expect("a signature");
    let (head, payload) = signed.split_once('.').expect("a payload");
    let claims = gateway.provider.bearer_claims(&json!({"jti": "one", "groups": ["admin"]}));
    let stranger = crate::support::token::Signer::new("key-1");
    let other = gateway.provider.id_token(&json!({"jti": "one", "sub": "00u2"}));
    let of_other = other.rsplit_once('.').expect("a signature").1;
    let last = if signature.ends_with('A') { "B" } else { "A" };
    let near = [
        // The same in its first bytes, its header, its payload, its claims, its length, its `kid`.
        format!("{signed}.{of_other}"),
        format!("{signed}.{}", "A".repeat(signature.len())),
        format!("{signed}.{}", without(1, signature)),
        format!("{signed}.{signature}A"),
        format!("{signed}.{}{last}", without(1, signature)),
        format!("{signed}."),
        format!("{head}.{payload}A.{signature}"),
        format!("{head}.{}.{signature}", without(4, payload)),
        stranger.sign(&gateway.provider.bearer_claims(&jti)),
        stranger.sign(&claims),
        good.to_uppercase(),
    ];
    for good_first in [false, true] {
        if good_first {
            gateway.ask(pets(&good)).await.granted();
        }
        for token in &near {
            gateway.ask(pets(token)).await.refused(401, "invalid_token");
        }
    }
    gateway.ask(pets(&good)).await.granted();
    // Two good ones with one `jti` are two callers.
    assert_eq!(gateway.ask(pets(&other)).await.granted().set["x-user-id"], "00u2");
    assert_eq!(gateway.ask(pets(&good)).await.granted().set["x-user-id"], "00u1");
}

#[test]
fn p04_no_two_sets_of_parts_make_one_key() {
    let cache = TokenCache::new(10).expect("randomness");
    // Every end of a text, texts that look like separators or lengths, and numbers that begin or end alike,
    // or have their bits where another one's could stand.
    let text = "https://a.example|/keys,x.y.z\u{0}:1/2;3\n4";
    let ends = text.char_indices().map(|(at, _)| text.split_at(at).1);
    let lengths = ["", "\0\0\0\0\0\0\0\u{1}a", "a", "\0\0\0\0\0\0\0\0", "\0"];
    let mut numbers = vec![None];
    numbers.extend([0, 1, 2, 11, 12, 21, 255, 256, 1 << 16, 1 << 31, (1 << 32) - 2].map(Some));
    let mut seen = BTreeMap::new();
    for token in ends.chain(lengths) {
        for environment in &numbers {
            for portal in &numbers {
                let parts = (*environment, *portal, token);
                let key = cache.key(environment.map(EnvironmentId), portal.map(PortalId), token);
                // What is judged for nothing is not remembered.
                assert_eq!(key.is_none(), (environment, portal) == (&None, &None), "{parts:?}");
                let before = key.and_then(|key| seen.insert(key, parts));
                // An end may be one of the other texts.
                assert!(before.is_none_or(|before| before == parts), "{parts:?} {before:?}");
            }
        }
    }
    // A key is of this cache alone: it is a MAC.
    let other = TokenCache::new(10).expect("randomness");
    let key = |cache: &TokenCache| cache.key(Some(EnvironmentId(0)), Some(PortalId(0)), "c");
    assert!(key(&cache).is_some() && key(&cache) == key(&cache));
    assert_ne!(key(&cache), key(&other));
}

#[tokio::test]
async fn p05_nothing_lives_past_its_end_its_revocation_or_its_key() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    // Past `exp` and the skew, to the second.
    gateway.ask(pets(&token)).await.granted();
    gateway.later(3659);
    gateway.ask(pets(&token)).await.granted();
    gateway.later(2);
    gateway.ask(pets(&token)).await.refused(401, "expired_token");
    // Past a logout by the provider.
    let token = gateway.provider.id_token(&json!({}));
    gateway.ask(pets(&token)).await.granted();
    let body = format!("logout_token={}", gateway.provider.logout_token(&json!({})));
    let logout = Ask::post("http://portal.petstore.localhost:10000/.auth/backchannel-logout");
    let logout = logout.header("content-type", "application/x-www-form-urlencoded").body(&body);
    assert_eq!(gateway.ask(logout).await.status, 200);
    gateway.ask(pets(&token)).await.refused(401, "invalid_token");
    // Past the withdrawal of its key, which is seen when keys are fetched next.
    gateway.later(1);
    let token = gateway.provider.id_token(&json!({"sid": "another"}));
    gateway.ask(pets(&token)).await.granted();
    gateway.provider.rotate("key-2");
    gateway.provider.turn(|knobs| {
        knobs.published.remove(0);
    });
    let issuer = Issuer::parse(&gateway.provider.issuer, true).expect("an issuer");
    gateway.providers.refresh_keys(&issuer).await.expect("fetched");
    gateway.ask(pets(&token)).await.refused(401, "invalid_token");
    let fresh = gateway.provider.id_token(&json!({"sid": "another"}));
    gateway.ask(pets(&fresh)).await.granted();
}

#[tokio::test]
async fn p06_bad_tokens_take_no_place_and_good_ones_keep_theirs() {
    let gateway = Gateway::with(Setup::default().setting("limits", "{max_cached_tokens: 2}")).await;
    let good = gateway.provider.id_token(&json!({}));
    gateway.ask(pets(&good)).await.granted();
    let fetched = gateway.provider.calls("/keys", "");
    let (signed, signature) = good.rsplit_once('.').expect("a signature");
    for at in 0..500_usize {
        let bad = match at % 4 {
            0 => format!("{signed}.{}{at:04}", without(4, signature)),
            1 => format!("{}.{at}.{signature}", signed.split('.').next().unwrap_or_default()),
            2 => format!("garbage-{at}"),
            _ => gateway.provider.id_token(&json!({"iss": format!("https://{at}.example")})),
        };
        gateway.ask(pets(&bad)).await.refused(401, "invalid_token");
    }
    assert_eq!(gateway.provider.calls("/keys", ""), fetched, "keys were fetched for a bad token");
    gateway.ask(pets(&good)).await.granted();
}

#[tokio::test]
async fn p06_a_flood_of_good_tokens_does_not_drive_out_those_in_use() {
    let provider = Provider::start(Clock::manual(UnixTime(NOW))).await;
    let keys = keys_of(&provider);
    let cache = TokenCache::new(50).expect("randomness");
    let key = |token: &str| cache.key(Some(EnvironmentId(0)), None, token).expect("a key");
    let remember = |key| cache.remember(key, &keys, UnixTime(NOW), None);
    let knows = |key| cache.signature(key, &keys, UnixTime(NOW)).is_some();
    let hot = key(&provider.id_token(&json!({"jti": "0"})));
    remember(hot);
    for at in 0..100_000_usize {
        // Whoever is asked for comes back at once in any case: it is verified again.
        if at % 10 == 0 && !knows(hot) {
            remember(hot);
        }
        let cold = key(&at.to_string());
        assert!(!knows(cold));
        remember(cold);
    }
    assert!(knows(hot), "the token in use was driven out");
    let left = (0..100_000_usize).filter(|at| knows(key(&at.to_string()))).count();
    assert!(left <= 50, "{left} tokens in a cache of 50");
}

fn keys_of(provider: &Provider) -> Arc<portcullis::token::KeySet> {
    let document = json!({ "keys": [provider.signer().jwk()] }).to_string();
    Arc::new(portcullis::token::KeySet::parse(document.as_bytes()).expect("keys").0)
}
